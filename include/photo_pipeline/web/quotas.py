"""How much one customer may send: photos a day, and bytes that are kept. So that one account cannot fill the archive.

Taking photos must not need the database, so nothing here waits for it. Two witnesses are heard, and the larger one
counts: what this instance took itself, and what the database said when it was asked last, behind the requests.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from anyio import to_thread

from photo_pipeline.domain.customers import Usage
from photo_pipeline.domain.errors import PhotoPipelineError, ServerUnavailableError
from photo_pipeline.domain.retention import KEEP
from photo_pipeline.ports.clock import Clock
from photo_pipeline.ports.customers import UsageDirectory
from photo_pipeline.web.bounded_memory import BoundedMemory

DAY = timedelta(days=1)
NOTHING = Usage(0, 0)
HOUR_SECONDS = 3600
FRESH_SECONDS = 60.0
"""How long the database's answer about a customer holds."""
MAX_CUSTOMERS = 50_000
"""More are not remembered at a time; who sent nothing for longest begins with what the database says."""

logger = logging.getLogger(__name__)


class QuotaReason(StrEnum):
    """Why a photo was not taken though nothing is wrong with it, and sending it again at once does not help."""

    TOO_MANY_TODAY = "too_many_today"
    NO_ROOM_LEFT = "no_room_left"

    @property
    def sentence(self) -> str:
        """The reason as a person would say it."""
        return _SENTENCES[self]


_SENTENCES = {
    QuotaReason.TOO_MANY_TODAY: "You have sent as many photos as you may in 24 hours. Please send it again later.",
    QuotaReason.NO_ROOM_LEFT: "Your photos take all the room that you have. It is free again as they expire.",
}


class QuotaExceededError(PhotoPipelineError):
    """A photo more than the customer may send.

    Attributes:
        reason: which limit it is.
    """

    def __init__(self, reason: QuotaReason, limit: int) -> None:
        self.reason = reason
        super().__init__(f"{reason.value}: more than {limit}")


@dataclass(frozen=True, slots=True)
class Quota:
    """What each customer may have.

    Attributes:
        photos_per_day: accepted within 24 hours, duplicates included.
        kept_bytes: of originals that are kept, for 168 hours from when they were accepted.
    """

    photos_per_day: int
    kept_bytes: int


@dataclass(slots=True)
class _Account:
    """What is known of one customer. Counted by the hour: what is older than its last hour is forgotten."""

    hours: dict[int, Usage] = field(default_factory=dict)
    told: Usage = NOTHING
    ask_again_at: float = float("-inf")

    def add(self, hour: int, photos: int, size: int) -> None:
        before = self.hours.get(hour, NOTHING)
        self.hours[hour] = Usage(before.photos + photos, before.kept_bytes + size)

    def taken(self, hour: int) -> Usage:
        oldest = hour - int(KEEP.total_seconds()) // HOUR_SECONDS
        self.hours = {each: usage for each, usage in self.hours.items() if each > oldest}
        today = hour - int(DAY.total_seconds()) // HOUR_SECONDS
        photos = sum(usage.photos for each, usage in self.hours.items() if each > today)
        return Usage(photos, sum(usage.kept_bytes for usage in self.hours.values()))


class Quotas:
    """Counts what customers send.

    Args:
        directory: the database.
        quota: of each customer.
        clock: where the time comes from.
        monotonic: seconds from a clock that never goes back.
    """

    def __init__(self, directory: UsageDirectory, quota: Quota, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._directory = directory
        self._quota = quota
        self._clock = clock
        self._monotonic = monotonic
        self._accounts = BoundedMemory[UUID, _Account](MAX_CUSTOMERS)
        self._asking: set[asyncio.Task[None]] = set()

    def check(self, customer_id: UUID, size: int) -> None:
        """Whether a photo of ``size`` bytes more may come.

        Raises:
            QuotaExceededError: when it may not.
        """
        self._checked(customer_id, size)

    def _checked(self, customer_id: UUID, size: int) -> _Account:
        account = self._account(customer_id)
        own = account.taken(self._hour())
        if max(own.photos, account.told.photos) >= self._quota.photos_per_day:
            raise QuotaExceededError(QuotaReason.TOO_MANY_TODAY, self._quota.photos_per_day)
        if max(own.kept_bytes, account.told.kept_bytes) + size > self._quota.kept_bytes:
            raise QuotaExceededError(QuotaReason.NO_ROOM_LEFT, self._quota.kept_bytes)
        return account

    @contextmanager
    def taking(self, customer_id: UUID, size: int) -> Iterator[None]:
        """Count a photo while it is taken, and for good where nothing is raised inside the block.

        Raises:
            QuotaExceededError: as of ``check``.
        """
        account, hour = self._checked(customer_id, size), self._hour()
        account.add(hour, 1, size)
        try:
            yield
        except BaseException:
            account.add(hour, -1, -size)
            raise

    async def close(self) -> None:
        """Give up what is being asked."""
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    def _hour(self) -> int:
        return int(self._clock.now().timestamp()) // HOUR_SECONDS

    def _account(self, customer_id: UUID) -> _Account:
        account = self._accounts.get(customer_id)
        if account is None:
            account = _Account()
            self._accounts.put(customer_id, account)
        if self._monotonic() >= account.ask_again_at:
            account.ask_again_at = float("inf")
            task = asyncio.create_task(self._ask(customer_id, account))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        return account

    async def _ask(self, customer_id: UUID, account: _Account) -> None:
        now = self._clock.now()
        try:
            account.told = await to_thread.run_sync(
                self._directory.usage, customer_id, now - DAY, now - KEEP, abandon_on_cancel=True
            )
        except ServerUnavailableError as error:
            logger.warning("what a customer has sent is taken as last known: %s", error)
        finally:
            account.ask_again_at = self._monotonic() + FRESH_SECONDS
