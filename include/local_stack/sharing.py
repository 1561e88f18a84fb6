"""Lets several test sessions use one stack: whoever leaves last stops it."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class Share:
    """A user's mark on a stack, kept as a shared lock on a file, so a killed session leaves none behind."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)

    def __enter__(self) -> Self:
        """Begin to use the stack; waits while its last user stops it."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop using the stack."""
        os.close(self._descriptor)

    def take_alone(self) -> bool:
        """Keep others out until this user leaves; tell whether there was nobody else."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)  # a failed upgrade drops the lock that was held
            return False
        return True

    def take_shared(self) -> None:
        """Let others in again."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)
