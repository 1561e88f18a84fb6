"""What is not as usual: each concern is raised by its cause, and gone with it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from photo_pipeline.domain.health import (
    Backlog,
    CustomerOutcomes,
    CustomerWait,
    HourOutcomes,
    Leaving,
    LedgerHealth,
    Room,
    Unwell,
    Volume,
    behind,
    days_until_full,
    room_left,
    time_to_drain,
    unusual,
    usual_share,
    volumes_left,
)

NOW = datetime(2026, 5, 9, 12, 20, tzinfo=UTC)
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
ADA, GRACE = UUID(int=1), UUID(int=2)
QUIET = LedgerHealth(NOW)


def subjects(found: Iterable[Unwell]) -> list[str]:
    """What it is about."""
    return [each.subject for each in found]


def week(share: float, days: Sequence[int] = range(1, 8)) -> list[HourOutcomes]:
    """A thousand records at noon of each of these days ago, so many of them rejected."""
    return [HourOutcomes(NOW.replace(minute=0) - day * DAY, 1000, round(1000 * share)) for day in days]


def lately(records: int, rejected: int) -> HourOutcomes:
    """The hour that goes on."""
    return HourOutcomes(NOW.replace(minute=0), records, rejected)


@pytest.mark.parametrize(
    ("usual", "records", "rejected", "raised"),
    [
        (0.02, 1000, 390, True),
        (0.02, 1000, 40, False),
        (0.39, 1000, 390, False),
        (0.39, 1000, 600, True),
        (0.0, 20, 10, True),
        (0.0, 19, 19, False),
        (0.0, 1000, 9, False),
        (0.30, 30, 14, False),  # chance does that
    ],
)
def test_rejects_are_held_against_the_week_before(usual: float, records: int, rejected: int, *, raised: bool) -> None:
    """By a margin, and by more than chance; the same share is nothing new where it is usual."""
    health = replace(QUIET, hours=[*week(usual), lately(records, rejected)])
    assert subjects(unusual(health)) == (["rejects"] if raised else [])


def test_one_bad_day_does_not_make_itself_usual() -> None:
    """The middle day counts; before three days are known nothing is usual."""
    hours = [*week(0.02, range(2, 8)), *week(0.8, [1])]
    assert usual_share(hours, NOW) == pytest.approx(0.02)
    assert usual_share(week(0.5, [1, 2]), NOW) == 0
    assert subjects(unusual(replace(QUIET, hours=[*hours, lately(100, 40)]))) == ["rejects"]


def test_more_than_half_is_serious() -> None:
    """The sentence has the figures of both."""
    (found,) = unusual(replace(QUIET, hours=[*week(0.02), lately(100, 60)]))
    assert found.serious
    assert found.text == (
        "60% of the records of the last hours were rejected (60 of 100); on a usual day of the week before it was 2%"
    )


@pytest.mark.parametrize(
    ("ada", "others", "raised"),
    [
        ((50, 40), (1000, 10), True),
        ((50, 2), (1000, 10), False),
        ((50, 40), (1000, 800), False),  # everybody is
        ((50, 40), (5, 0), False),  # there is nobody to compare with
        ((9, 9), (1000, 0), False),
    ],
)
def test_one_customer_is_hit(ada: tuple[int, int], others: tuple[int, int], *, raised: bool) -> None:
    """Whose records are rejected far more often than everybody else's."""
    customers = [CustomerOutcomes(ADA, *ada), CustomerOutcomes(GRACE, *others), CustomerOutcomes(None, 3, 3)]
    assert subjects(unusual(replace(QUIET, customers=customers))) == ([f"customer {ADA} refused"] if raised else [])


@pytest.mark.parametrize(
    ("records", "minutes", "others", "raised"),
    [(20, 30, 0.1, True), (20, 9, 0.1, False), (20, 30, 20, False), (19, 30, 0.1, False)],
)
def test_one_customer_waits(records: int, minutes: float, others: float, *, raised: bool) -> None:
    """Long, and much longer than the others do."""
    waits = [CustomerWait(ADA, records, minutes * MINUTE), CustomerWait(GRACE, 50, others * MINUTE)]
    assert subjects(unusual(replace(QUIET, waits=waits))) == ([f"customer {ADA} waiting"] if raised else [])
    assert subjects(unusual(replace(QUIET, waits=waits[:1]))) == []


@pytest.mark.parametrize(
    ("backlog", "done", "raised", "serious"),
    [
        (Backlog(1000, 500, NOW - 6 * MINUTE), 100, True, True),
        (Backlog(1000, 50, NOW - 6 * MINUTE), 100, True, False),  # 3.3 hours
        (Backlog(1000, 50, NOW - 6 * MINUTE), 1000, False, False),  # ten minutes
        (Backlog(1000, 1000, NOW - 1 * MINUTE), 0, False, False),  # it has just come
        (Backlog(19, 5, NOW - 6 * MINUTE), 0, False, False),
        (Backlog(0, 0, None), 0, False, False),
        (Backlog(1000, 0, NOW - HOUR), 0, True, False),  # nothing comes, nothing is done
    ],
)
def test_a_backlog_that_grows_or_takes_long(backlog: Backlog, done: int, *, raised: bool, serious: bool) -> None:
    """By what came and what was done in the last ten minutes."""
    found = list(behind(backlog, replace(QUIET, done=done)))
    assert subjects(found) == (["backlog"] if raised else [])
    assert [each.serious for each in found] == ([serious] if raised else [])


def test_time_to_drain() -> None:
    """What waits over what gets less of it; never where nothing does."""
    assert time_to_drain(Backlog(600, 100, NOW), 160) == 100 * MINUTE
    assert time_to_drain(Backlog(600, 100, NOW), 100) is None


def test_the_archives_disks_are_full_before_anything_leaves() -> None:
    """100 bytes a day, twice on disk, and nothing that goes: 700 last for three days and a half."""
    health = replace(QUIET, archived=100, leaving=[Leaving(50, None)])
    assert days_until_full(Room(1000, 700, 2.0), health) == pytest.approx(3.5)
    (found,) = room_left(Room(1000, 700, 2.0), health)
    assert (found.subject, found.topic, found.serious) == ("disk HDFS", "photohdfsfull", False)
    assert "70% of the disk space of HDFS is free, full in 3.5 days" in found.text


def test_what_leaves_makes_room_for_what_comes() -> None:
    """A week of such days in the archive: as much goes as comes, and there is no concern; a little room is one."""
    leaving = [Leaving(100, NOW + day * DAY) for day in range(1, 9)]
    health = replace(QUIET, archived=100, leaving=leaving)
    assert days_until_full(Room(1000, 60, 2.0), health) is None
    assert subjects(room_left(Room(1000, 60, 2.0), health)) == []
    assert subjects(room_left(Room(1000, 49, 2.0), health)) == ["disk HDFS"]
    busier = replace(health, archived=130)
    assert days_until_full(Room(1000, 60, 2.0), busier) is not None


@pytest.mark.parametrize(
    ("free", "before", "hours", "raised", "serious"),
    [
        (400, 600, 12, True, False),  # one day
        (200, 600, 12, True, True),
        (900, 910, 12, False, False),
        (600, 400, 12, False, False),
        (40, 40, 12, True, True),
        (400, 600, 5, False, False),  # too short to tell
    ],
)
def test_the_disk_of_uploads(free: int, before: int, hours: float, *, raised: bool, serious: bool) -> None:
    """By what became of it within a day; nearly full is enough."""
    found = list(volumes_left([Volume("the uploads", 1000, free, NOW, before, NOW - hours * HOUR)]))
    assert subjects(found) == (["disk the uploads"] if raised else [])
    assert [each.serious for each in found] == ([serious] if raised else [])
