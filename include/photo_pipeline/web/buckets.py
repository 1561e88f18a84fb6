"""Token buckets: how much may be taken per second, and at once after a pause."""

from dataclasses import dataclass


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
