"""The values of the reconciliation, and its comparisons as far as they need no server."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from photo_pipeline.domain.documents import Document, DocumentBody
from photo_pipeline.domain.photo import Log, RenditionKind

Detail = Mapping[str, object]
"""What is said of a finding or a check beyond words: JSON's types only."""


class Status(StrEnum):
    """What came of a check, or of one thing that it found."""

    OK = "ok"
    REPAIRED = "repaired"
    FINDING = "finding"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        subject: what it is about: a topic-partition, a path, a photo, a document.
        problem: one clause that an operator understands, with the fix where there is one.
        status: ``FINDING``, or ``REPAIRED`` where it has been derived again.
        detail: figures and names.
    """

    subject: str
    problem: str
    status: Status = Status.FINDING
    detail: Detail = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.subject}: {self.problem}"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check came to.

    Attributes:
        check: its name.
        started_at: what changed before was seen by it.
        findings: those that are named, at most as many as the run allows.
        found: how many were left as they are, named or not.
        repaired: how many were repaired, named or not.
        figures: what was looked at.
    """

    check: str
    started_at: datetime
    findings: Sequence[Finding] = ()
    found: int = 0
    repaired: int = 0
    figures: Detail = field(default_factory=dict)

    @property
    def status(self) -> Status:
        """The worst of what was found."""
        if self.found:
            return Status.FINDING
        return Status.REPAIRED if self.repaired else Status.OK


@dataclass(frozen=True, slots=True)
class EarlierCheck:
    """When this check was last completed by another run, and its figures then."""

    started_at: datetime
    figures: Detail


@dataclass(frozen=True, slots=True)
class Rotation:
    """Spreads a long list over the runs: each thing is looked at once in ``length`` runs, whatever their hours.

    Attributes:
        turn: how many runs there have been before this one.
        length: how many it takes to see everything.
    """

    turn: int
    length: int

    @property
    def remainder(self) -> int:
        """What the number of a thing leaves, divided by ``length``, if it is its turn."""
        return self.turn % self.length

    def includes(self, number: int) -> bool:
        """Whether it is the turn of the thing with this number."""
        return number % self.length == self.remainder


@dataclass(frozen=True, slots=True)
class Selection:
    """What changed since the check was last completed, and whose turn it is besides."""

    changed_since: datetime
    rotation: Rotation


@dataclass(frozen=True, slots=True)
class Stretch:
    """What changed since the check was last completed, and so many of all things, on from where it stopped.

    Attributes:
        changed_since: what changed at this time or later.
        after: the number of the thing that the last run saw last; 0 for the beginning.
        limit: how many of all things.
    """

    changed_since: datetime
    after: int
    limit: int


@dataclass(frozen=True, slots=True)
class TopicDeviation:
    """A setting of a topic that is not what the platform wants. ``found`` is ``None`` where there is none."""

    topic: str
    setting: str
    found: str | None
    wanted: str


@dataclass(frozen=True, slots=True)
class PartitionState:
    """A partition as the ledger has it: its range, and where the slices that cover it begin and end."""

    first_offset: int
    next_offset: int
    first_start: int | None
    last_end: int | None


@dataclass(frozen=True, slots=True)
class SliceCoverage:
    """A committed slice ``[start, end)``, how many of its offsets have a record, and its neighbours.

    Attributes:
        slice_id: the slice.
        log: which it is a part of.
        start: its first offset.
        end: one past its last offset.
        records: how many of its offsets have an outcome.
        own_records: how many outcomes say that they are this slice's.
        previous_end: where the slice before it ends, or the partition's first offset.
        next_start: where the slice after it starts, or the partition's next offset.
    """

    slice_id: int
    log: Log
    start: int
    end: int
    records: int
    own_records: int
    previous_end: int
    next_start: int


@dataclass(frozen=True, slots=True)
class LostRange:
    """Offsets of a slice that Kafka deleted before they were read."""

    log: Log
    start: int
    end: int
    records: int
    found_at: datetime


@dataclass(frozen=True, slots=True)
class OpenSlice:
    """A slice that nobody works on."""

    slice_id: int
    log: Log
    start: int
    end: int
    attempt: int
    planned_at: datetime


@dataclass(frozen=True, slots=True)
class OutboxBacklog:
    """Entries of one kind that nobody has published."""

    kind: str
    entries: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class PhotoFault:
    """A photo whose rows contradict each other."""

    photo_id: UUID
    shard_id: int
    problem: str


@dataclass(frozen=True, slots=True)
class ShardRow:
    """A shard that is not removed."""

    shard_id: int
    kind: str
    path: str
    length: int
    committed_at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class MemberPosition:
    """A place in the order in which members are sampled: by shard, then by offset."""

    shard_id: int = 0
    offset: int = -1


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member of a live shard. ``sha256`` is the original's, ``crc32`` the member's own."""

    position: MemberPosition
    photo_id: UUID
    kind: RenditionKind
    path: str
    length: int
    crc32: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What a customer's outcomes of one UTC day add up to.

    Attributes:
        documents: how many.
        bytes: of the photos.
        expired: how many have expired.
        pending: may not have reached the search index yet.
        versions: sum; it grows with every change of any of them.
    """

    documents: int
    bytes: int
    expired: int
    pending: int = 0
    versions: int = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """Outcomes that are compared one by one: a UTC day's, of one customer (``None``: of nobody) or of ``everyone``."""

    day: date
    customer_id: UUID | None = None
    everyone: bool = False


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as the search index has it, the state in which it may be deleted, and where it stands in order."""

    document_id: str
    index: str
    version: int
    body: DocumentBody
    sequence_number: int
    primary_term: int
    position: tuple[str | int | float | None, ...] = ()


class DocumentFault(StrEnum):
    """How a document differs from its row."""

    MISSING = "missing"
    STALE = "stale"
    """Of an older version of the row."""
    ALTERED = "altered"
    """Of the row's version, but with another content."""
    AHEAD = "ahead"
    """Of a version that the row has never had: somebody wrote to the index by hand."""


def slice_faults(slice_: SliceCoverage) -> Iterator[str]:
    """What is wrong with how a slice covers its range, in words."""
    size = slice_.end - slice_.start
    if slice_.records != size:
        yield f"{size - slice_.records} of {size} offsets have no record"
    if slice_.own_records != slice_.records:
        yield f"{slice_.own_records} records name it, but its range holds {slice_.records}"
    if slice_.previous_end != slice_.start:
        yield f"what comes before it ends at {slice_.previous_end}"
    if slice_.next_start != slice_.end:
        yield f"what comes after it starts at {slice_.next_start}"


def partition_faults(state: PartitionState) -> Iterator[str]:
    """What is wrong with the ends of a partition's slices, in words."""
    if state.next_offset == state.first_offset and state.last_end is None:
        return
    if state.first_start != state.first_offset:
        yield f"its first slice starts at {state.first_start}, not at {state.first_offset}"
    if state.last_end != state.next_offset:
        yield f"its last slice ends at {state.last_end}, but next_offset is {state.next_offset}"


def differing_customers(
    rows: Mapping[UUID | None, Figures], documents: Mapping[UUID | None, Figures]
) -> Iterator[UUID | None]:
    """Whose outcomes of a day have to be compared one by one.

    Where rows are on their way to the index, sums say nothing: those customers are among them.
    """
    for customer_id in rows.keys() | documents.keys():
        wanted = rows.get(customer_id, Figures(0, 0, 0))
        if wanted.pending or wanted != documents.get(customer_id, Figures(0, 0, 0)):
            yield customer_id


def document_fault(wanted: Document, found: StoredDocument | None) -> DocumentFault | None:
    """How the document in the index differs from the one that its row gives, if it does."""
    if found is None:
        return DocumentFault.MISSING
    if found.version != wanted.version:
        return DocumentFault.STALE if found.version < wanted.version else DocumentFault.AHEAD
    return None if found.body == wanted.body else DocumentFault.ALTERED


def recent_days(today: date, count: int) -> list[date]:
    """Today and the days before it, ``count`` in all."""
    return [today - timedelta(days=age) for age in range(count)]


def rotated_days(today: date, count: int, rotation: Rotation) -> list[date]:
    """Those of the last ``count`` days whose turn it is."""
    return [day for day in recent_days(today, count) if rotation.includes(day.toordinal())]
