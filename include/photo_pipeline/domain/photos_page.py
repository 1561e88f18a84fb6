"""What the page shows, as it comes from the servers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.domain.logs import KnownLog
from photo_pipeline.domain.photo import Log, RecordCoordinates, TopicPartition
from photo_pipeline.domain.retention import Hold

SLICES = 24
"""As many of the newest slices are shown."""


@dataclass(frozen=True, slots=True)
class Partition:
    """How far a partition has been committed. ``average_bytes`` is that of its latest records, where there are any."""

    where: TopicPartition
    next_offset: int
    updated_at: datetime
    average_bytes: float | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in a partition of Kafka: records, when Kafka took the oldest of them, and how many came lately."""

    records: int
    oldest_at: datetime | None
    came: int = 0


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """Outcomes of one kind from one source in one interval that begins at ``since``."""

    since: datetime
    outcome: str
    source: str
    records: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Shard:
    """A slice's tar file on HDFS; it is there until ``state`` is ``removed``."""

    path: str
    length: int
    photos: int
    state: str
    committed_at: datetime


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice, what became of its records so far, its shard where it has one, and the run that has or had it."""

    slice_id: int
    where: Log
    start: int
    end: int
    state: str
    attempt: int
    planned_at: datetime
    committed_at: datetime | None
    lease_expires_at: datetime | None
    outcomes: Mapping[str, int]
    shard: Shard | None
    run_id: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A rejected record. ``refed_at`` is when it was sent to its topic again."""

    where: RecordCoordinates
    reason: str
    detail: str | None
    source: str | None
    bytes: int | None
    customer_id: UUID | None
    accepted_at: datetime | None
    processed_at: datetime
    refed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ArchiveDay:
    """The shards of one kind and day that are not removed, and when the first and the last of them were committed."""

    kind: str
    day: date
    shards: int
    photos: int
    bytes: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Holds:
    """How many there are, and the newest of them."""

    count: int
    newest: Sequence[Hold]


@dataclass(frozen=True, slots=True)
class Check:
    """A check of a reconciliation: how it ended, and what it left and repaired."""

    name: str
    status: str
    checked_at: datetime
    found: int
    repaired: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a reconciliation found."""

    check: str
    status: str
    subject: str
    problem: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The newest run."""

    run_id: str
    checks: Sequence[Check]
    findings: Sequence[Finding]


@dataclass(frozen=True, slots=True)
class Flow:
    """What is on its way out: the search index and the outbox. ``outbox`` is counted up to a limit."""

    synced_at: datetime | None
    documents: int
    outbox: int
    outbox_oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenNotice:
    """Something that the watch has found and that is not over."""

    subject: str
    summary: str


@dataclass(frozen=True, slots=True)
class Overview:
    """What one look at the ledger gives, all at the same time ``now``."""

    now: datetime
    partitions: Sequence[Partition]
    slices: Sequence[Slice]
    open_slices: Sequence[Slice]
    rejected: Sequence[Rejected]
    reasons: Mapping[str, int]
    archive: Sequence[ArchiveDay]
    holds: Holds
    reconciliation: Reconciliation | None
    flow: Flow
    logs: Sequence[KnownLog] = ()
    notices: Sequence[OpenNotice] = ()


@dataclass(frozen=True, slots=True)
class DagState:
    """A DAG as Airflow has it: whether it sleeps, and how its last run ended. ``None`` where there was none.

    ``failed_by_itself`` is of the last run that nobody started by hand.
    """

    dag_id: str
    paused: bool
    last_state: str | None
    last_run_id: str | None
    ended_at: datetime | None
    failed_by_itself: bool = False


class NoPreviewError(PhotoPipelineError):
    """There is no picture of this record."""
