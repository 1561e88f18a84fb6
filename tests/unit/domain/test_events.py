"""``parse_record``: what is believed of a Kafka record, and what is not."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photo_pipeline.domain.errors import RecordRejected
from photo_pipeline.domain.events import (
    PhotoEvent,
    Record,
    clean_filename,
    customer_of,
    format_time,
    parse_record,
    sending_device,
)
from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.domain.photo import MAX_PHOTO_BYTES, RecordCoordinates, Source, photo_id_for, sha256_hex

CUSTOMER = UUID("0a0a0a0a-0000-4000-8000-000000000001")
DATA = b"not really a photo"
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
EVENT = PhotoEvent(
    event_id="event-1",
    source=Source.STREAM,
    origin="/stream/device-1",
    customer_id=CUSTOMER,
    photo_id=photo_id_for(CUSTOMER, sha256_hex(DATA)),
    sha256=sha256_hex(DATA),
    filename="Größe 50% #1.jpg",
    content_type="image/jpeg",
    sent_at=NOON,
    data=DATA,
)


def record(event: PhotoEvent = EVENT, **headers: bytes | None) -> Record:
    """The event as a record, with headers replaced, or left out where ``None``."""
    own = {name: value for name, value in event.headers() if headers.get(name, value) is not None}
    own.update({name: value for name, value in headers.items() if value is not None})
    return Record(RecordCoordinates("photos.streamed", 0, 7), NOON, event.key(), event.data, list(own.items()))


def reason_of(bad: Record) -> RejectReason:
    """Why a record is refused."""
    with pytest.raises(RecordRejected) as rejection:
        parse_record(bad)
    return rejection.value.reason


def test_what_is_written_is_read() -> None:
    """A record made from an event gives the event back, its file name's every character included."""
    assert parse_record(record()) == EVENT


def test_photo_id_is_uuid5_of_customer_and_digest() -> None:
    """Any producer can compute the id: UUIDv5 with the customer as namespace and the hex digest as name."""
    assert EVENT.photo_id == uuid5(CUSTOMER, sha256_hex(DATA))


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"ce_specversion": None}, RejectReason.NOT_A_CLOUDEVENT),
        ({"ce_specversion": b"0.3"}, RejectReason.NOT_A_CLOUDEVENT),
        ({"ce_id": None}, RejectReason.NOT_A_CLOUDEVENT),
        ({"ce_source": b""}, RejectReason.NOT_A_CLOUDEVENT),
        ({"ce_type": None}, RejectReason.UNKNOWN_EVENT_TYPE),
        ({"ce_type": b"photo.uploaded.v2"}, RejectReason.UNKNOWN_EVENT_TYPE),
        ({"ce_subject": None}, RejectReason.INVALID_CUSTOMER),
        ({"ce_subject": b"somebody"}, RejectReason.INVALID_CUSTOMER),
        ({"ce_subject": b"\xff\xfe"}, RejectReason.INVALID_CUSTOMER),
        ({"ce_sha256": None}, RejectReason.SHA256_MISMATCH),
        ({"ce_sha256": b"0" * 64}, RejectReason.SHA256_MISMATCH),
        ({"ce_time": b"yesterday"}, RejectReason.INVALID_TIME),
        ({"ce_time": b"2026-05-04T12:00:00"}, RejectReason.INVALID_TIME),
    ],
)
def test_a_header_that_is_missing_or_wrong(headers: dict[str, bytes | None], reason: RejectReason) -> None:
    """Each departure from the contract has its own reason."""
    assert reason_of(record(**headers)) is reason


def test_key_must_be_the_photo() -> None:
    """A key that is not the photo's id would break the order of one photo's records."""
    assert reason_of(replace(record(), key=b"another")) is RejectReason.PHOTO_ID_MISMATCH
    assert reason_of(replace(record(), key=None)) is RejectReason.PHOTO_ID_MISMATCH


def test_value_must_be_a_photo_of_allowed_size() -> None:
    """Nothing at all, and too much, are refused before anything is decoded."""
    assert reason_of(replace(record(), value=b"")) is RejectReason.EMPTY
    assert reason_of(replace(record(), value=bytes(MAX_PHOTO_BYTES + 1))) is RejectReason.TOO_LARGE


def test_optional_attributes_may_be_missing() -> None:
    """File name, time and content type are optional in CloudEvents, and stay unknown."""
    event = parse_record(record(ce_filename=None, ce_time=None, **{"content-type": None}))
    assert (event.filename, event.sent_at, event.content_type) == (None, None, None)


@given(
    st.binary(max_size=64),
    st.one_of(st.none(), st.binary(max_size=40)),
    st.lists(
        st.tuples(
            st.sampled_from(["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "ce_sha256"])
            | st.text(max_size=10),
            st.sampled_from([b"1.0", b"photo.uploaded.v1", str(CUSTOMER).encode()]) | st.binary(max_size=40),
        ),
        max_size=12,
    ),
)
def test_any_record_is_an_event_or_rejected(value: bytes, key: bytes | None, headers: list[tuple[str, bytes]]) -> None:
    """Whatever a producer writes, it is an event or a rejection with a reason, never another error."""
    noise = Record(RecordCoordinates("photos.streamed", 0, 7), NOON, key, value, headers)
    with suppress(RecordRejected):
        parse_record(noise)
    customer_of(headers)


@given(st.text())
def test_clean_filename_is_a_safe_name(name: str) -> None:
    """No folder, one line, at most 255 characters, fit for a header, seen; or nothing at all. Once is enough."""
    cleaned = clean_filename(name)
    if cleaned is not None:
        assert 0 < len(cleaned) <= 255
        assert len(cleaned.splitlines()) == 1
        assert not set(cleaned) & {"/", "\\", "\u202e", "\x00"}
        assert cleaned.encode().strip()
        assert clean_filename(cleaned) == cleaned


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("\U0001f469\u200d\U0001f469\u200d\U0001f467.jpg", "\U0001f469\u200d\U0001f469\u200d\U0001f467.jpg"),
        ("\u2764\ufe0f.jpg", "\u2764\ufe0f.jpg"),
        ("\u845b\U000e0100.jpg", "\u845b\U000e0100.jpg"),
        ("\u06a9\u062a\u0627\u0628\u200c\u0647\u0627.jpg", "\u06a9\u062a\u0627\u0628\u200c\u0647\u0627.jpg"),
        ("\u5199\u771f\u30001.jpg", "\u5199\u771f\u30001.jpg"),
        ("IMG\u00a01\u20092\u202f3.jpg", "IMG 1 2 3.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("a\u2028b\u2029c\r\n\x85d\t.jpg", "abcd.jpg"),
        ("\u2067a\u061cb\u200ec\u200f.jpg", "abc.jpg"),
        ("a\ud800b.jpg", "ab.jpg"),
        ("\u200d\ufe0f\u00a0\u3164", None),
        ("C:\\fakepath\\x.jpg", "x.jpg"),
    ],
)
def test_file_names_keep_what_they_are_made_of(given: str, kept: str | None) -> None:
    """Joiners, selectors and wide spaces stay; what turns or breaks a line goes; other spaces become plain ones."""
    assert clean_filename(given) == kept


def test_times_are_written_in_utc() -> None:
    """``ce_time`` is RFC 3339 in UTC, wherever the clock stands."""
    assert format_time(NOON.astimezone(timezone(timedelta(hours=-5)))) == "2026-05-04T12:00:00Z"


@pytest.mark.parametrize(
    ("source", "device"),
    [
        (f"/devices/{CUSTOMER}", CUSTOMER),
        (f"https://photos.example/devices/{CUSTOMER}", CUSTOMER),
        (str(CUSTOMER), None),
        ("/devices/camera", None),
        ("/uploads", None),
        ("", None),
    ],
)
def test_a_device_is_named_by_its_source(source: str, device: UUID | None) -> None:
    """``/devices/<id>``; whatever else sends photos has no id that is kept."""
    assert sending_device([("ce_source", source.encode())]) == device
    assert sending_device([]) is None
