"""Slows down whoever guesses passwords. In memory: each instance counts for itself, and a restart forgets."""

import math
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final

from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.ports.clock import Clock

WINDOW: Final = timedelta(minutes=5)
MAX_KEYS: Final = 50_000


class ThrottledError(PhotoPipelineError):
    """Too many failures of late.

    Attributes:
        retry_seconds: when to try again.
    """

    def __init__(self, retry_seconds: int) -> None:
        self.retry_seconds = retry_seconds
        super().__init__(f"too many failures; try again in {retry_seconds} s")


class Throttle:
    """Allows a number of failures per key within a window that slides.

    Args:
        allowed: failures within the window before the key is refused.
        clock: where the time comes from.
    """

    def __init__(self, allowed: int, clock: Clock) -> None:
        self._allowed = allowed
        self._clock = clock
        self._failures: OrderedDict[str, list[datetime]] = OrderedDict()

    def check(self, key: str) -> None:
        """Let an attempt pass.

        Raises:
            ThrottledError: when this key has failed too often.
        """
        recent = self._recent(key)
        if len(recent) >= self._allowed:
            free_at = recent[-self._allowed] + WINDOW
            raise ThrottledError(max(1, math.ceil((free_at - self._clock.now()).total_seconds())))

    def failed(self, key: str) -> None:
        """Count a failure. Counted before the password is checked, so that attempts at once cannot all pass."""
        self._failures[key] = [*self._recent(key), self._clock.now()][-self._allowed :]
        self._failures.move_to_end(key)
        while len(self._failures) > MAX_KEYS:
            self._failures.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """Forget a key's failures."""
        self._failures.pop(key, None)

    def forgive(self, key: str) -> None:
        """Take back the latest count: that attempt was no failure."""
        if recent := self._recent(key):
            self._failures[key] = recent[:-1]

    def _recent(self, key: str) -> list[datetime]:
        horizon = self._clock.now() - WINDOW
        return [moment for moment in self._failures.get(key, ()) if moment > horizon]
