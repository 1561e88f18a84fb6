"""Ranges, cursors and the throttle: small rules, each with its edges."""

import base64
import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.web import NOON, FakeClock

from photo_pipeline.api import cursors, throttle
from photo_pipeline.api.cursors import ListKind
from photo_pipeline.api.ranges import ByteRange, UnsatisfiableRangeError, requested_range
from photo_pipeline.api.throttle import Throttle, ThrottledError
from photo_pipeline.domain.gallery import Place


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-0", ByteRange(0, 1)),
        ("bytes=2-4", ByteRange(2, 5)),
        ("bytes=2-", ByteRange(2, 10)),
        ("bytes=2-99999999999", ByteRange(2, 10)),
        ("bytes=-3", ByteRange(7, 10)),
        ("bytes=-99", ByteRange(0, 10)),
        ("bytes=-", None),
        ("bytes=4-2", None),
        ("bytes=0-1,3-4", None),
        ("chunks=0-1", None),
        ("bytes=a-b", None),
        ("bytes=٣-٤", None),
    ],
)
def test_ranges_are_read_as_the_standard_says(header: str | None, expected: ByteRange | None) -> None:
    """Of ten bytes; what is not understood, and several ranges, mean all of it."""
    assert requested_range(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_ranges_beyond_the_end_cannot_be_satisfied(header: str) -> None:
    """There is no such byte among ten."""
    with pytest.raises(UnsatisfiableRangeError):
        requested_range(header, 10)


@given(st.text(max_size=30), st.integers(1, 2**40))
def test_no_header_leads_outside_the_photo(header: str, length: int) -> None:
    """Whatever is asked for, what comes out lies within the photo and is not empty."""
    try:
        found = requested_range("bytes=" + header, length)
    except UnsatisfiableRangeError:
        return
    assert found is None or 0 <= found.start < found.end <= length


@given(
    st.datetimes(timezones=st.just(NOON.tzinfo)),
    st.uuids(),
    st.none() | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=255),
)
def test_cursors_come_back(moment: datetime, key: object, name: str | None) -> None:
    """A cursor leads to the very place it was made for, whatever the photo is called; and none is too long."""
    place = Place(moment, str(key), name, None if name is None else moment)
    cursor = cursors.encode(ListKind.UPLOADED, place)
    assert cursors.decode(ListKind.UPLOADED, cursor) == place
    assert len(cursor) <= cursors.MAX_LENGTH


def test_a_cursor_of_the_longest_name_is_taken() -> None:
    """255 characters of four bytes each."""
    cursor = cursors.encode(ListKind.TAKEN, Place(NOON, str(uuid4()), "\U0001f4f7" * 255, NOON))
    assert len(cursor) <= cursors.MAX_LENGTH


def test_cursors_without_a_name_go_on() -> None:
    """A page that was opened before photos had names in their order has such ones."""
    key = str(uuid4())
    given_out = json.dumps(["taken", "2026-05-04T12:00:00+00:00", key]).encode()
    cursor = base64.urlsafe_b64encode(given_out).decode().rstrip("=")
    assert cursors.decode(ListKind.TAKEN, cursor) == Place(datetime(2026, 5, 4, 12, tzinfo=UTC), key)


def test_a_cursor_is_of_one_list() -> None:
    """A cursor of the rejected photos is none of the gallery's."""
    place = Place(NOON, "photos.uploaded-0-17")
    cursor = cursors.encode(ListKind.REJECTED, place)
    assert cursors.decode(ListKind.REJECTED, cursor) == place
    with pytest.raises(cursors.CursorError):
        cursors.decode(ListKind.UPLOADED, cursor)


@pytest.mark.parametrize(
    "content",
    [
        ["processed", NOON.isoformat(), "not-a-uuid"],
        ["processed", NOON.replace(tzinfo=None).isoformat(), str(uuid4())],
        ["processed", "yesterday", str(uuid4())],
        ["processed", NOON.isoformat(), 7],
        ["processed", NOON.isoformat(), str(uuid4()), "a.jpg"],
        ["processed", NOON.isoformat(), str(uuid4()), 7, NOON.isoformat()],
        ["processed", NOON.isoformat(), str(uuid4()), "a\0.jpg", NOON.isoformat()],
        ["processed", NOON.isoformat(), str(uuid4()), "\ud800.jpg", NOON.isoformat()],
        ["processed", NOON.isoformat(), str(uuid4()), "a.jpg", "yesterday"],
        ["processed", NOON.isoformat(), str(uuid4()), "a.jpg", NOON.isoformat(), "more"],
        ["processed", 7, str(uuid4())],
        ["processed"],
        {"a": 1},
        None,
    ],
)
def test_made_up_cursors_are_refused(content: object) -> None:
    """What only looks like a cursor never reaches the database."""
    made_up = base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
    with pytest.raises(cursors.CursorError):
        cursors.decode(ListKind.UPLOADED, made_up)


@given(st.text(max_size=60))
def test_any_text_as_cursor_is_refused_as_such(text: str) -> None:
    """Noise raises nothing else."""
    with pytest.raises(cursors.CursorError):
        cursors.decode(ListKind.UPLOADED, text)


def test_failures_within_the_window_are_counted() -> None:
    """The third attempt after two failures waits until the first of them is five minutes old."""
    clock = FakeClock()
    attempts = Throttle(2, clock)
    for _ in range(2):
        attempts.check("ada")
        attempts.failed("ada")
        clock.advance(seconds=60)
    with pytest.raises(ThrottledError) as refused:
        attempts.check("ada")
    assert refused.value.retry_seconds == 180
    attempts.check("grace")
    clock.advance(seconds=180)
    attempts.check("ada")


def test_success_forgets_and_forgiveness_takes_one_back() -> None:
    """A right password clears a person's count; of a shared address only that attempt is taken back."""
    attempts = Throttle(2, FakeClock())
    attempts.failed("ada")
    attempts.failed("ada")
    attempts.forgive("ada")
    attempts.check("ada")
    attempts.failed("ada")
    attempts.succeeded("ada")
    attempts.check("ada")


def test_the_throttle_remembers_a_bounded_number_of_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up addresses cannot fill the memory; the oldest keys are forgotten first."""
    monkeypatch.setattr(throttle, "MAX_KEYS", 3)
    clock = FakeClock()
    attempts = Throttle(1, clock)
    for key in "abcd":
        attempts.failed(key)
        clock.moment += timedelta(seconds=1)
    assert list(attempts._failures) == ["b", "c", "d"]
