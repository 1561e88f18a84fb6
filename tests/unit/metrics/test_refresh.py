"""The exporter's figures from fakes: what is shown, what is counted, and what happens while a server is away."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from tests.support.logs import known_log

from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.figures import (
    ArchiveFigures,
    CheckFigures,
    CommittedSlice,
    LedgerFigures,
    OutboxFigures,
    OutcomeFigures,
    RetentionFigures,
    SyncFigures,
)
from photo_pipeline.domain.ledger import Watermarks
from photo_pipeline.domain.logs import KnownLog
from photo_pipeline.domain.photo import TopicPartition
from photo_pipeline.metrics.probes import Room
from photo_pipeline.metrics.refresh import MetricsPorts, Refresher

NOON = datetime(2026, 5, 9, 12, tzinfo=UTC)
WHERE = TopicPartition("photos.uploaded", 0)
LABELS = {"topic": "photos.uploaded", "partition": "0"}


@dataclass
class World:
    """Kafka, the ledger and HDFS as a test wants them."""

    marks: Mapping[TopicPartition, Watermarks] = field(default_factory=lambda: {WHERE: Watermarks(0, 10)})
    slices: list[CommittedSlice] = field(default_factory=list)
    away: set[str] = field(default_factory=set)
    asked: int = 0
    topic_id: str | None = None

    def now(self) -> datetime:
        """See the port."""
        return NOON

    def logs(self) -> Sequence[KnownLog]:
        """See the port."""
        return [known_log(WHERE, 7, topic_id=self.topic_id, kafka_end=9)]

    def ledger(self) -> LedgerFigures:
        """See the port."""
        self.asked += 1
        self._ask("PostgreSQL")
        return LedgerFigures(
            now=NOON,
            archive={
                "archive": ArchiveFigures("archive", 2, 300, 4, NOON - timedelta(hours=100)),
                "hold": ArchiveFigures("hold", 1, 100, 1, NOON - timedelta(hours=900)),
            },
            sync=SyncFigures(NOON - timedelta(minutes=5), NOON - timedelta(minutes=2)),
            outbox={"processed": OutboxFigures(3, NOON - timedelta(seconds=9))},
            holds=2,
            checks={"kafka_lag": CheckFigures(NOON - timedelta(hours=1), 4, 1)},
            retention=RetentionFigures(NOON, "the clocks are apart"),
        )

    def committed(self, since: datetime, known: Collection[int]) -> Sequence[CommittedSlice]:
        """See the port."""
        assert since == NOON - timedelta(minutes=10)
        return [each for each in self.slices if each.slice_id not in known]

    def watermarks(self, topics: Collection[str]) -> Mapping[TopicPartition, Watermarks]:
        """See the port."""
        self._ask("Kafka")
        return self.marks

    def of(self, offsets: Mapping[TopicPartition, int], now: datetime) -> Mapping[TopicPartition, datetime]:
        """See the port."""
        return {where: NOON - timedelta(seconds=90) for where in offsets}

    def first_since(self, partitions: Collection[TopicPartition], at: datetime) -> Mapping[TopicPartition, int]:
        """See the port; the exporter does not ask it."""
        raise AssertionError(partitions)

    def room(self) -> Room:
        """HDFS' room."""
        self._ask("HDFS")
        return Room(1000, 400, NOON + timedelta(minutes=7))

    def _ask(self, server: str) -> None:
        if server in self.away:
            raise ServerUnavailableError(server, "a test took it away")


@dataclass
class Page:
    """What a scrape would see."""

    world: World
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        """Make the exporter."""
        here: Any = self.world  # the reader's other methods are not asked
        world = self.world
        ports = MetricsPorts(world, here, world, world, world, ("photos.uploaded",), None, world.room)
        self.refresher = Refresher(ports, self.registry)

    def value(self, name: str, **labels: str) -> float | None:
        """One sample, if it is there."""
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def page() -> Page:
    """An exporter over a world of its own."""
    return Page(World())


def test_backlog_is_shown_in_records_and_seconds(page: Page) -> None:
    """What waits is what Kafka has beyond the ledger, and as old as its first record."""
    page.refresher.refresh()
    assert page.value("photo_waiting_records", **LABELS) == 3
    assert page.value("photo_waiting_oldest_age_seconds", **LABELS) == 90


def test_partition_without_a_backlog_says_so(page: Page) -> None:
    """Zero and not absent: an alert over a partition must be able to end."""
    page.world.marks = {WHERE: Watermarks(0, 7)}
    page.refresher.refresh()
    assert page.value("photo_waiting_records", **LABELS) == 0
    assert page.value("photo_waiting_oldest_age_seconds", **LABELS) == 0


def test_ledger_is_shown(page: Page) -> None:
    """Archive, next expiry (not of what is held), sync, outbox, holds and findings."""
    page.refresher.refresh()
    assert page.value("photo_archive_bytes", kind="archive") == 300
    assert page.value("photo_archive_oldest_age_seconds", kind="hold") == 900 * 3600
    assert page.value("photo_next_expiry_timestamp_seconds") == (NOON + timedelta(hours=68)).timestamp()
    assert page.value("photo_sync_delay_seconds") == 120
    assert page.value("photo_outbox_entries", kind="processed") == 3
    assert page.value("photo_outbox_oldest_age_seconds", kind="processed") == 9
    assert page.value("photo_holds") == 2
    assert page.value("photo_reconciliation_findings", check="kafka_lag") == 4
    assert page.value("photo_reconciliation_age_seconds", check="kafka_lag") == 3600
    assert page.value("photo_retention_stopped") == 1
    assert page.value("photo_hdfs_remaining_bytes") == 400


def test_clocks_are_shown_as_far_off_as_they_are(page: Page) -> None:
    """Against this machine's own, which is among them; of a server that is away nobody knows."""
    page.refresher.refresh()
    offsets = {"exporter": 0, "PostgreSQL": 0, "HDFS": 420}
    assert {clock: page.value("photo_clock_offset_seconds", clock=clock) for clock in offsets} == offsets
    page.world.away = {"HDFS"}
    page.refresher.refresh()
    assert page.value("photo_clock_offset_seconds", clock="HDFS") is None


def test_outcomes_are_counted_once(page: Page) -> None:
    """What was committed before the first look is not counted, what came after it is, once; a late commit too."""
    record = OutcomeFigures("processed", "upload", 1000, 3.0)
    page.world.slices = [CommittedSlice(5, 2.0, (record,))]
    page.refresher.refresh()
    assert page.value("photo_outcomes_total", outcome="processed", source="upload") == 0
    rejected = OutcomeFigures("rejected", "unknown", 7, None)
    page.world.slices += [CommittedSlice(9, 4.0, (record, record)), CommittedSlice(4, 1.0, (rejected,))]
    for _ in range(3):
        page.refresher.refresh()
    assert page.value("photo_outcomes_total", outcome="processed", source="upload") == 2
    assert page.value("photo_outcomes_total", outcome="rejected", source="unknown") == 1
    assert page.value("photo_outcome_bytes_total", outcome="processed") == 2000
    assert page.value("photo_slices_total") == 2
    assert page.value("photo_slice_seconds_total") == 5.0
    assert page.value("photo_freshness_seconds_bucket", le="5.0") == 2
    assert page.value("photo_freshness_seconds_bucket", le="2.0") == 0


@pytest.mark.parametrize(
    ("server", "gone", "kept"),
    [
        ("Kafka", "photo_waiting_records", "photo_holds"),
        ("PostgreSQL", "photo_sync_delay_seconds", "photo_hdfs_remaining_bytes"),
        ("HDFS", "photo_hdfs_remaining_bytes", "photo_holds"),
    ],
)
def test_server_that_is_away_takes_its_own_figures_only(page: Page, server: str, gone: str, kept: str) -> None:
    """Figures that nobody knows are not the old ones; the others go on; the server is shown as down, then as up."""
    labels = LABELS if gone == "photo_waiting_records" else {}
    page.refresher.refresh()
    before = page.value(gone, **labels)
    assert page.value("photo_server_up", server=server) == 1
    page.world.away = {server}
    page.refresher.refresh()
    unknown = page.value(gone, **labels)
    assert unknown is None or unknown != unknown  # noqa: PLR0124 - not a number is what does not equal itself
    assert page.value(kept) is not None
    assert page.value("photo_server_up", server=server) == 0
    page.world.away = set()
    page.refresher.refresh()
    assert page.value(gone, **labels) == before
    assert page.value("photo_server_up", server=server) == 1


def test_nothing_is_claimed_before_the_first_look(page: Page) -> None:
    """A scrape that comes too early sees no figure that could be mistaken for one."""
    holds = page.value("photo_holds")
    assert holds is not None
    assert holds != holds  # noqa: PLR0124 - as above
    assert page.value("photo_waiting_records", **LABELS) is None
    assert page.world.asked == 0


def test_a_broken_log_is_shown_until_it_is_settled(page: Page) -> None:
    """By its problem, with what is known to be unread; none where all is well, and none while Kafka is away."""
    labels = {**LABELS, "incarnation": "1", "problem": "made_anew"}
    page.world.topic_id, page.world.marks = "old", {WHERE: Watermarks(0, 3, "new")}
    page.refresher.refresh()
    assert (page.value("photo_log_broken", **labels), page.value("photo_log_unread_records", **labels)) == (1, 2)
    page.world.away = {"Kafka"}
    page.refresher.refresh()
    assert page.value("photo_log_broken", **labels) is None
