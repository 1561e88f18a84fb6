"""The ledger's months in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.months import MonthFacts
from photo_pipeline.domain.removal import RemovedThing


@dataclass
class MemoryMonths:
    """The ``LedgerMonths`` port.

    Attributes:
        made: months that have partitions.
        waiting: months of which records wait without one.
        in_use: whether somebody keeps the tables locked.
        found: what is in each month; nothing, where it is not said.
        slices: how many are left of the oldest month, like the next.
        photos: that have expired.
        dropped: what was put on record.
    """

    made: set[date] = field(default_factory=set)
    waiting: set[date] = field(default_factory=set)
    in_use: bool = False
    found: dict[date, MonthFacts] = field(default_factory=dict)
    slices: int = 0
    photos: int = 0
    dropped: list[RemovedThing] = field(default_factory=list)

    def there(self) -> Sequence[date]:
        """See the port."""
        return sorted(self.made)

    def unsorted(self) -> Sequence[date]:
        """See the port."""
        return sorted(self.waiting)

    def add(self, month: date) -> None:
        """See the port."""
        if self.in_use:
            raise ServerUnavailableError("PostgreSQL", "canceling statement due to lock timeout")
        self.made.add(month)
        self.waiting.discard(month)

    def oldest(self) -> date | None:
        """See the port."""
        return min(self.made, default=None)

    def facts(self, month: date) -> MonthFacts:
        """See the port."""
        return self.found.get(month, NOTHING)

    def forget_slices(self, _before: datetime, limit: int) -> int:
        """See the port."""
        gone = min(limit, self.slices)
        self.slices -= gone
        return gone

    def forget_photos(self, _before: datetime, limit: int) -> int:
        """See the port."""
        gone = min(limit, self.photos)
        self.photos -= gone
        return gone

    def drop(self, month: date, _run_id: int, thing: RemovedThing, _now: datetime) -> None:
        """See the port."""
        self.made.discard(month)
        self.dropped.append(thing)


NOTHING = MonthFacts(records=0, bytes=0, youngest=None, uncounted=0, unsynced=False, unpublished=False, living=0)
