"""Whether the platform does its work as it usually does: rules on figures, and a sentence for whoever has to look.

What is usual is the platform's own last week, not a number in a setting. Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from uuid import UUID

from photo_pipeline.domain.retention import KEEP, LATEST

LATELY = timedelta(hours=3)
"""Whole hours, the one that goes on among them: what is held against the week before."""
WEEK = timedelta(days=7)
PACE = timedelta(minutes=10)
"""Over so long it is seen how fast photos come and are done."""
SAMPLE = 2000
"""So many of the newest outcomes tell how long each customer's photos waited."""
ENOUGH = 20
"""Fewer records have no share worth a word."""
SURE = 4.0
"""Standard deviations: chance does not make so much."""
DAY = timedelta(days=1)
HDFS = "HDFS"

_REFUSED = 10
_KNOWN_DAYS = 3
_MORE, _FAR_MORE = 0.10, 0.25
_WAITED = timedelta(minutes=10)
_TIMES = 5
_NAMED = 3
_LONG_DRAIN = timedelta(hours=1)
_SOON, _VERY_SOON = 3.0, 1.0
_FULL = 0.05
_TELLING = timedelta(hours=6)
"""What a busy hour takes of a disk says nothing about its days."""


@dataclass(frozen=True, slots=True)
class Unwell:
    """Something that is not as it usually is.

    Attributes:
        subject: what it is, the same whenever it is seen.
        text: a sentence with figures, for people.
        serious: whether it cannot wait for the morning.
        topic: the heading of the operations guide that says what to do.
    """

    subject: str
    text: str
    serious: bool
    topic: str


@dataclass(frozen=True, slots=True)
class HourOutcomes:
    """What became of the records that had their outcome in an hour."""

    hour: datetime
    records: int
    rejected: int


@dataclass(frozen=True, slots=True)
class CustomerOutcomes:
    """The same of a customer, of today or since yesterday; ``None`` for records that name no customer of ours."""

    customer_id: UUID | None
    records: int
    rejected: int


@dataclass(frozen=True, slots=True)
class CustomerWait:
    """How long a customer's newest records waited from their acceptance to their outcome."""

    customer_id: UUID | None
    records: int
    median: timedelta


@dataclass(frozen=True, slots=True)
class Leaving:
    """Bytes of the archive that are gone at that time at the latest; never, where they are held."""

    bytes: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """Bytes of a disk, and what is left of them."""

    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Volume:
    """A disk as it was a while ago and as it is. ``name`` says which, as people know it."""

    name: str
    total: int
    free: int
    taken_at: datetime
    free_before: int
    before_at: datetime


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes on the archive's disks, and how many each byte of a shard takes there, all copies counted."""

    capacity: int
    remaining: int
    copies: float


@dataclass(frozen=True, slots=True)
class LedgerHealth:
    """What the ledger says of the last week at one time.

    Attributes:
        now: by its clock.
        hours: of the last week and three hours.
        customers: whose records had their outcome lately.
        waits: of the newest outcomes.
        done: records that had their outcome within ``PACE``.
        archived: bytes of shards of the last 24 hours.
        leaving: all that the archive holds.
        volumes: disks that are no server's.
    """

    now: datetime
    hours: Sequence[HourOutcomes] = ()
    customers: Sequence[CustomerOutcomes] = ()
    waits: Sequence[CustomerWait] = ()
    done: int = 0
    archived: int = 0
    leaving: Sequence[Leaving] = ()
    volumes: Sequence[Volume] = ()


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits in Kafka, what came within ``PACE``, and when the oldest came."""

    records: int
    came: int
    oldest_at: datetime | None


def unusual(health: LedgerHealth) -> Iterator[Unwell]:
    """All that the ledger alone tells."""
    yield from _rejects(health.hours, health.now)
    yield from _customers_refused(health.customers)
    yield from _customers_waiting(health.waits)


def usual_share(hours: Sequence[HourOutcomes], now: datetime) -> float:
    """The share rejected of a usual day of the week before: one bad day does not make itself usual.

    0 where fewer than three days are known: then nothing is usual yet.
    """
    days: dict[int, list[HourOutcomes]] = {}
    for each in hours:
        if each.hour <= now - LATELY:
            days.setdefault((now - LATELY - each.hour) // DAY, []).append(each)
    shares = [_share(of_day) for of_day in days.values() if sum(each.records for each in of_day) >= ENOUGH]
    return median(shares) if len(shares) >= _KNOWN_DAYS else 0.0


def _rejects(hours: Sequence[HourOutcomes], now: datetime) -> Iterator[Unwell]:
    lately = [each for each in hours if each.hour > now - LATELY]
    records, rejected = sum(each.records for each in lately), sum(each.rejected for each in lately)
    usual = usual_share(hours, now)
    if records >= ENOUGH and rejected >= _REFUSED and _is_more(rejected, records, usual, _MORE):
        share = rejected / records
        yield Unwell(
            "rejects",
            f"{share:.0%} of the records of the last hours were rejected ({rejected:,} of {records:,}); "
            f"on a usual day of the week before it was {usual:.0%}",
            serious=share >= 0.5,  # noqa: PLR2004 - more than half
            topic="photorejectedmany",
        )


def _customers_refused(customers: Sequence[CustomerOutcomes]) -> Iterator[Unwell]:
    records, rejected = sum(each.records for each in customers), sum(each.rejected for each in customers)
    for each in _worst(customers):
        others = records - each.records
        usual = (rejected - each.rejected) / others if others else 0.0
        if others >= ENOUGH and each.rejected >= _REFUSED and _is_more(each.rejected, each.records, usual, _FAR_MORE):
            yield Unwell(
                f"customer {each.customer_id} refused",
                f"Customer {each.customer_id} is hit: {each.rejected / each.records:.0%} of their records were "
                f"rejected since yesterday ({each.rejected:,} of {each.records:,}), of all others' {usual:.0%}",
                serious=False,
                topic="photorejectedmany",
            )


def _customers_waiting(waits: Sequence[CustomerWait]) -> Iterator[Unwell]:
    slowest = sorted(waits, key=lambda each: each.median, reverse=True)
    for each in [one for one in slowest if one.customer_id is not None and one.records >= ENOUGH][:_NAMED]:
        others = [one for one in waits if one is not each]
        usual = timedelta(seconds=median(one.median.total_seconds() for one in others)) if others else None
        if usual is not None and each.median >= _WAITED and each.median >= _TIMES * usual:
            yield Unwell(
                f"customer {each.customer_id} waiting",
                f"Photos of customer {each.customer_id} waited for {_minutes(each.median)}, "
                f"those of the others for {_minutes(usual)}",
                serious=False,
                topic="photoingestlate",
            )


def behind(backlog: Backlog, health: LedgerHealth) -> Iterator[Unwell]:
    """Whether what waits grows, or takes long to be done at the present pace. What has just come is no backlog yet."""
    if backlog.oldest_at is None or health.now - backlog.oldest_at < PACE / 2 or backlog.records < ENOUGH:
        return
    drain = time_to_drain(backlog, health.done)
    if drain is not None and drain < _LONG_DRAIN:
        return
    pace = f"{backlog.came:,} came and {health.done:,} were done in the last {_minutes(PACE)}"
    end = "it does not get less" if drain is None else f"at this pace it is gone in {_hours(drain)}"
    yield Unwell(
        "backlog",
        f"{backlog.records:,} records wait in Kafka: {pace}, {end}",
        serious=drain is None and backlog.came > health.done,
        topic="photoingestlate",
    )


def time_to_drain(backlog: Backlog, done: int) -> timedelta | None:
    """Until nothing waits, if photos come and are done as they are; ``None`` if that is never."""
    net = done - backlog.came
    return None if net <= 0 else PACE * (backlog.records / net)


def room_left(room: Room, health: LedgerHealth) -> Iterator[Unwell]:
    """Whether the archive's disks last: what comes each day against what leaves on each of the days to come."""
    days = days_until_full(room, health)
    if days is None and room.remaining >= _FULL * room.capacity:
        return
    yield _full(HDFS, room.remaining, room.capacity, days)


def days_until_full(room: Room, health: LedgerHealth) -> float | None:
    """Until the archive's disks are full at the last day's rate; ``None`` if photos leave as fast before that."""
    for days in range(1, (KEEP + LATEST) // DAY + 2):
        until = health.now + days * DAY
        left = sum(each.bytes for each in health.leaving if each.at is not None and each.at <= until)
        more = room.copies * (health.archived * days - left)
        if more > room.remaining:
            before = room.copies * health.archived
            return max(0.0, days - (more - room.remaining) / before)
    return None


def volumes_left(volumes: Sequence[Volume]) -> Iterator[Unwell]:
    """Whether other disks last, by what became of them within a day at most."""
    for each in volumes:
        days, is_low = _days_of(each), each.free < _FULL * each.total
        if is_low or (days is not None and days < _SOON):
            yield _full(each.name, each.free, each.total, days)


def _days_of(volume: Volume) -> float | None:
    used, span = volume.free_before - volume.free, volume.taken_at - volume.before_at
    if used <= 0 or span < _TELLING:
        return None
    return volume.free / (used / (span / DAY))


def _full(name: str, free: int, total: int, days: float | None) -> Unwell:
    when = "" if days is None else f", full in {days:.1f} days at the present rate"
    return Unwell(
        f"disk {name}",
        f"{free / total if total else 0:.0%} of the disk space of {name} is free{when}",
        serious=free < _FULL * total or (days is not None and days < _VERY_SOON),
        topic="photohdfsfull" if name == HDFS else "photovolumefull",
    )


def _worst(customers: Sequence[CustomerOutcomes]) -> Sequence[CustomerOutcomes]:
    ours = [each for each in customers if each.customer_id is not None]
    return sorted(ours, key=lambda each: each.rejected, reverse=True)[:_NAMED]


def _share(hours: Sequence[HourOutcomes]) -> float:
    return sum(each.rejected for each in hours) / sum(each.records for each in hours)


def _is_more(rejected: int, records: int, usual: float, margin: float) -> bool:
    """By a margin that matters, and by more than chance makes of so few records."""
    chance: float = (records * usual * (1 - usual) + 1) ** 0.5
    return rejected / records >= usual + margin and rejected - records * usual >= SURE * chance


def _minutes(span: timedelta) -> str:
    return f"{span / timedelta(minutes=1):.0f} min"


def _hours(span: timedelta) -> str:
    return f"{span / timedelta(hours=1):.1f} h"
