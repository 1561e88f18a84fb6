"""Retention on real PostgreSQL and HDFS: both bounds, holds, and races between real transactions."""

import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, event
from tests.support.archived import DUE, ArchivedPlatform, archived_platform
from tests.support.clocks import HOUR, run_at
from tests.support.databases import Database
from tests.support.retention import Disturbance, disturbed_ports
from tests.support.slices import UPLOADED

from local_stack import Endpoints
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.holds import PostgresHoldRegister
from photo_pipeline.adapters.postgres.ingest_ledger import PostgresIngestLedger
from photo_pipeline.adapters.postgres.removal import PostgresRemovalBook
from photo_pipeline.adapters.postgres.retention import PostgresRetentionLedger
from photo_pipeline.domain.clocks import agreed_time
from photo_pipeline.domain.errors import ClaimLostError, PhotoExpiredError, UnknownCustomerError, UnknownPhotoError
from photo_pipeline.domain.ledger import ShardFile
from photo_pipeline.domain.removal import DueBy, Removal, RemovedThing
from photo_pipeline.domain.removal_permit import PermitRequest
from photo_pipeline.domain.retention import TOLERANCE, ClaimedShard, Expiry
from photo_pipeline.domain.shard import staging_path
from photo_pipeline.use_cases.retention import RetentionSummary, run_retention

MINUTE = timedelta(minutes=1)
HELD, FREE, LIFTED, KEPT = (name * 400 for name in (b"H", b"F", b"L", b"K"))


@pytest.fixture
def platform(stack: Endpoints, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[ArchivedPlatform]:
    """A ledger and an archive with nothing in them."""
    monkeypatch.setenv("HADOOP_USER_NAME", stack.hdfs_user)
    with archived_platform(stack, database) as platform:
        yield platform


@pytest.fixture
def customer(platform: ArchivedPlatform) -> UUID:
    """Somebody who sends photos."""
    return platform.sign_up()


def now_of(platform: ArchivedPlatform) -> datetime:
    """What the clocks agree on."""
    return agreed_time(platform.ports.clocks.readings(), TOLERANCE)


def due_by(platform: ArchivedPlatform) -> DueBy:
    """What may be removed now."""
    now = now_of(platform)
    return DueBy(now, now - HOUR)


def claim_due(platform: ArchivedPlatform) -> ClaimedShard:
    """Claim the one shard that is due."""
    by = due_by(platform)
    (due,) = platform.ledger.due(by, None)
    claim = platform.ledger.claim(due.shard_id, by)
    assert claim is not None
    return claim


def record_removed(platform: ArchivedPlatform, claim: ClaimedShard) -> bool:
    """Say that the shard's file is gone."""
    ((run_id,),) = platform.rows("SELECT max(run_id) FROM retention_run")
    thing = RemovedThing(Removal.SHARDS, claim.path, 1, claim.length, "its time is over")
    return platform.ledger.record_removed(claim, run_id, thing, now_of(platform))


class TestExpiry:
    """What goes, what stays, what is on record."""

    def test_a_minute_early_nothing_happens(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """A shard that is not due by the database's clock is not touched, and cannot even be claimed."""
        (photo_id,) = platform.archive_photos(customer, FREE, age=DUE - MINUTE)
        assert run_retention(platform.ports) == RetentionSummary()
        assert platform.original(photo_id) == FREE
        ((shard_id,),) = platform.rows("SELECT shard_id FROM shard")
        assert platform.ledger.claim(shard_id, due_by(platform)) is None

    def test_due_shard_goes_and_stays_on_record(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """The file is gone from HDFS, with its empty folder; the shard's row says when it was marked and removed."""
        platform.archive_photos(customer, FREE, HELD)
        length = sum(platform.files().values())
        summary = run_retention(platform.ports)
        assert summary == RetentionSummary(claimed=1, expired=2, removed=1, removed_bytes=length, swept_folders=1)
        assert platform.files() == {}
        ((state, in_order),) = platform.rows(
            "SELECT state, committed_at < expiring_at AND expiring_at < removed_at FROM shard"
        )
        assert (state, in_order) == ("removed", True)
        assert run_retention(platform.ports) == RetentionSummary()

    def test_personal_data_is_blanked_and_figures_stay(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """After expiry nothing says whose holiday it was; what analysts count is still there."""
        platform.archive_photos(customer, FREE)
        run_retention(platform.ports)
        personal = "filename, camera, taken_at, taken_at_offset, blurhash, dominant_color, shard_id"
        assert platform.rows(f"SELECT {personal} FROM photo") == [(None,) * 7]
        assert platform.rows("SELECT status, expired_at IS NOT NULL FROM photo") == [("expired", True)]
        assert platform.rows("SELECT count(*) FROM rendition") == [(0,)]
        assert platform.rows("SELECT outcome, filename FROM ingest_record") == [("processed", None)]
        figures = "SELECT outcome, format, width, height, bytes, camera, expired_at IS NOT NULL FROM bi_outcome"
        assert platform.rows(figures) == [("processed", "jpeg", 40, 30, 400, None, True)]

    def test_expiry_reaches_the_bi_sync(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """The outcome's version and transaction move, so that the next sync takes the blanked document along."""
        platform.archive_photos(customer, FREE)
        ((version, xid),) = platform.rows("SELECT version, updated_xid::text::bigint FROM ingest_record")
        run_retention(platform.ports)
        ((newer, later),) = platform.rows("SELECT version, updated_xid::text::bigint FROM ingest_record")
        assert newer > version
        assert later > xid

    def test_rejected_records_and_published_entries_age_too(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """File name and detail of a rejected record go; the reason stays. Old published outbox entries are deleted."""
        platform.archive_photos(customer, FREE, refused=2)
        platform.archive_photos(customer, KEPT, refused=1, age=DUE - MINUTE)
        with platform.ingest.outbox(100):
            pass
        platform.execute("UPDATE outbox SET published_at = now() - :age WHERE outbox_id <= 3", age=DUE)
        summary = run_retention(platform.ports)
        assert (summary.blanked, summary.forgotten) == (2, 3)
        left = platform.rows("SELECT filename, detail, reason FROM ingest_record WHERE outcome = 'rejected' ORDER BY 1")
        assert left == [("no.jpg", "no headers", "not_a_cloudevent"), *[(None, None, "not_a_cloudevent")] * 2]
        assert platform.rows("SELECT count(*) FROM outbox") == [(2,)]

    def test_batches_are_bounded(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """However much there is to blank or forget, one transaction takes no more than it is told."""
        platform.archive_photos(customer, FREE, refused=3)
        with platform.ingest.outbox(100):
            pass
        now = now_of(platform)
        assert [platform.ledger.blank_rejected(now, 2) for _ in range(3)] == [2, 1, 0]
        assert [platform.ledger.forget_published(now, 3) for _ in range(3)] == [3, 1, 0]

    def test_an_expired_photo_can_come_back(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """Sent again after its expiry it is processed anew, with its metadata, for another 168 hours."""
        (photo_id,) = platform.archive_photos(customer, FREE)
        run_retention(platform.ports)
        platform.archive_photos(customer, FREE, age=timedelta(0))
        run_retention(platform.ports)
        assert platform.original(photo_id) == FREE
        assert platform.rows("SELECT status, camera, expired_at FROM photo") == [("processed", "Acme One", None)]


class TestHolds:
    """A hold keeps what it names and nothing else."""

    def test_held_photo_moves_to_a_hold_shard(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """It is served from there byte for byte, every rendition of it, and tar can read the file."""
        held, _ = platform.archive_photos(customer, HELD, FREE)
        platform.holds.place(customer, held, "lawsuit", "counsel")
        summary = run_retention(platform.ports)
        assert (summary.moved, summary.expired, summary.removed) == (1, 1, 1)
        assert platform.original(held) == HELD
        (path,) = platform.files()
        data = platform.archive.read(f"{platform.root}/{path}", 0, platform.files()[path])
        with tarfile.open(fileobj=BytesIO(data)) as tar:
            assert tar.getnames() == [f"{held}.{name}" for name in ("original.png", "web.jpg", "thumb.jpg", "json")]
        for offset, length in platform.rows('SELECT "offset", length FROM rendition'):
            assert data[offset : offset + length] in {HELD, b"web of " + HELD, b""}
        rows = "SELECT h.kind, h.photos, h.committed_at = s.committed_at, h.dt = s.dt FROM shard h, shard s"
        assert platform.rows(f"{rows} WHERE h.shard_id = 2 AND s.shard_id = 1") == [("hold", 1, True, True)]

    def test_hold_shard_is_left_alone_until_a_hold_is_lifted(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """Then the released photo goes with the next run, and its neighbour's copy is all that is left."""
        kept, lifted = platform.archive_photos(customer, KEPT, LIFTED)
        for photo_id in (kept, lifted):
            platform.holds.place(customer, photo_id, "lawsuit", "counsel")
        assert run_retention(platform.ports).moved == 2
        assert run_retention(platform.ports) == RetentionSummary()
        assert platform.holds.lift(customer, lifted) is True
        summary = run_retention(platform.ports)
        assert (summary.moved, summary.expired, summary.removed) == (1, 1, 1)
        assert platform.original(kept) == KEPT
        (path,) = platform.files()
        assert LIFTED not in platform.archive.read(f"{platform.root}/{path}", 0, platform.files()[path])

    def test_a_duplicate_leaves_no_copy_behind(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """A held photo that is sent again lies in another shard: the next run takes its bytes out of the hold shard."""
        held, moved = platform.archive_photos(customer, HELD, LIFTED)
        platform.holds.place(customer, None, "lawsuit", "counsel")
        run_retention(platform.ports)
        platform.archive_photos(customer, LIFTED, age=timedelta(0))
        summary = run_retention(platform.ports)
        assert (summary.moved, summary.expired, summary.removed) == (1, 0, 1)
        ((path,),) = platform.rows("SELECT path FROM shard WHERE kind = 'hold' AND state = 'live'")
        length = platform.archive.length(path)
        assert LIFTED not in platform.archive.read(path, 0, length or 0)
        assert [platform.original(photo_id) for photo_id in (held, moved)] == [HELD, LIFTED]

    def test_only_hold_shards_that_something_left_are_counted(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """What is in review is what changed; a hold that is placed again in time lets its shard be whole again."""
        (photo_id,) = platform.archive_photos(customer, HELD)
        platform.holds.place(customer, photo_id, "lawsuit", "counsel")
        run_retention(platform.ports)
        in_review = "SELECT count(hold_id), count(shard_id) FROM hold_review"
        assert platform.rows(in_review) == [(0, 1)]
        run_retention(platform.ports)
        assert platform.rows(in_review) == [(0, 0)]
        platform.holds.lift(customer, photo_id)
        assert platform.rows(in_review) == [(1, 0)]
        platform.holds.place(customer, photo_id, "lawsuit", "counsel")
        assert run_retention(platform.ports) == RetentionSummary()
        assert platform.rows(in_review) == [(0, 0)]

    def test_a_shard_in_review_stays_until_it_is_dealt_with(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """Claimed by a run that died, and held again meanwhile, it is written anew all the same."""
        (photo_id,) = platform.archive_photos(customer, HELD)
        platform.holds.place(customer, photo_id, "lawsuit", "counsel")
        run_retention(platform.ports)
        platform.holds.lift(customer, photo_id)
        (due,) = platform.ledger.due(due_by(platform), None)
        assert platform.ledger.claim(due.shard_id, due_by(platform)) is not None
        platform.holds.place(customer, photo_id, "lawsuit", "counsel")
        summary = run_retention(platform.ports)
        assert (summary.moved, summary.removed) == (1, 1)
        assert platform.original(photo_id) == HELD

    def test_lifting_the_last_hold_leaves_nothing(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """A hold on a customer, lifted: the next run removes the hold shard and its folder."""
        platform.archive_photos(customer, HELD)
        platform.holds.place(customer, None, "lawsuit", "counsel")
        run_retention(platform.ports)
        platform.holds.lift(customer, None)
        summary = run_retention(platform.ports)
        assert (summary.expired, summary.removed, summary.swept_folders) == (1, 1, 1)
        assert platform.files() == {}

    def test_register_is_idempotent_and_clear(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """The same hold again is the same; what is not there, somebody else's or expired cannot be held."""
        (photo_id,) = platform.archive_photos(customer, FREE)
        hold = platform.holds.place(customer, photo_id, "lawsuit", "counsel")
        assert platform.holds.place(customer, photo_id, "other", "other") == hold
        assert platform.holds.active(customer) == platform.holds.active() == [hold]
        assert [platform.holds.lift(customer, photo_id) for _ in range(2)] == [True, False]
        assert platform.holds.active() == []
        with pytest.raises(UnknownCustomerError):
            platform.holds.place(uuid4(), None, "lawsuit", "counsel")
        with pytest.raises(UnknownPhotoError):
            platform.holds.place(platform.sign_up(), photo_id, "lawsuit", "counsel")
        run_retention(platform.ports)
        with pytest.raises(PhotoExpiredError):
            platform.holds.place(customer, photo_id, "lawsuit", "counsel")

    def test_holds_placed_at_once_are_one(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """Many who place the same hold at the same time all get the same one."""
        with ThreadPoolExecutor(4) as pool:
            holds = list(pool.map(lambda n: platform.holds.place(customer, None, f"reason {n}", "counsel"), range(8)))
        assert len(set(holds)) == 1


class Paused:
    """An engine whose next commit waits, with everything it has locked, until it is let go."""

    def __init__(self, engine: Engine) -> None:
        self.reached = threading.Event()
        self.go_on = threading.Event()
        event.listen(engine, "commit", self._wait, once=True)

    def _wait(self, _connection: object) -> None:
        self.reached.set()
        assert self.go_on.wait(60)


@contextmanager
def paused_before_commit(engine: Engine, call: Callable[[], object]) -> Iterator[Future[Any]]:
    """Run a call in a thread up to its commit; leaving the context lets it commit."""
    paused = Paused(engine)
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(call)
        assert paused.reached.wait(60)
        yield future
        paused.go_on.set()
        future.result()


BLOCKED = """
SELECT count(*) FROM pg_stat_activity
 WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""


def wait_until_blocked(platform: ArchivedPlatform, future: "Future[Any]") -> None:
    """Until PostgreSQL itself says that somebody waits for somebody else's lock."""
    for _ in range(600):
        if platform.rows(BLOCKED) != [(0,)]:
            return
        assert not future.done(), "it did not wait"
        time.sleep(0.05)
    pytest.fail("nobody waited for a lock")


@pytest.fixture
def second(database: Database) -> Iterator[Engine]:
    """Another process's engine, as far as PostgreSQL can tell."""
    engine = make_engine(database.pipeline, "tests-second")
    yield engine
    engine.dispose()


class TestRaces:
    """Two real transactions at the same rows at the same time."""

    def test_a_photo_that_a_duplicate_moves_does_not_expire(
        self, platform: ArchivedPlatform, customer: UUID, second: Engine
    ) -> None:
        """The commit has moved the index and not ended; expiry waits for it, looks again, and lets the photo be."""
        moved, free = platform.archive_photos(customer, HELD, FREE)
        again = platform.prepare(customer, HELD)
        claim = claim_due(platform)
        with ThreadPoolExecutor(1) as pool:
            with paused_before_commit(second, lambda: PostgresIngestLedger(second).commit(again)):
                expiring: Future[Any] = pool.submit(platform.ledger.expire, claim)
                wait_until_blocked(platform, expiring)
            assert expiring.result() == Expiry(expired=1, held=0)
        assert (platform.original(moved), platform.original(free)) == (HELD, None)

    def test_a_photo_that_expires_first_is_processed_anew(
        self, platform: ArchivedPlatform, customer: UUID, second: Engine
    ) -> None:
        """Expiry has not ended; the commit waits for it, and then finds an expired photo: processed, not duplicate."""
        (photo_id,) = platform.archive_photos(customer, FREE)
        again = platform.prepare(customer, FREE)
        claim = claim_due(platform)
        with ThreadPoolExecutor(1) as pool:
            with paused_before_commit(second, lambda: PostgresRetentionLedger(second).expire(claim)):
                committing: Future[Any] = pool.submit(platform.ingest.commit, again)
                wait_until_blocked(platform, committing)
            committing.result()
        assert platform.rows("SELECT outcome FROM ingest_record ORDER BY 1") == [("processed",), ("processed",)]
        assert platform.original(photo_id) == FREE
        assert platform.rows("SELECT camera, filename FROM photo") == [("Acme One", "a.jpg")]

    def test_a_moved_photo_is_not_dragged_into_a_hold_shard(
        self, platform: ArchivedPlatform, customer: UUID, second: Engine
    ) -> None:
        """A held photo's duplicate is committed while its old copy is about to become the index: the newer one wins."""
        (photo_id,) = platform.archive_photos(customer, HELD)
        platform.holds.place(customer, photo_id, "lawsuit", "counsel")
        again = platform.prepare(customer, HELD)
        claim = claim_due(platform)
        photos = platform.ledger.held_photos(claim)
        with ThreadPoolExecutor(1) as pool:
            with paused_before_commit(second, lambda: PostgresIngestLedger(second).commit(again)):
                moving: Future[Any] = pool.submit(platform.ledger.move, claim, ShardFile("/held/x.tar", 9), photos)
                wait_until_blocked(platform, moving)
            assert moving.result() == 0
        assert platform.rows("SELECT count(*) FROM shard WHERE kind = 'hold'") == [(0,)]
        assert platform.original(photo_id) == HELD

    def test_a_hold_waits_for_the_expiry_under_way(
        self, platform: ArchivedPlatform, customer: UUID, second: Engine
    ) -> None:
        """Whoever places a hold at the last moment learns that the photo is gone; there is no hold on nothing."""
        (photo_id,) = platform.archive_photos(customer, FREE)
        claim = claim_due(platform)
        with ThreadPoolExecutor(1) as pool:
            with paused_before_commit(second, lambda: PostgresRetentionLedger(second).expire(claim)):
                placing: Future[Any] = pool.submit(platform.holds.place, customer, photo_id, "lawsuit", "counsel")
                wait_until_blocked(platform, placing)
            with pytest.raises(PhotoExpiredError):
                placing.result()
        assert platform.holds.active() == []

    def test_expiry_waits_for_the_hold_being_placed(
        self, platform: ArchivedPlatform, customer: UUID, second: Engine
    ) -> None:
        """A hold that came first is seen, although its transaction ends last: the shard is live again."""
        (photo_id,) = platform.archive_photos(customer, FREE)
        claim = claim_due(platform)
        register = PostgresHoldRegister(second)
        with ThreadPoolExecutor(1) as pool:
            with paused_before_commit(second, lambda: register.place(customer, photo_id, "lawsuit", "counsel")):
                expiring: Future[Any] = pool.submit(platform.ledger.expire, claim)
                wait_until_blocked(platform, expiring)
            assert expiring.result() == Expiry(expired=0, held=1)
        assert platform.rows("SELECT state FROM shard") == [("live",)]
        assert platform.original(photo_id) == FREE


class TestClaims:
    """A run that was overtaken can do nothing any more."""

    def test_a_newer_claim_fences_the_older(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """What an overtaken run still wants to do is refused, and changes nothing."""
        (photo_id,) = platform.archive_photos(customer, HELD)
        platform.holds.place(customer, photo_id, "lawsuit", "counsel")
        older, newer = claim_due(platform), claim_due(platform)
        photos = platform.ledger.held_photos(older)
        with pytest.raises(ClaimLostError):
            platform.ledger.move(older, ShardFile("/held/x.tar", 9), photos)
        with pytest.raises(ClaimLostError):
            platform.ledger.expire(older)
        assert record_removed(platform, older) is False
        assert platform.ledger.move(newer, ShardFile("/held/x.tar", 9), photos) == 1

    def test_a_claim_ends_when_the_shard_is_live_again(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """After held photos were found in it, nobody goes on under the old claim."""
        platform.archive_photos(customer, HELD)
        platform.holds.place(customer, None, "lawsuit", "counsel")
        claim = claim_due(platform)
        assert platform.ledger.expire(claim).held == 1
        with pytest.raises(ClaimLostError):
            platform.ledger.expire(claim)

    def test_claims_grow_although_the_clock_is_set_back(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """A database server whose clock was ahead for a while does not hand out an older claim than it did then."""
        platform.archive_photos(customer, FREE)
        platform.execute("UPDATE shard SET expiring_at = now() + interval '1 hour'")
        first, later = claim_due(platform), claim_due(platform)
        assert later.claimed_at - first.claimed_at == timedelta(microseconds=1)

    def test_a_shard_in_use_is_never_recorded_as_removed(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """Even under a valid claim: while the index finds a photo there, the shard is not removed."""
        platform.archive_photos(customer, FREE)
        claim = claim_due(platform)
        assert record_removed(platform, claim) is False
        platform.ledger.expire(claim)
        assert record_removed(platform, claim) is True


class TestSweep:
    """What HDFS holds that no shard row names."""

    def test_only_what_nobody_can_commit_goes(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """A superseded attempt's file goes; the living attempt's, the committed shard's and foreign ones stay."""
        (photo_id,) = platform.archive_photos(customer, FREE, age=timedelta(0))
        committed = dict(platform.files())
        lease = platform.lease(1)
        taken_over = platform.ingest.lease(lease.slice.slice_id, "run-1", 60)
        assert taken_over is not None
        dead, alive = (
            staging_path(platform.root, UPLOADED, lease.slice.start, attempt)
            for attempt in (lease.attempt, taken_over.attempt)
        )
        foreign = f"{platform.root}/archive/dt=2020-01-01/notes.txt"
        for path in (dead, alive, foreign):
            platform.archive.create(path).close()
        summary = run_retention(platform.ports)
        assert (summary.swept, summary.foreign) == (1, 1)
        left = {path.removeprefix(f"{platform.root}/") for path in (alive, foreign)}
        assert set(platform.files()) == set(committed) | left
        assert platform.original(photo_id) == FREE

    def test_an_attempt_that_commits_during_the_sweep_keeps_its_file(
        self, platform: ArchivedPlatform, customer: UUID
    ) -> None:
        """The commit may come between any two questions that the sweep asks."""
        for call in ("index.slice_states", "index.shard_states", "index.named", "archive.empty_folders"):
            commit = platform.prepare(customer, call.encode())
            during = Disturbance(call, lambda commit=commit: platform.commit(commit, timedelta(0)))  # type: ignore[misc] # bound now
            assert run_retention(disturbed_ports(platform.ports, during)).swept == 0
            assert platform.original(commit.photos[0].photo_id) == call.encode()


class TestBook:
    """What stands in the record, and what an operator permits."""

    def test_a_permit_is_for_one_run(self, platform: ArchivedPlatform) -> None:
        """The newest one that is a day old at most; the run that took it has it again when it is tried again."""
        book, now = platform.ports.book, now_of(platform)
        permits = PostgresRemovalBook(platform.ingest._engine)
        assert book.permitted(Removal.SHARDS, "run", now) == 0
        for most in (3, 5):
            permits.grant(PermitRequest(Removal.SHARDS, most, "we were away", "an operator"))
        permits.grant(PermitRequest(Removal.FILES, 9, "we were away", "an operator"))
        assert [book.permitted(Removal.SHARDS, name, now) for name in ("run", "run", "next", "third")] == [5, 5, 3, 0]
        assert book.permitted(Removal.FILES, "run", now + timedelta(days=2)) == 0
        assert book.permitted(Removal.FILES, "run", now) == 9
        assert platform.rows("SELECT used_by FROM removal_permit ORDER BY permit_id") == [("next",), ("run",), ("run",)]

    def test_a_noted_file_is_swept_an_hour_later(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """A worker died after it had renamed its shard, and another one committed the slice."""
        commit = platform.prepare(customer, FREE)
        assert commit.shard is not None
        dead = commit.shard.path.replace("-1.tar", "-0.tar")
        platform.archive.create(dead).close()
        (photo_id,) = platform.commit_now(commit)
        assert run_at(platform.ports, timedelta(0)).noted == 1
        assert run_at(platform.ports, HOUR - MINUTE) == RetentionSummary()
        assert run_at(platform.ports, HOUR + MINUTE).swept == 1
        assert platform.original(photo_id) == FREE
        row = "SELECT what, removed_at > noted_at, removal.run_id = max(r.run_id) FROM removal, retention_run r"
        swept = platform.rows(f"{row} WHERE subject = :path GROUP BY removal_id", path=dead)
        assert swept == [("files", True, True)]

    def test_removed_shards_and_rows_are_on_record(self, platform: ArchivedPlatform, customer: UUID) -> None:
        """With the run that removed them, which has its clocks."""
        platform.archive_photos(customer, FREE, refused=2)
        ((path,),) = platform.rows("SELECT path FROM shard")
        run_retention(platform.ports, name="scheduled__1")
        named = "SELECT what, amount, subject, name FROM removal JOIN retention_run USING (run_id) ORDER BY what"
        (record, shard) = platform.rows(named)
        assert record[:2] == ("rejected records", 2)
        assert shard == ("shards", 1, path, "scheduled__1")
        clocks = "SELECT DISTINCT jsonb_object_keys(clocks), state FROM retention_run ORDER BY 1"
        assert platform.rows(clocks) == [(name, "done") for name in ("PostgreSQL", "the HDFS NameNode", "this worker")]


def test_the_clocks_are_three_servers(platform: ArchivedPlatform) -> None:
    """The database, the NameNode and this machine each say what time it is; nothing is left of asking."""
    ((before,),) = platform.rows("SELECT clock_timestamp()")
    readings = platform.ports.clocks.readings()
    ((after,),) = platform.rows("SELECT clock_timestamp()")
    assert [reading.clock for reading in readings] == ["PostgreSQL", "the HDFS NameNode", "this worker"]
    for reading in readings:
        # HDFS counts in milliseconds.
        assert before - timedelta(milliseconds=1) <= reading.time <= after
    assert list(platform.archive.empty_folders(f"{platform.root}/_staging/clock")) == []


def test_hdfs_says_when_a_file_was_completed(platform: ArchivedPlatform) -> None:
    """By its own clock; renaming changes nothing, and of no file it says nothing."""
    path = f"{platform.root}/_staging/a"
    before = now_of(platform)
    platform.archive.create(path).close()
    platform.archive.rename(path, f"{platform.root}/archive/dt=2026-01-01/a")
    written_at = platform.archive.written_at(f"{platform.root}/archive/dt=2026-01-01/a")
    assert written_at is not None
    assert before - timedelta(milliseconds=1) <= written_at <= now_of(platform)
    assert platform.archive.written_at(path) is None
