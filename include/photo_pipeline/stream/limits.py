"""How fast one sender may go: frames and bytes per second, each a token bucket. In memory, for one instance."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from photo_pipeline.domain.errors import PhotoPipelineError

MAX_SENDERS = 50_000
"""More are not remembered at a time; who was quiet for longest begins with full buckets again."""


class SlowDownError(PhotoPipelineError):
    """A frame that came too early. The message is for the sender.

    Attributes:
        wait_seconds: after which the same frame fits.
    """

    reason = "too_fast"

    def __init__(self, what: str, wait_seconds: float) -> None:
        self.wait_seconds = wait_seconds
        super().__init__(f"More {what} than this device may send. Please slow down.")


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
        """Take tokens after ``wait_for`` has said 0."""
        self._level -= cost


class SenderLimits:
    """The buckets of all senders.

    Args:
        frames: how many frames each may send.
        size: the same in bytes.
        monotonic: seconds from a clock that never goes back.
    """

    def __init__(self, frames: Rate, size: Rate, monotonic: Callable[[], float]) -> None:
        self._frames = frames
        self._size = size
        self._monotonic = monotonic
        self._buckets: OrderedDict[UUID, tuple[Bucket, Bucket]] = OrderedDict()

    def take(self, sender: UUID, size: int) -> None:
        """Count a frame of ``size`` bytes.

        Raises:
            SlowDownError: when it comes too early; nothing is counted then.
        """
        now = self._monotonic()
        frames, bytes_ = self._of(sender, now)
        if (wait := frames.wait_for(1, now)) > 0:
            raise SlowDownError("frames per second", wait)
        if (wait := bytes_.wait_for(size, now)) > 0:
            raise SlowDownError("bytes per second", wait)
        frames.take(1)
        bytes_.take(size)

    def _of(self, sender: UUID, now: float) -> tuple[Bucket, Bucket]:
        found = self._buckets.get(sender)
        if found is None:
            found = self._buckets[sender] = Bucket(self._frames, now), Bucket(self._size, now)
            if len(self._buckets) > MAX_SENDERS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(sender)
        return found
