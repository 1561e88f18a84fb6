"""``document_of``: what of an outcome reaches analysts."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

import photo_pipeline
from photo_pipeline.domain.documents import CommitPosition, OutcomeRow, document_of
from photo_pipeline.domain.photo import RecordCoordinates

NEW_YORK_WINTER = timezone(timedelta(hours=-5))

ROW = OutcomeRow(
    coordinates=RecordCoordinates("photos.uploaded", 3, 41),
    updated_xid=900,
    version=2,
    outcome="processed",
    reject_reason=None,
    photo_id=UUID("4f8b1c52-6a0e-5d59-9c53-0f5c6e1a2b3c"),
    customer_id=UUID("b0a7c6d5-0000-4000-8000-000000000001"),
    customer_name="Ada",
    source="upload",
    bytes=3_000_000,
    format="jpeg",
    width=4000,
    height=3000,
    megapixels=Decimal("12.00"),
    camera="Canon EOS R6",
    taken_at=datetime(2026, 1, 31, 23, 59, 59),  # noqa: DTZ001 - the camera's clock has no zone
    taken_at_offset=None,
    uploaded_at=datetime(2026, 1, 31, 20, 0, tzinfo=NEW_YORK_WINTER),
    processed_at=datetime(2026, 2, 1, 1, 0, 7, tzinfo=UTC),
    expired_at=None,
    latency_ms=7000,
)


def test_document_says_what_the_row_says() -> None:
    """Ids become text, times RFC 3339 in UTC, the camera's time stays without zone, unknowns are left out."""
    document = document_of(ROW)
    assert (document.document_id, document.version) == ("photos.uploaded-3-41", 2)
    assert document.body == {
        "topic": "photos.uploaded",
        "partition": 3,
        "offset": 41,
        "version": 2,
        "outcome": "processed",
        "photo_id": "4f8b1c52-6a0e-5d59-9c53-0f5c6e1a2b3c",
        "customer_id": "b0a7c6d5-0000-4000-8000-000000000001",
        "customer_name": "Ada",
        "source": "upload",
        "bytes": 3_000_000,
        "format": "jpeg",
        "width": 4000,
        "height": 3000,
        "megapixels": 12.0,
        "camera": "Canon EOS R6",
        "taken_at": "2026-01-31T23:59:59",
        "uploaded_at": "2026-02-01T01:00:00Z",
        "processed_at": "2026-02-01T01:00:07Z",
        "latency_ms": 7000,
    }


def test_month_is_that_of_the_acceptance_in_utc() -> None:
    """The last evening of January in New York is February: everyone counts months by one clock."""
    assert document_of(ROW).month == "2026.02"


def test_a_missing_acceptance_time_does_not_stop_the_sync() -> None:
    """Such a row still gets a document, filed by when it was processed."""
    document = document_of(replace(ROW, uploaded_at=None))
    assert document.month == "2026.02"
    assert "uploaded_at" not in document.body


@given(
    version=st.integers(1, 2**62),
    processed_after=st.timedeltas(timedelta(0), timedelta(days=400)),
    outcome=st.sampled_from(["processed", "duplicate", "rejected"]),
    expired=st.booleans(),
)
def test_no_later_change_moves_a_document(
    version: int, processed_after: timedelta, outcome: str, *, expired: bool
) -> None:
    """Whatever becomes of an outcome, it keeps its index and id; otherwise one record would be counted twice."""
    assert ROW.uploaded_at is not None
    processed_at = ROW.uploaded_at + processed_after
    changed = document_of(
        replace(
            ROW,
            version=version,
            outcome=outcome,
            processed_at=processed_at,
            expired_at=processed_at if expired else None,
        )
    )
    assert (changed.document_id, changed.month) == (document_of(ROW).document_id, document_of(ROW).month)


def test_mapping_and_document_have_the_same_fields() -> None:
    """The mapping is strict, so a field that only one of them knows would fail every document."""
    every_field: dict[str, Any] = {
        "reject_reason": "truncated",
        "taken_at_offset": "+02:00",
        "expired_at": datetime(2026, 2, 8, tzinfo=UTC),
        "first_of_customer": True,
    }
    text = (Path(photo_pipeline.__file__).parent / "mappings" / "photos.json").read_text()
    assert set(document_of(replace(ROW, **every_field)).body) == set(json.loads(text)["mappings"]["properties"])


def test_no_personal_detail_can_reach_analysts() -> None:
    """Neither file name, e-mail address nor location is even part of the row."""
    names = {field.name for field in fields(OutcomeRow)}
    assert not {name for name in names if any(word in name for word in ("file", "mail", "gps", "serial", "sha"))}


def test_position_orders_rows_as_the_database_does() -> None:
    """First by transaction, then by record: what resumes a page where the last one ended."""
    assert ROW.position == CommitPosition(900, "photos.uploaded", 3, 41, 1)
    assert CommitPosition(900) < ROW.position < CommitPosition(900, "photos.uploaded", 3, 42) < CommitPosition(901)
