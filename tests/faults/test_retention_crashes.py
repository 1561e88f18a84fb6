"""The crash matrix of the retention: SIGKILL in every phase, inside its transactions too, then what the next run does.

In memory, tests/unit/use_cases/test_retention.py kills a run at each of its calls, and disturbs it in other ways there.
"""

from collections.abc import Iterator
from uuid import UUID

import pytest
from tests.faults.retention_crash_worker import retain
from tests.support.archived import ArchivedPlatform, archived_platform
from tests.support.crashing import see_killed
from tests.support.databases import fresh_database, superuser_of

from local_stack import Endpoints, Stack
from photo_pipeline.use_cases.retention import RetentionSummary, run_retention

pytestmark = pytest.mark.shares_servers

# The first due shard is a hold shard of which one photo was released, the second has a held and a free photo.
BOUNDARIES = [
    ("after book.begin", 1),
    ("after ledger.blank_rejected", 1),
    ("after book.record", 1),
    ("after ledger.forget_published", 1),
    ("after ledger.claim", 1),
    ("after ledger.claim", 2),
    ("after archive.create", 1),
    ("after file.write", 3),
    ("before file.close", 1),
    ("after file.close", 1),
    ("after archive.rename", 1),
    ("before sql insert", 3),  # moving: the hold shard, after the run and what it blanked
    ("after ledger.move", 1),
    ("before sql delete", 2),  # expiring: the renditions, after the photos
    ("after ledger.expire", 1),
    ("after archive.delete", 1),
    ("after ledger.record_removed", 1),
    ("after ledger.record_removed", 2),
    ("after index.named", 1),
    ("after archive.remove_folder", 1),
    ("before book.end", 1),
    *(("before sql commit", nth) for nth in (17, 18, 19)),  # moving, expiring and the record, all but over
]


@pytest.fixture(scope="module")
def platform(stack: Endpoints, test_stack: Stack) -> Iterator[ArchivedPlatform]:
    """Give one ledger and one archive for all boundaries: each brings its own customers."""
    with pytest.MonkeyPatch.context() as environment, fresh_database(stack, superuser_of(test_stack)) as database:
        environment.setenv("HADOOP_USER_NAME", stack.hdfs_user)
        with archived_platform(stack, database) as platform:
            yield platform


class Scene:
    """A hold shard with a photo to keep and a released one; a shard with a held and a free photo, and noise beside."""

    def __init__(self, platform: ArchivedPlatform, name: str) -> None:
        self.platform = platform
        self.contents = {part: f"{name} {part} ".encode() * 20 for part in ("kept", "released", "held", "free")}
        other, mine = platform.sign_up(), platform.sign_up()
        self.photos = self._archive(other, "kept", "released")
        for part in ("kept", "released"):
            platform.holds.place(other, self.photos[part], "lawsuit", "counsel")
        run_retention(platform.ports)
        platform.holds.lift(other, self.photos["released"])
        self.photos |= self._archive(mine, "held", "free", refused=1)
        platform.holds.place(mine, self.photos["held"], "lawsuit", "counsel")

    def crash(self, boundary: str, nth: int) -> None:
        """Run the retention in a process of its own and see it killed where it should be."""
        see_killed(retain, boundary, nth, database=self.platform.database, hdfs=self.platform.hdfs)

    def assert_held_photos_are_there(self) -> None:
        """At any time whatever, also between a crash and the next run."""
        for part in ("kept", "held"):
            assert self.platform.original(self.photos[part]) == self.contents[part]

    def assert_settled(self) -> None:
        """As if there had been no crash, and nothing left to do."""
        self.assert_held_photos_are_there()
        for part in ("released", "free"):
            query = "SELECT status, shard_id, filename, camera FROM photo WHERE photo_id = :photo"
            assert self.platform.rows(query, photo=self.photos[part]) == [("expired", None, None, None)]
            assert self.platform.original(self.photos[part]) is None
        assert set(self.platform.files()) == set(self.platform.named())
        assert self.platform.rows("SELECT count(*) FROM shard WHERE state = 'expiring'") == [(0,)]
        assert self.platform.rows(
            "SELECT count(*) FROM shard WHERE (state = 'removed') <> (removed_at IS NOT NULL)"
        ) == [(0,)]
        assert self.platform.rows("SELECT count(*) FROM ingest_record WHERE detail IS NOT NULL") == [(0,)]
        assert run_retention(self.platform.ports) == RetentionSummary()

    def _archive(self, customer: UUID, *parts: str, refused: int = 0) -> dict[str, UUID]:
        contents = [self.contents[part] for part in parts]
        photo_ids = self.platform.archive_photos(customer, *contents, refused=refused)
        with self.platform.ingest.outbox(100):
            pass
        return dict(zip(parts, photo_ids, strict=True))


@pytest.mark.parametrize(("boundary", "nth"), BOUNDARIES)
def test_killed_and_run_again(platform: ArchivedPlatform, boundary: str, nth: int) -> None:
    """Whatever phase a run dies in, held photos can be had all the time, and the next run ends what it began."""
    scene = Scene(platform, f"{boundary} {nth}")
    scene.crash(boundary, nth)
    scene.assert_held_photos_are_there()
    run_retention(platform.ports)
    scene.assert_settled()
