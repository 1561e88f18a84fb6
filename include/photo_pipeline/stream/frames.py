"""The one way by which a frame of any sender, however it came, becomes an accepted photo."""

from collections.abc import Awaitable, Callable

from prometheus_client import Counter

from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.stream.limits import SenderLimits, SlowDownError
from photo_pipeline.stream.senders import Sender
from photo_pipeline.web.acceptance import (
    IncomingPhoto,
    LaterReason,
    PhotoAcceptance,
    PhotoRefusedError,
    SignedReceipt,
)
from photo_pipeline.web.flow import BusyError, InFlightBytes


class Frames:
    """Accepts frames within the limits of their senders and the instance's budget of bytes.

    Args:
        acceptance: checks a photo, writes it to Kafka, signs its receipt.
        budget: of bytes that the instance holds at a time.
        limits: how fast each sender may go.
        slow_downs: counts frames that came too early.
    """

    def __init__(
        self, acceptance: PhotoAcceptance, budget: InFlightBytes, limits: SenderLimits, slow_downs: Counter
    ) -> None:
        self._acceptance = acceptance
        self._budget = budget
        self._limits = limits
        self._slow_downs = slow_downs

    async def accept(
        self, sender: Sender, filename: str | None, size: int, read: Callable[[], Awaitable[bytes]]
    ) -> SignedReceipt:
        """Take one frame in. Returns once Kafka has acknowledged it.

        Args:
            sender: whose it is.
            filename: as the sender calls it.
            size: in bytes; room for them is waited for.
            read: gives them, once there is room.

        Raises:
            PhotoRefusedError: when it was not accepted.
            SlowDownError: when it came too early.
        """
        self.count(sender, size)
        try:
            async with self._budget.reserve(size):
                photo = IncomingPhoto(sender.customer_id, sender.origin, filename, await read())
                return await self._acceptance.accept(photo)
        except BusyError as error:
            raise self._acceptance.refuse(LaterReason.BUSY, str(error)) from None

    def count(self, sender: Sender, size: int) -> None:
        """Count a frame, or what comes in place of one.

        Raises:
            SlowDownError: when it came too early.
        """
        try:
            self._limits.take(sender.counted_as, size)
        except SlowDownError:
            self._slow_downs.inc()
            raise

    def refuse(self, reason: RejectReason, detail: str) -> PhotoRefusedError:
        """The error for a frame that cannot even be read, counted."""
        return self._acceptance.refuse(reason, detail)
