"""A disk that loses its power: what was not flushed to it is gone, as if the machine had been switched off.

A file system of its own (ext4 on a loop device) is shut down without flushing its journal, which is what
``EXT4_IOC_SHUTDOWN`` is for: from then on nothing reaches the disk any more, be it in the page cache or on its way.
After a new mount there is what the journal and the blocks had. The cache inside a real disk is not imitated: that it
writes what it was told to flush is the kernel's and the disk's affair.
"""

import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_SHUTDOWN = (2 << 30) | (4 << 16) | (ord("X") << 8) | 125
"""``_IOR('X', 125, __u32)``, as in linux/ext4.h."""
_NO_LOG_FLUSH = struct.pack("I", 2)
_OPTIONS = "loop,commit=300"
"""The journal is not written on its own account for as long as a test lasts: nothing survives by chance."""


@dataclass(frozen=True, slots=True)
class LosingPower:
    """The disk, mounted on ``folder``."""

    folder: Path
    image: Path

    def cut(self) -> None:
        """Switch the power off. Whoever has files open there gets errors from now on."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, _NO_LOG_FLUSH)
        finally:
            os.close(descriptor)

    def restore(self) -> None:
        """Switch it on again; nobody may have files open there."""
        _run("umount", str(self.folder))
        _run("mount", "-o", _OPTIONS, str(self.image), str(self.folder))


@contextmanager
def losing_power(folder: Path, image: Path, mebibytes: int) -> Iterator[LosingPower]:
    """Mount such a disk on a folder; skips the test, with the reason, where that cannot be done.

    Args:
        folder: where it is mounted.
        image: a file for its blocks.
        mebibytes: its size.
    """
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk to cut its power")
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("there is no mkfs.ext4 to make a disk with")
    folder.mkdir(parents=True, exist_ok=True)
    with image.open("wb") as blocks:
        blocks.truncate(mebibytes * 1024 * 1024)
    _run("mkfs.ext4", "-q", "-F", str(image))
    try:
        _run("mount", "-o", _OPTIONS, str(image), str(folder))
    except subprocess.CalledProcessError as error:
        pytest.skip(f"a disk cannot be mounted here: {error.stderr.strip()}")
    try:
        yield LosingPower(folder, image)
    finally:
        # Lazily: whoever still has a file open there keeps it, and nothing stays mounted.
        _run("umount", "--lazy", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own image
