"""Publish: tell Kafka what was committed, from the outbox, at least once and never before the commit."""

import logging
from dataclasses import dataclass
from uuid import UUID, uuid5

from photo_pipeline.domain.errors import ArchiveMemberError, OffsetOutOfRangeError
from photo_pipeline.domain.events import PROCESSED_TYPE, SPEC_VERSION, Record, encode_headers, format_time
from photo_pipeline.domain.ledger import DeadLetterEntry, OutboxEntry, ProcessedEntry
from photo_pipeline.ports import Archive, IngestLedger, OutboundRecord, PhotoLogReader, PhotoLogWriter

logger = logging.getLogger(__name__)

EVENT_NAMESPACE = UUID("5f0c1c2e-6c0b-5d0e-9a60-0d5a3a8f2f11")
"""Namespace of the ids of events that this pipeline publishes: the same record always gives the same ``ce_id``."""
PIPELINE_SOURCE = "/photo-pipeline/ingest"


@dataclass(frozen=True, slots=True)
class PublishPorts:
    """The outside world, as publishing needs it."""

    ledger: IngestLedger
    reader: PhotoLogReader
    writer: PhotoLogWriter
    archive: Archive
    processed_topic: str
    rejected_topic: str


@dataclass(frozen=True, slots=True)
class PublishSummary:
    """How many events went out, and how many had nothing left to say because the photo has expired."""

    processed: int
    dead_letters: int
    skipped: int


def publish_outbox(ports: PublishPorts, batch: int) -> PublishSummary:
    """Publish until the outbox is empty, ``batch`` entries at a time (which bounds the memory).

    Raises:
        ServerUnavailableError: when Kafka does not acknowledge; what was not marked goes out again later.
    """
    totals = PublishSummary(0, 0, 0)
    while True:
        with ports.ledger.outbox(batch) as entries:
            records = [record for entry in entries if (record := _outbound(entry, ports)) is not None]
            ports.writer.publish(records)
        if not entries:
            return totals
        dead_letters = sum(isinstance(entry, DeadLetterEntry) for entry in entries)
        totals = PublishSummary(
            processed=totals.processed + len(records) - dead_letters,
            dead_letters=totals.dead_letters + dead_letters,
            skipped=totals.skipped + len(entries) - len(records),
        )


def _outbound(entry: OutboxEntry, ports: PublishPorts) -> OutboundRecord | None:
    if isinstance(entry, DeadLetterEntry):
        return _dead_letter(entry, ports)
    return _processed(entry, ports)


def _processed(entry: ProcessedEntry, ports: PublishPorts) -> OutboundRecord | None:
    if entry.web is None or entry.original is None:
        return None
    try:
        web = ports.archive.read(entry.web.path, entry.web.offset, entry.web.length)
    except ArchiveMemberError:
        logger.exception("outbox=%d not published: its rendition cannot be read", entry.outbox_id)
        return None
    original = entry.original
    headers = encode_headers(
        {
            "ce_specversion": SPEC_VERSION,
            "ce_id": event_id(ports.processed_topic, entry),
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
            "ce_archive": f"{original.path};offset={original.offset};length={original.length}",
        }
    )
    return OutboundRecord(ports.processed_topic, str(entry.photo_id).encode(), web, headers)


def _dead_letter(entry: DeadLetterEntry, ports: PublishPorts) -> OutboundRecord:
    """A copy of the record as it came, with what was wrong in headers of our own."""
    record = _source_record(entry, ports.reader)
    at = entry.coordinates
    why = encode_headers(
        {
            "reject_id": event_id(ports.rejected_topic, entry),
            "reject_reason": entry.reason,
            "reject_detail": entry.detail,
            "reject_topic": at.topic,
            "reject_partition": str(at.partition),
            "reject_offset": str(at.offset),
        }
    )
    if record is None:
        return OutboundRecord(ports.rejected_topic, None, None, why)
    return OutboundRecord(ports.rejected_topic, record.key, record.value, [*record.headers, *why])


def _source_record(entry: DeadLetterEntry, reader: PhotoLogReader) -> Record | None:
    """The rejected record; ``None`` once Kafka's own retention has removed it."""
    at = entry.coordinates
    try:
        return next(iter(reader.read(at.topic_partition, at.offset, at.offset + 1)), None)
    except OffsetOutOfRangeError:
        return None


def event_id(topic: str, entry: OutboxEntry) -> str:
    """Stable, so that a consumer can tell a repeat."""
    return str(uuid5(EVENT_NAMESPACE, f"{topic}/{entry.coordinates}"))
