"""The deployment files, read once; and where the schemas of foreign charts and operators are, if anywhere."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_settings import BaseSettings

from photo_pipeline import settings
from photo_pipeline.stream import settings as stream_settings

ROOT = Path(__file__).resolve().parents[3]
Document = dict[str, Any]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs a program in the repository, or below it, and gives what it said."""

    def run_it(*command: str, folder: str = ".") -> subprocess.CompletedProcess[str]:
        # The commands are constants of these tests.
        return subprocess.run(command, cwd=ROOT / folder, capture_output=True, text=True, check=False)  # noqa: S603 - so

    return run_it


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str | None]:
    """Finds a program beside Python, where the locked packages and `make bootstrap` put some, or else on the PATH."""

    def find(name: str) -> str | None:
        return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)

    return find


@pytest.fixture(scope="session")
def compose() -> Document:
    """docker-compose.yaml with its anchors resolved, variables as they stand."""
    document: Document = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
    return document


@pytest.fixture(scope="session")
def services(compose: Document) -> dict[str, Document]:
    """The services of docker-compose.yaml by name."""
    found: dict[str, Document] = compose["services"]
    return found


@pytest.fixture(scope="session")
def values() -> Callable[[str], Document]:
    """Reads a values file of helm-values/ by its stem."""

    def read(name: str) -> Document:
        document: Document = yaml.safe_load((ROOT / "helm-values" / f"{name}.yaml").read_text())
        return document

    return read


@pytest.fixture(scope="session")
def manifests() -> list[Document]:
    """All documents of helm-values/manifests but the kustomization."""
    folder = ROOT / "helm-values" / "manifests"
    paths = [path for path in sorted(folder.glob("*.yaml")) if path.name != "kustomization.yaml"]
    return [document for path in paths for document in yaml.safe_load_all(path.read_text()) if document]


@pytest.fixture(scope="session")
def schemas() -> Path:
    """The folder with the schemas of Airflow's chart and of the operators' resources."""
    folder = Path(os.environ.get("PHOTO_SCHEMAS") or ROOT.parent / "shared" / "schemas")
    if not folder.is_dir():
        pytest.skip(f"no schemas in {folder}: set PHOTO_SCHEMAS, or let `helm lint` check with the charts themselves")
    return folder


@pytest.fixture(scope="session")
def setting_names() -> set[str]:
    """The environment variables that the product reads."""
    items = [*vars(settings).values(), *vars(stream_settings).values()]
    classes = [item for item in items if isinstance(item, type) and issubclass(item, BaseSettings)]
    return {f"{cls.model_config.get('env_prefix', '')}{field}".upper() for cls in classes for field in cls.model_fields}
