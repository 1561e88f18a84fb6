"""The ledger's months: which there have to be, and which may go. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

AHEAD = timedelta(days=62)
"""So long before its first record a month is made: a platform that is off for weeks wakes up with one."""


@dataclass(frozen=True, slots=True)
class MonthFacts:
    """What is in a month, and what still rests on it.

    Attributes:
        records: how many.
        bytes: what they take up on the database's disk.
        youngest: the latest acceptance, by Kafka's clock; ``None`` where nothing says.
        uncounted: slices that were not added to their days.
        unsynced: whether the search index may not have all of them.
        unpublished: whether the outbox still has to tell of one.
        living: shards of its slices that have not been removed.
    """

    records: int
    bytes: int
    youngest: datetime | None
    uncounted: int
    unsynced: bool
    unpublished: bool
    living: int

    def obstacles(self, before: datetime) -> Iterator[str]:
        """Why the month may not go, though its time is over. ``before`` is when its youngest record must have come."""
        if self.youngest is not None and self.youngest > before:
            yield f"holds a record that Kafka took at {self.youngest:%Y-%m-%d %H:%M} UTC"
        if self.uncounted:
            yield f"has {self.uncounted} slices that are not in their days' sums"
        if self.unsynced:
            yield "is not all in the search index"
        if self.unpublished:
            yield "has records that the outbox has not told of"
        if self.living:
            yield f"has {self.living} shards that are not removed"


def end_of(month: date) -> datetime:
    """The moment after its last."""
    return datetime.combine(after(month), time(), UTC)


def month_of(time: datetime) -> date:
    """The first day of the month, in UTC."""
    return time.astimezone(UTC).date().replace(day=1)


def after(month: date) -> date:
    """The next one."""
    return (month + timedelta(days=31)).replace(day=1)


def wanted(now: datetime, unsorted: Iterable[date]) -> Iterator[date]:
    """The months that have to be there, oldest first; none beyond ``AHEAD``, whatever a clock has stamped."""
    last = month_of(now + AHEAD)
    yield from sorted(month for month in unsorted if month < month_of(now))
    month = month_of(now)
    while month <= last:
        yield month
        month = after(month)
