"""Token buckets: how much may be taken per second, and at once after a pause."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from photo_pipeline.web.bounded_memory import BoundedMemory

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Rate:
    """What a token bucket gives.

    Attributes:
        per_second: tokens that come back each second.
        burst: tokens that a full bucket holds.
    """

    per_second: float
    burst: float


class Bucket:
    """A token bucket that lets a cost larger than itself pass when it is full, and owes the difference.

    Args:
        rate: how it fills.
        now: the time, in seconds of a clock that never goes back.
    """

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._level = rate.burst
        self._at = now

    def wait_for(self, cost: float, now: float) -> float:
        """Seconds until ``cost`` tokens can be taken; 0 where they can be now."""
        self._level = min(self._rate.burst, self._level + (now - self._at) * self._rate.per_second)
        self._at = now
        return max(0.0, (min(cost, self._rate.burst) - self._level) / self._rate.per_second)

    def take(self, cost: float) -> None:
        """Take tokens after ``wait_for`` has said 0, or owe them."""
        self._level -= cost


class Buckets(Generic[Key]):
    """A bucket for everybody. In memory: each instance counts for itself, and a restart forgets.

    Args:
        rate: how each fills.
        monotonic: seconds from a clock that never goes back.
        most: so many are remembered at a time; who took nothing for longest begins with a full one again.
    """

    def __init__(self, rate: Rate, monotonic: Callable[[], float], most: int) -> None:
        self._rate = rate
        self._monotonic = monotonic
        self._buckets = BoundedMemory[Key, Bucket](most)

    @property
    def used(self) -> int:
        """How many are remembered."""
        return self._buckets.used

    def take(self, key: Key, cost: float) -> float:
        """Take ``cost`` tokens from somebody's bucket and say 0; or take none and say in how many seconds they can."""
        now = self._monotonic()
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = Bucket(self._rate, now)
            self._buckets.put(key, bucket)
        seconds = bucket.wait_for(cost, now)
        if seconds == 0:
            bucket.take(cost)
        return seconds
