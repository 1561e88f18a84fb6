"""CloudEvents 1.0 in Kafka's binary content mode: how a photo travels in a record.

Source of the protocol: CloudEvents Kafka Protocol Binding 1.0, section 3.2
(value = data, attributes = ``ce_`` headers, each a UTF-8 string).

A record names its customer, and that alone proves nothing: whoever may write to ``photos.streamed`` or
``photos.uploaded`` can fill any customer's gallery, unless signed records are demanded (``domain/proof.py``,
``PHOTO_RECORDS_TAKE_UNSIGNED``).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from photo_pipeline.domain.errors import RecordRejected
from photo_pipeline.domain.lanes import Lane
from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.domain.photo import MAX_PHOTO_BYTES, RecordCoordinates, Source, photo_id_for, sha256_hex
from photo_pipeline.domain.text import is_seen, on_one_line

UPLOADED_TYPE = "photo.uploaded.v1"
STREAMED_TYPE = "photo.streamed.v1"
PROCESSED_TYPE = "photo.processed.v1"
SPEC_VERSION = "1.0"
MAX_FILENAME_LENGTH = 255

SOURCE_OF_TYPE: Mapping[str, Source] = {UPLOADED_TYPE: Source.UPLOAD, STREAMED_TYPE: Source.STREAM}
TYPE_OF_SOURCE: Mapping[Source, str] = {source: name for name, source in SOURCE_OF_TYPE.items()}

Headers = Sequence[tuple[str, bytes]]
_DEVICE = re.compile(r".*/devices/([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record as it was read.

    ``timestamp`` is the broker's append time; ``leader_epoch`` grows whenever another broker leads the partition.
    """

    coordinates: RecordCoordinates
    timestamp: datetime
    key: bytes | None
    value: bytes
    headers: Headers
    leader_epoch: int | None = None

    @property
    def size(self) -> int:
        """Bytes that it takes: a record of a kilobyte may have a header of megabytes."""
        named = sum(len(name) + len(value or b"") for name, value in self.headers)
        return len(self.key or b"") + len(self.value) + named


@dataclass(frozen=True, slots=True)
class PhotoEvent:
    """A photo on its way in: what a record says, checked against the bytes it carries."""

    event_id: str
    source: Source
    origin: str
    """``ce_source``: the application or device that sent it, a URI reference."""
    customer_id: UUID
    photo_id: UUID
    sha256: str
    filename: str | None
    content_type: str | None
    sent_at: datetime | None
    data: bytes

    @property
    def device_id(self) -> UUID | None:
        """The device that it says it comes from; whoever writes to Kafka may say anything, and nothing rests on it."""
        return device_in(self.origin)

    def headers(self) -> list[tuple[str, bytes]]:
        """The record's headers, ready for a producer."""
        attributes = {
            "ce_specversion": SPEC_VERSION,
            "ce_id": self.event_id,
            "ce_type": TYPE_OF_SOURCE[self.source],
            "ce_source": self.origin,
            "ce_subject": str(self.customer_id),
            "ce_time": None if self.sent_at is None else format_time(self.sent_at),
            "content-type": self.content_type,
            "ce_sha256": self.sha256,
            "ce_filename": self.filename,
        }
        return encode_headers(attributes)

    def key(self) -> bytes:
        """The record's key: the photo's id, so that one photo's records stay in order."""
        return str(self.photo_id).encode()


def origin_of(device_id: UUID) -> str:
    """``ce_source`` of what that device sends."""
    return f"/devices/{device_id}"


def device_in(origin: str) -> UUID | None:
    """The device that a ``ce_source`` names: ``/devices/<id>``, whatever address it is of."""
    found = _DEVICE.fullmatch(origin)
    return None if found is None else UUID(found[1])


def encode_headers(attributes: Mapping[str, str | None]) -> list[tuple[str, bytes]]:
    """Headers of the attributes that have a value, as UTF-8."""
    return [(name, value.encode()) for name, value in attributes.items() if value is not None]


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC, as ``ce_time`` wants it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_record(record: Record) -> PhotoEvent:
    """Check a record against the contract.

    Raises:
        RecordRejected: with the reason, when the record is not a photo event that can be believed.
    """
    headers = text_headers(record.headers)
    if headers.get("ce_specversion") != SPEC_VERSION or not headers.get("ce_id") or not headers.get("ce_source"):
        raise RecordRejected(RejectReason.NOT_A_CLOUDEVENT, "ce_specversion 1.0, ce_id and ce_source are needed")
    source = SOURCE_OF_TYPE.get(headers.get("ce_type", ""))
    if source is None:
        raise RecordRejected(RejectReason.UNKNOWN_EVENT_TYPE, headers.get("ce_type", "no ce_type")[:100])
    customer_id = customer_of(record.headers)
    if customer_id is None:
        raise RecordRejected(RejectReason.INVALID_CUSTOMER, "ce_subject is not a customer id")
    sha256 = _checked_bytes(record, headers)
    photo_id = photo_id_for(customer_id, sha256)
    if record.key != str(photo_id).encode():
        raise RecordRejected(RejectReason.PHOTO_ID_MISMATCH, "the key is not the photo's id")
    return PhotoEvent(
        event_id=headers["ce_id"],
        source=source,
        origin=headers["ce_source"],
        customer_id=customer_id,
        photo_id=photo_id,
        sha256=sha256,
        filename=filename_of(record.headers),
        content_type=headers.get("content-type"),
        sent_at=_parse_time(headers.get("ce_time")),
        data=record.value,
    )


def customer_of(headers: Headers) -> UUID | None:
    """The customer that a record names, if it names one at all."""
    try:
        return UUID(text_headers(headers).get("ce_subject", ""))
    except ValueError:
        return None


def sending_device(headers: Headers) -> UUID | None:
    """The device that a record says has sent it, be it refused or not."""
    return device_in(text_headers(headers).get("ce_source", ""))


def filename_of(headers: Headers) -> str | None:
    """The file name a record carries: base name only, no control characters, at most 255 characters."""
    name = text_headers(headers).get("ce_filename")
    return None if name is None else clean_filename(name)


def clean_filename(name: str) -> str | None:
    """A name that is safe to store and show: without folders, on one line, at most 255 characters, and seen.

    What it is made of stays: the joiners of scripts and emoji, and which form of a character is meant.
    """
    base = on_one_line(name.replace("\\", "/").rpartition("/")[2]).strip()[:MAX_FILENAME_LENGTH].rstrip()
    return base if is_seen(base) else None


def _checked_bytes(record: Record, headers: Mapping[str, str]) -> str:
    if not record.value:
        raise RecordRejected(RejectReason.EMPTY, "the record has no value")
    if len(record.value) > MAX_PHOTO_BYTES:
        raise RecordRejected(RejectReason.TOO_LARGE, f"{len(record.value)} bytes")
    sha256 = sha256_hex(record.value)
    if headers.get("ce_sha256", "").lower() != sha256:
        raise RecordRejected(RejectReason.SHA256_MISMATCH, "ce_sha256 is not the sha256 of the value")
    return sha256


def text_headers(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """Text headers; one that is no UTF-8 or holds a NUL (PostgreSQL refuses it) counts as not there."""
    decoded = {}
    for name, value in headers:
        try:
            text = (value or b"").decode()
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            decoded[name] = text
    return decoded


def _parse_time(text: str | None) -> datetime | None:
    """RFC 3339; ``None`` stays unknown. A time without a zone is no time in CloudEvents."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RecordRejected(RejectReason.INVALID_TIME, text[:100]) from None
    if moment.tzinfo is None:
        raise RecordRejected(RejectReason.INVALID_TIME, text[:100])
    return moment


@dataclass(frozen=True, slots=True)
class OutboundRecord:
    """A record to be written. Without a lane its key alone says to which partition, as any producer would choose."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    lane: Lane | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """Kafka's acknowledgement of one record."""

    coordinates: RecordCoordinates
    timestamp: datetime
