"""The retention makes the ledger's months ahead of time, and drops them once their time is over."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from tests.support.memory_months import NOTHING, MemoryMonths
from tests.support.retention import Platform

from photo_pipeline.domain.errors import RetentionIncompleteError
from photo_pipeline.domain.months import MonthFacts
from photo_pipeline.domain.removal import Removal
from photo_pipeline.domain.retention import RetentionPolicy
from photo_pipeline.use_cases.retention import run_retention

NOVEMBER, DECEMBER, JANUARY = date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)


def tended(now: datetime, months: MemoryMonths) -> Platform:
    """A platform after a run."""
    platform = Platform(now)
    for name in ("made", "waiting", "in_use"):
        setattr(platform.months, name, getattr(months, name))
    run_retention(platform.ports)
    return platform


def test_months_are_made_before_anything_is_in_them() -> None:
    """The present one and two more; a second run makes none."""
    platform = tended(datetime(2026, 11, 30, 23, tzinfo=UTC), MemoryMonths())
    assert platform.months.there() == [NOVEMBER, DECEMBER, JANUARY]
    assert run_retention(platform.ports).months == 0


def test_what_came_without_a_month_gets_one() -> None:
    """Records of a month that a platform slept through, or that a clock was set back to, are sorted in."""
    long_ago = date(2009, 12, 1)
    platform = tended(datetime(2026, 11, 5, tzinfo=UTC), MemoryMonths(waiting={long_ago, NOVEMBER}))
    assert platform.months.there() == [long_ago, NOVEMBER, DECEMBER, JANUARY]
    assert platform.months.unsorted() == []


def test_a_clock_that_was_ahead_makes_no_months() -> None:
    """What it has stamped waits without one until that time comes."""
    far = date(2099, 1, 1)
    platform = tended(datetime(2026, 11, 5, tzinfo=UTC), MemoryMonths(waiting={far}))
    assert far not in platform.months.there()


def test_tables_in_use_are_left_alone() -> None:
    """A month that cannot be made now fails nothing: the next run makes it."""
    platform = tended(datetime(2026, 11, 5, tzinfo=UTC), MemoryMonths(in_use=True))
    assert platform.months.there() == []
    platform.months.in_use = False
    assert run_retention(platform.ports).months == len([NOVEMBER, DECEMBER, JANUARY])


HOUR = timedelta(hours=1)
OLD = date(2025, 9, 1)
OVER = datetime(2025, 10, 1, tzinfo=UTC) + RetentionPolicy().keep_ledger


def ran_before(now: datetime) -> Platform:
    """A platform with one old month, where a run has looked an hour ago."""
    platform = Platform(now - HOUR)
    platform.months.made = {OLD, date(2025, 10, 1)}
    run_retention(platform.ports)
    platform.clock.time += HOUR
    return platform


def test_a_month_goes_once_two_runs_have_seen_that_its_time_is_over() -> None:
    """Not by the run that is the first to see it, and one month a run; it is on record."""
    platform = ran_before(OVER + HOUR)
    assert run_retention(platform.ports).dropped_months == 1
    assert OLD not in platform.months.made
    assert [(thing.what, thing.subject) for thing in platform.months.dropped] == [(Removal.MONTHS, "2025-09")]
    assert "400 days" in platform.months.dropped[0].why


@pytest.mark.parametrize("early", [timedelta(minutes=1), HOUR + timedelta(minutes=1)])
def test_a_month_stays_until_its_last_record_is_old_enough(early: timedelta) -> None:
    """Its last moment counts, by this look and by the one before it."""
    platform = ran_before(OVER + HOUR - early)
    assert run_retention(platform.ports).dropped_months == 0
    assert OLD in platform.months.made


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (replace(NOTHING, uncounted=2), "2 slices that are not in their days' sums"),
        (replace(NOTHING, unsynced=True), "not all in the search index"),
        (replace(NOTHING, unpublished=True), "the outbox has not told of"),
        (replace(NOTHING, living=1), "1 shards that are not removed"),
        (replace(NOTHING, youngest=OVER - timedelta(days=90)), "Kafka took at"),
    ],
    ids=["uncounted", "unsynced", "unpublished", "living", "young by Kafka's clock"],
)
def test_a_month_that_something_rests_on_stays(facts: MonthFacts, said: str) -> None:
    """And the run says what; everything else is done."""
    platform = ran_before(OVER + HOUR)
    platform.months.found[OLD] = facts
    with pytest.raises(RetentionIncompleteError, match=said):
        run_retention(platform.ports)
    assert OLD in platform.months.made


@pytest.mark.parametrize("what", ["slices", "photos"])
def test_a_month_of_very_many_rows_goes_over_several_runs(what: str) -> None:
    """Its records go last: an erasure finds a photo by them."""
    platform = ran_before(OVER + HOUR)
    setattr(platform.months, what, 300_000)
    assert run_retention(platform.ports).dropped_months == 0
    assert getattr(platform.months, what) == 100_000
    assert run_retention(platform.ports).dropped_months == 1
