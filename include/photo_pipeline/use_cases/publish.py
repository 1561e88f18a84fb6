"""Publish: tell Kafka what was committed, from the outbox, at least once and never before the commit.

Reading from the archive, producing and waiting for acknowledgements overlap, with so many bytes on their way at a time:
within a batch, and because another one is under way where there is more than one. An entry is marked after the last
delivery report of its batch.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID, uuid5

from photo_pipeline.domain.errors import ArchiveMemberError, LogChangedError, OffsetOutOfRangeError
from photo_pipeline.domain.events import (
    PROCESSED_TYPE,
    SPEC_VERSION,
    OutboundRecord,
    Record,
    encode_headers,
    format_time,
)
from photo_pipeline.domain.ledger import DeadLetterEntry, OutboxEntry, ProcessedEntry
from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.ports.archive import Archive
from photo_pipeline.ports.photo_log import PhotoLogReader, PhotoLogWriter
from photo_pipeline.ports.publish import Outbox
from photo_pipeline.use_cases.archive_spans import Placed, Span, spans_of
from photo_pipeline.use_cases.reading_ahead import in_order

logger = logging.getLogger(__name__)

EVENT_NAMESPACE = UUID("5f0c1c2e-6c0b-5d0e-9a60-0d5a3a8f2f11")
"""Namespace of the ids of events that this pipeline publishes: the same record always gives the same ``ce_id``."""
PIPELINE_SOURCE = "/photo-pipeline/ingest"
READ_OVER_RECORDS = 8
"""Reading a few records too many is cheaper than another consumer."""
READ_AHEAD_BYTES = 8 * 1024 * 1024
"""Of a batch: renditions that are being read, or wait to be handed to Kafka's client, which holds a queue more."""
READERS = 4


@dataclass(frozen=True, slots=True)
class Lane:
    """Kafka, for one batch at a time."""

    reader: PhotoLogReader
    writer: PhotoLogWriter


@dataclass(frozen=True, slots=True)
class PublishPorts:
    """The outside world, as publishing needs it. So many batches are under way at a time as there are lanes."""

    ledger: Outbox
    lanes: Sequence[Lane]
    archive: Archive
    processed_topic: str
    rejected_topic: str


@dataclass(frozen=True, slots=True)
class PublishSummary:
    """How many events went out, and how many had nothing left to say because the photo has expired."""

    processed: int
    dead_letters: int
    skipped: int


@dataclass(frozen=True, slots=True)
class _Published:
    """What became of a batch."""

    entries: int
    dead_letters: int
    processed: int


def publish_outbox(ports: PublishPorts, batch: int) -> PublishSummary:
    """Publish until the outbox is empty, ``batch`` entries at a time in a lane; of their bytes few are held at a time.

    Further lanes open when there is more than a batch.

    Raises:
        ServerUnavailableError: when Kafka does not acknowledge; what was not marked goes out again later.
    """
    with ThreadPoolExecutor(READERS, "publish-reader") as readers, ThreadPoolExecutor(len(ports.lanes)) as threads:
        first = _publish_batch(ports, ports.lanes[0], batch, readers)
        done = [first]
        if first.entries == batch:
            for of_lane in threads.map(lambda lane: _empty(ports, lane, batch, readers), ports.lanes):
                done += of_lane
    processed, dead = sum(each.processed for each in done), sum(each.dead_letters for each in done)
    return PublishSummary(processed, dead, sum(each.entries for each in done) - processed - dead)


def _empty(ports: PublishPorts, lane: Lane, batch: int, readers: Executor) -> list[_Published]:
    """Batch after batch, until one is not full."""
    done = [_publish_batch(ports, lane, batch, readers)]
    while done[-1].entries == batch:
        done.append(_publish_batch(ports, lane, batch, readers))
    return done


def _publish_batch(ports: PublishPorts, lane: Lane, batch: int, readers: Executor) -> _Published:
    with ports.ledger.outbox(batch) as entries:
        sent = len(lane.writer.publish(_outbound(entries, ports, lane, readers)))
    dead = sum(isinstance(entry, DeadLetterEntry) for entry in entries)
    return _Published(len(entries), dead, sent - dead)


def _outbound(
    entries: Sequence[OutboxEntry], ports: PublishPorts, lane: Lane, readers: Executor
) -> Iterator[OutboundRecord]:
    """One record after the other, so that the writer's queue bounds what is held."""
    spans = spans_of(entry for entry in entries if isinstance(entry, ProcessedEntry))
    for _, renditions in in_order(spans, lambda span: _read(span, ports.archive), _weight, READ_AHEAD_BYTES, readers):
        for photo, web in renditions:
            yield _processed(photo, web, ports.processed_topic)
    dead = [entry for entry in entries if isinstance(entry, DeadLetterEntry)]
    for run in _runs(entry for entry in dead if entry.reason != RejectReason.ERASED):
        yield from _dead_letters(run, lane.reader, ports.rejected_topic)
    for entry in dead:
        if entry.reason == RejectReason.ERASED:
            yield _reason_alone(entry, ports.rejected_topic)


def _weight(span: Span) -> int:
    return span.length


def _read(span: Span, archive: Archive) -> list[tuple[Placed, bytes]]:
    """The renditions of a span, by one read; one by one where a file is not what it should be, to miss no other."""
    try:
        return span.cut(archive.read(span.path, span.offset, span.length))
    except ArchiveMemberError:
        if len(span.photos) > 1:
            return [found for photo in span.photos for found in _read(Span((photo,)), archive)]
        logger.exception("outbox=%d not published: its rendition cannot be read", span.photos[0].entry.outbox_id)
        return []


def _runs(entries: Iterable[DeadLetterEntry]) -> list[list[DeadLetterEntry]]:
    """Dead letters that lie close together in one partition, to be read again in one go."""
    runs: list[list[DeadLetterEntry]] = []
    for entry in sorted(entries, key=lambda entry: entry.coordinates):
        last = runs[-1][-1].coordinates if runs else None
        at = entry.coordinates
        if last and last.log == at.log and at.offset - last.offset <= READ_OVER_RECORDS:
            runs[-1].append(entry)
        else:
            runs.append([entry])
    return runs


def _processed(photo: Placed, web: bytes, topic: str) -> OutboundRecord:
    entry = photo.entry
    headers = encode_headers(
        {
            "ce_specversion": SPEC_VERSION,
            "ce_id": event_id(topic, entry),
            "ce_type": PROCESSED_TYPE,
            "ce_source": PIPELINE_SOURCE,
            "ce_subject": str(entry.customer_id),
            "ce_time": format_time(entry.processed_at),
            "content-type": "image/jpeg",
            "ce_sha256": entry.sha256,
            "ce_filename": entry.filename,
            "ce_width": str(entry.width),
            "ce_height": str(entry.height),
            "ce_format": entry.format,
            "ce_archive": str(photo.original),
        }
    )
    return OutboundRecord(topic, str(entry.photo_id).encode(), web, headers)


def _dead_letters(run: Sequence[DeadLetterEntry], reader: PhotoLogReader, topic: str) -> Iterator[OutboundRecord]:
    """Copies of the records as they came; where Kafka no longer has one, its reason alone.

    A topic that was made anew has other records at the same offsets, and so may have a log that was cut: those are not
    taken for these. At the end of a log that was cut, a reader would wait in vain, and all entries behind this one.
    """
    waiting = {entry.coordinates.offset: entry for entry in run}
    try:
        first, last = run[0].coordinates, run[-1].coordinates
        end = last.offset + 1 if run[0].whole_log else first.offset
        for record in reader.read(first.log, first.offset, end):
            entry = waiting.pop(record.coordinates.offset, None)
            if entry is not None:
                yield _dead_letter(entry, record, topic)
    except LogChangedError as error:
        logger.warning("%d dead letters without their record: %s", len(waiting), error)
    except OffsetOutOfRangeError:
        if len(run) > 1:
            for entry in run:
                yield from _dead_letters([entry], reader, topic)
            return
    for entry in waiting.values():
        yield _reason_alone(entry, topic)


def _reason_alone(entry: DeadLetterEntry, topic: str) -> OutboundRecord:
    """Of what Kafka no longer has, and of what was erased: no copy of that is made."""
    return OutboundRecord(topic, None, None, _why(entry, topic))


def _dead_letter(entry: DeadLetterEntry, record: Record, topic: str) -> OutboundRecord:
    return OutboundRecord(topic, record.key, record.value, [*record.headers, *_why(entry, topic)])


def _why(entry: DeadLetterEntry, topic: str) -> list[tuple[str, bytes]]:
    """What was wrong, in headers of our own beside the record's."""
    at = entry.coordinates
    return encode_headers(
        {
            "reject_id": event_id(topic, entry),
            "reject_reason": entry.reason,
            "reject_detail": entry.detail,
            "reject_topic": at.topic,
            "reject_partition": str(at.partition),
            "reject_offset": str(at.offset),
            "reject_incarnation": None if at.incarnation == 1 else str(at.incarnation),
        }
    )


def event_id(topic: str, entry: OutboxEntry) -> str:
    """Stable, so that a consumer can tell a repeat."""
    return str(uuid5(EVENT_NAMESPACE, f"{topic}/{entry.coordinates}"))
