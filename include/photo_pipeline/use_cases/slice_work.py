"""The work on one slice: records in, one shard and a commit out, in offset order, with bounded memory and time."""

import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass, replace
from uuid import UUID

from photo_pipeline.domain.errors import RecordRejected
from photo_pipeline.domain.events import PhotoEvent, Record, filename_of, sending_device
from photo_pipeline.domain.imaging import ImageRejected, ProcessedImage
from photo_pipeline.domain.ledger import ArchivedPhoto, Lease, RecordResult, ShardFile, SliceCommit
from photo_pipeline.domain.outcomes import Outcome, RejectReason
from photo_pipeline.ports.images import ImageProcessor
from photo_pipeline.use_cases.photo_members import description_of, members_of
from photo_pipeline.use_cases.shard_staging import StagedShard
from photo_pipeline.use_cases.slice_reading import AbsentRange, ReadRecord
from photo_pipeline.use_cases.time_budget import TimeBudget

logger = logging.getLogger(__name__)

NAMELESS = frozenset({RejectReason.UNKNOWN_CUSTOMER, RejectReason.ERASED})
"""Of a record that is refused for one of these, not even its file name is kept, nor which device sent it."""
RENDITIONS_BYTES = 512 * 1024
"""What a photo's renditions count for, which wait with it for those before them: seldom more."""


@dataclass(frozen=True, slots=True)
class _InFlight:
    """A photo that a worker has."""

    record: Record
    event: PhotoEvent
    image: Future[ProcessedImage]


@dataclass(frozen=True, slots=True)
class _Repeat:
    """The same photo again in the same slice: it shares the first one's fate, and its bytes need not be kept."""

    photo_id: UUID
    result: RecordResult


@dataclass(frozen=True, slots=True)
class _Pending:
    """What waits for its turn.

    Attributes:
        work: what it is.
        end: where the slice ends if this is the last of it.
        epoch: of the last record up to there.
    """

    work: _InFlight | _Repeat | RecordResult
    end: int
    epoch: int | None


class SliceWork:
    """Takes what was read of a slice and turns it into a commit.

    At most ``in_flight_bytes`` of photos (and one more) are held at a time, whatever the slice's size. Results leave in
    the order in which records came, so the shard is in offset order.

    Args:
        lease: of the slice.
        images: decodes photos.
        shard: where they go.
        in_flight_bytes: of photos and what becomes of them.
        time: after which nobody waits any more for a photo that is not ready.
    """

    def __init__(
        self,
        lease: Lease,
        images: ImageProcessor,
        shard: StagedShard,
        in_flight_bytes: int,
        time: TimeBudget,
    ) -> None:
        self._lease = lease
        self._images = images
        self._limit = in_flight_bytes
        self._time = time
        self._shard = shard
        self._pending: deque[_Pending] = deque()
        self._in_flight = 0
        self._end = lease.slice.start
        self._epoch: int | None = None
        self._read_epoch: int | None = None
        self._stuck = False
        self._seen: set[UUID] = set()
        self._results: list[RecordResult] = []
        self._result_of: dict[UUID, RecordResult] = {}
        self._photos: list[ArchivedPhoto] = []

    def add(self, item: ReadRecord | AbsentRange) -> None:
        """Start on the next record; waits while too many bytes are in flight, and there is time."""
        if isinstance(item, AbsentRange):
            for result in _absent_results(item):
                self._pending.append(_Pending(result, result.offset + 1, self._read_epoch))
        else:
            self._read_epoch = item.record.leader_epoch
            self._pending.append(_Pending(self._start(item), item.record.coordinates.offset + 1, self._read_epoch))
        while self._pending and (self._in_flight > self._limit or _is_ready(self._pending[0])):
            if not self._settle_first(self._time):
                return

    @property
    def is_stuck(self) -> bool:
        """Whether work on a photo failed for no fault of its own: nothing more is to be begun, what there is stays."""
        return self._stuck

    def finish(self, overtime: TimeBudget) -> SliceCommit:
        """Wait for what is in flight, close the shard and give it its final name.

        What is not ready when the overtime is over is left to the next slice, with all that came after it, and so is
        what failed because of the machine; the first record of a slice never is, so that each attempt comes further.
        """
        while self._pending and self._settle_first(overtime if self._results else None):
            pass
        for left in self._pending:
            if isinstance(left.work, _InFlight):
                left.work.image.cancel()
        shard: ShardFile | None = self._shard.publish(self._end)
        return SliceCommit(self._lease, self._end, shard, tuple(self._photos), tuple(self._results), self._epoch)

    def _start(self, item: ReadRecord) -> _InFlight | _Repeat | RecordResult:
        record, event = item.record, item.found
        if isinstance(event, RecordRejected):
            rejected = _rejected(record, event.reason, event.detail, item.customer_id)
            # Of nobody, of somebody who has closed the account, or erased: what it was called is nobody's to know.
            return replace(rejected, filename=None, device_id=None) if event.reason in NAMELESS else rejected
        if event.photo_id in self._seen:
            return _Repeat(event.photo_id, _accepted(record, event, Outcome.DUPLICATE))
        self._seen.add(event.photo_id)
        self._in_flight += _weight(record)
        return _InFlight(record, event, self._images.submit(event.data))

    def _settle_first(self, time: TimeBudget | None) -> bool:
        """Take the result at the front; ``False`` where it is not ready in time. Without a limit it is waited for."""
        first = self._pending[0]
        if self._stuck or not _becomes_ready(first, time):
            return False
        if self._results and (error := _failure_of(first)) is not None:
            logger.warning("slice=%d ends at offset=%d: %s", self._lease.slice.slice_id, self._end, error)
            self._stuck = True
            return False
        self._pending.popleft()
        self._results.append(self._result(first.work))
        self._end, self._epoch = first.end, first.epoch
        return True

    def _result(self, work: _InFlight | _Repeat | RecordResult) -> RecordResult:
        if isinstance(work, _InFlight):
            self._in_flight -= _weight(work.record)
            result = self._result_of[work.event.photo_id] = self._archive_photo(work)
            return result
        return self._repeat(work) if isinstance(work, _Repeat) else work

    def _archive_photo(self, pending: _InFlight) -> RecordResult:
        try:
            image = pending.image.result()
        except ImageRejected as rejection:
            found = pending.event
            return _rejected(pending.record, rejection.reason, rejection.detail, found.customer_id, found)
        event, accepted_at = pending.event, pending.record.timestamp
        members = members_of(event.data, image)
        photo = ArchivedPhoto(
            photo_id=event.photo_id,
            customer_id=event.customer_id,
            sha256=event.sha256,
            source=event.source,
            filename=event.filename,
            content_type=members[0].content_type,
            bytes=len(event.data),
            accepted_at=accepted_at,
            metadata=image.metadata,
            renditions=(),
            device_id=event.device_id,
        )
        description = description_of(photo, pending.record.coordinates)
        renditions = self._shard.add(event.photo_id, members, description, accepted_at)
        self._photos.append(replace(photo, renditions=renditions))
        return _accepted(pending.record, event, Outcome.PROCESSED)

    def _repeat(self, pending: _Repeat) -> RecordResult:
        first = self._result_of[pending.photo_id]
        if first.outcome is Outcome.REJECTED:
            return replace(pending.result, outcome=first.outcome, reason=first.reason, detail=first.detail)
        return pending.result


def _weight(record: Record) -> int:
    return record.size + RENDITIONS_BYTES


def _is_ready(pending: _Pending) -> bool:
    return not isinstance(pending.work, _InFlight) or pending.work.image.done()


def _failure_of(pending: _Pending) -> BaseException | None:
    """Why there is no result, where that is not the photo's own fault."""
    error = pending.work.image.exception() if isinstance(pending.work, _InFlight) else None
    return None if isinstance(error, ImageRejected) else error


def _becomes_ready(pending: _Pending, time: TimeBudget | None) -> bool:
    """Whether its result is there before the time is over."""
    if isinstance(pending.work, _InFlight):
        with suppress(TimeoutError, CancelledError):
            pending.work.image.exception(None if time is None else time.left)
    return _is_ready(pending)


def _absent_results(absent: AbsentRange) -> Iterator[RecordResult]:
    for offset in range(absent.start, absent.end):
        yield RecordResult(offset=offset, outcome=Outcome.ABSENT, reason=absent.reason)


def _accepted(record: Record, event: PhotoEvent, outcome: Outcome) -> RecordResult:
    return RecordResult(
        offset=record.coordinates.offset,
        outcome=outcome,
        accepted_at=record.timestamp,
        photo_id=event.photo_id,
        customer_id=event.customer_id,
        source=event.source,
        event_id=event.event_id,
        filename=event.filename,
        bytes=len(record.value),
        device_id=event.device_id,
    )


def _rejected(
    record: Record, reason: RejectReason, detail: str, customer_id: UUID | None, event: PhotoEvent | None = None
) -> RecordResult:
    """A rejected record keeps whatever it could be asked: a customer wants to know which of their photos it was."""
    return RecordResult(
        offset=record.coordinates.offset,
        outcome=Outcome.REJECTED,
        accepted_at=record.timestamp,
        photo_id=None if event is None else event.photo_id,
        customer_id=customer_id,
        source=None if event is None else event.source,
        event_id=None if event is None else event.event_id,
        filename=filename_of(record.headers),
        bytes=len(record.value),
        reason=reason,
        detail=detail,
        device_id=sending_device(record.headers),
    )
