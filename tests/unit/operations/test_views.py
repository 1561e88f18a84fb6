"""What the page says of given figures, without any server."""

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.logs import known_log

from photo_pipeline.domain.health import HourOutcomes, LedgerHealth
from photo_pipeline.domain.logs import LogState, LogTrouble, Problem
from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.domain.photo import Log, RecordCoordinates, TopicPartition
from photo_pipeline.domain.photos_page import (
    SLICES,
    ArchiveDay,
    Check,
    DagState,
    Flow,
    Holds,
    OpenNotice,
    OutcomeCount,
    Overview,
    Partition,
    Reconciliation,
    Rejected,
    Slice,
    Waiting,
)
from photo_pipeline.domain.reprocess import MAY_END_OTHERWISE, Mode, parse_request
from photo_pipeline.operations.charts import HEIGHT, OUTCOMES, WIDTH, chart_of
from photo_pipeline.operations.health import Level
from photo_pipeline.operations.panels import Away
from photo_pipeline.operations.text import age
from photo_pipeline.operations.view import Answers, archive_row, batches, page_view, rejected_row

NOW = datetime(2026, 3, 9, 12, 30, tzinfo=UTC)
WHERE = TopicPartition("photos.uploaded", 0)
LOG = Log("photos.uploaded", 0)
TROUBLE = LogTrouble(LOG, Problem.MADE_ANEW, "was made anew: see photo_settle_log", 5, 2)
ENDED = known_log(WHERE, 5, state=LogState.ENDED)
EMPTY = Overview(NOW, [], [], [], [], {}, [], Holds(0, []), None, Flow(None, 0, 0, None))
PAUSED = DagState("photo_ingest", paused=True, last_state="success", last_run_id="r", ended_at=NOW)
BY_HAND = DagState("photo_hold", paused=False, last_state="failed", last_run_id="r", ended_at=NOW)
FAILED = replace(BY_HAND, dag_id="photo_ingest", failed_by_itself=True)
WATCH = DagState("photo_watch", paused=False, last_state="success", last_run_id="r", ended_at=NOW)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


CLOCKS = OpenNotice("clocks", "clocks are apart: the clock of B is ahead. See docs/operations.md#photoclocksapart")


def overview(**parts: object) -> Overview:
    """An empty ledger but for these parts."""
    fields = {name: getattr(EMPTY, name) for name in Overview.__slots__}
    return Overview(**{**fields, **parts})


def answers(ledger: Overview | Away = EMPTY, **parts: object) -> Answers:
    """Answers of a platform at rest but for these parts."""
    quiet: dict[str, object] = {"waiting": {WHERE: Waiting(0, None)}, "day": [], "week": [], "documents": 0, "dags": []}
    return Answers(**{"overview": ledger, **quiet, **parts})  # type: ignore[arg-type] # as above


def record(**parts: object) -> Rejected:
    """A rejected record."""
    values: dict[str, object] = {
        "where": RecordCoordinates("photos.uploaded", 0, 7),
        "reason": "unknown_customer",
        "detail": None,
        "source": "upload",
        "bytes": 1200,
        "customer_id": UUID(int=1),
        "accepted_at": NOW,
        "processed_at": NOW - timedelta(seconds=90, microseconds=5),
        "refed_at": None,
    }
    return Rejected(**{**values, **parts})  # type: ignore[arg-type] # as above


def test_a_platform_at_rest_is_healthy() -> None:
    """Nothing to say, and every part is there, be it empty."""
    view = page_view(answers(), NOW)
    assert (view.level, view.concerns, view.away) == ("good", [], {})
    assert (view.batches, view.archive, view.rejected) == ([], [], [])


@pytest.mark.parametrize(
    ("part", "level", "words"),
    [
        ({"waiting": {WHERE: Waiting(3, NOW - timedelta(minutes=9))}}, Level.GOOD, ""),
        ({"waiting": {WHERE: Waiting(3, NOW - timedelta(minutes=11))}}, Level.ATTENTION, "waiting in Kafka for 11 min"),
        ({"waiting": {WHERE: Waiting(3, NOW - timedelta(hours=3))}}, Level.TROUBLE, "3 h 0 min"),
        ({"waiting": Away("Kafka", "no answer")}, Level.TROUBLE, "Kafka does not answer. No photo is accepted"),
        ({"logs": [TROUBLE]}, Level.TROUBLE, "photos.uploaded-0 was made anew: see photo_settle_log."),
        ({"logs": [TROUBLE] * 6}, Level.TROUBLE, "The same goes for 2 more logs"),
        (
            {"logs": Away("Kafka", "no answer"), "ledger": overview(logs=[ENDED])},
            Level.TROUBLE,
            "photos.uploaded-0 was made",
        ),
        ({"documents": Away("Elasticsearch", "no answer")}, Level.TROUBLE, "Elasticsearch does not answer"),
        ({"dags": [PAUSED]}, Level.ATTENTION, "photo_ingest is paused"),
        ({"dags": [FAILED]}, Level.ATTENTION, "photo_ingest failed"),
        ({"dags": [BY_HAND, WATCH]}, Level.GOOD, ""),
        (
            {"dags": [replace(WATCH, ended_at=NOW - HOUR)]},
            Level.ATTENTION,
            "photo_watch has not looked for 1 h 0 min",
        ),
        ({"health": LedgerHealth(NOW, hours=[HourOutcomes(NOW, 200, 78)])}, Level.ATTENTION, "39% of the records"),
        ({"health": LedgerHealth(NOW, hours=[HourOutcomes(NOW, 200, 2)])}, Level.GOOD, ""),
        (
            {"waiting": {WHERE: Waiting(400, NOW - timedelta(minutes=6), 300)}, "health": LedgerHealth(NOW, done=100)},
            Level.TROUBLE,
            "400 records wait in Kafka: 300 came and 100 were done in the last 10 min, it does not get less",
        ),
        (
            {"waiting": {WHERE: Waiting(400, NOW - timedelta(minutes=6), 300)}, "health": LedgerHealth(NOW, done=700)},
            Level.GOOD,
            "",
        ),
        ({"ledger": overview(notices=[CLOCKS])}, Level.TROUBLE, "Clocks are apart: the clock of B is ahead."),
        ({"ledger": overview(notices=[replace(CLOCKS, subject="disk HDFS")])}, Level.ATTENTION, "ahead."),
        # The page sees it by itself, and sooner.
        ({"ledger": overview(notices=[replace(CLOCKS, subject="ingest")])}, Level.GOOD, ""),
        ({"ledger": overview(flow=Flow(NOW - HOUR, 5, 0, None))}, Level.ATTENTION, "synced 1 h 0 min ago"),
        ({"ledger": overview(flow=Flow(NOW, 5, 9, NOW - HOUR))}, Level.ATTENTION, "9 outbox entries wait"),
        (
            {"ledger": overview(reconciliation=Reconciliation("r", [Check("lag", "finding", NOW, 2, 0)], []))},
            Level.TROUBLE,
            "left 2 findings",
        ),
        (
            {"ledger": overview(reconciliation=Reconciliation("r", [Check("lag", "ok", NOW - DAY, 0, 3)], []))},
            Level.ATTENTION,
            "Nothing has been reconciled for 24 h",
        ),
        (
            {"ledger": overview(archive=[ArchiveDay("archive", date(2026, 3, 1), 1, 1, 1, NOW - 8 * DAY, NOW)])},
            Level.TROUBLE,
            "Shards of 2026-03-01 should be gone",
        ),
        ({"ledger": overview(archive=[ArchiveDay("hold", date(2026, 3, 1), 1, 1, 1, NOW - 8 * DAY, NOW)])}, 0, ""),
        (
            {
                "ledger": overview(
                    open_slices=[Slice(1, LOG, 0, 5, "running", 2, NOW - HOUR, None, None, {}, None)],
                )
            },
            Level.ATTENTION,
            "1 slice not finished since they were planned 1 h 0 min ago",
        ),
    ],
)
def test_what_is_wrong_is_said(part: dict[str, object], level: Level, words: str) -> None:
    """Each in a sentence, and as bad as the worst."""
    view = page_view(answers(**part), NOW)  # type: ignore[arg-type] # parts by name
    assert view.level == {Level.GOOD: "good", Level.ATTENTION: "attention", Level.TROUBLE: "trouble"}[level]
    assert words in " ".join(concern.text for concern in view.concerns)


def test_a_server_that_is_away_takes_only_its_own_parts() -> None:
    """With the ledger away, Kafka's figures are still there, and the ledger is named once, not per part."""
    gone = Away("PostgreSQL", "PostgreSQL does not answer: refused")
    lag = {WHERE: Waiting(3, NOW - timedelta(minutes=1))}
    view = page_view(answers(gone, waiting=lag, day=gone, week=gone), NOW)
    assert view.lag is not None
    assert (view.lag[0].records, view.lag[0].next_offset, view.waiting) == ("3", "-", "3")
    assert (view.day, view.batches, view.archive) == (None, None, None)
    assert sorted(view.away) == ["day", "ledger", "week"]
    assert len(view.concerns) == 1


def test_bytes_that_wait_are_an_estimate() -> None:
    """Records times the latest records' average, said to be about that; a partition without records has none."""
    known = overview(partitions=[Partition(WHERE, 10, NOW, 2_000_000.0)])
    other = TopicPartition("photos.streamed", 0)
    view = page_view(answers(known, waiting={WHERE: Waiting(3, NOW), other: Waiting(2, NOW)}), NOW)
    assert view.lag is not None
    assert [(row.name, row.bytes) for row in view.lag] == [(str(other), "-"), (str(WHERE), "≈ 6.0 MB")]


def test_slices_planned_together_are_a_micro_batch() -> None:
    """Grouped by their plan's time, the newest first, with their outcomes added up."""
    slices = [
        Slice(3, LOG, 20, 30, "running", 1, NOW, None, None, {}, None),
        Slice(2, LOG, 10, 20, "committed", 1, NOW - HOUR, NOW, None, {"processed": 7, "rejected": 3}, None),
        Slice(1, Log("b", 1), 0, 5, "committed", 2, NOW - HOUR, NOW, None, {"processed": 5}, None),
    ]
    found = batches(slices)
    assert [[row.slice_id for row in batch.slices] for batch in found] == [[3], [2, 1]]
    assert [batch.summary for batch in found] == [
        "1 slice, 1 unfinished: -",
        "2 slices: 12 processed, 3 rejected",
    ]


def test_a_micro_batch_is_shown_whole_or_not_at_all() -> None:
    """The oldest one may go on beyond the slices that were asked for."""
    times = [NOW - place // 5 * HOUR for place in range(SLICES)]
    slices = [Slice(99 - place, LOG, 0, 1, "committed", 1, at, at, None, {}, None) for place, at in enumerate(times)]
    assert [len(batch.slices) for batch in batches(slices)] == [5, 5, 5, 5]
    assert [len(batch.slices) for batch in batches(slices[:23])] == [5, 5, 5, 5, 3]


@given(st.sampled_from(sorted(MAY_END_OTHERWISE)), st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1)))  # noqa: DTZ001 - the strategy adds the zone
def test_the_filled_form_asks_for_this_record(reason: RejectReason, at: datetime) -> None:
    """What the button's query holds is a valid request whose window, customer and reason are the record's."""
    row = rejected_row(record(reason=reason.value, processed_at=at), NOW)
    query = {name: values[0] for name, values in parse_qs(row.again).items()}
    request = parse_request("r", query)
    assert request.mode is Mode.DEAD_LETTERS
    assert request.start <= at < request.end
    assert request.end - request.start == timedelta(seconds=1)
    assert (request.reason, request.customer_id) == (reason, UUID(int=1))
    assert request.record == RecordCoordinates("photos.uploaded", 0, 7), "and no other of that second"


def test_a_reason_of_a_newer_version_is_shown_as_it_is() -> None:
    """The page of an older version does not fail on it."""
    assert rejected_row(record(reason="too_boring"), NOW).sentence == "too boring"


def test_a_day_says_when_it_goes() -> None:
    """The first shard at 168 h at the earliest, the last at 170 h at the latest; what is held has no such time."""
    day = ArchiveDay("archive", date(2026, 3, 8), 2, 9, 5000, NOW - DAY, NOW)
    row = archive_row(day, NOW)
    assert (row.expires, row.left) == ("2026-03-15 12:30 to 2026-03-16 14:30", "in 6 d 0 h")
    assert archive_row(ArchiveDay("hold", date(2026, 3, 8), 1, 1, 1, NOW, NOW), NOW).left == "-"


COUNTS = st.lists(
    st.builds(
        lambda hours, outcome, source, records: OutcomeCount(
            NOW.replace(minute=0) - hours * HOUR, outcome, source, records, records * 10
        ),
        st.integers(0, 24),
        st.sampled_from(OUTCOMES),
        st.sampled_from(["upload", "stream"]),
        st.integers(1, 10**6),
    ),
    max_size=60,
)


@given(COUNTS)
def test_a_chart_shows_all_that_was_counted(counts: list[OutcomeCount]) -> None:
    """Totals, sources and the table add up to the input; no rectangle leaves the picture or covers another."""
    chart = chart_of(counts, NOW, DAY, HOUR)
    assert chart.records == sum(count.records for count in counts) == sum(chart.sources.values())
    assert sum(sum(row.counts) for row in chart.rows) == chart.records
    assert sum(row.bytes for row in chart.rows) == chart.bytes == 10 * chart.records
    for bar in chart.bars:
        tops = [piece.y for piece in bar.pieces]
        assert tops == sorted(tops, reverse=True)
        for piece in bar.pieces:
            assert 0 <= piece.y <= HEIGHT
            assert 0 <= piece.x <= piece.x + piece.width <= WIDTH
        heights = math.fsum(piece.height for piece in bar.pieces)
        assert heights <= HEIGHT


@pytest.mark.parametrize(
    ("seconds", "words"), [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (7260, "2 h 1 min"), (200_000, "2 d 7 h")]
)
def test_spans_are_short(seconds: int, words: str) -> None:
    """The two largest units at most."""
    assert age(timedelta(seconds=seconds)) == words


def test_a_rejected_record_of_a_later_log_is_linked_by_its_name() -> None:
    """Two logs of a name have records at the same offsets: each link leads to its own."""
    first, second = (rejected_row(record(where=Log("photos.uploaded", 0, number).at(7)), NOW) for number in (1, 2))
    assert (first.topic, first.where) == ("photos.uploaded", "photos.uploaded-0-7")
    assert (second.topic, second.where) == ("photos.uploaded~2", "photos.uploaded~2-0-7")
