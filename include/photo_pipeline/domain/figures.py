"""What the platform says about itself in figures: how far behind it is, what it holds, what it has found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from photo_pipeline.domain.logs import KnownLog, Marks, positions
from photo_pipeline.domain.photo import TopicPartition


@dataclass(frozen=True, slots=True)
class WaitingRange:
    """Offsets ``[start, end)`` of a partition that have no outcome yet. Not empty."""

    start: int
    end: int

    @property
    def records(self) -> int:
        """How many."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class ArchiveFigures:
    """The shards of one kind that are not removed."""

    kind: str
    shards: int
    bytes: int
    photos: int
    oldest_committed_at: datetime


@dataclass(frozen=True, slots=True)
class SyncFigures:
    """How far the search index is. ``oldest_unsynced_at`` is when the oldest outcome was made that it lacks."""

    synced_at: datetime | None
    oldest_unsynced_at: datetime | None


@dataclass(frozen=True, slots=True)
class OutboxFigures:
    """What is committed and not yet published."""

    entries: int
    oldest_created_at: datetime


@dataclass(frozen=True, slots=True)
class CheckFigures:
    """The newest result of one check of the reconciliation."""

    checked_at: datetime
    found: int
    repaired: int


@dataclass(frozen=True, slots=True)
class RetentionFigures:
    """The newest run of the retention that has ended; ``stopped`` is why it removed nothing, if it did not."""

    begun_at: datetime
    stopped: str | None


@dataclass(frozen=True, slots=True)
class OutcomeFigures:
    """One record's outcome. ``latency_seconds`` is from Kafka's acknowledgement to the commit."""

    outcome: str
    source: str
    bytes: int
    latency_seconds: float | None


@dataclass(frozen=True, slots=True)
class CommittedSlice:
    """A slice that was committed lately, and how long it took from its plan."""

    slice_id: int
    seconds: float
    outcomes: tuple[OutcomeFigures, ...]


@dataclass(frozen=True, slots=True)
class LedgerFigures:
    """What the ledger says of itself at one time."""

    now: datetime
    archive: Mapping[str, ArchiveFigures]
    sync: SyncFigures
    outbox: Mapping[str, OutboxFigures]
    holds: int
    checks: Mapping[str, CheckFigures]
    retention: RetentionFigures | None = None
    closed_at: datetime | None = None
    """When the oldest account was closed of which not everything is blanked yet."""


def sync_delay(sync: SyncFigures, now: datetime) -> float:
    """Seconds for which the oldest outcome waits that the search index lacks."""
    return 0.0 if sync.oldest_unsynced_at is None else max(0.0, (now - sync.oldest_unsynced_at).total_seconds())


def waiting_ranges(known: Sequence[KnownLog], marks: Marks) -> Mapping[TopicPartition, WaitingRange | None]:
    """What waits in each partition that Kafka has; ``None`` where nothing does, or nothing may be read.

    A log that the ledger does not know is read from what Kafka holds.
    """
    ranges: dict[TopicPartition, WaitingRange | None] = dict.fromkeys(marks)
    for where, position in positions(known, marks).items():
        start = max(position, marks[where].low)
        if marks[where].high > start:
            ranges[where] = WaitingRange(start, marks[where].high)
    return ranges


def came_since(marks: Marks, firsts: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
    """How many records each partition has from that offset on; 0 where there is none."""
    return {where: max(0, found.high - firsts.get(where, found.high)) for where, found in marks.items()}
