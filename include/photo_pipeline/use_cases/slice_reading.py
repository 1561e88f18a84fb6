"""Reads a slice so that every offset of its range is accounted for, also those that hold no record."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from photo_pipeline.domain.errors import LogChangedError, LogCutError, OffsetOutOfRangeError, RecordRejected
from photo_pipeline.domain.events import PhotoEvent, Record, customer_of, parse_record
from photo_pipeline.domain.ledger import PlannedSlice, Watermarks
from photo_pipeline.domain.outcomes import AbsentReason
from photo_pipeline.ports.photo_log import PhotoLogReader


@dataclass(frozen=True, slots=True)
class AbsentRange:
    """Offsets ``[start, end)`` that hold no record."""

    start: int
    end: int
    reason: AbsentReason


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """A record, and the photo event in it or why it holds none that is believed.

    ``customer_id`` is whom it is accounted to: nobody where it only says so, and that does not count.
    """

    record: Record
    found: PhotoEvent | RecordRejected
    customer_id: UUID | None


def parsed(items: Iterable[Record | AbsentRange]) -> Generator[ReadRecord | AbsentRange, None, None]:
    """Hold each record against the contract, its sha256 among it: of 3 MB that takes longer than reading them."""
    for item in items:
        yield item if isinstance(item, AbsentRange) else ReadRecord(item, _event_in(item), customer_of(item.headers))


def weight_of(item: ReadRecord | AbsentRange) -> int:
    """How many bytes it holds in memory."""
    return item.record.size if isinstance(item, ReadRecord) else 0


def _event_in(record: Record) -> PhotoEvent | RecordRejected:
    try:
        return parse_record(record)
    except RecordRejected as rejection:
        return rejection


def read_slice(log: PhotoLogReader, planned: PlannedSlice, max_bytes: int) -> Iterator[Record | AbsentRange]:
    """Cover ``[start, end)`` without a hole, in offset order; end early once ``max_bytes`` of records have been read.

    Raises:
        LogChangedError: when Kafka has another log in the place of the slice's.
        LogCutError: when the log has lost what was read of it before.
        ServerUnavailableError: when Kafka does not answer.
    """
    position, size = planned.start, 0
    for item in _records(log, planned):
        if isinstance(item, AbsentRange):
            yield item
            position = item.end
            continue
        offset = item.coordinates.offset
        if offset > position:
            yield AbsentRange(position, offset, AbsentReason.NO_RECORD)
        yield item
        position, size = offset + 1, size + item.size
        if size >= max_bytes:
            return
    if position < planned.end:
        yield AbsentRange(position, planned.end, AbsentReason.NO_RECORD)


def _records(log: PhotoLogReader, planned: PlannedSlice) -> Iterator[Record | AbsentRange]:
    """What Kafka still has of the range; where it has deleted the next offset, that range is said first."""
    position = planned.start
    try:
        for record in log.read(planned.log, planned.start, planned.end, planned.leader_epoch):
            position = record.coordinates.offset + 1
            yield record
    except OffsetOutOfRangeError as error:
        marks = _marks_of(log, planned)
        first_left = min(marks.low, planned.end)
        if first_left <= position:
            # Kafka has the offset, so it was refused for what came before it; or it has it no longer.
            if planned.leader_epoch is not None or marks.high < position:
                raise LogCutError(str(planned.log), position) from error
            raise
        yield AbsentRange(position, first_left, AbsentReason.DELETED_BY_KAFKA)
        if first_left < planned.end:
            yield from log.read(planned.log, first_left, planned.end)


def _marks_of(log: PhotoLogReader, planned: PlannedSlice) -> Watermarks:
    """What Kafka still has of this very log: another's offsets would say nothing about it."""
    marks = log.watermarks([planned.log.topic]).get(planned.topic_partition)
    if marks is None or not planned.log.may_be(marks.topic_id):
        raise LogChangedError(str(planned.log))
    return marks
