"""The values of the ledger: what is planned, leased, read, archived and committed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from photo_pipeline.domain.imaging import ImageMetadata
from photo_pipeline.domain.outcomes import AbsentReason, Outcome, RejectReason
from photo_pipeline.domain.photo import Log, RecordCoordinates, RenditionKind, Source, TopicPartition


@dataclass(frozen=True, slots=True)
class Watermarks:
    """What Kafka holds of a partition: offsets ``[low, high)`` of the topic that has this id, where that is known."""

    low: int
    high: int
    topic_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class PlannedSlice:
    """One log's offset range ``[start, end)``, in the ledger before anything reads it.

    ``leader_epoch`` is that of the record before it, where that is known: a log that was cut and has grown again since
    has another one there.
    """

    slice_id: int
    log: Log
    start: int
    end: int
    dt: date
    leader_epoch: int | None = None

    @property
    def topic_partition(self) -> TopicPartition:
        """Where Kafka has it."""
        return self.log.topic_partition


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to process a slice, until another attempt takes it over."""

    slice: PlannedSlice
    attempt: int


@dataclass(frozen=True, slots=True)
class ArchivedRendition:
    """Where one member of a shard lies: byte offset and length of its content, and what it is."""

    kind: RenditionKind
    offset: int
    length: int
    crc32: int
    content_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ArchivedPhoto:
    """A photo in this slice's shard, before the commit decides whether it was there already.

    ``device_id`` is that of the device which says that it has sent it.
    """

    photo_id: UUID
    customer_id: UUID
    sha256: str
    source: Source
    filename: str | None
    content_type: str
    bytes: int
    accepted_at: datetime
    metadata: ImageMetadata
    renditions: Sequence[ArchivedRendition]
    device_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class RecordResult:
    """What became of one offset.

    ``PROCESSED`` here means "archived": the commit turns it into ``DUPLICATE`` where the photo is there already.
    """

    offset: int
    outcome: Outcome
    accepted_at: datetime | None = None
    photo_id: UUID | None = None
    customer_id: UUID | None = None
    source: Source | None = None
    event_id: str | None = None
    filename: str | None = None
    bytes: int | None = None
    reason: RejectReason | AbsentReason | None = None
    detail: str | None = None
    device_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A closed tar file under its final name."""

    path: str
    length: int


@dataclass(frozen=True, slots=True)
class SliceCommit:
    """All that one transaction makes visible.

    ``end`` is what was really read, at most the planned end; ``leader_epoch`` is the last record's, where it is known.
    """

    lease: Lease
    end: int
    shard: ShardFile | None
    photos: Sequence[ArchivedPhoto]
    records: Sequence[RecordResult]
    leader_epoch: int | None = None

    def named(self) -> set[UUID]:
        """The photos and customers that it names, but of what it refuses because they were erased."""
        telling = [record for record in self.records if record.reason is not RejectReason.ERASED]
        return {found for each in telling for found in (each.photo_id, each.customer_id) if found is not None}


@dataclass(frozen=True, slots=True)
class SliceSummary:
    """What a committed slice came to, for logs and the Airflow UI. ``shard_bytes`` is 0 where it needed no shard."""

    slice_id: int
    log: Log
    start: int
    end: int
    attempt: int
    processed: int
    duplicate: int
    rejected: int
    absent: int
    shard_path: str | None
    shard_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ArchiveLocation:
    """One member of a shard, as a range of a file."""

    path: str
    offset: int
    length: int

    @property
    def end(self) -> int:
        """Where the member's content ends, in bytes from the file's beginning."""
        return self.offset + self.length

    def __str__(self) -> str:
        return f"{self.path};offset={self.offset};length={self.length}"


@dataclass(frozen=True, slots=True)
class ProcessedEntry:
    """An outbox entry: a photo of which ``photos.processed`` has not heard yet."""

    outbox_id: int
    coordinates: RecordCoordinates
    photo_id: UUID
    customer_id: UUID
    sha256: str
    filename: str | None
    format: str
    width: int
    height: int
    processed_at: datetime
    original: ArchiveLocation | None
    """``None`` once the photo has expired: there is nothing left to publish."""
    web: ArchiveLocation | None


@dataclass(frozen=True, slots=True)
class DeadLetterEntry:
    """An outbox entry: a rejected record of which ``photos.rejected`` has no copy yet.

    ``whole_log`` is whether its log is as it was: one that was cut may have grown another record at that offset.
    """

    outbox_id: int
    coordinates: RecordCoordinates
    reason: str
    detail: str | None
    whole_log: bool = True


OutboxEntry = ProcessedEntry | DeadLetterEntry
