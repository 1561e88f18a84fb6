"""Requests to reprocess: what the form may say, what a record's copy carries, what is read at one go."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photo_pipeline.domain.errors import InvalidRequestError
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.domain.photo import RecordCoordinates
from photo_pipeline.domain.reprocess import (
    Attempt,
    Mode,
    Request,
    SourceShard,
    offset_runs,
    parse_request,
    reprocess_headers,
    reprocess_path,
    reprocess_staging_path,
)
from photo_pipeline.domain.retention import file_of

FORM: dict[str, Any] = {
    "mode": "renditions",
    "from": "2026-05-01T00:00:00Z",
    "to": "2026-05-02T00:00:00+00:00",
    "customer_id": None,
    "format": "any",
    "reason": "any",
}
CUSTOMER = "00000000-0000-0000-0000-00000000002a"


class TestForm:
    """What an operator fills in."""

    def test_filled_in_form(self) -> None:
        """Each field is what it says."""
        request = parse_request("run", {**FORM, "customer_id": CUSTOMER, "format": "png"})
        assert request == Request(
            request_id="run",
            mode=Mode.RENDITIONS,
            start=datetime(2026, 5, 1, tzinfo=UTC),
            end=datetime(2026, 5, 2, tzinfo=UTC),
            customer_id=UUID(CUSTOMER),
            format=SniffedFormat.PNG,
            reason=None,
        )

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"from": "yesterday"}, "from must be a date and time such as"),
            ({"from": None}, "from must be a date and time such as"),
            ({"to": "2026-05-02T00:00:00"}, "to needs a time zone"),
            ({"from": "0000-01-01T00:00:00Z"}, "from must be a date and time such as"),
            ({"from": "0001-01-01T00:00:00+14:00"}, "from must be a time that there is in UTC, too"),
            ({"to": "9999-12-31T23:59:59-14:00"}, "to must be a time that there is in UTC, too"),
            ({"to": "2026-05-01T00:00:00Z"}, "from .* must be earlier than to"),
            ({"mode": "everything"}, "mode must be one of renditions, dead_letters"),
            ({"customer_id": "ada"}, "customer_id must be a customer's id, not 'ada'"),
            ({"format": "raw"}, "format must be one of any, jpeg"),
            ({"reason": "ugly"}, "reason must be one of any, not_a_cloudevent"),
            ({"reason": "empty"}, "reason chooses dead letters"),
            ({"mode": "dead_letters", "format": "png"}, "format chooses renditions"),
        ],
    )
    def test_mistake_is_named(self, changes: dict[str, Any], words: str) -> None:
        """One line that names the field and what it should be."""
        with pytest.raises(InvalidRequestError, match=f"^invalid request: {words}") as error:
            parse_request("run", {**FORM, **changes})
        assert "\n" not in str(error.value)

    @given(
        mode=st.sampled_from(Mode),
        start=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(timezone(timedelta(hours=5)))),  # noqa: DTZ001 - hypothesis wants bounds without zone
        seconds=st.integers(1, 10**8),
        customer_id=st.none() | st.uuids(),
        chosen=st.none() | st.sampled_from([*SniffedFormat, *RejectReason]),
    )
    def test_parameters_say_the_same_again(
        self,
        mode: Mode,
        start: datetime,
        seconds: int,
        customer_id: UUID | None,
        chosen: SniffedFormat | RejectReason | None,
    ) -> None:
        """What is handed from task to task is the request."""
        request = Request(
            request_id="run",
            mode=mode,
            start=start.astimezone(UTC),
            end=start.astimezone(UTC) + timedelta(seconds=seconds),
            customer_id=customer_id,
            format=chosen if isinstance(chosen, SniffedFormat) and mode is Mode.RENDITIONS else None,
            reason=chosen if isinstance(chosen, RejectReason) and mode is Mode.DEAD_LETTERS else None,
        )
        assert parse_request("run", request.parameters()) == request


class TestCopies:
    """A record that is sent again."""

    def test_own_headers_stay(self) -> None:
        """In their order, repeated ones too; what an earlier feeding added is replaced."""
        headers = [("mine", b"1"), ("ce_reprocessof", b"older"), ("mine", b"\xff"), ("ce_id", b"x")]
        assert reprocess_headers(headers, RecordCoordinates("t", 2, 7), "run") == [
            ("mine", b"1"),
            ("mine", b"\xff"),
            ("ce_id", b"x"),
            ("ce_reprocessof", b"t-2-7"),
            ("ce_reprocessrequest", b"run"),
        ]

    @given(offsets=st.sets(st.integers(0, 200)), gap=st.integers(0, 10))
    def test_runs_hold_every_offset(self, offsets: set[int], gap: int) -> None:
        """Growing ranges that do not touch, each ending at offsets that are wanted, no larger gap within."""
        wanted = sorted(offsets)
        runs = offset_runs(wanted, gap)
        assert [offset for start, end in runs for offset in wanted if start <= offset < end] == wanted
        assert all(start in offsets and end - 1 in offsets for start, end in runs)
        assert all(later[0] - earlier[1] > gap for earlier, later in pairwise(runs))
        for start, end in runs:
            inside = [offset for offset in wanted if start <= offset < end]
            assert all(later - earlier - 1 <= gap for earlier, later in pairwise(inside))


class TestNames:
    """Where attempts write."""

    @pytest.mark.parametrize(("is_hold", "folder"), [(False, "archive"), (True, "held")])
    def test_file_lies_with_its_source(self, *, is_hold: bool, folder: str) -> None:
        """In the source's day, under a name that says source and attempt, and is nobody else's."""
        attempt = Attempt(5, "run", SourceShard(12, "/photos/x.tar", date(2026, 5, 4), is_hold))
        path = reprocess_path("/photos", attempt)
        assert path == f"/photos/{folder}/dt=2026-05-04/reprocess-12-5.tar"
        assert reprocess_staging_path("/photos", attempt) == "/photos/_staging/reprocess-12-5.tar"
        assert file_of("/photos/archive/dt=2026-05-04/t-0-12-5-1.tar") != file_of(path)
