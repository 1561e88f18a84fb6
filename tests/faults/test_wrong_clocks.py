"""Clocks that are wrong, on real servers: what a database eight days ahead, or behind, does to the archive."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from tests.support.archived import DUE, ArchivedPlatform, archived_platform
from tests.support.clocks import HOUR, ShiftedClocks, run_at
from tests.support.databases import Server
from tests.support.faked_postgres import FakedPostgres, faked_postgres

from local_stack import Endpoints, Stack
from local_stack.credentials import Credentials
from photo_pipeline.adapters.postgres.removal import PostgresRemovalBook
from photo_pipeline.domain.errors import ClocksApartError, MassRemovalError, RetentionIncompleteError
from photo_pipeline.domain.removal import Removal
from photo_pipeline.domain.removal_permit import PermitRequest
from photo_pipeline.use_cases.retention import run_retention

pytestmark = pytest.mark.shares_servers

DAY = timedelta(days=1)
SLICES = 4
EACH = 77


@pytest.fixture(scope="module")
def server(test_stack: Stack) -> Iterator[FakedPostgres]:
    """Give a database server whose clock can be set wrong."""
    with faked_postgres(test_stack) as server:
        yield server


@pytest.fixture
def platform(stack: Endpoints, server: FakedPostgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[ArchivedPlatform]:
    """Give an archive on the suite's HDFS whose ledger is on that server, which is not running."""
    monkeypatch.setenv("HADOOP_USER_NAME", stack.hdfs_user)
    with archived_platform(stack, server.database) as platform:
        yield platform
        with server.running():
            platform.execute(
                "TRUNCATE customer, partition_progress, slice, shard, ledger_record, ledger_state, outbox, "
                "retention_run, removal_permit CASCADE"
            )


def archive(platform: ArchivedPlatform, slices: int, each: int) -> dict[UUID, bytes]:
    """So many photos, archived and committed just now by whatever time the database thinks it is."""
    customer = platform.sign_up()
    photos: dict[UUID, bytes] = {}
    for number in range(slices):
        contents = [f"photo {number} {photo} {customer}".encode() for photo in range(each)]
        photos |= dict(zip(platform.commit_now(platform.prepare(customer, *contents)), contents, strict=True))
    return photos


def assert_all_there(platform: ArchivedPlatform, photos: dict[UUID, bytes]) -> None:
    """The files of all shards, and each photo by its index."""
    assert set(platform.named()) == set(platform.files())
    assert platform.rows("SELECT count(*) FROM photo WHERE status = 'processed'") == [(len(photos),)]
    for photo_id in list(photos)[:: max(1, len(photos) // 10)]:
        assert platform.original(photo_id) == photos[photo_id]


def test_a_database_eight_days_ahead_for_a_run(platform: ArchivedPlatform, server: FakedPostgres) -> None:
    """308 photos: the run is red, names the clocks and removes nothing; with the right clock work goes on by itself."""
    with server.running():
        photos = archive(platform, SLICES, EACH)
        run_retention(platform.ports)
    with server.running("+8d"):
        for _ in range(2):
            with pytest.raises(
                ClocksApartError, match=r"the clock of PostgreSQL is (8 days|7 days 23 h) ahead of that of"
            ):
                run_retention(platform.ports)
        assert_all_there(platform, photos)
    with server.running():
        assert_all_there(platform, photos)
        assert run_retention(platform.ports).removed == 0
        assert platform.rows("SELECT state, count(*) FROM retention_run GROUP BY 1 ORDER BY 1") == [
            ("done", 2),
            ("stopped", 2),
        ]
        assert platform.rows("SELECT state FROM metric_retention") == [("done",)]


def test_commits_of_a_database_eight_days_behind(platform: ArchivedPlatform, server: FakedPostgres) -> None:
    """Their rows say that they have to go; HDFS says that they were just written. They stay, and that is said."""
    with server.running("-8d"):
        photos = archive(platform, 1, 3)
    with server.running():
        for off in (timedelta(0), HOUR, 100 * HOUR, DUE - HOUR):
            with pytest.raises(RetentionIncompleteError, match="younger by its file"):
                run_at(platform.ports, off)
        assert_all_there(platform, photos)
        assert run_at(platform.ports, DUE + timedelta(minutes=1)).removed == 1


def test_commits_of_a_database_eight_days_ahead(platform: ArchivedPlatform, server: FakedPostgres) -> None:
    """They count from when a run sees them, and go in time."""
    with server.running("+8d"):
        photos = archive(platform, 1, 3)
    with server.running():
        assert run_retention(platform.ports).restamped == 1
        assert run_at(platform.ports, DUE - HOUR).marked == 1
        assert_all_there(platform, photos)
        assert run_at(platform.ports, DUE + timedelta(minutes=1)).removed == 1


def test_all_clocks_ahead_and_a_permit(platform: ArchivedPlatform, server: FakedPostgres) -> None:
    """They agree, so the archive's ages have to tell: nothing goes without an operator's permit, all with it."""
    with server.running():
        photos = archive(platform, 3, 2)
        run_retention(platform.ports)
        for hours in range(3):
            with pytest.raises(MassRemovalError, match="3 of 3 shards would go at once"):
                run_at(platform.ports, 8 * DAY + hours * HOUR)
        assert_all_there(platform, photos)
        book = PostgresRemovalBook(platform.owner)
        book.grant(PermitRequest(Removal.SHARDS, 2, "we were away", "an operator"))
        with pytest.raises(MassRemovalError):
            run_at(platform.ports, 8 * DAY + 3 * HOUR)
        ahead = replace(platform.ports, clocks=ShiftedClocks(platform.ports.clocks, 8 * DAY + 4 * HOUR))
        platform.execute("UPDATE removal_permit SET granted_at = now() + interval '8 days 4 hours'")
        assert platform.files() != {}
        permit = book.grant(PermitRequest(Removal.SHARDS, 3, "we were away for long", "an operator"))
        platform.execute("UPDATE removal_permit SET granted_at = now() + interval '8 days 4 hours'")
        assert run_retention(ahead, name="the permitted run").removed == 3
        used = "SELECT used_by FROM removal_permit WHERE permit_id = :permit"
        assert platform.rows(used, permit=permit) == [("the permitted run",)]
        why = "SELECT count(*), min(what), min(r.state) FROM removal JOIN retention_run r USING (run_id)"
        assert platform.rows(f"{why} WHERE removed_at IS NOT NULL") == [(3, "shards", "done")]


def test_a_ledger_from_an_old_backup(stack: Endpoints, test_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was archived after the backup is in no row any more: its files stay, and the run is red about them."""
    monkeypatch.setenv("HADOOP_USER_NAME", stack.hdfs_user)
    server = Server(stack, Credentials(test_stack.settings.home / "secrets").password("postgres"))
    names = [f"test_backup_{number}_{test_stack.settings.ports('postgres')}" for number in range(2)]
    server.copy(server.migrated(), names[0])
    try:
        with archived_platform(stack, server.database(names[0])) as platform:
            archive(platform, 1, 2)
            for engine in (platform.owner, platform.ports.ledger._engine, platform.holds._engine):  # type: ignore[attr-defined]
                engine.dispose()
            server.copy(names[0], names[1])
            archive(platform, 7, 2)
            files = platform.files()
            with archived_platform(stack, server.database(names[1])) as restored:
                ports = replace(restored.ports, archive_root=platform.root)
                for hours in range(3):
                    with pytest.raises(RetentionIncompleteError, match="7 of 8 files in the archive are unknown"):
                        run_at(ports, hours * HOUR)
            assert platform.files() == files
    finally:
        for name in names:
            server.drop(name)
