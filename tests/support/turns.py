"""Tests that take servers away, and tests that need them, take turns, in whatever processes they run."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """Go on when nobody is alone and, where this one is to be ``alone``, when nobody else is there.

    Whoever waits to be alone waits in the door, so that others who come later cannot keep it waiting.
    """
    with _lockable(folder / "room.lock") as room:
        with _lockable(folder / "door.lock") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Go on when nobody else is here."""
    with _lockable(path) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _lockable(path: Path) -> Iterator[int]:
    """A file whose lock goes when it is closed, also by the process's death."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
