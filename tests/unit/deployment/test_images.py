"""The Dockerfile, and what goes into the two images."""

import importlib.metadata
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.image_trees import RUN_BY_THE_WEB_IMAGE, locked, modules_below, reached
from tests.support.image_trees import stage as stage_of

import photo_pipeline
from local_stack.services.web import SERVER
from photo_pipeline.api.pages import STATIC
from photo_pipeline.domain.photo import MAX_PHOTO_BYTES
from photo_pipeline.stream.pages import HERE as STREAM

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> str:
    """The Dockerfile."""
    return (root / "Dockerfile").read_text()


def pip_commands(dockerfile: str) -> list[str]:
    """Every `pip install`, with its continued lines."""
    return re.findall(r"pip install[^&\n]*[^&\s]", dockerfile.replace("\\\n", ""))


def test_hadolint_finds_nothing(run: Run, tool: Callable[[str], str | None]) -> None:
    """The Dockerfile follows hadolint's rules, or says beside the line why not."""
    program = tool("hadolint")
    assert program, "hadolint comes with requirements/dev.txt"
    done = run(program, "Dockerfile")
    assert done.returncode == 0, done.stdout


def test_base_images_are_pinned_and_fit_the_lock(dockerfile: str, root: Path) -> None:
    """Airflow's base image has the locked version, and both images the same Python."""
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)$", dockerfile, re.MULTILINE))
    airflow = re.fullmatch(r"apache/airflow:slim-([\d.]+)-python([\d.]+)", arguments["AIRFLOW_IMAGE"])
    python = re.fullmatch(r"python:(\d+\.\d+)\.\d+-slim-\w+", arguments["PYTHON_IMAGE"])
    assert airflow
    assert python
    assert airflow[1] == locked(root / "requirements.txt")["apache-airflow"]
    assert airflow[2] == python[1]


def test_packages_are_installed_by_hash(dockerfile: str) -> None:
    """Every pip command checks hashes and takes wheels, so that what was locked is what runs."""
    commands = pip_commands(dockerfile)
    assert len(commands) == 3
    assert all("--require-hashes" in command for command in commands)
    assert all("--only-binary :all:" in command for command in commands)


def test_source_archives_are_built_by_what_is_locked(dockerfile: str, root: Path) -> None:
    """A package without a wheel is built by the setuptools of the lock, installed before it."""
    commands = pip_commands(dockerfile)
    (building,) = [command for command in commands if "--no-binary" in command]
    assert "--no-build-isolation" in building
    assert commands[commands.index(building) - 1].endswith("-r /tmp/build.txt")
    build = locked(root / "requirements" / "build.txt")
    assert build == {name: locked(root / "requirements.txt")[name] for name in build}


def test_no_moving_frontend_is_fetched(dockerfile: str) -> None:
    """The builder's own frontend reads the file: a `syntax` line would fetch whatever is newest before that."""
    assert not re.search(r"^#\s*(syntax|escape)\s*=", dockerfile, re.MULTILINE)


def test_the_web_images_user_and_group_have_one_number(dockerfile: str) -> None:
    """10001 is both, as Kubernetes and EFS are told; `useradd` alone takes the next free group."""
    web = dockerfile.partition(" AS web\n")[2].partition("\nFROM ")[0]
    assert "groupadd --system --gid 10001 photo" in web
    assert re.search(r"useradd .*--uid 10001 --gid 10001 ", web)
    assert "\nUSER 10001:10001\n" in web


def test_what_the_pages_load_is_in_the_web_image(dockerfile: str) -> None:
    """It is built from locked packages, whose own scripts do not run, and lies where the applications look for it."""
    commands = re.findall(r"^RUN ((?:npm|node) [^\n]*)", stage_of(dockerfile, "page-packages"), re.MULTILINE)
    assert commands == ["npm ci --ignore-scripts --no-audit --no-fund", "node build.mjs"]
    copies = re.findall(r"^COPY --from=page-packages (\S+) (\S+)$", stage_of(dockerfile, "web"), re.MULTILINE)
    folders = [STATIC.parent / "built", STREAM / "built"]
    places = [folder.relative_to(Path(photo_pipeline.__file__).parent).as_posix() for folder in folders]
    assert copies == [(f"/photo_pipeline/{place}", f"/opt/photo/photo_pipeline/{place}") for place in places]


def test_neither_image_runs_as_root(dockerfile: str) -> None:
    """The last USER of each final stage is a number other than 0, which Kubernetes can check."""
    stages = re.split(r"^FROM ", dockerfile, flags=re.MULTILINE)[1:]
    final = [stage for stage in stages if not stage.splitlines()[0].endswith("-packages")]
    assert len(final) == 2
    for stage in final:
        assert int(re.findall(r"^USER (\d+)(?::\d+)?$", stage, re.MULTILINE)[-1]) > 0


def test_copied_files_exist_and_are_let_through(dockerfile: str, root: Path) -> None:
    """Every COPY source is in the tree, and .dockerignore, which shuts everything else out, lets it in."""
    sources = [
        source
        for line in re.findall(r"^COPY (?:--chown=\S+ )?([^-\n].*)$", dockerfile.replace("\\\n", ""), re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert {"dags", "plugins", "include"} <= set(sources)
    ignore = (root / ".dockerignore").read_text().splitlines()
    assert "*" in ignore
    for source in sources:
        assert (root / source).exists(), source
        assert any(f"!{parent}" in ignore for parent in (source, *map(str, Path(source).parents))), source


def test_a_whole_photo_fits_into_a_websocket_frame(dockerfile: str) -> None:
    """The server lets through what the stream application accepts; its own default is half of that."""
    assert f'"--ws-max-size", "{MAX_PHOTO_BYTES}"' in dockerfile


def test_the_servers_have_their_bounds(dockerfile: str) -> None:
    """Containers are started with the protocols that are bounded, as locally; they believe no proxy that is unnamed."""
    start = dockerfile[dockerfile.index("ENTRYPOINT") :].partition("CMD")[0]
    assert [option for option in SERVER if f'"{option}"' not in start] == []
    assert 'ENV FORWARDED_ALLOW_IPS=""' in dockerfile


def test_web_packages_are_the_pipelines_versions(root: Path) -> None:
    """The web image has no package that the other one has in another version."""
    whole = locked(root / "requirements.txt")
    web = locked(root / "requirements" / "web.txt")
    assert web
    assert {name: version for name, version in web.items() if whole.get(name, version) != version} == {}
    assert "apache-airflow" not in web


def test_web_packages_cover_what_the_applications_import(root: Path) -> None:
    """Every package that the web image's programs import, directly or through our own modules, is in it."""
    web = set(locked(root / "requirements" / "web.txt"))
    distributions = importlib.metadata.packages_distributions()
    include = root / "include"
    _, foreign = reached(include, modules_below(include, *RUN_BY_THE_WEB_IMAGE))
    for imported in sorted(foreign):
        names = {re.sub(r"[-_.]+", "-", name).lower() for name in distributions[imported]}
        assert names & web, f"{imported} is in none of {names}: add it to requirements/web.in and run `make lock`"
