"""A database with data, as it was before the ledger had months, after the migrations since: nothing is lost."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from tests.support.databases import Database, older_database, superuser_of
from tests.support.pipeline import Pipeline, own_pipeline
from tests.support.reconciliation import EVERY_DAY, Reconciled
from tests.support.search import fresh_search

from local_stack import Endpoints, Stack
from photo_pipeline.adapters.postgres.bi import PostgresOutcomeSource
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.tally import PostgresTally
from photo_pipeline.domain.documents import CommitPosition
from photo_pipeline.domain.reconciliation import Status
from photo_pipeline.migrations.upgrade import upgrade

BEFORE = "0013"
NO_NEWCOMERS = "0029"
SLICES = 12
# A slice a week: of every ten records six photos, two of which have expired, a duplicate, two rejected ones of which
# one has not been blanked, and an offset without a record.
LEFT = """
INSERT INTO customer (customer_id, email, display_name, password_hash)
SELECT md5('c' || n)::uuid, n || '@example.org', 'Customer ' || n, '-' FROM generate_series(0, 2) n;
INSERT INTO partition_progress (topic, "partition", incarnation, first_offset, next_offset, state, settled_at,
                                settled_by, settled_reason)
VALUES (:topic, 0, 1, 0, :slices * 10, 'current', NULL, NULL, NULL),
       (:topic, 1, 1, 0, 0, 'ended', now(), 'Grace', 'made anew');
INSERT INTO slice (topic, "partition", "start", "end", dt, state, attempt, planned_at, committed_at)
SELECT :topic, 0, n * 10, n * 10 + 10, current_date, 'committed', 1, at, at
  FROM generate_series(0, :slices - 1) n, LATERAL (SELECT now() - (:slices - n) * interval '7 days' AS at) t;
INSERT INTO shard (path, slice_id, dt, length, photos, committed_at, kind)
SELECT '/none/' || slice_id, slice_id, dt, 1, 4, committed_at, 'hold' FROM slice;
INSERT INTO photo (photo_id, customer_id, sha256, source, status, filename, content_type, format, width, height, bytes,
                   camera, uploaded_at, accepted_at, processed_at, expired_at, shard_id)
SELECT md5('p' || s."start" + n)::uuid, md5('c' || n % 3)::uuid, repeat('0', 64), 'upload',
       CASE WHEN n < 2 THEN 'expired' ELSE 'processed' END, CASE WHEN n < 2 THEN NULL ELSE n || '.jpg' END,
       'image/jpeg', 'jpeg', 1000 * (n + 1), 1000, 1000 + n, CASE WHEN n < 2 THEN NULL ELSE 'Camera' END,
       s.committed_at, s.committed_at, s.committed_at, CASE WHEN n < 2 THEN s.committed_at + interval '169 hours' END,
       CASE WHEN n < 2 THEN NULL ELSE d.shard_id END
  FROM slice s JOIN shard d USING (slice_id), generate_series(0, 5) n;
INSERT INTO rendition
SELECT photo_id, kind, shard_id, 1, 1, 1, 'image/jpeg', 1, 1
  FROM photo, unnest(ARRAY['original', 'web', 'thumb']) kind WHERE shard_id IS NOT NULL;
INSERT INTO ingest_record (topic, "partition", "offset", slice_id, outcome, reason, detail, photo_id, customer_id,
                           source, event_id, filename, bytes, accepted_at, processed_at)
SELECT :topic, 0, s."start" + n, slice_id,
       CASE WHEN n < 6 THEN 'processed' WHEN n = 6 THEN 'duplicate' WHEN n < 9 THEN 'rejected' ELSE 'absent' END,
       CASE WHEN n < 7 THEN NULL WHEN n < 9 THEN 'corrupt' ELSE 'no_record' END, CASE n WHEN 7 THEN 'cut' END,
       CASE WHEN n < 7 THEN md5('p' || s."start" + n % 6)::uuid END,
       CASE WHEN n < 8 THEN md5('c' || n % 3)::uuid END, CASE WHEN n < 9 THEN 'upload' END, 'event ' || n,
       CASE WHEN n IN (2, 3, 4, 5, 7) THEN n || '.jpg' END, CASE WHEN n < 9 THEN 1000 + n % 6 END,
       CASE WHEN n < 9 THEN s.committed_at - n * interval '1 second' END, s.committed_at
  FROM slice s, generate_series(0, 9) n;
UPDATE photo SET camera = 'Camera II' WHERE width = 5000;
INSERT INTO outbox (kind, topic, "partition", "offset", published_at)
SELECT CASE outcome WHEN 'processed' THEN 'processed' ELSE 'dead_letter' END, topic, "partition", "offset",
       CASE WHEN "offset" < 100 THEN now() END
  FROM ingest_record WHERE outcome IN ('processed', 'rejected');
INSERT INTO reprocess_request (request_id, mode, parameters) VALUES ('asked', 'dead_letters', '{}');
INSERT INTO refed_record (topic, "partition", "offset", request_id, sought_from) VALUES (:topic, 0, 7, 'asked', '{}')
"""
RECORDS = """
SELECT topic, "partition", "offset", incarnation, slice_id, outcome, reason, detail, photo_id, customer_id, source,
       event_id, filename, bytes, accepted_at, processed_at, version, updated_xid::text
  FROM ingest_record ORDER BY "offset"
"""
OUTCOMES = """
SELECT topic, "partition", "offset", incarnation, updated_xid::text, version, outcome, reject_reason, photo_id,
       customer_id, customer_name, source, bytes, format, width, height, megapixels, camera, taken_at, uploaded_at,
       processed_at, expired_at, latency_ms FROM bi_outcome ORDER BY "offset"
"""
DAYS = "SELECT * FROM bi_day ORDER BY 1, 2, 3, 4, 5, 6"
LONG_AGO = date(2024, 1, 1)
GONE = f"""
INSERT INTO outcome_day (day, customer_id, outcome, records, bytes)
VALUES ('{LONG_AGO}', md5('c2')::uuid, 'processed', 1, 1)
"""
FIRSTS = """
SELECT DISTINCT ON (customer_id) customer_id, "offset" FROM ingest_record
 WHERE outcome = 'processed' AND customer_id <> md5('c2')::uuid
 ORDER BY customer_id, processed_at, "offset"
"""


@pytest.fixture
def old_database(stack: Endpoints, test_stack: Stack) -> Iterator[Database]:
    """Give a database as it was before, empty."""
    with older_database(stack, superuser_of(test_stack), BEFORE) as older:
        yield older


@pytest.fixture
def pipeline(stack: Endpoints, old_database: Database) -> Iterator[Pipeline]:
    """Give a pipeline of this test's own on that database."""
    with own_pipeline(stack, old_database) as own:
        yield own


def test_every_record_goes_on(searched_stack: Endpoints, pipeline: Pipeline, old_database: Database) -> None:
    """Record by record and outcome by outcome the same, and reconciled; the sync reads who is new, and no more."""
    topic = pipeline.settings.topics.uploaded
    for statement in LEFT.split(";"):
        pipeline.execute(statement, topic=topic, slices=SLICES)
    looked_at: dict[str, list[Any]] = {query: pipeline.rows(query) for query in (RECORDS, OUTCOMES, DAYS)}
    ((newest,),) = pipeline.rows("SELECT max(updated_xid::text::bigint) FROM ingest_record")

    upgrade(pipeline.running.owner, NO_NEWCOMERS)

    assert {query: pipeline.rows(query) for query in looked_at} == looked_at
    months = pipeline.rows("SELECT DISTINCT tableoid::regclass::text FROM ledger_record")
    assert len(months) >= 3
    assert ("ledger_record_rest",) not in months
    pipeline.execute(GONE)
    upgrade(pipeline.running.owner)
    _assert_newcomers_are_told(old_database, pipeline, int(str(newest)))
    pipeline.execute("DELETE FROM outcome_day")
    _assert_counted_days_are_the_same(old_database, pipeline, looked_at[DAYS])
    with fresh_search(searched_stack) as search:
        search.administered().ensure_template()
        world = Reconciled(pipeline, search)
        results = world.run("ledger")
        assert [(name, each) for name, result in results.items() for each in result.findings] == []
        world.sync()
        results = world.run("search", search_days=EVERY_DAY)
        assert [each for each in results.values() if each.status is not Status.OK] == []


def _assert_newcomers_are_told(database: Database, pipeline: Pipeline, newest: int) -> None:
    """To each customer their first photo, unless it went with its month: who has an earlier day was new then."""
    firsts = pipeline.rows(FIRSTS)
    assert len(firsts) == 2
    engine = make_engine(database.bi, "tests")
    source = PostgresOutcomeSource(engine)
    told = source.page(CommitPosition(newest + 1), 2**62, 10)
    assert sorted((row.customer_id, row.coordinates.offset) for row in told) == firsts
    assert all(row.first_of_customer for row in told)
    assert sum(row.first_of_customer for row in source.page(CommitPosition(0), 2**62, 1000)) == len(firsts)
    gone = "SELECT customer_id = md5('c2')::uuid, day_of(processed_at) FROM newcomer WHERE log_id IS NULL"
    assert pipeline.rows(gone) == [(True, LONG_AGO)]
    assert len(source.page(CommitPosition(0), 2**62, 1000)) == SLICES * 9
    engine.dispose()


def _assert_counted_days_are_the_same(database: Database, pipeline: Pipeline, before: list[Any]) -> None:
    """What has not been counted yet is read from the records, and so it is when half of it has."""
    engine = make_engine(database.pipeline, "tests")
    for slices in (SLICES // 2, SLICES):
        PostgresTally(engine).count(slices)
        assert pipeline.rows(DAYS) == before
    engine.dispose()
