"""Disks that are really full: a small file system in memory, mounted where a server keeps its data."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CHUNK_BYTES = 64 * 1024


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """Mount a tmpfs of that size on a folder; skips the test where nobody may mount."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    command = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0777", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own folder
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        # Lazily: whoever still has a file open there keeps it, and nothing stays mounted.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607 - our own mount


def grow(disk: Path, mebibytes: int) -> None:
    """Give a small disk more room."""
    subprocess.run(["mount", "-o", f"remount,size={mebibytes}m", str(disk)], check=True)  # noqa: S603, S607 - our own mount


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Somebody else's file takes all the space that is left; it is removed at the end."""
    filler = disk / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            fill(file.fileno())
        yield
    finally:
        filler.unlink(missing_ok=True)


def fill(descriptor: int) -> None:
    """Write until there is no space left, to the last page."""
    size = CHUNK_BYTES
    while size:
        try:
            os.write(descriptor, bytes(size))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            size //= 2
