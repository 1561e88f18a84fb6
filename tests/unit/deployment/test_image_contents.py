"""What each image runs, imported from the files and packages that the image has, and from nothing else."""

import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.image_trees import RUN_BY_THE_WEB_IMAGE, Ignored, lay_out, locked, module_of, modules_below, reached

Document = dict[str, Any]
Values = Callable[[str], Document]
InImage = Callable[..., str]
SUPPORT = Path(__file__).resolve().parents[2] / "support"
# What the official chart starts in the image beyond what our own files name.
OF_THE_CHART = ("api-server", "scheduler", "dag-processor", "triggerer", "celery worker", "db clean", "jobs check")


@pytest.fixture
def in_image(tmp_path: Path) -> InImage:
    """Runs the probe with one lock's packages; what failed, one line each."""

    def run(lock: Path, tree: list[Path], modules: list[str], **more: Any) -> str:
        task = {"site": sysconfig.get_path("purelib"), "packages": sorted(locked(lock)), "tree": [*map(str, tree)]}
        file = tmp_path / "task.json"
        file.write_text(json.dumps({**task, "modules": modules, "files": [], "airflow": [], **more}))
        done = subprocess.run(  # noqa: S603 - this Python, and a script of ours
            [sys.executable, "-I", "-S", "-W", "ignore", SUPPORT / "in_an_image.py", file],
            env=airflow_environment(tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in {0, 1}, done.stderr
        return done.stdout or ("" if done.returncode == 0 else done.stderr)

    return run


def airflow_environment(home: Path) -> dict[str, str]:
    """The image's environment, as far as importing needs one; nothing of this machine's."""
    managers = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
    return {
        "PATH": os.defpath,
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__AUTH_MANAGER": managers,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://nobody@127.0.0.1:1/none",
    }


def test_the_web_image_can_import_what_it_runs(root: Path, tmp_path: Path, in_image: InImage) -> None:
    """Both applications, the metrics and all that they reach, now or later, need no other file and no other package."""
    lay_out(root, "web", tmp_path / "image")
    include = tmp_path / "image" / "opt" / "photo"
    own, _ = reached(include, modules_below(include, *RUN_BY_THE_WEB_IMAGE))
    modules = sorted({module_of(include, file) for file in own})
    assert {"photo_pipeline.api.app", "photo_pipeline.stream.app", "photo_pipeline.metrics.__main__"} <= set(modules)
    assert in_image(root / "requirements" / "web.txt", [include], ["uvicorn", *modules]) == ""


def test_airflows_image_can_import_and_run_what_it_is_told_to(
    root: Path, tmp_path: Path, in_image: InImage, services: dict[str, Document], values: Values
) -> None:
    """Every module, DAG and plugin, the last step of a start, and every command that our files give to Airflow."""
    lay_out(root, "airflow", tmp_path / "image")
    home = tmp_path / "image" / "opt" / "airflow"
    assert {path.name for path in home.iterdir()} == {"dags", "include", "plugins"}
    packages = sorted(path.name for path in (home / "include").iterdir() if path.is_dir())
    modules = modules_below(home / "include", *packages)
    named = python_modules(services)
    assert named <= set(modules)
    failed = in_image(
        root / "requirements.txt",
        [home / "include", home / "plugins"],
        modules,
        files=[str(path) for folder in ("dags", "plugins") for path in sorted((home / folder).glob("*.py"))],
        airflow=[words.split() for words in sorted(airflow_commands(root, services, values("airflow")))],
    )
    assert failed == ""


def python_modules(services: dict[str, Document]) -> set[str]:
    """What Airflow's image is told to run with `python -m`."""
    ours = [service for service in services.values() if service["image"].startswith("photo-pipeline/airflow")]
    commands = [service["command"] for service in ours if service["command"][0] == "python"]
    assert all(command[1] == "-m" for command in commands), "a file by its path is not in the image"
    return {f"{command[2]}.__main__" for command in commands}


def airflow_commands(root: Path, services: dict[str, Document], airflow: Document) -> set[str]:
    """What compose, the chart with our values and the README of helm-values give to Airflow's command line."""
    ours = [service for service in services.values() if service["image"].startswith("photo-pipeline/airflow")]
    of_compose = {service["command"][0] for service in ours} - {"python"}
    text = " ".join([*airflow["migrateDatabaseJob"]["args"], (root / "helm-values" / "README.md").read_text()])
    of_values = {" ".join(words) for words in re.findall(r"(?:-c|--|&&|exec)[\s\\]+airflow ([a-z]+) ([a-z]+)", text)}
    assert {"db migrate", "pools import", "users create", "dags unpause"} <= of_values
    return of_compose | of_values | set(OF_THE_CHART)


def test_no_image_has_what_only_this_machine_needs(root: Path) -> None:
    """The local stack, caches and secrets stay out; what the Dockerfile copies comes in."""
    ignored = Ignored.read(root / ".dockerignore")
    assert not ignored("include/platform_start/setup.py")
    assert not ignored("requirements/web.txt")
    for path in (".env", ".git/config", "compose/secrets/key", "include/local_stack/stack.py", "requirements/dev.txt"):
        assert ignored(path), path
    assert ignored("include/photo_pipeline/__pycache__/settings.cpython-312.pyc")
