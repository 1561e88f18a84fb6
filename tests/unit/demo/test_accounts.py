"""The demo's arithmetic: when figures are equal, and what is said when they are not."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_stack.demo.accounts import OUTCOMES, Account, settle, total
from local_stack.demo.sending import Load, share_out
from local_stack.demo.tables import percentile

GOOD = Account(
    customer="Ada",
    source="upload",
    accepted=10,
    ledger={"processed": 7, "duplicate": 2, "rejected": 1},
    archived=7,
    photos=7,
    search={"processed": 7, "duplicate": 2, "rejected": 1},
)


def test_equal_figures_have_no_difference() -> None:
    """The good case."""
    assert GOOD.differences() == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (replace(GOOD, accepted=11), "10 records in the ledger, but 11 accepted"),
        (replace(GOOD, archived=6), "6 photos on HDFS, but 7 processed"),
        (replace(GOOD, photos=8), "8 photos in PostgreSQL, but 7 processed"),
        (replace(GOOD, search={"processed": 7, "duplicate": 2}), "9 documents in Elasticsearch, but 10 accepted"),
        (
            replace(GOOD, search={"processed": 8, "duplicate": 1, "rejected": 1}),
            "8 processed in Elasticsearch, but 7 processed",
        ),
        (replace(GOOD, ledger={**GOOD.ledger, "absent": 1}), "1 outcomes of no known kind, but 0 expected"),
    ],
)
def test_each_difference_is_told(changed: Account, said: str) -> None:
    """Whichever place disagrees, the demo's one line names it with both figures."""
    assert f"Ada/upload: {said}" in changed.differences()


def test_every_place_can_bring_a_row() -> None:
    """A group that only one place knows is a row of its own, and so a difference."""
    rows = settle(
        {"1": "Ada"}, {("1", "upload"): 1}, {}, {("1", "stream"): 1}, {}, {("", "stream"): Counter(rejected=1)}
    )
    assert [(row.customer, row.source) for row in rows] == [
        ("Ada", "upload"),
        ("Ada", "stream"),
        ("no customer", "stream"),
    ]
    assert all(row.differences() for row in rows)


@given(st.lists(st.lists(st.integers(0, 50), min_size=3, max_size=3), max_size=6))
def test_the_total_of_equal_rows_is_equal(counts: list[list[int]]) -> None:
    """Sums keep what the rows hold."""
    rows = []
    for three in counts:
        outcomes = dict(zip(OUTCOMES, three, strict=True))
        rows.append(
            replace(GOOD, accepted=sum(three), ledger=outcomes, search=outcomes, archived=three[0], photos=three[0])
        )
    assert total(rows).differences() == []
    assert total(rows).accepted == sum(map(sum, counts))


@given(st.integers(0, 60), st.integers(1, 3))
def test_photos_are_dealt_out_completely(count: int, people: int) -> None:
    """Every photo has exactly one sender and one way."""
    photos: list[Load] = [_named(number) for number in range(count)]
    shares = list(share_out(photos, people))
    dealt = [load for uploads, frames in shares for load in (*uploads, *frames)]
    assert len(shares) == people
    assert sorted(map(id, dealt)) == sorted(map(id, photos))


def test_percentiles_by_nearest_rank() -> None:
    """With ten values p95 is the largest: no figure is made up between two."""
    values = [float(value) for value in (3, 1, 2, 10, 9, 8, 7, 6, 5, 4)]
    assert (percentile(values, 50), percentile(values, 95), percentile([2.5], 95)) == (5, 10, 2.5)


def _named(number: int) -> Load:
    def load() -> None:
        raise NotImplementedError(number)

    return load  # type: ignore[return-value] # never called here
