"""The ledger's months on real PostgreSQL: every record has a place, whatever the clock says."""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from tests.support.databases import Database, Server, older_database, superuser_of
from tests.support.slices import UPLOADED, accepted, add_customer, archived_photo, backlog, commit_of, rejected

from local_stack import Endpoints, Stack
from photo_pipeline.adapters.postgres.bi import PostgresOutcomeSource
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.erase import PostgresErasureLedger
from photo_pipeline.adapters.postgres.ingest_ledger import PostgresIngestLedger
from photo_pipeline.adapters.postgres.months import TABLES, PostgresLedgerMonths
from photo_pipeline.adapters.postgres.receipts import RECORDS, receipt_statuses
from photo_pipeline.adapters.postgres.reconcile import PostgresLedgerAudit
from photo_pipeline.adapters.postgres.removal import PostgresRemovalBook
from photo_pipeline.adapters.postgres.retention import PostgresRetentionLedger
from photo_pipeline.adapters.postgres.tally import PostgresTally
from photo_pipeline.domain.documents import CommitPosition
from photo_pipeline.domain.erasure import EraseRequest, Subject
from photo_pipeline.domain.gallery import ReceiptState
from photo_pipeline.domain.ledger import ArchivedPhoto
from photo_pipeline.domain.months import end_of, month_of
from photo_pipeline.domain.photo import Receipt, RecordCoordinates
from photo_pipeline.domain.reconciliation import partition_faults
from photo_pipeline.domain.removal import DueBy, Removal, RemovedThing
from photo_pipeline.migrations.upgrade import upgrade

logger = logging.getLogger(__name__)

LONG_AGO = date(2019, 3, 1)
FAR_AHEAD = datetime(2199, 1, 1, tzinfo=UTC)
PHOTOS_OF_SLICE = 100


def commit(engine: Engine, photos: Sequence[ArchivedPhoto], refused: int = 0) -> None:
    """One slice more."""
    ledger = PostgresIngestLedger(engine)
    start = next((each.next_offset for each in ledger.logs()), 0)
    (planned,) = ledger.plan(backlog(start + len(photos) + refused), 1000, f"run-{start}", 60)
    lease = ledger.lease(planned.slice_id, f"run-{start}", 60)
    assert lease is not None
    records = [accepted(start + at, photo) for at, photo in enumerate(photos)]
    records += [rejected(start + len(photos) + at) for at in range(refused)]
    ledger.commit(commit_of(lease, photos, records))


def rows(engine: Engine, query: str, **parameters: object) -> list[Any]:
    """What a query finds."""
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), parameters)]


def move(owner: Engine, to: str) -> None:
    """What a clock that says so would have stamped."""
    with owner.begin() as connection:
        connection.execute(text(f"UPDATE ingest_record SET processed_at = {to}"))
        connection.execute(text(f"UPDATE slice SET committed_at = {to}"))


def places(owner: Engine) -> list[str]:
    """The partitions in which records and their states lie."""
    query = " UNION ".join(f"SELECT tableoid::regclass::text FROM {table}" for table in TABLES)
    return sorted(name for (name,) in rows(owner, query))


def test_a_new_database_has_the_months_ahead(pipeline_engine: Engine) -> None:
    """This one and three more: nothing has to run before the first commit, or for weeks."""
    there = PostgresLedgerMonths(pipeline_engine).there()
    assert there[0] == month_of(datetime.now(UTC))
    assert len(there) == 4


def test_a_commit_goes_into_its_month(owner: Engine, pipeline_engine: Engine) -> None:
    """Records and states alike."""
    commit(pipeline_engine, [archived_photo(add_customer(owner), b"1")], refused=1)
    month = f"{datetime.now(UTC):%Y_%m}"
    assert places(owner) == [f"ledger_record_{month}", f"ledger_state_{month}"]


@pytest.mark.parametrize("stamp", ["'2019-03-31 23:30+00'", "'2199-01-01+00'"], ids=["years behind", "years ahead"])
def test_a_clock_that_jumps_stops_nothing(owner: Engine, pipeline_engine: Engine, stamp: str) -> None:
    """What has no month lies apart, and is found there by its receipt, and by the sync."""
    photo = archived_photo(add_customer(owner), b"1")
    commit(pipeline_engine, [photo])
    move(owner, stamp)
    assert places(owner) == ["ledger_record_rest", "ledger_state_rest"]
    receipt = Receipt(photo.photo_id, photo.sha256, RecordCoordinates("photos.uploaded", 0, 0), photo.accepted_at)
    with pipeline_engine.connect() as connection:
        assert receipt_statuses(connection, [receipt])[0].state is ReceiptState.PROCESSED
    source = PostgresOutcomeSource(pipeline_engine)
    assert [row.coordinates.offset for row in source.page(CommitPosition(0), 2**62, 10)] == [0]


def test_what_lies_apart_is_moved_once_it_has_a_month(owner: Engine, pipeline_engine: Engine) -> None:
    """Nothing of it changes; a month that is there already is left alone, and what is far ahead waits."""
    months = PostgresLedgerMonths(pipeline_engine)
    commit(pipeline_engine, [archived_photo(add_customer(owner), b"1")], refused=1)
    move(owner, "'2019-03-31 23:30+00'")
    everything = 'SELECT * FROM ingest_record ORDER BY topic, "offset"'
    before = rows(owner, everything)
    assert months.unsorted() == [LONG_AGO]
    months.add(LONG_AGO)
    months.add(LONG_AGO)
    assert places(owner) == ["ledger_record_2019_03", "ledger_state_2019_03"]
    assert rows(owner, everything) == before
    assert (months.unsorted(), months.there()[0]) == ([], LONG_AGO)


def test_only_the_owner_makes_tables(pipeline_engine: Engine) -> None:
    """The pipeline's role may have months made of the ledger, and of nothing else."""
    with pipeline_engine.connect() as connection, pytest.raises(Exception, match="no ledger: customer"):
        connection.execute(text("SELECT add_ledger_month('customer', '2030-01-01')"))


def test_a_receipt_is_looked_for_in_few_months(owner: Engine, pipeline_engine: Engine) -> None:
    """However many months there are, those before it was accepted are not looked into."""
    many = "SELECT add_ledger_month('ledger_record', make_date(y, m, 1)) FROM generate_series(2010, 2014) y, "
    with owner.begin() as connection:
        connection.execute(text(f"{many} generate_series(1, 12) m"))
    commit(pipeline_engine, [archived_photo(add_customer(owner), b"1")])
    parameters = {
        "topics": ["photos.uploaded"],
        "partitions": [0],
        "offsets": [0],
        "since": [datetime.now(UTC) - timedelta(days=1)],
        "until": [datetime.now(UTC) + timedelta(days=8)],
    }
    with owner.begin() as connection:
        explain = text(f"EXPLAIN (ANALYZE, FORMAT json) {RECORDS.text}")
        plan = connection.execute(explain, parameters).scalar_one()[0]["Plan"]
    read = {name for name in _read(plan) if name.startswith("ledger_")}
    assert f"ledger_record_{datetime.now(UTC):%Y_%m}" in read
    assert len(read) <= 2


def _read(plan: dict[str, Any]) -> Iterator[str]:
    """The tables that were really looked into."""
    if plan["Actual Loops"] and "Relation Name" in plan:
        yield plan["Relation Name"]
    for part in plan.get("Plans", ()):
        yield from _read(part)


def test_an_expiry_writes_little(
    owner: Engine, pipeline_engine: Engine, database: Database, stack: Endpoints, test_stack: Stack
) -> None:
    """A photo's expiry rewrites no row of the large table and no index entry that is not next to its shard's others.

    It wrote 7.7 KB a photo, and 24 KB where every page was the first since a checkpoint.
    """
    customer = add_customer(owner)
    for number in range(12):
        commit(pipeline_engine, [archived_photo(customer, f"{number}.{at}".encode()) for at in range(PHOTOS_OF_SLICE)])
    with owner.begin() as connection:
        connection.execute(text("UPDATE shard SET marked_at = now(), kept_until = now()"))
    shards = [shard_id for (shard_id,) in rows(owner, "SELECT shard_id FROM shard ORDER BY 1")]
    server = Server(stack, superuser_of(test_stack))
    server.execute("CHECKPOINT")
    first, *others = (_written(owner, pipeline_engine, shard_id) for shard_id in shards)
    warm = min(others)  # what else the server does meanwhile is in the log as well
    logger.info("bytes of WAL for each photo: %.0f after a checkpoint, %.0f else", first, warm)
    assert warm < 2600
    # None but the one that marked the customer's first photo as it was committed, if that has been counted yet.
    updates = "SELECT sum(n_tup_upd) <= 1 FROM pg_stat_all_tables WHERE relname LIKE 'ledger\\_record%'"
    assert rows(owner, updates) == [(True,)]
    assert rows(owner, "SELECT count(*), count(filename), count(expired_at) FROM ingest_record") == [(1200, 0, 1200)]


def _written(owner: Engine, engine: Engine, shard_id: int) -> float:
    position = "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
    ledger, far = PostgresRetentionLedger(engine), DueBy(FAR_AHEAD, FAR_AHEAD)
    ((before,),) = rows(owner, position)
    claim = ledger.claim(shard_id, far)
    assert claim is not None
    assert ledger.expire(claim).expired == PHOTOS_OF_SLICE
    ((after,),) = rows(owner, position)
    return float(after - before) / PHOTOS_OF_SLICE


def test_a_photo_that_comes_back_leaves_its_earlier_life_alone(owner: Engine, pipeline_engine: Engine) -> None:
    """Records of a life that is over stay expired, and are not touched by what happens in the next one."""
    photo = archived_photo(add_customer(owner), b"1")
    commit(pipeline_engine, [photo])
    _expire(owner, pipeline_engine)
    move(owner, "now() - interval '30 days'")
    first = rows(owner, "SELECT version, expired_at FROM ingest_record")
    commit(pipeline_engine, [photo])
    second = 'SELECT version, expired_at, filename FROM ingest_record ORDER BY "offset"'
    assert rows(owner, second) == [(*first[0], None), (1, None, "a.jpg")]
    assert rows(owner, 'SELECT expired_at IS NULL, camera FROM bi_outcome ORDER BY "offset"') == [
        (False, None),
        (True, "Acme One"),
    ]
    _expire(owner, pipeline_engine)
    assert [row[0] for row in rows(owner, second)] == [first[0][0], 2]


def _expire(owner: Engine, engine: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE shard SET marked_at = now(), kept_until = now() WHERE state = 'live'"))
    ledger, far = PostgresRetentionLedger(engine), DueBy(FAR_AHEAD, FAR_AHEAD)
    for (shard_id,) in rows(owner, "SELECT shard_id FROM shard WHERE state = 'live'"):
        claim = ledger.claim(shard_id, far)
        assert claim is not None
        ledger.expire(claim)


LAST_RELEASES = """
INSERT INTO ingest_record (topic, "partition", "offset", incarnation, slice_id, outcome, reason, detail, photo_id,
                           customer_id, source, event_id, filename, bytes, accepted_at, processed_at)
VALUES (:topic, 0, 1, 1, 1, 'duplicate', NULL, NULL, gen_random_uuid(), :customer, 'upload', 'e', 'b.jpg', 3, now(),
        now());
INSERT INTO outbox (kind, topic, "partition", "offset", incarnation)
SELECT 'processed', topic, "partition", "offset", incarnation FROM ingest_record WHERE "offset" = 1;
UPDATE ingest_record SET filename = NULL WHERE filename IS NOT NULL
"""


def test_the_last_releases_programs_write_as_before(owner: Engine, pipeline_engine: Engine) -> None:
    """During a rolling upgrade a worker of the last release commits, and its retention blanks, by the old names."""
    customer: UUID = add_customer(owner)
    commit(pipeline_engine, [archived_photo(customer, b"1")])
    with pipeline_engine.begin() as connection:
        for statement in LAST_RELEASES.split(";"):
            connection.execute(text(statement), {"topic": UPLOADED.topic, "customer": customer})
    written = rows(owner, 'SELECT "offset", filename, version FROM ingest_record ORDER BY 1')
    assert written == [(0, None, 2), (1, None, 2)]
    with PostgresIngestLedger(pipeline_engine).outbox(10) as entries:
        assert [entry.coordinates.offset for entry in entries] == [0, 1]


OLD = date(2024, 1, 1)
THEN = "'2024-01-20 12:00+00'"


def _grow_old(owner: Engine) -> None:
    """As if all that there is had happened in a month long ago, and been dealt with."""
    with owner.begin() as connection:
        for statement in (
            f"UPDATE slice SET committed_at = {THEN}",
            f"UPDATE photo SET processed_at = {THEN}, expired_at = {THEN} WHERE status = 'expired'",
            "UPDATE shard SET state = 'removed', removed_at = now()",
            f"UPDATE ingest_record SET processed_at = {THEN}, accepted_at = {THEN}",
            f"UPDATE outbox SET processed_at = {THEN}, published_at = now()",
            "INSERT INTO bi_sync_state (name, watermark) VALUES ('photos', '9000000000000000000')",
        ):
            connection.execute(text(statement))


def test_a_month_goes_with_all_that_belongs_to_it(owner: Engine, pipeline_engine: Engine) -> None:
    """Records, slices, shards and expired photos; a younger month, its photos and the days' sums stay."""
    months, customer = PostgresLedgerMonths(pipeline_engine), add_customer(owner)
    gone, kept = archived_photo(customer, b"1"), archived_photo(customer, b"2")
    commit(pipeline_engine, [gone], refused=2)
    _expire(owner, pipeline_engine)
    _grow_old(owner)
    months.add(OLD)
    commit(pipeline_engine, [kept])
    assert months.oldest() == OLD
    assert months.facts(OLD).uncounted == 1
    PostgresTally(pipeline_engine).count(100)
    days = rows(owner, "SELECT day, outcome, records, bytes FROM bi_day ORDER BY 1, 2")
    facts = months.facts(OLD)
    assert list(facts.obstacles(end_of(OLD))) == []
    assert (facts.records, facts.bytes > 0, facts.youngest) == (3, True, datetime(2024, 1, 20, 12, tzinfo=UTC))

    assert [months.forget_slices(end_of(OLD), 5) for _ in range(2)] == [1, 0]
    assert months.forget_photos(end_of(OLD), 5) == 1
    look = PostgresRemovalBook(pipeline_engine).begin("run", [], datetime.now(UTC))
    months.drop(OLD, look, RemovedThing(Removal.MONTHS, "2024-01", 3, 0, "over"), datetime.now(UTC))

    assert rows(owner, 'SELECT "offset" FROM ingest_record') == [(3,)]
    assert rows(owner, 'SELECT "start" FROM slice') == [(3,)]
    assert rows(owner, "SELECT photo_id FROM photo") == [(kept.photo_id,)]
    assert rows(owner, "SELECT count(*) FROM shard") == [(1,)]
    assert rows(owner, "SELECT first_offset, next_offset FROM partition_progress") == [(3, 4)]
    assert rows(owner, "SELECT what, amount FROM removal") == [("ledger months", 3)]
    assert rows(owner, "SELECT day, outcome, records, bytes FROM bi_day ORDER BY 1, 2") == days
    assert months.oldest() == month_of(datetime.now(UTC))
    audit = PostgresLedgerAudit(pipeline_engine)
    assert [list(partition_faults(state)) for state in audit.partitions().values()] == [[]]
    receipt = Receipt(gone.photo_id, gone.sha256, RecordCoordinates("photos.uploaded", 0, 0), gone.accepted_at)
    with pipeline_engine.connect() as connection:
        assert receipt_statuses(connection, [receipt])[0].state is ReceiptState.EXPIRED
    commit(pipeline_engine, [gone])
    assert rows(owner, 'SELECT outcome FROM ingest_record ORDER BY "offset"') == [("processed",), ("processed",)]


LIVES = """
UPDATE photo p SET accepted_at = l.accepted_at, processed_at = l.accepted_at, expired_at = l.expired_at
  FROM unnest(CAST(:ids AS uuid[]), CAST(:accepted AS timestamptz[]), CAST(:expired AS timestamptz[]))
       AS l (photo_id, accepted_at, expired_at)
 WHERE p.photo_id = l.photo_id
"""


def test_a_photo_outlasts_its_records_only_if_it_was_held(owner: Engine, pipeline_engine: Engine) -> None:
    """It had expired by the end of their month, or soon after; what has outlasted them goes with its customer."""
    months, customer = PostgresLedgerMonths(pipeline_engine), add_customer(owner)
    ordinary, held, younger = photos = [archived_photo(customer, name) for name in (b"1", b"2", b"3")]
    commit(pipeline_engine, photos)
    _expire(owner, pipeline_engine)
    accepted_at = [datetime(2024, 1, 30, tzinfo=UTC)] * 2 + [datetime(2024, 2, 1, 2, tzinfo=UTC)]
    expired_at = [datetime(2024, month, 8, 3, tzinfo=UTC) for month in (2, 6, 2)]
    lives = {"ids": [each.photo_id for each in photos], "accepted": accepted_at, "expired": expired_at}
    with owner.begin() as connection:
        connection.execute(text(LIVES), lives)
        connection.execute(text("UPDATE shard SET state = 'removed', removed_at = now()"))
    assert [months.forget_photos(end_of(OLD), 5) for _ in range(2)] == [1, 0]
    left = "SELECT photo_id FROM photo"
    assert {photo_id for (photo_id,) in rows(owner, left)} == {held.photo_id, younger.photo_id}
    with owner.begin() as connection:
        connection.execute(text("DELETE FROM ledger_record WHERE photo_id <> :id"), {"id": younger.photo_id})
    erasures = PostgresErasureLedger(pipeline_engine, {})
    request = EraseRequest("erase 1", Subject.CUSTOMER, customer, "asked for it", "Grace")
    erasures.forget_more(erasures.begin(request, "salt"), request)
    assert rows(owner, left) == []
    assert erasures.erased([held.photo_id, younger.photo_id]) == {held.photo_id, younger.photo_id}
    assert erasures.erased([ordinary.photo_id]) == set()


LEFT_BEHIND = """
INSERT INTO customer (customer_id, email, display_name, password_hash)
VALUES (gen_random_uuid(), 'ada@example.org', 'Ada', '-');
SELECT add_ledger_month('ledger_record', '2024-02-01');
INSERT INTO photo (photo_id, customer_id, sha256, source, status, content_type, format, width, height, bytes,
                   uploaded_at, accepted_at, processed_at, expired_at)
SELECT gen_random_uuid(), customer_id, repeat('a', 64), 'upload', 'expired', 'image/jpeg', 'jpeg', 1, 1, 1, a, a, a, e
  FROM customer, (VALUES (timestamptz '2024-01-30 00:00+00', timestamptz '2024-02-06 03:00+00'),
                         ('2024-01-30 00:00+00', '2024-06-01 03:00+00'),
                         ('2024-02-02 00:00+00', '2024-02-09 03:00+00')) lives (a, e);
INSERT INTO hold (customer_id, photo_id, reason, placed_by, lifted_at)
SELECT customer_id, photo_id, 'mine', 'the customer', now() FROM photo
"""
DROPPED_BEFORE = """
INSERT INTO retention_run (name, begun_at, clocks, looked_at, state) VALUES ('r', now(), '{}', now(), 'done');
INSERT INTO removal (run_id, what, subject, amount, bytes, why, noted_at, removed_at)
VALUES (1, 'ledger months', '2024-01', 1, 1, 'over', now(), now())
"""


@pytest.mark.parametrize("dropped", ["", DROPPED_BEFORE], ids=["no month", "a month"])
def test_what_the_last_release_has_left_of_a_dropped_month_goes(
    stack: Endpoints, test_stack: Stack, dropped: str
) -> None:
    """The row of a photo whose records are gone, and no other; with a line of the record."""
    with older_database(stack, superuser_of(test_stack), "0038") as older:
        owner = make_engine(older.owner, "tests")
        with owner.begin() as connection:
            for statement in filter(str.strip, f"{LEFT_BEHIND};{dropped}".split(";")):
                connection.exec_driver_sql(statement)
        upgrade(owner)
        left = rows(owner, "SELECT extract(month FROM expired_at) FROM photo ORDER BY 1")
        told = rows(owner, "SELECT amount FROM removal WHERE what = 'expired photos'")
        owner.dispose()
    assert (left, told) == (([(2,), (6,)], [(1,)]) if dropped else ([(2,), (2,), (6,)], []))


def test_what_something_rests_on_is_told(owner: Engine, pipeline_engine: Engine) -> None:
    """Not counted, not synced, not told of, not removed, younger by Kafka's clock: each by itself."""
    months = PostgresLedgerMonths(pipeline_engine)
    commit(pipeline_engine, [archived_photo(add_customer(owner), b"1")])
    _grow_old(owner)
    months.add(OLD)
    for spoil in (
        "UPDATE shard SET state = 'live'",
        "UPDATE outbox SET published_at = NULL",
        "UPDATE bi_sync_state SET watermark = '1'",
        "UPDATE ledger_record SET accepted_at = now()",
    ):
        with owner.begin() as connection:
            connection.execute(text(spoil))
    assert len(list(months.facts(OLD).obstacles(end_of(OLD)))) == 5


def test_nothing_young_is_dropped(pipeline_engine: Engine) -> None:
    """Whatever is asked for: the function's owner has the last word."""
    month = month_of(datetime.now(UTC))
    with pipeline_engine.connect() as connection, pytest.raises(Exception, match="not to be dropped"):
        connection.execute(text("SELECT drop_ledger_month('ledger_record', :month)"), {"month": month})
