"""``PHOTOS=folder``: what counts as a photo, and what is said when there is none."""

from pathlib import Path

import pytest

from local_stack.demo.__main__ import FAILED, main
from local_stack.demo.errors import NotUpError, UnusableFolderError
from local_stack.demo.folder import find_photos, load
from local_stack.demo.places import read_places


def test_photos_are_found_wherever_they_lie(tmp_path: Path) -> None:
    """Below any folder, in the order of their paths; hidden, empty and other files are not photos."""
    for name in ("b/2.JPG", "a/1.heic", "b/.trash/3.jpg", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "empty.png").touch()
    found, left_out = find_photos(tmp_path, limit=10)
    assert ([path.name for path in found], left_out) == (["1.heic", "2.JPG"], 0)
    assert load(found[0]).data == b"a/1.heic"


def test_copies_and_what_is_over_the_limit_stay_out(tmp_path: Path) -> None:
    """Both are counted, so that the reader knows."""
    for number, content in enumerate(("one", "two", "one", "three")):
        (tmp_path / f"{number}.jpg").write_text(content)
    assert [path.name for path in find_photos(tmp_path, 10)[0]] == ["0.jpg", "1.jpg", "3.jpg"]
    found, left_out = find_photos(tmp_path, 2)
    assert ([path.name for path in found], left_out) == (["0.jpg", "1.jpg"], 2)


@pytest.mark.parametrize("name", ["missing", "file.jpg", "nothing"])
def test_a_useless_folder_is_one_line(tmp_path: Path, name: str) -> None:
    """The error names the folder and the fix."""
    (tmp_path / "file.jpg").write_text("x")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UnusableFolderError, match=r"PHOTOS=.*: name a folder with photos") as caught:
        find_photos(tmp_path / name, 10)
    assert "\n" not in str(caught.value)


def test_addresses_are_read_as_a_shell_would(tmp_path: Path) -> None:
    """Values may be quoted; one that is missing is named."""
    file = tmp_path / "endpoints.env"
    file.write_text("PHOTO_API_URL='http://127.0.0.1:1'\n")
    with pytest.raises(NotUpError, match=r"PHOTO_STREAM_URL: run `make up` first"):
        read_places(file)


@pytest.mark.parametrize(
    ("variables", "said"),
    [({}, "run `make up` first"), ({"PHOTOS_LIMIT": "none"}, "PHOTOS_LIMIT must be a whole number")],
)
def test_a_mistake_is_one_line_and_an_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], variables: dict[str, str], said: str
) -> None:
    """No traceback for a reader's mistake."""
    assert main({"PHOTO_STACK_HOME": str(tmp_path), **variables}) == FAILED
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
