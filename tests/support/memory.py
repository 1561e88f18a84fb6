"""In-memory twins of the servers, behind the same ports, for unit tests."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Self
from uuid import UUID

from photo_pipeline.domain.errors import (
    ArchiveMemberError,
    LeaseLostError,
    LogChangedError,
    OffsetOutOfRangeError,
    PhotoErasedError,
    ServerUnavailableError,
    SliceBusyError,
)
from photo_pipeline.domain.events import Delivery, OutboundRecord, Record
from photo_pipeline.domain.imaging import (
    ImageMetadata,
    ImageRejected,
    ProcessedImage,
    Rendition,
    SniffedFormat,
)
from photo_pipeline.domain.lanes import ONE_LANE, Lanes
from photo_pipeline.domain.ledger import (
    Lease,
    OutboxEntry,
    PlannedSlice,
    SliceCommit,
    SliceSummary,
    Watermarks,
)
from photo_pipeline.domain.logs import KnownLog, LogChange
from photo_pipeline.domain.outcomes import Outcome, RejectReason
from photo_pipeline.domain.photo import Log, RenditionKind, TopicPartition
from photo_pipeline.domain.proof import SigningDevice
from photo_pipeline.domain.shard import ArchiveFile

DT = date(2026, 5, 4)


@dataclass
class MemoryLog:
    """Kafka: one list of records for each partition; offsets that are missing in it hold no record."""

    records: dict[TopicPartition, list[Record]] = field(default_factory=dict)
    low: dict[TopicPartition, int] = field(default_factory=dict)
    high: dict[TopicPartition, int] = field(default_factory=dict)
    reported: dict[TopicPartition, int] = field(default_factory=dict)
    topic_ids: dict[str, str] = field(default_factory=dict)
    cut_below: int | None = None
    away: bool = False

    def watermarks(self, topics: Collection[str]) -> Mapping[TopicPartition, Watermarks]:
        """See the port."""
        known = {
            tp: Watermarks(self.low.get(tp, 0), high, self.topic_ids.get(tp.topic)) for tp, high in self.high.items()
        }
        return {tp: marks for tp, marks in known.items() if tp.topic in topics}

    def read(self, log: Log | TopicPartition, start: int, end: int, epoch: int | None = None) -> Iterator[Record]:
        """See the port."""
        where = TopicPartition(log.topic, log.partition)
        if start < self.low.get(where, 0) or (self.cut_below is not None and start >= self.cut_below):
            raise OffsetOutOfRangeError(log.topic, log.partition, start)
        for record in self.records.get(where, []):
            if start <= record.coordinates.offset < end:
                yield record

    def confirm(self, log: Log) -> None:
        """See the port."""
        if not log.may_be(self.topic_ids.get(log.topic)):
            raise LogChangedError(str(log))

    def report_progress(self, positions: Mapping[TopicPartition, int]) -> None:
        """See the port."""
        if self.away:
            raise ServerUnavailableError("Kafka", "away")
        self.reported.update(positions)

    def publish(self, records: Sequence[OutboundRecord]) -> Sequence[Delivery]:
        """Not needed by these tests."""
        raise NotImplementedError


@dataclass(slots=True)
class _MemoryFile:
    archive: "MemoryArchive"
    path: str

    def write(self, data: bytes) -> None:
        self.archive.files[self.path] += data

    def close(self) -> None:
        self.archive.closed.add(self.path)


@dataclass(slots=True)
class MemoryArchive:
    """HDFS: a dictionary of files."""

    files: dict[str, bytes] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)

    def create(self, path: str) -> _MemoryFile:
        """See the port."""
        self.files[path] = b""
        return _MemoryFile(self, path)

    def rename(self, source: str, target: str) -> None:
        """See the port. Only a closed file may be renamed: an open one would be half a shard."""
        assert source in self.closed
        self.files[target] = self.files.pop(source)

    def read(self, path: str, offset: int, length: int) -> bytes:
        """See the port."""
        content = self.files.get(path, b"")[offset : offset + length]
        if len(content) != length:
            raise ArchiveMemberError(path, "too short")
        return content

    def delete(self, path: str) -> bool:
        """See the port."""
        return self.files.pop(path, None) is not None

    def length(self, path: str) -> int | None:
        """See the port."""
        return len(self.files[path]) if path in self.files else None

    def list(self, folder: str) -> Iterator[ArchiveFile]:
        """See the port."""
        for path, content in list(self.files.items()):
            if path.startswith(f"{folder}/"):
                yield ArchiveFile(path, len(content))


@dataclass(slots=True)
class MemoryImages:
    """A processor that calls any bytes but ``b"bad…"`` a photo, and notes how many bytes it held at a time."""

    held: int = 0
    most_held: int = 0
    lazy: bool = False
    waiting: list[tuple[bytes, "Future[ProcessedImage]"]] = field(default_factory=list)

    def submit(self, data: bytes) -> "Future[ProcessedImage]":
        """See the port. A lazy one decodes only when somebody waits for the result."""
        self.held += len(data)
        self.most_held = max(self.most_held, self.held)
        future: Future[ProcessedImage] = _Waited(self) if self.lazy else Future()
        self.waiting.append((data, future))
        if not self.lazy:
            self.settle()
        return future

    def settle(self) -> None:
        """Decode the oldest photo that waits."""
        data, future = self.waiting.pop(0)
        self.held -= len(data)
        if data.startswith(b"bad"):
            future.set_exception(ImageRejected(RejectReason.CORRUPT, "bad"))
        else:
            future.set_result(processed_image(data))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return None


class _Waited(Future[ProcessedImage]):
    """A future that gets its result when it is waited for."""

    def __init__(self, images: MemoryImages) -> None:
        super().__init__()
        self._images = images

    def exception(self, timeout: float | None = None) -> BaseException | None:
        while not self.done():
            self._images.settle()
        return super().exception(timeout)


def processed_image(data: bytes) -> ProcessedImage:
    """What a worker would say of a photo."""
    metadata = ImageMetadata(
        format=SniffedFormat.JPEG,
        width=40,
        height=30,
        camera=None,
        taken_at=None,
        taken_at_offset=None,
        blurhash="x",
        dominant_color="#000000",
        warnings=(),
    )
    web = Rendition(RenditionKind.WEB, b"web " + data, 40, 30)
    return ProcessedImage(metadata, web, Rendition(RenditionKind.THUMB, b"thumb " + data, 20, 15))


@dataclass(slots=True)
class MemoryLedger:
    """PostgreSQL: enough of the ledger to see what the ingest asks of it."""

    customers: set[UUID] = field(default_factory=set)
    slices: dict[int, PlannedSlice] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    commits: dict[int, SliceCommit] = field(default_factory=dict)
    customer_queries: int = 0
    devices: dict[UUID, SigningDevice] = field(default_factory=dict)
    device_queries: int = 0
    released: list[int] = field(default_factory=list)
    erased_ids: set[UUID] = field(default_factory=set)
    erased_meanwhile: set[UUID] = field(default_factory=set)
    """Erased after they were read, and before the commit."""
    known: list[KnownLog] = field(default_factory=list)
    followed: list[LogChange] = field(default_factory=list)
    cut: list[Log] = field(default_factory=list)
    topic_id: str | None = None
    busy: bool = False

    def add_slice(self, topic_partition: TopicPartition, start: int, end: int) -> int:
        """Plan a slice by hand; its id."""
        slice_id = len(self.slices) + 1
        log = Log(topic_partition.topic, topic_partition.partition, topic_id=self.topic_id)
        self.slices[slice_id] = PlannedSlice(slice_id, log, start, end, DT)
        return slice_id

    def logs(self) -> Sequence[KnownLog]:
        """See the port."""
        return self.known

    def follow(self, changes: Iterable[LogChange]) -> None:
        """See the port."""
        self.followed += changes

    def note_cut(self, log: Log) -> None:
        """See the port."""
        self.cut.append(log)

    def plan(
        self,
        watermarks: Mapping[TopicPartition, Watermarks],
        max_records: int,
        owner: str,
        seconds: float,
        lanes: Lanes = ONE_LANE,
    ) -> Sequence[PlannedSlice]:
        """See the port."""
        for topic_partition, marks in watermarks.items():
            self.add_slice(topic_partition, marks.low, min(marks.high, marks.low + max_records))
        return list(self.slices.values())

    def lease(self, slice_id: int, owner: str, seconds: float) -> Lease | None:
        """See the port."""
        if self.busy:
            raise SliceBusyError(slice_id)
        if slice_id in self.commits:
            return None
        self.attempts[slice_id] = self.attempts.get(slice_id, 0) + 1
        return Lease(self.slices[slice_id], self.attempts[slice_id])

    def renew(self, lease: Lease, seconds: float) -> None:
        """See the port."""
        self._check(lease)

    def release(self, lease: Lease) -> None:
        """See the port."""
        self.released.append(lease.slice.slice_id)

    def known_customers(self, customer_ids: Collection[UUID]) -> set[UUID]:
        """See the port."""
        self.customer_queries += 1
        return self.customers & set(customer_ids)

    def erased(self, ids: Collection[UUID]) -> set[UUID]:
        """See the port."""
        return self.erased_ids & set(ids)

    def signing_devices(self, device_ids: Collection[UUID]) -> Mapping[UUID, SigningDevice]:
        """See the port."""
        self.device_queries += 1
        return {device_id: self.devices[device_id] for device_id in device_ids if device_id in self.devices}

    def commit(self, commit: SliceCommit) -> SliceSummary:
        """See the port."""
        self._check(commit.lease)
        if not self.erased_meanwhile.isdisjoint(commit.named()):
            raise PhotoErasedError(commit.lease.slice.slice_id)
        self.commits[commit.lease.slice.slice_id] = commit
        return self.summary(commit.lease.slice.slice_id)

    def summary(self, slice_id: int) -> SliceSummary:
        """See the port."""
        commit = self.commits[slice_id]
        counts = {outcome: sum(record.outcome is outcome for record in commit.records) for outcome in Outcome}
        planned = commit.lease.slice
        return SliceSummary(
            slice_id=slice_id,
            log=planned.log,
            start=planned.start,
            end=commit.end,
            attempt=commit.lease.attempt,
            processed=counts[Outcome.PROCESSED],
            duplicate=counts[Outcome.DUPLICATE],
            rejected=counts[Outcome.REJECTED],
            absent=counts[Outcome.ABSENT],
            shard_path=None if commit.shard is None else commit.shard.path,
            shard_bytes=0 if commit.shard is None else commit.shard.length,
        )

    @contextmanager
    def outbox(self, limit: int) -> Iterator[Sequence[OutboxEntry]]:
        """Always empty."""
        yield []

    def take_over(self, slice_id: int) -> None:
        """Another attempt takes the slice."""
        self.attempts[slice_id] += 1

    def _check(self, lease: Lease) -> None:
        if self.attempts[lease.slice.slice_id] != lease.attempt:
            raise LeaseLostError(lease.slice.slice_id, lease.attempt)


def at(record: Record, offset: int) -> Record:
    """The same record elsewhere in its partition."""
    return replace(record, coordinates=replace(record.coordinates, offset=offset))


NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
