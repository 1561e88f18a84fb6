"""The ledger on real PostgreSQL: planning, leases, the one commit point, the outbox."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlalchemy.event import listen
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.schema import SchemaItem
from tests.support.databases import Database
from tests.support.slices import (
    STREAMED,
    UPLOADED,
    accepted,
    add_customer,
    archived_photo,
    backlog,
    commit_of,
    rejected,
)

from photo_pipeline.adapters.postgres import models_of_days, models_of_erasure, models_of_removal, models_of_sessions
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.ingest_ledger import PostgresIngestLedger
from photo_pipeline.adapters.postgres.models import Base, Xid8
from photo_pipeline.domain.errors import LeaseLostError, ProgressConflictError, SliceBusyError, SliceVoidError
from photo_pipeline.domain.lanes import Lanes
from photo_pipeline.domain.ledger import DeadLetterEntry, Lease, OutboxEntry, PlannedSlice, ProcessedEntry, Watermarks
from photo_pipeline.domain.logs import LogState, changes
from photo_pipeline.domain.photo import Log, TopicPartition
from photo_pipeline.migrations.upgrade import upgrade
from photo_pipeline.settings import IngestSettings


@pytest.fixture
def ledger(pipeline_engine: Engine) -> PostgresIngestLedger:
    """The ledger under the pipeline's own role, so that missing grants show."""
    return PostgresIngestLedger(pipeline_engine)


@pytest.fixture
def customer(owner: Engine) -> UUID:
    """Somebody who sends photos."""
    return add_customer(owner)


def lease_next(ledger: PostgresIngestLedger, high: int, partition: TopicPartition = UPLOADED) -> Lease:
    """Plan up to ``high`` and take the slice of that partition."""
    planned = ledger.plan(backlog(high, topic_partition=partition), 100, "run", 60)
    chosen = next(item for item in planned if item.topic_partition == partition)
    lease = ledger.lease(chosen.slice_id, "run", 60)
    assert lease is not None
    return lease


def progress(ledger: PostgresIngestLedger) -> dict[TopicPartition, int]:
    """The next offset of every partition."""
    return {each.log.topic_partition: each.next_offset for each in ledger.logs()}


def rows(owner: Engine, query: str) -> list[tuple[object, ...]]:
    """What a query gives."""
    with owner.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def _is_described(_item: SchemaItem, name: str | None, *_: object) -> bool:
    """Not a month of the ledger, which is like every other."""
    return not re.fullmatch(r"ledger_(record|state)_(rest|\d{4}_\d{2})", name or "")


class TestSchema:
    """What the migrations make."""

    def test_models_and_migrations_agree(self, owner: Engine) -> None:
        """The models describe exactly the tables and columns that the migrations make, and which may be null."""
        with owner.connect() as connection:
            connection.dialect.ischema_names["xid8"] = Xid8  # type: ignore[attr-defined] # PostgreSQL's dialect has it
            opts = {"compare_type": False, "include_object": _is_described}
            context = MigrationContext.configure(connection, opts=opts)
            # Imported, so that their tables are among them.
            assert models_of_days.Base is Base
            assert models_of_erasure.Base is Base
            assert models_of_removal.Base is Base
            assert models_of_sessions.Base is Base
            differences = compare_metadata(context, Base.metadata)
        flat = [change for item in differences for change in (item if isinstance(item, list) else [item])]
        # Constraints and indexes stand in the migrations alone.
        structural = [change for change in flat if change[0].endswith(("_table", "_column", "_nullable"))]
        assert structural == []

    def test_migrating_again_changes_nothing(self, owner: Engine) -> None:
        """A migrated database is left as it is."""
        assert upgrade(owner) == upgrade(owner)

    def test_analysts_see_views_only(self, database: Database) -> None:
        """``photo_bi`` cannot read a table, least of all the customers' e-mail addresses."""
        engine = make_engine(database.bi, "tests")
        with engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM bi_outcome")).scalar_one() == 0
            with pytest.raises(ProgrammingError, match="permission denied"):
                connection.execute(text("SELECT email FROM customer"))
        engine.dispose()


class TestPlanning:
    """What becomes a slice, and whose it is."""

    def test_plans_the_backlog_once(self, ledger: PostgresIngestLedger) -> None:
        """A second plan for the same backlog by another run finds nothing left to plan."""
        first = ledger.plan(backlog(10), 100, "run-1", 60)
        second = ledger.plan(backlog(10), 100, "run-2", 60)
        assert [(item.start, item.end) for item in first] == [(0, 10)]
        assert second == []

    def test_same_run_gets_its_slices_again(self, ledger: PostgresIngestLedger) -> None:
        """A planner killed after its commit and retried hands out the same slices."""
        first = ledger.plan(backlog(10), 100, "run-1", 60)
        assert ledger.plan(backlog(10), 100, "run-1", 60) == first

    def test_slice_is_bounded_by_records(self, ledger: PostgresIngestLedger) -> None:
        """However long the backlog, a slice covers no more than the limit."""
        (planned,) = ledger.plan(backlog(1_000_000), 100, "run", 60)
        assert (planned.start, planned.end) == (0, 100)

    def test_new_partition_starts_at_what_kafka_holds(self, ledger: PostgresIngestLedger) -> None:
        """Offsets that Kafka had deleted before the partition was first seen are not waited for."""
        (planned,) = ledger.plan(backlog(50, low=40), 100, "run", 60)
        assert (planned.start, planned.end) == (40, 50)

    def test_no_backlog_no_slice(self, ledger: PostgresIngestLedger) -> None:
        """An empty partition is known, and not planned."""
        assert ledger.plan(backlog(0), 100, "run", 60) == []
        assert progress(ledger) == {UPLOADED: 0}

    def test_many_planners_at_once_plan_no_record_twice(self, ledger: PostgresIngestLedger, owner: Engine) -> None:
        """Planners that race come out with one slice of the partition between them."""
        start = threading.Barrier(4)

        def plan(number: int) -> int:
            start.wait()
            return len(ledger.plan(backlog(10), 100, f"run-{number}", 60))

        with ThreadPoolExecutor(4) as pool:
            assert sum(pool.map(plan, range(4))) == 1
        assert rows(owner, "SELECT count(*) FROM slice") == [(1,)]

    def test_slice_of_a_dead_worker_comes_back(self, ledger: PostgresIngestLedger) -> None:
        """A lease that ran out is no obstacle to the next run."""
        (planned,) = ledger.plan(backlog(10), 100, "run-1", 60)
        assert ledger.lease(planned.slice_id, "run-1", -1) is not None
        assert ledger.plan(backlog(10), 100, "run-2", 60) == [planned]

    def test_backlog_leaves_out_what_is_worked_on(self, ledger: PostgresIngestLedger) -> None:
        """What a live worker has needs no new run; what nobody has does."""
        watermarks = {**backlog(10), **backlog(4, topic_partition=STREAMED)}
        assert ledger.backlog(watermarks) == {UPLOADED: 10, STREAMED: 4}
        ledger.plan(backlog(10), 100, "run", 60)
        assert ledger.backlog(watermarks) == {STREAMED: 4}


class TestLanes:
    """The bulk lane's slices are one run's at a time, so that another run has none to wait for."""

    LANES = Lanes(bulk_share=0.5, bulk_slices=1)
    NORMAL, BULK = TopicPartition("photos.uploaded", 1), (UPLOADED, STREAMED)

    def marks(self, high: int) -> dict[TopicPartition, Watermarks]:
        """Two topics of two partitions each, with so much in all of them."""
        topics = {each.topic for each in self.BULK}
        return {TopicPartition(topic, number): Watermarks(0, high) for topic in topics for number in range(2)}

    def plan(self, ledger: PostgresIngestLedger, owner: str, high: int, lanes: Lanes = LANES) -> list[PlannedSlice]:
        """What this run would get."""
        return list(ledger.plan(self.marks(high), 100, owner, 60, lanes))

    def bulk(self, planned: list[PlannedSlice]) -> list[TopicPartition]:
        """Those of the bulk lane."""
        return [each.topic_partition for each in planned if each.topic_partition in self.BULK]

    def commit(self, ledger: PostgresIngestLedger, planned: PlannedSlice, owner: str) -> None:
        """Bring it to its end, without photos."""
        lease = ledger.lease(planned.slice_id, owner, 60)
        assert lease is not None
        ledger.commit(commit_of(lease, [], [rejected(offset) for offset in range(planned.start, planned.end)]))

    def test_a_second_run_is_given_none(self, ledger: PostgresIngestLedger) -> None:
        """However many wait: the first run has as many as may be worked on, the second only everybody's."""
        first = self.plan(ledger, "run-1", 5)
        assert (len(first), len(self.bulk(first))) == (3, 1)
        for each in first:
            if each.topic_partition not in self.BULK:
                self.commit(ledger, each, "run-1")
        second = self.plan(ledger, "run-2", 10)
        assert len(second) == 2
        assert self.bulk(second) == []

    def test_the_same_run_gets_the_same_again(self, ledger: PostgresIngestLedger) -> None:
        """A planner that was killed and tried again takes no second one."""
        assert self.plan(ledger, "run-1", 5) == self.plan(ledger, "run-1", 5)

    def test_each_partition_has_its_turn(self, ledger: PostgresIngestLedger) -> None:
        """One that is never empty does not keep another out."""
        turns = []
        for number in range(4):
            planned = self.plan(ledger, f"run-{number}", 10 * (number + 1))
            turns += self.bulk(planned)
            for each in planned:
                self.commit(ledger, each, f"run-{number}")
        assert set(turns[:2]) == set(turns[2:]) == set(self.BULK)

    def test_a_dead_workers_slice_is_the_next_runs(self, ledger: PostgresIngestLedger) -> None:
        """And so is one that was given back after an error."""
        (planned,) = (each for each in self.plan(ledger, "run-1", 5) if each.topic_partition in self.BULK)
        lease = ledger.lease(planned.slice_id, "run-1", 60)
        assert lease is not None
        assert self.bulk(self.plan(ledger, "run-2", 5)) == []
        ledger.release(lease)
        assert len(self.bulk(self.plan(ledger, "run-2", 5))) == 1

    def test_normal_lane_comes_first(self, ledger: PostgresIngestLedger) -> None:
        """A run's tasks begin in this order: nobody's photos wait for a slot behind a flood."""
        planned = self.plan(ledger, "run", 5, Lanes(0.5, bulk_slices=2))
        assert [each.log.partition for each in planned] == [1, 1, 0, 0]

    def test_what_a_run_never_began_comes_first_in_the_next(self, ledger: PostgresIngestLedger, owner: Engine) -> None:
        """Or a flood would wait for as long as others' photos keep all workers busy."""
        (left,) = (each for each in self.plan(ledger, "run-1", 5) if each.topic_partition in self.BULK)
        for each in self.plan(ledger, "run-1", 5):
            if each != left:
                self.commit(ledger, each, "run-1")
        with owner.begin() as connection:
            connection.execute(text("UPDATE slice SET lease_expires_at = now() WHERE state <> 'committed'"))
        planned = self.plan(ledger, "run-2", 10)
        assert (len(planned), planned[0].slice_id) == (3, left.slice_id)

    def test_one_that_fails_keeps_no_other_out(self, ledger: PostgresIngestLedger) -> None:
        """Each has its turn, whether it comes to an end or not."""
        turns = []
        for number in range(4):
            (planned,) = (each for each in self.plan(ledger, f"run-{number}", 5) if each.topic_partition in self.BULK)
            lease = ledger.lease(planned.slice_id, f"run-{number}", 60)
            assert lease is not None
            ledger.release(lease)
            turns.append(planned.topic_partition)
        assert set(turns[:2]) == set(turns[2:]) == set(self.BULK)

    def test_many_may_be_allowed(self, ledger: PostgresIngestLedger) -> None:
        """All of them one run's."""
        assert len(self.bulk(self.plan(ledger, "run-1", 5, Lanes(0.5, bulk_slices=8)))) == 2

    def test_the_dag_is_not_woken_for_what_it_may_not_take(self, ledger: PostgresIngestLedger) -> None:
        """Or a run that finds nothing would follow the other for as long as a flood lasts."""
        planned = self.plan(ledger, "run-1", 5)
        assert ledger.backlog(self.marks(5), self.LANES) == {}
        assert set(ledger.backlog(self.marks(5))) == set(self.BULK) - set(self.bulk(planned))
        for each in planned:
            self.commit(ledger, each, "run-1")
        assert set(ledger.backlog(self.marks(5), self.LANES)) == set(self.BULK) - set(self.bulk(planned))

    def test_one_run_takes_everything_that_waits(self, ledger: PostgresIngestLedger) -> None:
        """Where nobody else is there, a customer's flood has the whole machine: both lanes, in one run."""
        limit = IngestSettings().slice_max_records
        planned = ledger.plan(
            {UPLOADED: Watermarks(0, 2700), self.NORMAL: Watermarks(0, 300)}, limit, "run", 60, self.LANES
        )
        assert sum(each.end - each.start for each in planned) == 3000


class TestLeases:
    """Who may work on a slice."""

    def test_another_owner_is_kept_out(self, ledger: PostgresIngestLedger) -> None:
        """While a lease runs, another owner's worker learns that the slice is busy."""
        lease = lease_next(ledger, 10)
        with pytest.raises(SliceBusyError):
            ledger.lease(lease.slice.slice_id, "another run", 60)

    def test_own_retry_takes_over_at_once(self, ledger: PostgresIngestLedger) -> None:
        """The retry of a killed task need not wait for its own older lease, and fences it off."""
        older = lease_next(ledger, 10)
        newer = ledger.lease(older.slice.slice_id, "run", 60)
        assert newer is not None
        assert newer.attempt == older.attempt + 1
        with pytest.raises(LeaseLostError):
            ledger.renew(older, 60)
        ledger.renew(newer, 60)

    def test_released_slice_is_free(self, ledger: PostgresIngestLedger) -> None:
        """A worker that failed gives its slice back for anyone."""
        lease = lease_next(ledger, 10)
        ledger.release(lease)
        assert ledger.lease(lease.slice.slice_id, "another run", 60) is not None

    def test_committed_slice_cannot_be_leased(self, ledger: PostgresIngestLedger, customer: UUID) -> None:
        """A task that runs again after its commit finds nothing to do, and the same summary."""
        lease = lease_next(ledger, 1)
        photo = archived_photo(customer, b"a")
        summary = ledger.commit(commit_of(lease, [photo], [accepted(0, photo)]))
        assert ledger.lease(lease.slice.slice_id, "run", 60) is None
        assert ledger.summary(lease.slice.slice_id) == summary


class TestCommit:
    """The one transaction that makes a slice visible."""

    def test_everything_appears_at_once(self, ledger: PostgresIngestLedger, owner: Engine, customer: UUID) -> None:
        """Shard, photo, renditions, records, outbox and progress come from one commit."""
        lease = lease_next(ledger, 2)
        photo = archived_photo(customer, b"a")
        summary = ledger.commit(commit_of(lease, [photo], [accepted(0, photo), rejected(1)]))
        assert (summary.processed, summary.duplicate, summary.rejected) == (1, 0, 1)
        assert progress(ledger) == {UPLOADED: 2}
        assert rows(owner, "SELECT state, photos FROM shard") == [("live", 1)]
        assert rows(owner, "SELECT status, format, taken_at_offset FROM photo") == [("processed", "jpeg", None)]
        assert rows(owner, "SELECT count(*) FROM rendition") == [(3,)]
        assert rows(owner, 'SELECT outcome FROM ingest_record ORDER BY "offset"') == [("processed",), ("rejected",)]
        assert rows(owner, "SELECT kind FROM outbox ORDER BY 1") == [("dead_letter",), ("processed",)]

    def test_fenced_attempt_writes_nothing(self, ledger: PostgresIngestLedger, owner: Engine, customer: UUID) -> None:
        """A zombie whose slice was taken over is refused, and leaves no row."""
        zombie = lease_next(ledger, 1)
        assert ledger.lease(zombie.slice.slice_id, "run", 60) is not None
        photo = archived_photo(customer, b"a")
        with pytest.raises(LeaseLostError):
            ledger.commit(commit_of(zombie, [photo], [accepted(0, photo)]))
        assert rows(owner, "SELECT count(*) FROM shard") == [(0,)]
        assert progress(ledger) == {UPLOADED: 0}

    def test_second_commit_of_a_slice_is_refused(self, ledger: PostgresIngestLedger, customer: UUID) -> None:
        """The same attempt cannot commit twice."""
        lease = lease_next(ledger, 1)
        photo = archived_photo(customer, b"a")
        commit = commit_of(lease, [photo], [accepted(0, photo)])
        ledger.commit(commit)
        with pytest.raises(LeaseLostError):
            ledger.commit(commit)

    def test_moved_progress_stops_the_commit(self, ledger: PostgresIngestLedger, owner: Engine, customer: UUID) -> None:
        """``next_offset`` is compared before it is set: progress that something else moved is never overwritten."""
        lease = lease_next(ledger, 1)
        with owner.begin() as connection:
            connection.execute(text("UPDATE partition_progress SET next_offset = 5"))
        photo = archived_photo(customer, b"a")
        with pytest.raises(ProgressConflictError):
            ledger.commit(commit_of(lease, [photo], [accepted(0, photo)]))
        assert rows(owner, "SELECT state FROM slice") == [("running",)]

    def test_short_commit_leaves_the_rest_for_the_next_slice(
        self, ledger: PostgresIngestLedger, owner: Engine, customer: UUID
    ) -> None:
        """A slice that reached its byte limit ends where it stopped reading."""
        lease = lease_next(ledger, 10)
        photo = archived_photo(customer, b"a")
        summary = ledger.commit(commit_of(lease, [photo], [accepted(0, photo)]))
        assert (summary.start, summary.end) == (0, 1)
        assert rows(owner, 'SELECT "start", "end" FROM slice') == [(0, 1)]
        (following,) = ledger.plan(backlog(10), 100, "run", 60)
        assert (following.start, following.end) == (1, 10)

    def test_duplicate_moves_the_index_and_keeps_the_first_upload(
        self, ledger: PostgresIngestLedger, owner: Engine, customer: UUID
    ) -> None:
        """The same photo again is a duplicate; its index points to the newer shard, its age starts anew."""
        photo = archived_photo(customer, b"a")
        for high in (1, 2):
            lease = lease_next(ledger, high)
            summary = ledger.commit(commit_of(lease, [photo], [accepted(high - 1, photo)]))
        assert (summary.processed, summary.duplicate) == (0, 1)
        assert rows(owner, "SELECT shard_id = (SELECT max(shard_id) FROM shard) FROM photo") == [(True,)]
        assert rows(owner, "SELECT DISTINCT shard_id = (SELECT max(shard_id) FROM shard) FROM rendition") == [(True,)]
        assert rows(owner, "SELECT count(*) FROM outbox") == [(1,)]

    def test_expired_photo_comes_back_as_processed(
        self, ledger: PostgresIngestLedger, owner: Engine, customer: UUID
    ) -> None:
        """After its expiry the same photo is new again, with its metadata."""
        photo = archived_photo(customer, b"a")
        ledger.commit(commit_of(lease_next(ledger, 1), [photo], [accepted(0, photo)]))
        with owner.begin() as connection:
            connection.execute(text("DELETE FROM rendition"))
            connection.execute(
                text("UPDATE photo SET status = 'expired', shard_id = NULL, expired_at = now(), camera = NULL")
            )
        summary = ledger.commit(commit_of(lease_next(ledger, 2), [photo], [accepted(1, photo)]))
        assert (summary.processed, summary.duplicate) == (1, 0)
        assert rows(owner, "SELECT status, camera, expired_at FROM photo") == [("processed", "Acme One", None)]

    def test_any_number_of_photos_takes_the_same_statements(
        self, ledger: PostgresIngestLedger, owner: Engine, database: Database, customer: UUID
    ) -> None:
        """New, known and expired photos in one slice: neither statements nor their parameters grow with them."""
        sent: list[tuple[str, int]] = []
        engine = make_engine(database.pipeline, "tests")
        listen(engine, "before_cursor_execute", lambda *call: sent.append((call[2], len(call[3]))))
        watched, begin, summaries, statements = PostgresIngestLedger(engine), 0, [], []
        for number in (1, 30):
            photos = [
                archived_photo(customer, bytes([number, kind, each])) for kind in range(3) for each in range(number)
            ]
            before = photos[number:]
            known = [accepted(begin + at, photo) for at, photo in enumerate(before)]
            ledger.commit(commit_of(lease_next(ledger, begin + len(known)), before, known))
            begin += len(known)
            gone = {"gone": [photo.photo_id for photo in photos[2 * number :]]}
            with owner.begin() as connection:
                connection.execute(text("DELETE FROM rendition WHERE photo_id = ANY(:gone)"), gone)
                expire = "UPDATE photo SET status = 'expired', shard_id = NULL WHERE photo_id = ANY(:gone)"
                connection.execute(text(expire), gone)
            lease = lease_next(ledger, begin + len(photos))
            commit = commit_of(lease, photos, [accepted(begin + at, photo) for at, photo in enumerate(photos)])
            begin += len(photos)
            sent.clear()
            summaries.append(watched.commit(commit))
            statements.append(list(sent))
        engine.dispose()
        assert [(each.processed, each.duplicate) for each in summaries] == [(2, 1), (60, 30)]
        assert statements[0] == statements[1]
        newest = "SELECT DISTINCT r.shard_id, p.status FROM photo p JOIN rendition r USING (photo_id, shard_id)"
        assert len(rows(owner, newest)) == 2

    def test_same_photo_in_two_slices_at_once(
        self, ledger: PostgresIngestLedger, owner: Engine, customer: UUID
    ) -> None:
        """Two topics bring the same photos at the same moment: each photo is processed once and a duplicate once."""
        photos = [archived_photo(customer, bytes([number])) for number in range(20)]
        commits = []
        for partition, order in ((UPLOADED, photos), (STREAMED, photos[::-1])):
            lease = lease_next(ledger, len(photos), partition)
            records = [accepted(offset, photo) for offset, photo in enumerate(order)]
            commits.append(commit_of(lease, order, records))
        start = threading.Barrier(2)

        def commit(number: int) -> None:
            start.wait()
            ledger.commit(commits[number])

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(commit, range(2)))
        outcomes = rows(owner, "SELECT outcome, count(*) FROM ingest_record GROUP BY 1 ORDER BY 1")
        assert outcomes == [("duplicate", 20), ("processed", 20)]
        assert rows(owner, "SELECT count(*) FROM photo") == [(20,)]
        consistent = "SELECT count(*) FROM rendition r JOIN photo p USING (photo_id) WHERE r.shard_id = p.shard_id"
        assert rows(owner, consistent) == [(60,)]

    def test_absent_offsets_are_recorded(self, ledger: PostgresIngestLedger, owner: Engine) -> None:
        """A slice of nothing but rejected and absent offsets has no shard, and still moves on."""
        lease = lease_next(ledger, 1)
        summary = ledger.commit(commit_of(lease, [], [rejected(0)]))
        assert summary.shard_path is None
        assert rows(owner, "SELECT count(*) FROM shard") == [(0,)]
        assert progress(ledger) == {UPLOADED: 1}


class TestOutbox:
    """What Kafka has yet to hear."""

    def test_entries_leave_once(self, ledger: PostgresIngestLedger, customer: UUID) -> None:
        """What was published is not handed out again, and tells where the bytes lie."""
        photo = archived_photo(customer, b"a")
        ledger.commit(commit_of(lease_next(ledger, 2), [photo], [accepted(0, photo), rejected(1)]))
        with ledger.outbox(10) as entries:
            processed, dead = entries
        assert isinstance(processed, ProcessedEntry)
        assert processed.web is not None
        assert processed.web.length == 100
        assert isinstance(dead, DeadLetterEntry)
        assert dead.reason == "not_a_cloudevent"
        with ledger.outbox(10) as entries:
            assert entries == []

    def test_failed_publishing_keeps_them(self, ledger: PostgresIngestLedger) -> None:
        """An error while publishing leaves the entries for the next time."""
        ledger.commit(commit_of(lease_next(ledger, 1), [], [rejected(0)]))

        def fail() -> None:
            with ledger.outbox(10):
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()
        with ledger.outbox(10) as entries:
            assert len(entries) == 1

    def test_two_publishers_share_the_work(self, ledger: PostgresIngestLedger) -> None:
        """What one publisher has in hand, another does not get."""
        ledger.commit(commit_of(lease_next(ledger, 2), [], [rejected(0), rejected(1)]))
        with ledger.outbox(1) as mine, ledger.outbox(10) as theirs:
            assert {entry.outbox_id for entry in mine}.isdisjoint({entry.outbox_id for entry in theirs})
            assert len(mine) + len(theirs) == 2


def test_rows_carry_a_growing_version(ledger: PostgresIngestLedger, owner: Engine) -> None:
    """Every change of an outcome raises its version and stamps the transaction, for the BI sync."""
    ledger.commit(commit_of(lease_next(ledger, 1), [], [rejected(0)]))
    before = rows(owner, "SELECT version, updated_xid::text::bigint FROM ingest_record")[0]
    with owner.begin() as connection:
        connection.execute(text("UPDATE ingest_record SET filename = NULL"))
    after = rows(owner, "SELECT version, updated_xid::text::bigint FROM ingest_record")[0]
    assert before[0] == 1
    assert after[0] == 2
    assert int(str(after[1])) > int(str(before[1]))


class TestLogs:
    """A log that ended, came back or was given up, and those who work on it meanwhile."""

    def follow(self, ledger: PostgresIngestLedger, high: int, topic_id: str) -> None:
        """See Kafka as a plan does."""
        ledger.follow(changes(ledger.logs(), {UPLOADED: Watermarks(0, high, topic_id)}))

    def plan(self, ledger: PostgresIngestLedger, high: int, topic_id: str, owner: str = "run") -> list[PlannedSlice]:
        """Plan as a run does."""
        self.follow(ledger, high, topic_id)
        return list(ledger.plan({UPLOADED: Watermarks(0, high, topic_id)}, 100, owner, 60))

    def test_a_worker_that_is_at_it_may_end_its_slice(self, ledger: PostgresIngestLedger, owner: Engine) -> None:
        """What was read of a log before it ended is not lost with it; the new one is read beside it."""
        lease = leased(ledger, self.plan(ledger, 1, "old")[0])
        (new,) = self.plan(ledger, 1, "new", "other")
        assert (new.log, new.start) == (Log(UPLOADED.topic, 0, 2), 0)
        ledger.commit(commit_of(lease, [], [rejected(0)]))
        ledger.commit(commit_of(leased(ledger, new, "other"), [], [rejected(0)]))
        assert rows(owner, "SELECT incarnation, outcome FROM ingest_record ORDER BY 1") == [
            (1, "rejected"),
            (2, "rejected"),
        ]
        assert [entry.coordinates.incarnation for entry in outbox_of(ledger)] == [1, 2]

    def test_a_settled_log_takes_nothing_more(self, ledger: PostgresIngestLedger, owner: Engine) -> None:
        """Once its unread rest is given up, a worker that was at it is fenced off; another log's is not."""
        lease = leased(ledger, self.plan(ledger, 1, "old")[0])
        (new,) = self.plan(ledger, 1, "new", "other")
        ledger.settle([lease.slice.log], "operator", "gone")
        with pytest.raises(LeaseLostError):
            ledger.commit(commit_of(lease, [], [rejected(0)]))
        ledger.commit(commit_of(leased(ledger, new, "other"), [], [rejected(0)]))
        assert rows(owner, "SELECT settled_by, settled_reason FROM partition_progress WHERE incarnation = 1") == [
            ("operator", "gone")
        ]

    def test_a_slice_that_nobody_is_at_is_void(self, ledger: PostgresIngestLedger) -> None:
        """It is handed out no more, and whoever still has its number is told."""
        (old,) = self.plan(ledger, 1, "old")
        ledger.release(leased(ledger, old))
        (new,) = self.plan(ledger, 1, "new")
        assert new.log.incarnation == 2
        with pytest.raises(SliceVoidError):
            ledger.lease(old.slice_id, "run", 60)

    def test_a_log_that_comes_back_goes_on(self, ledger: PostgresIngestLedger, owner: Engine) -> None:
        """After an hour with another Kafka: its slice is there again, and the other Kafka's log stays a finding."""
        (old,) = self.plan(ledger, 2, "old")
        ledger.release(leased(ledger, old))
        ledger.release(leased(ledger, self.plan(ledger, 1, "wrong")[0]))
        assert self.plan(ledger, 2, "old") == [old]
        standing = "SELECT incarnation, state FROM partition_progress ORDER BY 1"
        assert rows(owner, standing) == [(1, "current"), (2, "ended")]

    def test_two_who_see_the_same_begin_one_log(self, ledger: PostgresIngestLedger) -> None:
        """Changes that were worked out by two planners at once, or a while ago, are noted once."""
        self.follow(ledger, 1, "old")
        seen = list(changes(ledger.logs(), {UPLOADED: Watermarks(0, 1, "new")}))
        ledger.follow(seen)
        ledger.follow(seen)
        assert [(each.log.incarnation, each.state) for each in ledger.logs()] == [
            (1, LogState.ENDED),
            (2, LogState.CURRENT),
        ]

    def test_of_a_log_that_was_cut_nothing_is_handed_out(self, ledger: PostgresIngestLedger) -> None:
        """Until it is settled: then all that Kafka has is planned, for a log of its own."""
        (old,) = self.plan(ledger, 5, "topic")
        ledger.release(leased(ledger, old))
        assert self.plan(ledger, 4, "topic") == []
        assert self.plan(ledger, 50, "topic") == []
        ledger.settle([old.log], "operator", "gone")
        (new,) = self.plan(ledger, 50, "topic")
        assert (new.log, new.start, new.end) == (Log(UPLOADED.topic, 0, 2), 0, 50)


def leased(ledger: PostgresIngestLedger, planned: PlannedSlice, owner: str = "run") -> Lease:
    """The right to process a slice."""
    lease = ledger.lease(planned.slice_id, owner, 60)
    assert lease is not None
    return lease


def outbox_of(ledger: PostgresIngestLedger) -> list[OutboxEntry]:
    """What waits to be published."""
    with ledger.outbox(10) as entries:
        return list(entries)
