"""How fast one sender may go: frames and bytes per second, each a token bucket. In memory, for one instance."""

from collections.abc import Callable
from uuid import UUID

from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.web.bounded_memory import BoundedMemory
from photo_pipeline.web.buckets import Bucket, Rate

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
        self._buckets = BoundedMemory[UUID, tuple[Bucket, Bucket]](MAX_SENDERS)

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
            found = Bucket(self._frames, now), Bucket(self._size, now)
            self._buckets.put(sender, found)
        return found
