"""What the use cases need from the outside world, one Protocol per need."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

from photo_pipeline.domain.documents import CommitPosition, Document, OutcomeRow
from photo_pipeline.domain.events import Headers, Record
from photo_pipeline.domain.imaging import ProcessedImage
from photo_pipeline.domain.ledger import (
    Lease,
    OutboxEntry,
    PlannedSlice,
    ShardFile,
    SliceCommit,
    SliceSummary,
    Watermarks,
)
from photo_pipeline.domain.photo import RecordCoordinates, TopicPartition
from photo_pipeline.domain.retention import ClaimedShard, Expiry, Hold, ShardPhoto, ShardState, SliceState


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """The time, with a zone."""
        ...


class PhotoLogReader(Protocol):
    """Kafka, as the pipeline reads it: by planned ranges, never by a consumer group's position."""

    def watermarks(self, topics: Collection[str]) -> Mapping[TopicPartition, Watermarks]:
        """What Kafka holds of every partition of these topics."""
        ...

    def read(self, topic_partition: TopicPartition, start: int, end: int) -> Iterator[Record]:
        """The records of ``[start, end)`` in offset order. An offset that is no record is left out.

        Raises:
            OffsetOutOfRangeError: when Kafka has deleted ``start``.
            ServerUnavailableError: when the log does not answer in time.
        """
        ...

    def report_progress(self, positions: Mapping[TopicPartition, int]) -> None:
        """Commit the consumer group, so that ordinary tools show the lag. Nothing reads it back."""
        ...


@dataclass(frozen=True, slots=True)
class OutboundRecord:
    """A record to be written."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Delivery:
    """Kafka's acknowledgement of one record."""

    coordinates: RecordCoordinates
    timestamp: datetime


class PhotoLogWriter(Protocol):
    """Kafka, as the pipeline writes it: acks from all in-sync replicas, idempotent."""

    def publish(self, records: Iterable[OutboundRecord]) -> Sequence[Delivery]:
        """Write the records and wait for every delivery report.

        Raises:
            ServerUnavailableError: when one was not acknowledged; some may still have been written.
        """
        ...


class ArchiveWriter(Protocol):
    """A file being written, front to back."""

    def write(self, data: bytes) -> None:
        """Append."""
        ...

    def close(self) -> None:
        """Make all of it durable."""
        ...


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A file of the archive: absolute path and length in bytes."""

    path: str
    length: int


class Archive(Protocol):
    """HDFS, as the pipeline uses it."""

    def create(self, path: str) -> ArchiveWriter:
        """A new file; its parent folders come into being, an older file of that name is replaced."""
        ...

    def rename(self, source: str, target: str) -> None:
        """Move a file; the target's parent folders come into being. Atomic."""
        ...

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Exactly that range.

        Raises:
            ArchiveMemberError: when the file is missing or shorter than that.
        """
        ...

    def delete(self, path: str) -> bool:
        """Remove a file; ``False`` where there was none."""
        ...

    def length(self, path: str) -> int | None:
        """The file's length in bytes, or ``None`` where there is none."""
        ...

    def list(self, folder: str) -> Iterator[ArchiveFile]:
        """Every file below the folder; nothing where it does not exist."""
        ...


class ImageProcessor(Protocol):
    """Turns bytes into renditions, away from this process."""

    def submit(self, data: bytes) -> "Future[ProcessedImage]":
        """Start on one photo; the future raises ``ImageRejected`` where it cannot be used."""
        ...

    def __enter__(self) -> Self:
        """Start the workers."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the workers."""
        ...


class IngestLedger(Protocol):
    """The ledger, as the ingest uses it."""

    def plan(
        self, watermarks: Mapping[TopicPartition, Watermarks], max_records: int, owner: str, seconds: float
    ) -> Sequence[PlannedSlice]:
        """Plan a slice for each partition that has a backlog, and reserve all that wait for a worker to ``owner``.

        At most one slice of a partition is open at a time, so two planners at once plan no record twice. A slice whose
        worker died comes back once its lease has run out; asked again, the same owner gets the same slices.
        """
        ...

    def lease(self, slice_id: int, owner: str, seconds: float) -> Lease | None:
        """Take a slice with a new attempt; ``None`` where it is committed.

        The same owner's older attempt is superseded at once; another's once its lease has run out.

        Raises:
            SliceBusyError: when another owner's lease still runs.
        """
        ...

    def renew(self, lease: Lease, seconds: float) -> None:
        """Prolong the lease.

        Raises:
            LeaseLostError: when another attempt has the slice.
        """
        ...

    def release(self, lease: Lease) -> None:
        """Give an unfinished slice back; no error where the lease is lost anyway."""
        ...

    def summary(self, slice_id: int) -> SliceSummary:
        """What a committed slice came to."""
        ...

    def known_customers(self, customer_ids: Collection[UUID]) -> set[UUID]:
        """Those of the ids that are customers."""
        ...

    def commit(self, commit: SliceCommit) -> SliceSummary:
        """The one commit point: shard, photos, renditions, records, outbox and ``next_offset`` in one transaction.

        Raises:
            LeaseLostError: when the slice's attempt is not this one's.
            ProgressConflictError: when ``next_offset`` is not the slice's start.
        """
        ...

    def progress(self) -> Mapping[TopicPartition, int]:
        """``next_offset`` of every partition."""
        ...

    def outbox(self, limit: int) -> AbstractContextManager[Sequence[OutboxEntry]]:
        """Up to ``limit`` unpublished entries, locked against other publishers; leaving without error marks them."""
        ...


class AsyncPhotoLogWriter(Protocol):
    """Kafka, as a web application writes it: many senders wait at once, each for its own record."""

    async def append(self, record: OutboundRecord) -> Delivery:
        """Write one record and wait for its delivery report.

        Raises:
            ServerUnavailableError: when it was not acknowledged in time; it may still have been written.
        """
        ...

    async def ready(self, topic: str | None = None) -> bool:
        """Whether Kafka answers and, where a topic is named, all its partitions have a leader."""
        ...

    async def close(self) -> None:
        """Wait for what is under way, then disconnect."""
        ...


class OutcomeSource(Protocol):
    """The outcomes that analysts may see, in the order in which they were committed."""

    def horizon(self) -> int:
        """The oldest transaction that still runs: all below it have ended, and no row below it is yet to appear."""
        ...

    def page(self, after: CommitPosition, horizon: int, limit: int) -> Sequence[OutcomeRow]:
        """Up to ``limit`` rows after that position and below the horizon, in commit order."""
        ...


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """How far the search index follows.

    Attributes:
        watermark: every change by a transaction below this one is in the index.
        synced_at: what was committed by then is in the index, save transactions that were still open.
        documents: how many documents have been sent, ever.
    """

    watermark: int
    synced_at: datetime | None
    documents: int


class SyncState(Protocol):
    """Where the sync keeps its progress between runs."""

    def load(self) -> SyncProgress:
        """The progress; watermark 0 where there has been none."""
        ...

    def advance(self, seen: SyncProgress, to: SyncProgress) -> None:
        """Replace the progress that was seen.

        Raises:
            SyncConflictError: when the watermark is no longer the one seen.
        """
        ...


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What became of the documents that were sent: now in the index, or there already in a newer version."""

    indexed: int
    conflicts: int


class SearchIndex(Protocol):
    """Elasticsearch, as the sync uses it."""

    def is_empty(self) -> bool:
        """Whether there is no index at all."""
        ...

    def write(self, documents: Sequence[Document]) -> IndexReport:
        """Store the documents, each unless a newer version of it is there. Every single one is accounted for.

        Raises:
            IndexingFailedError: when one was refused; others may have been stored.
            IndexNotPreparedError: when the template is not installed.
            ServerUnavailableError: when the server is away or stays overloaded.
        """
        ...

    def refresh(self) -> None:
        """Make all that was written visible to searches."""
        ...


class RetainedArchive(Archive, Protocol):
    """HDFS, as retention uses it: folders come and go too."""

    def empty_folders(self, folder: str) -> Iterator[str]:
        """Folders right below this one that hold nothing."""
        ...

    def remove_folder(self, path: str) -> bool:
        """Remove a folder if it is empty; ``False`` where it is not, or does not exist."""
        ...


class RetentionLedger(Protocol):
    """The ledger, as retention uses it. What is done under a claim is done only while that is the shard's latest."""

    def due(self, committed_before: datetime) -> Sequence[int]:
        """Shards that have to go: committed by then and not removed, oldest first.

        A hold shard is due once it holds anything but the held photos that the index finds in it.
        """
        ...

    def claim(self, shard_id: int, committed_before: datetime) -> ClaimedShard | None:
        """Mark a shard as expiring and fence off whoever claimed it before; ``None`` where it is gone, or not due."""
        ...

    def held_photos(self, claim: ClaimedShard) -> Sequence[ShardPhoto]:
        """The held photos that the index finds in this shard."""
        ...

    def move(self, claim: ClaimedShard, hold_shard: ShardFile, photos: Sequence[ShardPhoto]) -> int:
        """Point the index of these photos to a new hold shard, in one transaction; how many were moved.

        Photos whose index has left the claimed shard meanwhile stay where they are. Where that is all of them, the hold
        shard does not come into being.

        Raises:
            ClaimLostError: when another run has claimed the shard.
        """
        ...

    def expire(self, claim: ClaimedShard) -> Expiry:
        """Expire whatever the index finds in this shard and no hold names; no hold can be placed at that moment.

        Personal data of the expired photos is blanked. Where held photos remain, the shard is live again.

        Raises:
            ClaimLostError: when another run has claimed the shard.
        """
        ...

    def record_removed(self, claim: ClaimedShard) -> bool:
        """Keep on record that the shard's file is gone; ``False`` where another run has done so, or will."""
        ...

    def blank_rejected(self, processed_before: datetime, limit: int) -> int:
        """Blank file name and detail of up to ``limit`` rejected records; how many there were."""
        ...

    def forget_published(self, published_before: datetime, limit: int) -> int:
        """Delete up to ``limit`` outbox entries that were published by then; how many there were."""
        ...


class ArchiveIndex(Protocol):
    """The ledger, as the sweep of the archive uses it."""

    def slice_states(
        self, slices: Collection[tuple[TopicPartition, int]]
    ) -> Mapping[tuple[TopicPartition, int], SliceState]:
        """The states of the slices that start there; unknown ones are left out."""
        ...

    def shard_states(self, shard_ids: Collection[int]) -> Mapping[int, ShardState]:
        """The states of these shards; unknown ones are left out."""
        ...

    def named(self, paths: Collection[str]) -> set[str]:
        """Those of the paths that belong to shards which are not removed."""
        ...


class PhotoOwners(Protocol):
    """Whose photos are."""

    def customer_of(self, photo_id: UUID) -> UUID | None:
        """The customer to whom a photo belongs, or belonged; ``None`` where there was never such a photo."""
        ...


class HoldRegister(Protocol):
    """Where holds are kept."""

    def place(self, customer_id: UUID, photo_id: UUID | None, reason: str, placed_by: str) -> Hold:
        """Place a hold, or find the one that is there for the same photo or customer.

        Once this returns, what the hold names cannot expire until the hold is lifted.

        Raises:
            UnknownCustomerError: when there is no such customer.
            UnknownPhotoError: when that customer has no such photo.
            PhotoExpiredError: when it is gone.
        """
        ...

    def lift(self, customer_id: UUID, photo_id: UUID | None) -> bool:
        """Lift a hold; ``False`` where there is none."""
        ...

    def active(self, customer_id: UUID | None = None) -> Sequence[Hold]:
        """The holds that are not lifted, oldest first: a customer's, or everyone's."""
        ...
