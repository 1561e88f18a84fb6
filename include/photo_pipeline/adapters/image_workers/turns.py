"""Who may decode beside whom: many at a time, or one alone."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """A lock that several may share, or one may have. Whoever wants to be alone waits for the others."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._busy = 0
        self._alone = False

    @contextmanager
    def beside_others(self) -> Iterator[None]:
        """Work while others do, but not while one wants to be alone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Work while nobody else does."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._alone = True
            self._changed.wait_for(lambda: not self._busy)
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()
