"""The Photos page's figures against plain SQL on a planted ledger, and its look at Kafka, on the real servers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, text
from tests.support.databases import Database
from tests.support.images import encoded, scene
from tests.support.logs import known_log
from tests.support.outcomes import TOPIC, Outcomes
from tests.support.pipeline import Pipeline

from photo_pipeline.adapters.kafka.backlog import KafkaBacklog
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.form_previews import PostgresFormPreviews
from photo_pipeline.adapters.postgres.looking import looking
from photo_pipeline.adapters.postgres.photos_page import (
    LATEST_REJECTED,
    LATEST_SLICES,
    OUTCOMES,
    REJECTED,
    PostgresLedgerView,
)
from photo_pipeline.adapters.record_previews import WorkerPreviews
from photo_pipeline.domain.events import OutboundRecord
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.photo import RecordCoordinates, TopicPartition
from photo_pipeline.domain.photos_page import SLICES, NoPreviewError
from photo_pipeline.operations.view import HOUR, WEEK, batches, slice_row

RECORDS = 60
ALL_OF_A_CUSTOMERS = "origin = 'operator', photo_id = NULL"


@dataclass(frozen=True, slots=True)
class Planted:
    """A ledger with something of everything in it."""

    view: PostgresLedgerView
    owner: Connection

    def sql(self, query: str) -> list[tuple[object, ...]]:
        """What plain SQL says, as the owner."""
        return [tuple(row) for row in self.owner.execute(text(query))]


@pytest.fixture
def planted(database: Database) -> Iterator[Planted]:
    """Give outcomes of ten days, slices, shards, a hold, a reconciliation, an outbox and a refed record."""
    owner, page = make_engine(database.owner, "tests"), make_engine(database.bi, "tests")
    with owner.begin() as connection:
        _plant(connection)
    with owner.connect() as connection:
        yield Planted(PostgresLedgerView(page), connection)
    owner.dispose()
    page.dispose()


def _plant(connection: Connection) -> None:
    outcomes = Outcomes(connection)
    now = datetime.now(UTC)
    for offset in range(RECORDS):
        at = now - timedelta(hours=4 * offset)
        outcome = ("rejected", "duplicate", "absent")[offset % 3]
        reason = {"rejected": ("truncated", "corrupt")[offset % 2], "absent": "no_record"}.get(outcome)
        source = ("upload", "stream")[offset % 2]
        outcomes.record(offset, outcome, processed_at=at, accepted_at=at, bytes=offset, source=source, reason=reason)
    photo_id = outcomes.photo(RECORDS, "Ada")
    connection.execute(text(_REST), {"customer": outcomes.customer("Ada"), "photo": photo_id, "topic": TOPIC})
    connection.execute(text(_LONG_AGO), {"topic": TOPIC})


_REST = """
WITH planned AS (
  INSERT INTO slice (topic, "partition", "start", "end", dt, state, committed_at)
  SELECT :topic, 0, 100 + n, 101 + n, current_date, 'committed', now() FROM generate_series(1, 40) n
  RETURNING slice_id, "start"), shards AS (
  INSERT INTO shard (path, slice_id, dt, length, photos, committed_at, kind, state)
  SELECT '/photos/archive/' || slice_id, slice_id, current_date - ("start" % 4)::int, 1000 * "start", 2,
         now() - ("start" % 4) * interval '1 day', 'archive', CASE WHEN "start" % 5 = 0 THEN 'removed' ELSE 'live' END
    FROM planned), holds AS (
  INSERT INTO hold (customer_id, photo_id, reason, placed_by, lifted_at)
  VALUES (:customer, :photo, 'a dispute', 'Grace', NULL), (:customer, NULL, 'over', 'Grace', now())), checks AS (
  INSERT INTO reconciliation (run_id, checked_at, check_name, status, subject, detail)
  VALUES ('old', now() - interval '1 hour', 'lag', 'ok', NULL, '{"found": 0, "repaired": 0, "figures": {}}'),
         ('new', now(), 'lag', 'finding', NULL, '{"found": 2, "repaired": 1, "figures": {}}'),
         ('new', now(), 'lag', 'finding', 'photos.uploaded-0', '{"problem": "lags"}')), outbox_ AS (
  INSERT INTO outbox (kind, topic, "partition", "offset")
  SELECT 'dead_letter', topic, "partition", "offset" FROM ingest_record WHERE outcome = 'rejected'), asked AS (
  INSERT INTO reprocess_request (request_id, mode, parameters) VALUES ('again', 'dead_letters', '{}')
  RETURNING request_id), refed AS (
  INSERT INTO refed_record (topic, "partition", "offset", request_id, sought_from, fed_at, fed_partition, fed_offset)
  SELECT :topic, 0, 0, request_id, '{}', now(), 0, 77 FROM asked)
INSERT INTO bi_sync_state (name, watermark, synced_at, documents)
VALUES ('outcomes', pg_current_xact_id(), now(), 41)
"""


# A slice whose records are all from its own commit, as the ingest writes them.
_LONG_AGO = """
WITH open AS (
  INSERT INTO slice (topic, "partition", "start", "end", dt) VALUES (:topic, 0, 9000, 9001, current_date)), made AS (
  INSERT INTO slice (topic, "partition", "start", "end", dt, state, committed_at)
  VALUES (:topic, 0, 5000, 5060, current_date, 'committed', now() - interval '30 days')
  RETURNING slice_id, committed_at)
INSERT INTO ingest_record (topic, "partition", "offset", slice_id, outcome, reason, processed_at)
SELECT :topic, 0, 5000 + n, slice_id, CASE n % 3 WHEN 0 THEN 'rejected' ELSE 'duplicate' END,
       CASE n % 3 WHEN 0 THEN 'corrupt' END, committed_at
  FROM made, generate_series(0, 59) n
"""


def test_outcomes_of_a_window_equal_sql(planted: Planted) -> None:
    """Records and bytes per hour, outcome and source of the hours that began in the last seven days.

    Offsets without a record do not count.
    """
    found = planted.view.outcomes(WEEK, HOUR)
    expected = planted.sql("""
        SELECT date_trunc('hour', processed_at), outcome, source, count(*), sum(bytes) FROM ingest_record
         WHERE date_trunc('hour', processed_at) > now() - interval '7 days' AND outcome <> 'absent'
         GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""")
    assert [(one.since, one.outcome, one.source, one.records, one.bytes) for one in found] == expected
    assert 0 < sum(one.records for one in found) < RECORDS


def test_slices_and_their_shards_equal_sql(planted: Planted) -> None:
    """The newest slices only, each with its outcomes and its shard; unfinished ones besides, however old."""
    overview = planted.view.overview()
    assert len(overview.slices) == SLICES
    expected = planted.sql("""
        SELECT slice_id, topic || '-' || "partition", s.state, path, length
          FROM slice s LEFT JOIN shard USING (slice_id)
         ORDER BY slice_id DESC LIMIT 24""")
    shards = [(one.shard and one.shard.path, one.shard and one.shard.length) for one in overview.slices]
    slices = [(one.slice_id, str(one.where), one.state) for one in overview.slices]
    assert [(*one, *shard) for one, shard in zip(slices, shards, strict=True)] == expected
    assert [one.start for one in overview.open_slices] == [9000]
    ((slice_id,),) = planted.sql('SELECT slice_id FROM slice WHERE "start" = 5000')
    assert isinstance(slice_id, int)
    first = planted.view.slice(slice_id)
    assert first is not None
    assert first.outcomes == {"rejected": 20, "duplicate": 40}
    assert "20 rejected" in slice_row(first).outcomes
    assert planted.view.slice(slice_id + 1000) is None
    assert sum(len(batch.slices) for batch in batches(overview.slices)) == SLICES


def test_rejected_records_equal_sql(planted: Planted) -> None:
    """The latest ones, newest first, with whether they were sent again; reasons are counted over seven days."""
    overview = planted.view.overview()
    expected = planted.sql(f"""
        SELECT "offset", reason, bytes FROM ingest_record WHERE outcome = 'rejected'
         ORDER BY processed_at DESC LIMIT {REJECTED}""")
    assert [(one.where.offset, one.reason, one.bytes) for one in overview.rejected] == expected
    assert [one.where.offset for one in overview.rejected if one.refed_at is not None] == [0]
    counted = planted.sql("""
        SELECT reason, count(*) FROM ingest_record
         WHERE outcome = 'rejected' AND date_trunc('hour', processed_at) > now() - interval '7 days' GROUP BY reason""")
    assert sorted(overview.reasons.items()) == sorted(counted)
    assert planted.view.rejected(RecordCoordinates(TOPIC, 0, 1)) is None, "that one is a duplicate"
    assert planted.view.rejected(RecordCoordinates(TOPIC, 0, 3)) is not None


def test_archive_holds_and_checks_equal_sql(planted: Planted) -> None:
    """Days of shards that are not removed, holds that are not lifted, the newest reconciliation, what is on its way."""
    overview = planted.view.overview()
    expected = planted.sql("""
        SELECT kind, dt, count(*), sum(photos), sum(length) FROM shard WHERE state <> 'removed'
         GROUP BY kind, dt ORDER BY dt DESC, kind""")
    assert [(day.kind, day.day, day.shards, day.photos, day.bytes) for day in overview.archive] == expected
    assert (overview.holds.count, [hold.reason for hold in overview.holds.newest]) == (1, ["a dispute"])
    last = overview.reconciliation
    assert last is not None
    assert (last.run_id, [(check.found, check.repaired) for check in last.checks]) == ("new", [(2, 1)])
    assert [(finding.subject, finding.problem) for finding in last.findings] == [("photos.uploaded-0", "lags")]
    assert (overview.flow.documents, overview.flow.outbox) == (41, 20)
    (partition,) = overview.partitions
    assert partition.where == TopicPartition(TOPIC, 0)


def test_a_hold_is_counted_before_it_is_set(planted: Planted, database: Database) -> None:
    """A photo that is there and its owner, all of a customer's; whether such a hold stands, or one bars an erasure."""
    ((customer, photo, held),) = planted.sql("SELECT customer_id, photo_id, hold_id FROM hold WHERE lifted_at IS NULL")
    assert isinstance(customer, UUID)
    assert isinstance(photo, UUID)
    assert held
    engine = make_engine(database.bi, "tests")
    previews = PostgresFormPreviews(engine, [TOPIC])

    def found(photo_id: UUID | None, customer_id: UUID | None) -> tuple[int, UUID | None, bool, bool]:
        answer = previews.named(photo_id, customer_id)
        return answer.photos, answer.customer_id, answer.is_held, answer.is_barred

    assert found(photo, None) == (1, customer, True, True)
    assert found(None, customer) == (1, customer, False, True)
    assert found(uuid4(), None) == (0, None, False, False)
    for changed, is_held, is_barred in (("origin = 'customer'", False, False), (ALL_OF_A_CUSTOMERS, False, True)):
        planted.owner.execute(text(f"UPDATE hold SET {changed} WHERE lifted_at IS NULL"))
        planted.owner.commit()
        assert found(photo, None) == (1, customer, is_held, is_barred)
    engine.dispose()


def test_an_empty_ledger_is_no_error(database: Database) -> None:
    """A platform that has just been set up has a page."""
    engine = make_engine(database.bi, "tests")
    overview = PostgresLedgerView(engine).overview()
    assert (overview.slices, overview.archive, overview.reconciliation) == ([], [], None)
    assert overview.holds.count == 0
    assert PostgresLedgerView(engine).outcomes(WEEK, HOUR) == []
    engine.dispose()


def test_the_page_reads_views_only_and_writes_nothing(planted: Planted, database: Database) -> None:
    """Its role may not read a table, and its transactions are read only."""
    engine = make_engine(database.bi, "tests")
    with engine.connect() as connection, pytest.raises(Exception, match="permission denied"):
        connection.execute(text("SELECT 1 FROM ingest_record"))
    with looking(engine) as connection, pytest.raises(Exception, match="read-only"):
        connection.execute(text("CREATE TEMPORARY TABLE t (x int)"))
    engine.dispose()


@pytest.mark.parametrize("name", ["outcomes", "slices", "rejected"])
def test_long_tables_are_read_through_an_index(planted: Planted, database: Database, name: str) -> None:
    """With a long history none of the large tables is read from end to end."""
    statement = {"outcomes": OUTCOMES, "slices": LATEST_SLICES, "rejected": LATEST_REJECTED}[name]
    owner = make_engine(database.owner, "tests")
    with owner.begin() as connection:
        connection.execute(text(_HISTORY), {"topic": TOPIC})
        for table in ("ledger_record", "slice"):
            connection.execute(text(f"ANALYZE {table}"))
        # Most months are small in a test: reading those in full is quickest.
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        parameters = {"window": timedelta(days=1), "interval": HOUR} if name == "outcomes" else {}
        plan = "\n".join(row[0] for row in connection.execute(text(f"EXPLAIN {statement.text}"), parameters))
    owner.dispose()
    assert not re.search(r"Seq Scan on (ledger_\w+|slice)\b", plan), plan


_HISTORY = """
INSERT INTO ingest_record (topic, "partition", "offset", slice_id, outcome, reason, source, bytes, processed_at)
SELECT :topic, 0, 1000 + n, (SELECT min(slice_id) + n % 40 FROM slice), 'rejected', 'corrupt', 'upload', 1,
       now() - interval '30 days' - n * interval '1 minute' FROM generate_series(1, 20000) n
"""


def test_the_backlog_is_what_kafka_has_beyond_the_ledger(pipeline: Pipeline) -> None:
    """Records per partition and the time of the oldest; nothing where all is done."""
    customer = pipeline.sign_up()
    before = datetime.now(UTC)
    pipeline.send(customer, b"one", b"two")
    backlog = KafkaBacklog(pipeline.settings.kafka, pipeline.settings.topics.incoming)
    where = TopicPartition(pipeline.settings.topics.uploaded, 0)
    now = datetime.now(UTC) + timedelta(seconds=5)
    found = backlog.waiting([], now)
    assert {str(tp): lag.records for tp, lag in found.items()} == {
        str(where): 2,
        f"{pipeline.settings.topics.streamed}-0": 0,
    }
    oldest = found[where].oldest_at
    assert oldest is not None
    assert before - timedelta(seconds=2) <= oldest <= datetime.now(UTC)
    assert backlog.waiting([known_log(where, 1)], now)[where].records == 1
    assert backlog.waiting([known_log(where, 2)], now)[where].oldest_at is None


def test_a_preview_is_a_new_picture(pipeline: Pipeline) -> None:
    """What comes back is a JPEG of at most 320 pixels that shares no bytes with the record; of junk there is none."""
    original = encoded(scene(640, 480, 7), SniffedFormat.PNG)
    topic = pipeline.settings.topics.uploaded
    pipeline.produce(*(OutboundRecord(topic, uuid4().bytes, value, []) for value in (original, b"<script>")))
    previews = WorkerPreviews(pipeline.settings.kafka)
    picture = previews.jpeg(RecordCoordinates(topic, 0, 0))
    assert picture[:3] == b"\xff\xd8\xff"
    assert len(picture) < len(original)
    with pytest.raises(NoPreviewError, match="not a photo"):
        previews.jpeg(RecordCoordinates(topic, 0, 1))
