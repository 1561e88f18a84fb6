"""An archive of classes makes a start cheaper, and nothing that can be wrong with it stops one."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from local_stack import Endpoints, Stack
from local_stack.services.class_archive import EMPTY, ClassArchive, argument_file, place

FROM_THE_ARCHIVE = "source: shared objects file (top)"
Run = Callable[[list[str]], str]


@pytest.fixture
def archive(stack: Endpoints, test_stack: Stack, tmp_path: Path) -> ClassArchive:
    """One of this test's own for Kafka's programs, in a folder whose name has a space in it."""
    context, folder = test_stack._context(), tmp_path / "a folder"
    folder.mkdir()
    return ClassArchive(folder / "classes.jsa", context.java, str(context.installed("kafka") / "libs" / "*"))


@pytest.fixture
def run(archive: ClassArchive, tmp_path: Path) -> Run:
    """One of those programs with options that it reads from a file: where each class came from."""
    arguments, log = tmp_path / "java.args", tmp_path / "loaded"

    def run(options: list[str]) -> str:
        arguments.write_text(argument_file([*options, f"-Xlog:class+load:file={log.name}"]))
        program = ["-cp", archive.classpath, "kafka.tools.StorageTool", "random-uuid"]
        command = [archive.java, f"@{arguments}", *program]
        subprocess.run(command, cwd=tmp_path, check=True, timeout=120, capture_output=True)  # noqa: S603 - constants
        return log.read_text()

    return run


def test_a_program_leaves_an_archive_that_the_next_one_starts_with(archive: ClassArchive, run: Run) -> None:
    """What is wrong with one is no reason not to start: cut, holed, unfinished or something else, it is made anew."""
    assert archive.reading() == []
    assert FROM_THE_ARCHIVE not in run(archive.reading_or_writing())
    assert FROM_THE_ARCHIVE in run(archive.reading_or_writing())
    whole = archive.path.read_bytes()
    middle = len(whole) // 2
    holed = whole[:middle] + bytes(100_000) + whole[middle + 100_000 :]
    for damaged in (whole[:middle], EMPTY + whole[4:], b"", holed):
        archive.path.unlink(missing_ok=True)
        archive.path.write_bytes(damaged)
        assert archive.reading() == []
    run(archive.reading_or_writing())
    assert FROM_THE_ARCHIVE in run(archive.reading())


def test_another_java_has_another_archive(tmp_path: Path) -> None:
    """One that was brought up to date in its place, too; where it does not say what it is, its place does."""
    java = tmp_path / "java"
    java.mkdir()
    unknown = place(tmp_path, java)
    (java / "release").write_text('JAVA_VERSION="17.0.15"')
    old = place(tmp_path, java)
    (java / "release").write_text('JAVA_VERSION="17.0.16"')
    assert len({unknown, old, place(tmp_path, java)}) == 3
