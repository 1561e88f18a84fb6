"""Retention in memory: what goes when, what holds keep, and that no disturbance at any of a run's calls changes it."""

import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.memory_ledger import RejectedRow
from tests.support.retention import (
    PARTITION,
    ROOT,
    Attempt,
    Disturbance,
    Killed,
    Platform,
    disturbed_ports,
    kill,
)
from tests.support.retention_witness import Witness

from photo_pipeline.domain.errors import RetentionIncompleteError, ServerUnavailableError
from photo_pipeline.domain.removal import Look
from photo_pipeline.domain.retention import KEEP, LATEST, MARGIN, RetentionPolicy, SliceState
from photo_pipeline.use_cases.retention import RetentionSummary, run_retention
from photo_pipeline.use_cases.sweep import SweepPorts, SweepSummary, sweep_archive

CUSTOMER, OTHER = UUID(int=1), UUID(int=2)
HELD, FREE, LIFTED, KEPT, NEWER = (name * 40 for name in (b"H", b"F", b"L", b"K", b"N"))
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
START = datetime(2026, 2, 28, 23, 30, tzinfo=UTC)
START_OF_TIME = Platform().clock.now()


@pytest.fixture
def platform() -> Platform:
    """A platform with nothing in it."""
    return Platform()


def at_age(platform: Platform, age: timedelta) -> RetentionSummary:
    """What a run does when that long has passed since the start, after one an hour before it, which marks."""
    platform.clock.time = Platform().clock.time + age - HOUR
    run_retention(platform.ports)
    platform.clock.time += HOUR
    return run_retention(platform.ports)


def mark_and_wait(platform: Platform) -> None:
    """Let what was just archived come due, with a run an hour before that."""
    platform.clock.time += KEEP + MARGIN - HOUR
    run_retention(platform.ports)
    platform.clock.time += HOUR


def sweep(platform: Platform) -> SweepSummary:
    """What a sweep alone does now."""
    ports = SweepPorts(platform.ledger, platform.archive, platform.ledger, ROOT)
    return sweep_archive(ports, Look(1, "a sweep", platform.clock.now()), RetentionPolicy())


class TestBounds:
    """When a shard goes."""

    def test_stays_until_the_margin_has_passed(self, platform: Platform) -> None:
        """One second before 168 h and the margin nothing happens; at that moment shard and photo go, on record."""
        (photo_id,) = platform.ingest(CUSTOMER, FREE)
        assert at_age(platform, KEEP + MARGIN - SECOND) == RetentionSummary()
        summary = at_age(platform, KEEP + MARGIN)
        assert (summary.removed, summary.expired, summary.removed_bytes) == (1, 1, platform.ledger.shards[1].length)
        assert platform.original(photo_id) is None
        assert platform.archive.files == {}
        assert platform.ledger.shards[1].removed_at == platform.clock.now()

    @given(
        stamped_ago=st.timedeltas(timedelta(0), MARGIN - SECOND),
        first=st.timedeltas(timedelta(0), timedelta(hours=1)),
        delays=st.lists(st.timedeltas(timedelta(0), timedelta(minutes=40)), min_size=6, max_size=6),
    )
    @example(stamped_ago=timedelta(0), first=MARGIN - SECOND, delays=[timedelta(0), timedelta(minutes=40)] * 3)
    @example(stamped_ago=timedelta(0), first=MARGIN - SECOND, delays=[timedelta(minutes=40), timedelta(0)] * 3)
    def test_hourly_runs_meet_both_bounds(
        self, stamped_ago: timedelta, first: timedelta, delays: list[timedelta]
    ) -> None:
        """Whenever it is committed, and however late its runs begin, a shard goes between 168 h and 170 h after."""
        platform = Platform()
        committed = platform.clock.now()
        attempt = Attempt(platform, CUSTOMER, [FREE])
        attempt.commit(stamped_ago)
        for number, delay in enumerate(delays):
            platform.clock.time = committed + KEEP + first + timedelta(hours=number - 3) + delay
            was_there = attempt.path in platform.archive.files
            run_retention(platform.ports)
            if was_there and attempt.path not in platform.archive.files:
                assert KEEP < platform.clock.now() - committed <= KEEP + LATEST
        assert attempt.path not in platform.archive.files

    def test_nothing_is_left_to_do_the_second_time(self, platform: Platform) -> None:
        """A run right after another one changes nothing."""
        platform.ingest(CUSTOMER, FREE)
        at_age(platform, KEEP + MARGIN)
        assert run_retention(platform.ports) == RetentionSummary()

    def test_duplicate_keeps_the_photo_and_not_the_shard(self, platform: Platform) -> None:
        """A photo that was sent again lives in its newer shard, for as long again; the older shard goes in time."""
        platform.ingest(CUSTOMER, FREE)
        platform.clock.time += timedelta(hours=100)
        (photo_id,) = platform.ingest(CUSTOMER, FREE)
        summary = at_age(platform, KEEP + MARGIN)
        assert (summary.removed, summary.expired) == (1, 0)
        assert platform.original(photo_id) == FREE
        assert at_age(platform, KEEP + MARGIN + timedelta(hours=100)).expired == 1

    def test_personal_data_elsewhere_goes_as_well(self, platform: Platform) -> None:
        """What a rejected record says of its sender is blanked at the same age, published outbox entries deleted."""
        platform.ledger.rejected.append(RejectedRow(platform.clock.now()))
        platform.ledger.published.append(platform.clock.now())
        assert at_age(platform, KEEP).blanked == 0
        summary = at_age(platform, KEEP + MARGIN)
        assert (summary.blanked, summary.forgotten) == (1, 1)


class TestHolds:
    """What a hold keeps: what it names, and nothing else."""

    def test_only_the_held_photo_survives_its_shard(self, platform: Platform) -> None:
        """The held photo moves to a hold shard, as it was; its neighbour and the shard go."""
        held, free = platform.ingest(CUSTOMER, HELD, FREE)
        platform.ledger.place(CUSTOMER, held, "lawsuit", "counsel")
        summary = at_age(platform, KEEP + MARGIN)
        assert (summary.moved, summary.expired, summary.removed) == (1, 1, 1)
        assert (platform.original(held), platform.original(free)) == (HELD, None)
        (path,) = platform.archive.files
        assert path.startswith(f"{ROOT}/held/dt=2026-01-01/hold-1-")
        assert FREE not in platform.archive.files[path]
        assert platform.ledger.shards[2].committed_at == platform.ledger.shards[1].committed_at

    def test_hold_on_a_customer_names_all_their_photos(self, platform: Platform) -> None:
        """Nobody else's photos are kept by it."""
        mine, other = platform.ingest(CUSTOMER, HELD), platform.ingest(OTHER, HELD)
        platform.ledger.place(CUSTOMER, None, "lawsuit", "counsel")
        at_age(platform, KEEP + MARGIN)
        assert [platform.original(photo_id) for photo_id in mine + other] == [HELD, None]

    def test_hold_shard_that_is_all_held_is_left_alone(self, platform: Platform) -> None:
        """Runs that follow do not copy it again."""
        (held,) = platform.ingest(CUSTOMER, HELD)
        platform.ledger.place(CUSTOMER, held, "lawsuit", "counsel")
        at_age(platform, KEEP + MARGIN)
        assert at_age(platform, 10 * KEEP) == RetentionSummary()

    def test_lifted_hold_ends_with_the_next_run(self, platform: Platform) -> None:
        """Of two held photos one is released: it goes, and the hold shard is written anew without it."""
        photos = platform.ingest(CUSTOMER, HELD, LIFTED)
        for photo_id in photos:
            platform.ledger.place(CUSTOMER, photo_id, "lawsuit", "counsel")
        at_age(platform, KEEP + MARGIN)
        platform.ledger.lift(CUSTOMER, photos[1])
        summary = run_retention(platform.ports)
        assert (summary.expired, summary.moved, summary.removed) == (1, 1, 1)
        assert platform.original(photos[0]) == HELD
        assert not any(LIFTED in data for data in platform.archive.files.values())

    def test_a_copy_that_a_duplicate_has_left_behind_goes(self, platform: Platform) -> None:
        """A held photo sent again lives in its new shard: its old copy is no reason to keep the hold shard as it is."""
        photos = platform.ingest(CUSTOMER, HELD, KEPT)
        platform.ledger.place(CUSTOMER, None, "lawsuit", "counsel")
        at_age(platform, KEEP + MARGIN)
        platform.ingest(CUSTOMER, HELD)
        assert run_retention(platform.ports).moved == 1
        assert [platform.original(photo_id) for photo_id in photos] == [HELD, KEPT]
        assert sum(HELD in data for data in platform.archive.files.values()) == 1

    def test_hold_lifted_early_changes_nothing(self, platform: Platform) -> None:
        """A photo whose hold ends before its 168 h stays for those."""
        (photo_id,) = platform.ingest(CUSTOMER, HELD)
        platform.ledger.place(CUSTOMER, photo_id, "lawsuit", "counsel")
        platform.ledger.lift(CUSTOMER, photo_id)
        at_age(platform, KEEP)
        assert platform.original(photo_id) == HELD


class TestDamage:
    """What is wrong with one shard does not keep the others, and is said."""

    def test_held_photo_that_cannot_be_read_keeps_its_shard(self, platform: Platform) -> None:
        """It stays, its free neighbour expires, the next shard goes; the run ends as an error that names the photo."""
        held, free = platform.ingest(CUSTOMER, HELD, FREE)
        platform.ledger.place(CUSTOMER, held, "lawsuit", "counsel")
        platform.ingest(OTHER, NEWER)
        damaged, next_one = (shard.path for shard in platform.ledger.shards.values())
        platform.archive.files[damaged] = platform.archive.files[damaged].replace(HELD, HELD[:-1] + b"!")
        with pytest.raises(RetentionIncompleteError, match=f"{held}.*has changed since it was written"):
            at_age(platform, KEEP + MARGIN)
        assert damaged in platform.archive.files
        assert next_one not in platform.archive.files
        assert platform.ledger.photos[free].shard_id is None
        assert platform.ledger.photos[held].shard_id == 1

    def test_damage_to_what_nobody_holds_is_no_obstacle(self, platform: Platform) -> None:
        """A shard that is missing, and due, is recorded as removed."""
        platform.ingest(CUSTOMER, FREE)
        platform.archive.files.clear()
        assert at_age(platform, KEEP + MARGIN).removed == 1

    def test_blocks_that_no_datanode_serves_are_one_shards_trouble(self, platform: Platform) -> None:
        """A held photo that cannot be read now is tried again by the next run; the other shards go."""
        (held,) = platform.ingest(CUSTOMER, HELD)
        platform.ledger.place(CUSTOMER, held, "lawsuit", "counsel")
        platform.ingest(OTHER, FREE)
        ports = disturbed_ports(platform.ports, Disturbance("archive.read", unavailable))
        mark_and_wait(platform)
        with pytest.raises(RetentionIncompleteError, match="cannot be read now"):
            run_retention(ports)
        assert [shard.state for shard in platform.ledger.shards.values()] == ["live", "removed"]
        assert run_retention(platform.ports).moved == 1

    def test_failed_removal_is_tried_again(self, platform: Platform) -> None:
        """HDFS refuses one removal and answers otherwise: that shard is named, and goes with the next run."""
        platform.ingest(CUSTOMER, FREE)
        platform.ingest(OTHER, FREE)
        mark_and_wait(platform)
        with pytest.raises(RetentionIncompleteError, match="shard 1: HDFS does not answer"):
            run_retention(disturbed_ports(platform.ports, Disturbance("archive.delete", unavailable)))
        assert run_retention(platform.ports).removed == 1
        assert platform.archive.files == {}

    def test_an_account_that_cannot_be_blanked_keeps_no_shard(self, platform: Platform) -> None:
        """Its rows are locked for too long, say: that is told, and goes on with the next run; what is due goes."""
        platform.ingest(CUSTOMER, FREE)
        mark_and_wait(platform)
        platform.ledger.of_closed_accounts = 1500
        with pytest.raises(RetentionIncompleteError, match="a closed account: HDFS does not answer"):
            run_retention(disturbed_ports(platform.ports, Disturbance("ledger.close_some", unavailable)))
        assert platform.archive.files == {}
        run_retention(platform.ports)
        assert platform.ledger.of_closed_accounts == 0

    def test_an_outage_ends_the_run(self, platform: Platform) -> None:
        """When HDFS does not answer at all, the run fails at once, to be tried again as a whole."""
        platform.ingest(CUSTOMER, FREE)
        mark_and_wait(platform)
        outage = Disturbance("archive.delete", unavailable)
        ports = disturbed_ports(platform.ports, outage)
        with pytest.raises(ServerUnavailableError):
            run_retention(disturbed_ports(ports, Disturbance("archive.length", unavailable)))


def unavailable() -> None:
    """A server is away."""
    raise ServerUnavailableError("HDFS", "it is away")


class TestSweep:
    """What HDFS holds that no shard names."""

    def test_leaves_what_may_still_be_committed(self, platform: Platform) -> None:
        """Files of an attempt that has its slice stay, staged and renamed; they may be years old."""
        staged, renamed = Attempt(platform, CUSTOMER, [FREE]), Attempt(platform, CUSTOMER, [KEPT])
        renamed.rename()
        assert at_age(platform, 50 * KEEP).swept == 0
        assert set(platform.archive.files) == {staged.path, renamed.path}

    def test_leaves_what_another_run_is_copying(self, platform: Platform) -> None:
        """A sweep that runs late, just before another run's commit, does not take its hold shard away."""
        (held,) = platform.ingest(CUSTOMER, HELD)
        platform.ledger.place(CUSTOMER, held, "lawsuit", "counsel")
        mark_and_wait(platform)
        late_sweep = Disturbance("ledger.move", lambda: sweep(platform))
        run_retention(disturbed_ports(platform.ports, late_sweep))
        assert platform.original(held) == HELD

    def test_removes_what_a_superseded_attempt_left(self, platform: Platform) -> None:
        """A staged file goes once another attempt has the slice; one with its final name once that has committed.

        That one is noted first, and swept an hour later, however young it is.
        """
        staged, renamed = Attempt(platform, CUSTOMER, [FREE]), Attempt(platform, CUSTOMER, [KEPT])
        renamed.rename()
        staged.supersede()
        platform.ledger.slices[PARTITION, 1] = SliceState(2, committed=True)
        summary = run_retention(platform.ports)
        assert (summary.swept, summary.noted, set(platform.archive.files)) == (1, 1, {renamed.path})
        platform.clock.time += HOUR - SECOND
        assert run_retention(platform.ports) == RetentionSummary()
        platform.clock.time += SECOND
        summary = run_retention(platform.ports)
        assert (summary.swept, summary.swept_folders) == (1, 1)
        assert platform.archive.files == {}
        swept = [(row.thing.subject, row.removed_at) for row in platform.ledger.removals]
        assert swept == [(staged.path, START_OF_TIME), (renamed.path, platform.clock.now())]

    def test_leaves_and_reports_what_it_does_not_know(self, platform: Platform) -> None:
        """Names that do not parse, slices and claims that this ledger never had: left where they are."""
        platform.ingest(CUSTOMER, FREE)
        foreign = [
            f"{ROOT}/archive/readme.txt",
            f"{ROOT}/archive/dt=2026-01-01/photos.uploaded-0-99-100-1.tar",
            f"{ROOT}/_staging/photos.uploaded-7-0-1.tar",
            f"{ROOT}/held/dt=2026-01-01/hold-1-99999999999999999.tar",
            f"{ROOT}/held/dt=2026-01-01/hold-77-1.tar",
            f"{ROOT}/held/dt=2026-01-01/reprocess-77-1.tar",
        ]
        platform.archive.files.update(dict.fromkeys(foreign, b""))
        assert run_retention(platform.ports) == RetentionSummary(foreign=6)
        assert set(foreign) < set(platform.archive.files)

    def test_what_reprocessing_left_goes_with_its_source(self, platform: Platform) -> None:
        """A copy by a killed attempt to derive renditions again stays while it may be committed, and no longer."""
        platform.ingest(CUSTOMER, FREE)
        left = {f"{ROOT}/_staging/reprocess-1-7.tar", f"{ROOT}/archive/dt=2026-01-01/reprocess-1-8.tar"}
        platform.archive.files.update(dict.fromkeys(left, FREE))
        assert run_retention(platform.ports) == RetentionSummary()
        assert at_age(platform, KEEP + MARGIN).swept == 2
        assert platform.archive.files == {}

    def test_a_removed_shard_that_came_back_is_removed_again(self, platform: Platform) -> None:
        """A file restored from an HDFS snapshot does not outlive its record."""
        platform.ingest(CUSTOMER, FREE)
        files = dict(platform.archive.files)
        at_age(platform, KEEP + MARGIN)
        platform.archive.files.update(files)
        assert run_retention(platform.ports).noted == 1
        platform.clock.time += HOUR
        assert run_retention(platform.ports).swept == 1
        assert platform.archive.files == {}


def abandon(witness: Witness, content: bytes) -> None:
    """A worker dies after it gave a shard its final name, and another one does its work."""
    witness.begin(CUSTOMER, content, renamed=True)
    witness.supersede()


def scene() -> Witness:
    """Everything at once, just due: held and free photos in one shard, a hold shard of which one photo was released.

    Also a shard that is to be marked, a rejected record, a published entry, a file of a living attempt, one of a dead
    attempt that a run has noted, and one that none has.
    """
    witness = Witness(START)
    witness.ingest(OTHER, KEPT, LIFTED)
    for name in (KEPT, LIFTED):
        witness.place(OTHER, name)
    witness.pass_until(START + KEEP + LATEST)
    witness.ingest(CUSTOMER, HELD, FREE, NEWER)
    witness.place(CUSTOMER, HELD)
    committed = witness.now
    witness.platform.ledger.rejected.append(RejectedRow(committed))
    witness.platform.ledger.published.append(committed)
    witness.pass_until(committed + timedelta(hours=2, minutes=45))
    witness.ingest(OTHER, NEWER)
    witness.pass_until(committed + KEEP - timedelta(hours=2))
    abandon(witness, b"noted" * 10)
    witness.pass_until(committed + KEEP - timedelta(minutes=45), delay=timedelta(minutes=40))
    witness.pass_until(committed + KEEP + MARGIN - SECOND)
    abandon(witness, b"dead" * 10)
    witness.lift(OTHER, LIFTED)
    witness.begin(CUSTOMER, b"alive" * 10, renamed=True)
    witness.platform.clock.time += SECOND
    return witness


def calls_of_a_run() -> list[str]:
    """What a run asks of the outside world in that scene."""
    quiet = Disturbance(-1, kill)
    run_retention(disturbed_ports(scene().platform.ports, quiet))
    return quiet.calls


CALLS = calls_of_a_run()
SCENE = pickle.dumps(scene())  # deep copies were four fifths of what the tests cost
# In a row of equal calls, the first and the last.
PLACES = [n for n, call in enumerate(CALLS) if CALLS[n - 1 : n + 2] != [call] * 3]

DISTURBANCES: dict[str, Callable[[Witness], object]] = {
    "killed": lambda _: kill(),
    "overtaken": lambda witness: run_retention(witness.platform.ports),
    "free photo sent again": lambda witness: witness.ingest(CUSTOMER, FREE),
    "held photo sent again": lambda witness: witness.ingest(CUSTOMER, HELD),
    "released photo sent again": lambda witness: witness.ingest(OTHER, LIFTED),
    "free photo held": lambda witness: witness.place(CUSTOMER, FREE),
    "everything held": lambda witness: witness.place(CUSTOMER, None),
    "released photo held again": lambda witness: witness.place(OTHER, LIFTED),
    "hold lifted": lambda witness: witness.lift(CUSTOMER, HELD),
    "other hold lifted": lambda witness: witness.lift(OTHER, KEPT),
    "living attempt commits": lambda witness: witness.commit(timedelta(0)),
    "living attempt dies": lambda witness: witness.supersede(),
}


@pytest.mark.parametrize("call", PLACES, ids=lambda call: f"{call:03d} {CALLS[call]}")
@pytest.mark.parametrize("disturbance", DISTURBANCES)
def test_disturbed_at_any_call(call: int, disturbance: str) -> None:
    """Whatever happens just before any call of a run: both bounds hold then, and after the runs that follow."""
    witness: Witness = pickle.loads(SCENE)  # noqa: S301 - our own, of this process
    ports = disturbed_ports(witness.platform.ports, Disturbance(call, lambda: DISTURBANCES[disturbance](witness)))
    try:
        run_retention(ports)
    except Killed:
        assert disturbance == "killed"
    witness.check()
    run_retention(witness.platform.ports)
    witness.check_nothing_is_left_over()
    witness.check()
    witness.pass_until(witness.now + LATEST)
    witness.check()


def test_scene_reaches_every_call() -> None:
    """The scene makes a run use every port method that an ordinary run uses: each is a place to be disturbed at."""
    assert set(CALLS) == {
        "clocks.readings",
        *(f"book.{name}" for name in ("begin", "removed_until", "record", "note", "noted", "removed", "keep_notes")),
        "book.end",
        *(f"ledger.{name}" for name in ("stamped_after", "unmarked", "mark", "disputed", "ages", "record_ages")),
        *(f"ledger.{name}" for name in ("blank_rejected", "forget_published", "due", "claim", "held_photos")),
        *(f"ledger.{name}" for name in ("move", "expire", "record_removed", "close_some")),
        *(f"archive.{name}" for name in ("read", "create", "rename", "delete", "list", "empty_folders")),
        *(f"archive.{name}" for name in ("remove_folder", "written_at")),
        *("file.write", "file.close"),
        *(f"index.{name}" for name in ("slice_states", "shard_states", "named")),
    }
