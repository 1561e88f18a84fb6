"""What counts as late: from figures alone."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.logs import known_log

from photo_pipeline.domain.clocks import Reading
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.figures import (
    ArchiveFigures,
    CommittedSlice,
    LedgerFigures,
    RetentionFigures,
    SyncFigures,
    waiting_ranges,
)
from photo_pipeline.domain.health import HourOutcomes, LedgerHealth, Room, Volume
from photo_pipeline.domain.ledger import Watermarks
from photo_pipeline.domain.logs import KnownLog
from photo_pipeline.domain.photo import TopicPartition
from photo_pipeline.use_cases.lateness import LateAfter, LatenessPorts, late

NOON = datetime(2026, 5, 9, 12, tzinfo=UTC)
FIRST, SECOND = TopicPartition("photos.uploaded", 0), TopicPartition("photos.streamed", 1)
AFTER = LateAfter(ingest=timedelta(minutes=10), sync=timedelta(minutes=30))
QUIET = LedgerFigures(NOON, {}, SyncFigures(NOON, None), {}, 0, {})


@dataclass
class World:
    """Kafka and the ledger as a test wants them."""

    figures: LedgerFigures = QUIET
    marks: Mapping[TopicPartition, Watermarks] = field(default_factory=dict)
    next_offsets: Mapping[TopicPartition, int] = field(default_factory=dict)
    times: Mapping[TopicPartition, datetime] = field(default_factory=dict)
    topic_id: str | None = None
    namenode: datetime | None = NOON
    week: LedgerHealth = field(default_factory=lambda: LedgerHealth(NOON))
    disks: Room | None = field(default_factory=lambda: Room(1000, 900, 1.0))
    firsts: Mapping[TopicPartition, int] = field(default_factory=dict)

    def health(self) -> LedgerHealth:
        """See the port."""
        return self.week

    def room(self) -> Room:
        """See the port."""
        if self.disks is None:
            raise ServerUnavailableError("HDFS", "a test took it away")
        return self.disks

    def first_since(self, partitions: Collection[TopicPartition], at: datetime) -> Mapping[TopicPartition, int]:
        """See the port."""
        return self.firsts

    def readings(self) -> Sequence[Reading]:
        """See the port."""
        if self.namenode is None:
            raise ServerUnavailableError("HDFS", "a test took it away")
        return [Reading("PostgreSQL", NOON), Reading("the HDFS NameNode", self.namenode)]

    def now(self) -> datetime:
        """See the port."""
        return NOON

    def ledger(self) -> LedgerFigures:
        """See the port."""
        return self.figures

    def logs(self) -> Sequence[KnownLog]:
        """See the port."""
        return [
            known_log(where, next_offset, topic_id=self.topic_id) for where, next_offset in self.next_offsets.items()
        ]

    def committed(self, since: datetime, known: Collection[int]) -> Sequence[CommittedSlice]:
        """See the port."""
        return []

    def watermarks(self, topics: Collection[str]) -> Mapping[TopicPartition, Watermarks]:
        """See the port."""
        return self.marks

    def of(self, offsets: Mapping[TopicPartition, int], now: datetime) -> Mapping[TopicPartition, datetime]:
        """See the port."""
        return {where: self.times[where] for where in offsets}

    def late(self) -> list[str]:
        """The subjects of what is late."""
        here: Any = self  # the reader's other methods are not asked
        ports = LatenessPorts(
            figures=self,
            reader=here,
            ages=self,
            clock=self,
            clocks=self,
            health=self,
            room=self,
            incoming=("photos.uploaded",),
        )
        return [condition.subject for condition in late(ports, AFTER)]


def waiting(minutes: float) -> World:
    """Two partitions with a backlog; the older one has waited for so long."""
    return World(
        marks={FIRST: Watermarks(0, 10), SECOND: Watermarks(5, 6)},
        next_offsets={FIRST: 8},
        times={FIRST: NOON, SECOND: NOON - timedelta(minutes=minutes)},
    )


def test_nothing_is_late_where_nothing_waits() -> None:
    """An empty platform is on time."""
    assert World().late() == []


def test_photo_that_waits_too_long_is_late_whatever_airflow_does() -> None:
    """The oldest photo of any partition counts, also of one that the ledger has never seen."""
    assert waiting(10).late() == []
    assert waiting(10.1).late() == ["ingest"]


def test_search_index_is_late_by_what_it_lacks() -> None:
    """A sync that did not run for hours is not late while there is nothing to sync."""
    idle = replace(QUIET, sync=SyncFigures(NOON - timedelta(hours=9), None))
    behind = replace(QUIET, sync=SyncFigures(NOON, NOON - timedelta(minutes=31)))
    assert World(figures=idle).late() == []
    assert World(figures=behind).late() == ["bi_sync"]


def test_shard_is_late_after_168_and_2_hours_unless_it_is_held() -> None:
    """The promise's own limit; what is held is meant to stay."""

    def world(kind: str, hours: float) -> World:
        shard = ArchiveFigures(kind, 1, 1, 1, NOON - timedelta(hours=hours))
        return World(figures=replace(QUIET, archive={kind: shard}))

    assert world("archive", 169.9).late() == []
    assert world("archive", 170.1).late() == ["retention"]
    assert world("reprocess", 170.1).late() == ["retention"]
    assert world("hold", 1000).late() == []


@pytest.mark.parametrize("minutes", [5.1, -5.1])
def test_clocks_that_are_apart_are_told(minutes: float) -> None:
    """Before a run of the retention stops for it, and for as long as it lasts."""
    assert World(namenode=NOON + timedelta(minutes=minutes)).late() == ["clocks"]
    assert World(namenode=NOON + timedelta(minutes=5)).late() == []


def test_a_clock_that_cannot_be_asked_keeps_nothing_from_being_told() -> None:
    """HDFS is away: photos that wait are late all the same."""
    assert replace(waiting(11), namenode=None).late() == ["ingest"]


def test_a_closed_account_that_is_not_blanked_is_told() -> None:
    """The retention is paused, or fails at it: names are there that were promised to go."""
    for hours, told in ((2.9, []), (3.1, ["closing"])):
        assert World(figures=replace(QUIET, closed_at=NOON - timedelta(hours=hours))).late() == told


def test_a_retention_that_has_stopped_is_told() -> None:
    """Until a run has done its work again."""
    stopped = RetentionFigures(NOON, "12 of 12 shards would go at once")
    assert World(figures=replace(QUIET, retention=stopped)).late() == ["retention_stopped"]
    assert World(figures=replace(QUIET, retention=RetentionFigures(NOON, None))).late() == []


def test_what_waits_begins_where_kafka_still_has_it() -> None:
    """A partition below Kafka's low mark waits from there; an empty one does not wait."""
    ranges = waiting_ranges(
        [known_log(FIRST, 3), known_log(SECOND, 6)], {FIRST: Watermarks(5, 9), SECOND: Watermarks(0, 6)}
    )
    assert ranges[SECOND] is None
    first = ranges[FIRST]
    assert first is not None
    assert (first.start, first.records) == (5, 4)


def test_a_log_that_is_another_is_told_at_once() -> None:
    """Nothing has to be late for it: made anew, cut, or not there."""
    for marks in ({FIRST: Watermarks(0, 9, "new")}, {FIRST: Watermarks(0, 3, "old")}, {}):
        world = World(marks=marks, next_offsets={FIRST: 8}, times={FIRST: NOON}, topic_id="old")
        assert world.late() == ["log photos.uploaded-0"]


def test_what_is_not_as_usual_is_told_until_it_is() -> None:
    """Rejects, a backlog that grows, disks: each is a condition of its own, and none is when its cause is gone."""
    refused = replace(World().week, hours=[HourOutcomes(NOON, 100, 39)])
    assert World(week=refused).late() == ["rejects"]
    assert World(week=replace(refused, hours=[HourOutcomes(NOON, 100, 3)])).late() == []
    many = replace(waiting(6), marks={FIRST: Watermarks(0, 500)}, times={FIRST: NOON - timedelta(minutes=6)})
    assert replace(many, firsts={FIRST: 10}).late() == ["backlog"]
    assert replace(many, firsts={FIRST: 400}, week=replace(many.week, done=600)).late() == []
    assert World(disks=Room(1000, 40, 1.0)).late() == ["disk HDFS"]
    assert World(disks=None).late() == []
    full = Volume("the uploads", 1000, 100, NOON, 300, NOON - timedelta(hours=12))
    assert World(week=replace(World().week, volumes=[full])).late() == ["disk the uploads"]
