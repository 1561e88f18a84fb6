"""The comparisons of the reconciliation that need no server."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photo_pipeline.domain.documents import Document
from photo_pipeline.domain.errors import ReconciliationFindingsError
from photo_pipeline.domain.photo import Log
from photo_pipeline.domain.reconciliation import (
    CheckResult,
    DocumentFault,
    Figures,
    Finding,
    PartitionState,
    Rotation,
    SliceCoverage,
    Status,
    StoredDocument,
    differing_customers,
    document_fault,
    partition_faults,
    recent_days,
    rotated_days,
    slice_faults,
)

ADA, GRACE = UUID(int=1), UUID(int=2)
NOW = datetime(2026, 5, 4, 3, 2, tzinfo=UTC)


def coverage(**changes: int) -> SliceCoverage:
    """A slice ``[10, 20)`` that is well."""
    facts = {"records": 10, "own_records": 10, "previous_end": 10, "next_start": 20, **changes}
    return SliceCoverage(slice_id=1, log=Log("t", 0), start=10, end=20, **facts)


def stored(version: int, **body: int) -> StoredDocument:
    """A document in the index."""
    return StoredDocument("t-0-1", "photos-2026.05", version, body, 1, 1)


class TestSlices:
    """How slices cover a partition."""

    def test_whole_slice_has_no_fault(self) -> None:
        """As many records as offsets, neighbours that join."""
        assert list(slice_faults(coverage())) == []

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"records": 8, "own_records": 8}, "2 of 10 offsets have no record"),
            ({"own_records": 11}, "11 records name it, but its range holds 10"),
            ({"previous_end": 9}, "what comes before it ends at 9"),
            ({"previous_end": 12}, "what comes before it ends at 12"),
            ({"next_start": 25}, "what comes after it starts at 25"),
        ],
    )
    def test_each_fault_is_told(self, changes: dict[str, int], words: str) -> None:
        """A hole, strangers, a gap, an overlap."""
        assert list(slice_faults(coverage(**changes))) == [words]

    @pytest.mark.parametrize(
        ("state", "faults"),
        [
            (PartitionState(5, 5, None, None), 0),
            (PartitionState(5, 5, 5, None), 0),  # the first slice is planned, and not yet committed
            (PartitionState(5, 9, 5, 9), 0),
            (PartitionState(5, 9, 7, 9), 1),
            (PartitionState(5, 9, 5, 8), 1),
            (PartitionState(5, 9, None, None), 2),
        ],
    )
    def test_ends_of_a_partition(self, state: PartitionState, faults: int) -> None:
        """The slices begin at the first offset and end at the next one."""
        assert len(list(partition_faults(state))) == faults


class TestSums:
    """Which customers' documents are looked at one by one."""

    def test_equal_sums_need_no_look(self) -> None:
        """The same counts, bytes and expiries."""
        sums = {ADA: Figures(2, 20, 1), None: Figures(1, 0, 0)}
        assert list(differing_customers(sums, sums)) == []

    @pytest.mark.parametrize("other", [Figures(3, 20, 1), Figures(2, 21, 1), Figures(2, 20, 0)])
    def test_any_difference_counts(self, other: Figures) -> None:
        """One more, one byte more, one expiry less."""
        assert list(differing_customers({ADA: Figures(2, 20, 1)}, {ADA: other})) == [ADA]

    def test_one_side_only(self) -> None:
        """A customer who is in the index alone, or in the ledger alone."""
        found = differing_customers({ADA: Figures(1, 1, 0)}, {GRACE: Figures(1, 1, 0)})
        assert set(found) == {ADA, GRACE}

    def test_what_is_on_its_way_hides_nothing(self) -> None:
        """One missing and one not yet expected would give equal sums."""
        assert list(differing_customers({ADA: Figures(2, 20, 0, pending=1)}, {ADA: Figures(2, 20, 0)})) == [ADA]


class TestDocuments:
    """A document against the one that its row gives."""

    @pytest.mark.parametrize(
        ("found", "fault"),
        [
            (None, DocumentFault.MISSING),
            (stored(1, bytes=7), DocumentFault.STALE),
            (stored(3, bytes=7), DocumentFault.AHEAD),
            (stored(2, bytes=8), DocumentFault.ALTERED),
            (stored(2), DocumentFault.ALTERED),
            (stored(2, bytes=7), None),
        ],
    )
    def test_each_fault_has_its_name(self, found: StoredDocument | None, fault: DocumentFault | None) -> None:
        """Gone, older, newer than possible, other content."""
        assert document_fault(Document("t-0-1", 2, "2026.05", {"bytes": 7}), found) is fault


class TestRotation:
    """Whose turn it is."""

    @given(length=st.integers(1, 500), first=st.integers(0, 10_000), number=st.integers(0, 10**9))
    def test_everything_has_one_turn_per_rotation(self, length: int, first: int, number: int) -> None:
        """Wherever a rotation begins."""
        turns = [Rotation(turn, length).includes(number) for turn in range(first, first + length)]
        assert sum(turns) == 1

    @given(today=st.dates(date(2020, 1, 1), date(2040, 1, 1)), length=st.integers(1, 50), count=st.integers(1, 60))
    def test_days_are_shared_out(self, today: date, length: int, count: int) -> None:
        """All days within reach, each once, newest first."""
        shares = [rotated_days(today, count, Rotation(turn, length)) for turn in range(length)]
        assert sorted(day for share in shares for day in share) == sorted(recent_days(today, count))


class TestWords:
    """What an operator reads."""

    def test_status_is_the_worst(self) -> None:
        """One finding outweighs repairs."""
        assert CheckResult("c", NOW).status is Status.OK
        assert CheckResult("c", NOW, repaired=2).status is Status.REPAIRED
        assert CheckResult("c", NOW, repaired=2, found=1).status is Status.FINDING

    def test_error_names_what_it_can(self) -> None:
        """The number of findings, the first of them, and how many more there are."""
        error = ReconciliationFindingsError(3, [str(Finding("path", "is gone"))], ["search_documents"])
        assert str(error) == (
            "3 findings, unfinished checks: search_documents; path: is gone; and 2 more in the table reconciliation"
        )
