"""README and documents: what they name is there."""

import re
import tomllib
from pathlib import Path

import pytest

DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/production.md",
    "helm-values/README.md",
    "compose/README.md",
)


def links(path: Path) -> list[str]:
    """Relative links of a Markdown file, without anchors."""
    found = re.findall(r"\]\(([^)\s]+)\)", path.read_text())
    return [link.partition("#")[0] for link in found if not re.match(r"https?:|#", link)]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(root: Path, name: str) -> None:
    """Every relative link of a document is a file or folder of the repository."""
    path = root / name
    for link in links(path):
        assert (path.parent / link).exists(), link


def test_decisions_are_numbered_once(root: Path) -> None:
    """No two decisions share a number, and each one's title repeats it."""
    paths = sorted((root / "docs" / "adr").glob("*.md"))
    numbers = [path.name[:4] for path in paths]
    assert len(set(numbers)) == len(numbers)
    assert [path.name for path in paths if not path.read_text().startswith(f"# {path.name[:4]} ")] == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_commands_are_the_makefiles(root: Path, name: str) -> None:
    """Every `make TARGET` in the documents is a target."""
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.MULTILINE))
    text = (root / name).read_text()
    named = set(re.findall(r"(?:^|`|PHOTOS=dir )make ([a-z]+)", text, re.MULTILINE))
    assert {"up", "demo", "test"} <= named
    assert named <= targets


def test_readme_lists_every_dag(root: Path) -> None:
    """The README's table of DAGs is complete, and has none that is not there."""
    listed = re.findall(r"^\| `(\w+)` \|", (root / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(path.stem for path in (root / "dags").glob("*.py"))


def test_versions_agree(root: Path) -> None:
    """The chart, its values and the project have one version."""
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    folder = root / "helm-values"
    assert f'appVersion: "{version}"' in (folder / "charts/photo-web/Chart.yaml").read_text()
    for name in ("photo-api", "photo-stream", "airflow"):
        assert f'tag: "{version}"' in (folder / f"{name}.yaml").read_text()
