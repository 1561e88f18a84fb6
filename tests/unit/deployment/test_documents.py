"""README and documents: what they name is there."""

import re
import tomllib
from pathlib import Path

import pytest

from local_stack.screenshots.files import LIMIT_BYTES
from local_stack.screenshots.pages import PICTURES

ROOT = Path(__file__).resolve().parents[3]
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/**/*.md", "helm-values/*.md", "compose/*.md", "examples/*.md")
    for path in ROOT.glob(pattern)
)
MARKDOWN_LINK = re.compile(r"\]\(([^)\s]+)\)")
HTML_LINK = re.compile(r'(?:src|href)="([^"]+)"')
ELSEWHERE = re.compile(r"[a-z]+:")


def links(path: Path) -> list[tuple[str, str]]:
    """Links of a Markdown file that stay in the repository: path, empty for the file itself, and anchor or nothing."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = [link for pattern in (MARKDOWN_LINK, HTML_LINK) for link in pattern.findall(text)]
    parts = [link.partition("#") for link in found if not ELSEWHERE.match(link)]
    return [(name, anchor) for name, _, anchor in parts]


def anchors(path: Path) -> set[str]:
    """What web views of repositories make of a Markdown file's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    """Every relative link of a document is a file or folder of the repository, and every anchor one of its headings."""
    path = ROOT / name
    for target, anchor in links(path):
        found = path.parent / target if target else path
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), f"{target}#{anchor}"


def test_the_readmes_pictures_say_what_they_show_and_are_small(root: Path) -> None:
    """Each picture of `make screenshots` is in the README, with a text for whoever does not see it."""
    shown = dict(re.findall(r'<img src="([^"]+)" alt="([^"]{20,})"', (root / "README.md").read_text()))
    assert set(shown) == {f"docs/pictures/{name}" for name in PICTURES}
    assert all((root / name).stat().st_size <= LIMIT_BYTES for name in shown)


def test_every_decision_is_in_the_index_once(root: Path) -> None:
    """Whoever writes a decision puts it under a theme in docs/adr/README.md."""
    folder = root / "docs" / "adr"
    listed = [target for target, _ in links(folder / "README.md")]
    assert sorted(listed) == sorted(path.name for path in folder.glob("[0-9]*.md"))


def test_decisions_are_numbered_once(root: Path) -> None:
    """No two decisions share a number, and each one's title repeats it."""
    paths = sorted((root / "docs" / "adr").glob("[0-9]*.md"))
    numbers = [path.name[:4] for path in paths]
    assert len(set(numbers)) == len(numbers)
    assert [path.name for path in paths if not path.read_text().startswith(f"# {path.name[:4]} ")] == []


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_commands_are_the_makefiles(root: Path, name: str) -> None:
    """Every `make TARGET` in the documents is a target."""
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(), re.MULTILINE))
    text = (root / name).read_text()
    named = set(re.findall(r"(?:^|`|PHOTOS=dir )make ([a-z-]+)", text, re.MULTILINE))
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
