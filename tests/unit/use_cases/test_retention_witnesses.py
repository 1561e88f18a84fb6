"""What cannot be undone needs two witnesses: clocks that agree, a mark, a bound; and what an operator may permit."""

from datetime import timedelta
from uuid import UUID

import pytest
from tests.support.memory_ledger import PermitRow, RejectedRow
from tests.support.retention import PARTITION, Attempt, Platform

from photo_pipeline.domain.errors import (
    ClocksApartError,
    MassRemovalError,
    RetentionIncompleteError,
    TooFewClocksError,
)
from photo_pipeline.domain.removal import Removal
from photo_pipeline.domain.removal_permit import PermitRequest
from photo_pipeline.domain.retention import KEEP, LATEST, MARGIN, TOLERANCE, SliceState
from photo_pipeline.use_cases.retention import RetentionSummary, run_retention

CUSTOMER = UUID(int=1)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
CLOCKS = ("PostgreSQL", "the HDFS NameNode", "this worker")


@pytest.fixture
def platform() -> Platform:
    """A platform with nothing in it."""
    return Platform()


def hourly(platform: Platform, until: timedelta, since: timedelta = timedelta(0)) -> list[RetentionSummary]:
    """A run every hour from ``since`` up to ``until`` after the start."""
    start, summaries = Platform().clock.time, []
    while since <= until:
        platform.clock.time = start + since
        summaries.append(run_retention(platform.ports))
        since += HOUR
    return summaries


def ingest_days(platform: Platform, days: int) -> list[UUID]:
    """A shard every six hours for so many days, with retention at work."""
    photos = []
    for quarter in range(days * 4):
        platform.clock.time = Platform().clock.time + quarter * 6 * HOUR
        photos += platform.ingest(CUSTOMER, f"photo {quarter}".encode() * 9)
        hourly(platform, (quarter + 1) * 6 * HOUR - SECOND, quarter * 6 * HOUR + HOUR)
    return photos


def permit(platform: Platform, what: Removal, most: int) -> PermitRow:
    """An operator permits something."""
    row = PermitRow(PermitRequest(what, most, "the platform was off", "operator"))
    platform.ledger.permits.append(row)
    return row


class TestClocks:
    """While clocks differ, nothing that cannot be undone is done."""

    @pytest.mark.parametrize("clock", CLOCKS)
    @pytest.mark.parametrize("off", [8 * DAY, -8 * DAY, TOLERANCE + SECOND, -TOLERANCE - SECOND])
    def test_one_clock_that_is_off_stops_everything(self, platform: Platform, clock: str, off: timedelta) -> None:
        """Whichever it is: no mark, no removal, no blanking, no sweep; one sentence names the clocks, on record too."""
        photos = ingest_days(platform, 2)
        platform.ledger.rejected.append(RejectedRow(platform.clock.now() - 8 * DAY))
        dead = Attempt(platform, CUSTOMER, [b"dead" * 9])
        dead.supersede()
        before = set(platform.archive.files)
        platform.clocks.off[clock] = off
        with pytest.raises(ClocksApartError, match=rf"the clock of .* is .* ahead of that of .*{clock} 20\d\d"):
            run_retention(platform.ports)
        assert set(platform.archive.files) == before
        assert platform.ledger.rejected[0].detail == "why"
        assert all(shard.marked_at is None for shard in platform.ledger.shards.values())
        assert all(platform.original(photo) is not None for photo in photos)
        ending = platform.ledger.runs[-1].ending
        assert ending is not None
        assert ending.stopped is not None
        assert clock in ending.stopped

    @pytest.mark.parametrize("clock", CLOCKS)
    def test_work_goes_on_by_itself_once_they_agree(self, platform: Platform, clock: str) -> None:
        """After two hours of a wrong clock in the middle of things, everything is as late as two hours make it."""
        platform.ingest(CUSTOMER, b"a" * 40)
        hourly(platform, KEEP - HOUR)
        platform.clocks.off[clock] = 8 * DAY
        for late in range(2):
            platform.clock.time = Platform().clock.time + KEEP + late * HOUR
            with pytest.raises(ClocksApartError):
                run_retention(platform.ports)
        platform.clocks.off[clock] = timedelta(0)
        assert sum(summary.removed for summary in hourly(platform, KEEP + 3 * HOUR, KEEP + 2 * HOUR)) == 1

    @pytest.mark.parametrize("clock", CLOCKS)
    @pytest.mark.parametrize("off", [TOLERANCE, -TOLERANCE])
    def test_the_earliest_clock_counts(self, platform: Platform, clock: str, off: timedelta) -> None:
        """Within what is tolerated a shard goes between 168 and 170 hours by every one of the clocks."""
        platform.clocks.off[clock] = off
        platform.ingest(CUSTOMER, b"a" * 40)
        for summary in hourly(platform, KEEP + LATEST - TOLERANCE):
            if summary.removed:
                shown = [reading.time - Platform().clock.time for reading in platform.clocks.readings()]
                assert min(shown) >= KEEP + MARGIN
                assert max(shown) <= KEEP + LATEST
        assert platform.archive.files == {}

    def test_a_clock_alone_is_no_witness(self, platform: Platform) -> None:
        """Where there is nothing to compare it with, nothing goes."""
        platform.clocks.off = {"PostgreSQL": timedelta(0)}
        with pytest.raises(TooFewClocksError, match="there are 1"):
            run_retention(platform.ports)


class TestMarks:
    """Marked first, removed an hour later or more."""

    def test_what_was_just_marked_stays_for_an_hour(self, platform: Platform) -> None:
        """Also when it is long overdue: an outage ends, and somebody may still place a hold."""
        photos = ingest_days(platform, 6)
        platform.clock.time += 30 * HOUR
        assert (run_retention(platform.ports).marked, run_retention(platform.ports).removed) == (2, 0)
        platform.clock.time += HOUR - SECOND
        assert run_retention(platform.ports).removed == 0
        platform.ledger.place(CUSTOMER, photos[0], "lawsuit", "counsel")
        platform.clock.time += SECOND
        assert run_retention(platform.ports).moved == 1
        assert platform.original(photos[0]) == b"photo 0" * 9

    def test_a_mark_from_the_future_is_none(self, platform: Platform) -> None:
        """All clocks were ahead together and marked everything; that neither hurries nor holds up what comes due."""
        platform.ingest(CUSTOMER, b"a" * 40)
        hourly(platform, HOUR)
        platform.clock.time += 8 * DAY
        with pytest.raises(MassRemovalError):
            run_retention(platform.ports)
        assert [shard.marked_at for shard in platform.ledger.shards.values()] == [platform.clock.now()]
        summaries = hourly(platform, KEEP + LATEST, 2 * HOUR)
        assert [summary.removed for summary in summaries].index(1) * HOUR + 2 * HOUR > KEEP
        assert platform.archive.files == {}

    def test_every_removal_is_on_record(self, platform: Platform) -> None:
        """What, when, why, and by which run, for shards, rows and swept files."""
        platform.ingest(CUSTOMER, b"a" * 40)
        platform.ledger.rejected.append(RejectedRow(platform.clock.now()))
        platform.ledger.published.append(platform.clock.now())
        (path,) = platform.archive.files
        hourly(platform, KEEP + LATEST)
        rows = {row.thing.what: row for row in platform.ledger.removals}
        assert set(rows) == {Removal.SHARDS, Removal.RECORDS, Removal.ENTRIES}
        shard = rows[Removal.SHARDS]
        assert (shard.thing.subject, shard.removed_at) == (path, platform.ledger.shards[1].removed_at)
        assert shard.thing.why == "committed 2026-01-01 00:00 UTC and kept 7 days 15 min"
        assert platform.ledger.runs[shard.run_id - 1].now == shard.removed_at


class TestStamps:
    """A commit that was stamped by a wrong clock."""

    def test_a_clock_behind_makes_nothing_go_early(self, platform: Platform) -> None:
        """The row says eight days ago; the file says now: it stays its time, and that the two differ is said."""
        attempt = Attempt(platform, CUSTOMER, [b"a" * 40])
        attempt.rename()
        (photo,) = attempt.commit(stamped_ago=8 * DAY)
        for hours in range(1, 168):
            platform.clock.time = Platform().clock.time + hours * HOUR
            with pytest.raises(RetentionIncompleteError, match="8 days younger by its file"):
                run_retention(platform.ports)
            assert platform.original(photo) is not None
        assert sum(summary.removed for summary in hourly(platform, KEEP + LATEST, KEEP + HOUR)) == 1

    def test_a_clock_ahead_makes_nothing_go_late(self, platform: Platform) -> None:
        """A commit in the future counts from when it is seen, which is within an hour."""
        Attempt(platform, CUSTOMER, [b"a" * 40]).commit(stamped_ago=-8 * DAY)
        summaries = hourly(platform, KEEP + HOUR + LATEST)
        assert summaries[0].restamped == 1
        assert sum(summary.removed for summary in summaries) == 1

    def test_clocks_that_are_all_behind_restamp_nothing(self, platform: Platform) -> None:
        """A file from the future says that not the commit was stamped wrongly, but that the time is wrong."""
        photos = ingest_days(platform, 2)
        platform.clock.time -= DAY
        assert run_retention(platform.ports) == RetentionSummary()
        platform.clock.time += DAY
        assert run_retention(platform.ports).restamped == 0
        assert all(platform.original(photo) is not None for photo in photos)

    def test_an_operator_says_that_the_row_is_right(self, platform: Platform) -> None:
        """A file that was brought back from a backup is young: with a permit it goes by its row."""
        platform.ingest(CUSTOMER, b"a" * 40)
        hourly(platform, KEEP - 4 * HOUR)
        for path in platform.archive.stamps:
            platform.archive.stamps[path] = platform.clock.now()
        hourly(platform, KEEP, KEEP - 3 * HOUR)
        platform.clock.time += HOUR
        with pytest.raises(RetentionIncompleteError, match="photo_removal_permit"):
            run_retention(platform.ports)
        permit(platform, Removal.AGES, 1)
        hourly(platform, KEEP + 3 * HOUR, KEEP + 2 * HOUR)
        assert platform.archive.files == {}


class TestBound:
    """A run removes what came due since the last one; more only little by little, and much only by permit."""

    @pytest.mark.parametrize("ahead", [4 * DAY, 8 * DAY, 400 * DAY])
    def test_clocks_that_are_all_ahead_remove_nothing(self, platform: Platform, ahead: timedelta) -> None:
        """All of them agree, an hour long and longer, and would have the archive go: it stays, and that is said."""
        photos = ingest_days(platform, 7)
        for hours in range(5):
            platform.clock.time += (ahead if hours == 0 else timedelta(0)) + HOUR
            with pytest.raises(MassRemovalError, match=r"of 28 shards would go at once, and the last run"):
                run_retention(platform.ports)
        platform.clock.time -= ahead
        run_retention(platform.ports)
        assert all(platform.original(photo) is not None for photo in photos[1:])

    def test_personal_data_is_bounded_too(self, platform: Platform) -> None:
        """Rejected records alone, no shard beside them: not blanked while all clocks are eight days ahead."""
        hourly(platform, HOUR)
        platform.ledger.rejected += [RejectedRow(platform.clock.now()) for _ in range(4)]
        platform.clock.time += 8 * DAY
        run_retention(platform.ports)
        for _ in range(3):
            platform.clock.time += HOUR
            with pytest.raises(MassRemovalError, match="4 of 4 rejected records"):
                run_retention(platform.ports)
        assert [row.detail for row in platform.ledger.rejected] == ["why"] * 4
        permit(platform, Removal.RECORDS, 4)
        assert run_retention(platform.ports).blanked == 4

    def test_a_weekend_is_caught_up_without_anybody(self, platform: Platform) -> None:
        """Sixty hours without a run: what came due meanwhile goes in steps, and then all is as if nothing had been."""
        ingest_days(platform, 7)
        since = 7 * DAY + 60 * HOUR
        summaries = hourly(platform, since + 12 * HOUR, since)
        steps = [summary.removed for summary in summaries]
        assert steps[:2] == [1, 2], "what was marked before, then a tenth of the archive at a time"
        assert max(steps) == 2
        now = platform.clock.now()
        live = [shard for shard in platform.ledger.shards.values() if shard.state != "removed"]
        assert all(now - shard.committed_at <= KEEP + LATEST for shard in live)
        assert platform.ports.book.removed_until(now, now) == now

    def test_a_burst_goes_as_it_came(self, platform: Platform) -> None:
        """Everything that there is was committed within an hour: a week later it goes within an hour or two."""
        for number in range(9):
            platform.ingest(CUSTOMER, f"photo {number}".encode() * 9)
        assert sum(summary.removed for summary in hourly(platform, KEEP + LATEST)) == 9

    def test_a_permit_lets_one_run_do_it(self, platform: Platform) -> None:
        """The platform was off for two weeks. A permit for fewer does nothing, one for all of it works, once."""
        ingest_days(platform, 7)
        platform.clock.time += 14 * DAY
        for _ in range(2):
            with pytest.raises(MassRemovalError, match="27 of 28"):
                run_retention(platform.ports)
        unused = permit(platform, Removal.SHARDS, 27)
        with pytest.raises(MassRemovalError):
            run_retention(platform.ports, name="too soon after the mark")
        assert unused.used_by is None
        platform.clock.time += HOUR
        unused.request = PermitRequest(Removal.SHARDS, 26, "the platform was off", "operator")
        with pytest.raises(MassRemovalError):
            run_retention(platform.ports, name="too few")
        permit(platform, Removal.SHARDS, 27)
        assert run_retention(platform.ports, name="permitted").removed == 28
        assert [row.used_by for row in platform.ledger.permits] == ["too few", "permitted"]

    def test_clocks_are_never_permitted(self, platform: Platform) -> None:
        """No permit makes a run go on while clocks differ."""
        ingest_days(platform, 2)
        permit(platform, Removal.SHARDS, 100)
        platform.clocks.off["PostgreSQL"] = 8 * DAY
        with pytest.raises(ClocksApartError):
            run_retention(platform.ports)
        assert platform.ledger.permits[0].used_by is None


class TestSweep:
    """Files that no shard names, when it is the ledger that is wrong."""

    def test_a_ledger_from_a_backup_costs_no_file(self, platform: Platform) -> None:
        """Slices that it does not know are left alone, and so many of them turn the run red."""
        ingest_days(platform, 2)
        backup = set(list(platform.ledger.slices)[:1])
        platform.ledger.slices = {key: state for key, state in platform.ledger.slices.items() if key in backup}
        lost = [row for row in platform.ledger.shards.values() if row.shard_id > 1]
        for row in lost:
            del platform.ledger.shards[row.shard_id]
        files = set(platform.archive.files)
        for _ in range(3):
            with pytest.raises(RetentionIncompleteError, match="7 of 8 files in the archive are unknown"):
                run_retention(platform.ports)
            platform.clock.time += HOUR
        assert set(platform.archive.files) == files

    def test_what_kafka_has_no_more_stays(self, platform: Platform) -> None:
        """The slice was committed anew without a photo: the file of the first time may be all there is."""
        renamed = Attempt(platform, CUSTOMER, [b"a" * 40])
        renamed.rename()
        platform.ledger.slices[PARTITION, 0] = SliceState(2, committed=True, has_shard=False)
        assert [summary.foreign for summary in hourly(platform, 5 * HOUR)] == [1] * 6
        assert set(platform.archive.files) == {renamed.path}

    def test_a_held_photos_only_copy_stays(self, platform: Platform) -> None:
        """A ledger from before its photos moved finds their shard's file missing, and a copy by an older claim."""
        platform.ingest(CUSTOMER, b"a" * 40)
        platform.ledger.place(CUSTOMER, None, "lawsuit", "counsel")
        hourly(platform, KEEP + HOUR)
        (copy,) = platform.archive.files
        first = platform.ledger.shards[1]
        for row in platform.ledger.photos.values():
            row.shard_id = 1
        del platform.ledger.shards[2]
        first.state, first.removed_at = "live", None
        platform.clock.time += HOUR
        with pytest.raises(RetentionIncompleteError, match="cannot be read"):
            run_retention(platform.ports)
        assert set(platform.archive.files) == {copy}

    def test_many_at_once_need_a_permit(self, platform: Platform) -> None:
        """More than killed workers leave behind: noted, not swept, until somebody says that it is right."""
        for number in range(6):
            attempt = Attempt(platform, CUSTOMER, [f"photo {number}".encode() * 9])
            attempt.rename()
            attempt.supersede(committed=True)
        for _ in range(2):
            with pytest.raises(RetentionIncompleteError, match="6 of 6 files in the archive are named by no shard"):
                run_retention(platform.ports)
            platform.clock.time += HOUR
        permit(platform, Removal.FILES, 6)
        assert run_retention(platform.ports).swept == 6

    def test_a_sweep_that_died_is_on_record(self, platform: Platform) -> None:
        """The file is gone and the run that removed it did not come to say so: the next one does."""
        attempt = Attempt(platform, CUSTOMER, [b"a" * 40])
        attempt.rename()
        attempt.supersede(committed=True)
        run_retention(platform.ports)
        platform.archive.delete(attempt.path)
        platform.clock.time += HOUR
        run_retention(platform.ports)
        assert [(row.thing.subject, row.removed_at) for row in platform.ledger.removals] == [
            (attempt.path, platform.clock.now())
        ]

    def test_a_file_that_is_named_again_is_struck_out(self, platform: Platform) -> None:
        """What was noted and has its shard again is no longer to be removed."""
        attempt = Attempt(platform, CUSTOMER, [b"a" * 40])
        attempt.rename()
        attempt.supersede(committed=True)
        run_retention(platform.ports)
        attempt.commit()
        platform.clock.time += HOUR
        assert run_retention(platform.ports) == RetentionSummary()
        assert (platform.ledger.removals, set(platform.archive.files)) == ([], {attempt.path})


def test_summary_says_every_figure() -> None:
    """As the log and the record have it."""
    summary = RetentionSummary(marked=2, removed=1)
    assert str(summary).startswith("marked=2 restamped=0")
    assert summary.figures()["removed"] == 1
