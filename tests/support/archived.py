"""Real shards on HDFS, committed to a real ledger, as old as a test wants them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from hdfs import InsecureClient
from hdfs_native import Client
from sqlalchemy import Engine, text
from tests.support.clocks import HOUR, run_at
from tests.support.databases import Database
from tests.support.retention import write_shard
from tests.support.slices import UPLOADED, accepted, add_customer, archived_photo, backlog, rejected

from local_stack import Endpoints
from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.postgres.archive_index import PostgresArchiveIndex
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.holds import PostgresHoldRegister
from photo_pipeline.adapters.postgres.ingest_ledger import PostgresIngestLedger
from photo_pipeline.adapters.postgres.months import PostgresLedgerMonths
from photo_pipeline.adapters.postgres.removal import PostgresRemovalBook
from photo_pipeline.adapters.postgres.retention import PostgresRetentionLedger
from photo_pipeline.adapters.webhdfs import WebHdfsNamespace
from photo_pipeline.composition.retention import clock_witnesses
from photo_pipeline.domain.ledger import Lease, ShardFile, SliceCommit
from photo_pipeline.domain.retention import KEEP, MARGIN
from photo_pipeline.domain.shard import shard_path, staging_path
from photo_pipeline.settings import DatabaseSettings, HdfsSettings
from photo_pipeline.use_cases.retention import RetentionPorts

DUE = KEEP + MARGIN


@dataclass(slots=True)
class ArchivedPlatform:
    """A database and an archive folder of a test's own.

    Attributes:
        owner: the database as its owner sees it.
        ingest: the ledger under the pipeline's role, as everything below.
        ledger: the same for retention.
        holds: the hold register under the API's role.
        archive: the archive.
        database: the database, as a process of its own is told of it.
        hdfs: the archive's settings, whose root nobody else uses.
        ports: what a run of the retention is given.
    """

    owner: Engine
    ingest: PostgresIngestLedger
    ledger: PostgresRetentionLedger
    holds: PostgresHoldRegister
    archive: HdfsArchive
    database: DatabaseSettings
    hdfs: HdfsSettings
    ports: RetentionPorts
    _offset: int = field(default=0)

    @property
    def root(self) -> str:
        """The archive's folder."""
        return self.hdfs.root

    def sign_up(self) -> UUID:
        """A new customer."""
        return add_customer(self.owner)

    def lease(self, records: int) -> Lease:
        """Plan and take the next slice."""
        (planned,) = self.ingest.plan(backlog(self._offset + records), 1000, f"run-{self._offset}", 60)
        lease = self.ingest.lease(planned.slice_id, f"run-{self._offset}", 60)
        assert lease is not None
        return lease

    def prepare(self, customer_id: UUID, *contents: bytes, refused: int = 0) -> SliceCommit:
        """Write the next slice's shard and say what is to be committed: photos, then rejected records."""
        lease = self.lease(len(contents) + refused)
        photos = [archived_photo(customer_id, content) for content in contents]
        end = lease.slice.start + len(contents) + refused
        path = shard_path(self.root, lease.slice.dt, UPLOADED, lease.slice.start, end, lease.attempt)
        by_id = {photo.photo_id: content for photo, content in zip(photos, contents, strict=True)}
        staging = staging_path(self.root, UPLOADED, lease.slice.start, lease.attempt)
        renditions, length = write_shard(self.archive, staging, by_id)
        self.archive.rename(staging, path)
        photos = [replace(photo, renditions=renditions[photo.photo_id]) for photo in photos]
        records = [accepted(lease.slice.start + number, photo) for number, photo in enumerate(photos)]
        records += [replace(rejected(end - 1 - number), filename="no.jpg") for number in range(refused)]
        return SliceCommit(lease, end, ShardFile(path, length), photos, sorted(records, key=lambda r: r.offset))

    def commit_now(self, commit: SliceCommit) -> list[UUID]:
        """Commit a slice, and change nothing of it; its photos."""
        self.ingest.commit(commit)
        self._offset = commit.end
        return [photo.photo_id for photo in commit.photos]

    def commit(self, commit: SliceCommit, age: timedelta) -> int:
        """Commit a slice, and let that long have passed since; the shard's id.

        A run an hour ago has marked it, if it was old enough by then.
        """
        assert commit.shard is not None
        self.commit_now(commit)
        aged = {"age": age, "path": commit.shard.path}
        self.execute("UPDATE shard SET committed_at = committed_at - :age WHERE path = :path", **aged)
        aged = {"age": age, "slice": commit.lease.slice.slice_id}
        self.execute(
            "UPDATE photo SET processed_at = processed_at - :age FROM slice "
            "WHERE slice_id = :slice AND processed_at = slice.committed_at",
            **aged,
        )
        self.execute("UPDATE slice SET committed_at = committed_at - :age WHERE slice_id = :slice", **aged)
        self.execute("UPDATE ingest_record SET processed_at = processed_at - :age WHERE slice_id = :slice", **aged)
        self.execute("UPDATE outbox SET processed_at = processed_at - :age WHERE processed_at = created_at", age=age)
        self._set_written(commit.shard.path, age)
        run_at(self.ports, -HOUR)
        ((shard_id,),) = self.rows("SELECT shard_id FROM shard WHERE path = :path", path=commit.shard.path)
        return int(shard_id)

    def _set_written(self, path: str, age: timedelta) -> None:
        """By the NameNode's clock as well, of which files are stamped."""
        at = int((datetime.now(UTC) - age).timestamp() * 1000)
        Client(self.hdfs.namenode).set_times(path, at, at)

    def archive_photos(self, customer_id: UUID, *contents: bytes, age: timedelta = DUE, refused: int = 0) -> list[UUID]:
        """Photos in one shard, committed that long ago."""
        commit = self.prepare(customer_id, *contents, refused=refused)
        self.commit(commit, age)
        return [photo.photo_id for photo in commit.photos]

    def rows(self, query: str, **parameters: object) -> list[tuple[Any, ...]]:
        """What a query gives."""
        with self.owner.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), parameters)]

    def execute(self, statement: str, **parameters: object) -> None:
        """Change something behind everybody's back."""
        with self.owner.begin() as connection:
            connection.execute(text(statement), parameters)

    def original(self, photo_id: UUID) -> bytes | None:
        """What the gallery would serve; ``None`` where the index knows nothing of the photo."""
        found = self.rows(
            'SELECT s.path, r."offset", r.length FROM rendition r JOIN shard s USING (shard_id) '
            "JOIN photo p USING (photo_id) WHERE photo_id = :photo AND r.kind = 'original' AND p.shard_id = s.shard_id",
            photo=photo_id,
        )
        return self.archive.read(*found[0]) if found else None

    def files(self) -> dict[str, int]:
        """Paths below the root and lengths of all files."""
        return {file.path.removeprefix(f"{self.root}/"): file.length for file in self.archive.list(self.root)}

    def named(self) -> Sequence[str]:
        """Paths below the root of all shards that are not removed."""
        found = self.rows("SELECT path FROM shard WHERE state <> 'removed'")
        return [path.removeprefix(f"{self.root}/") for (path,) in found]


@contextmanager
def archived_platform(stack: Endpoints, database: Database) -> Iterator[ArchivedPlatform]:
    """Nothing is in it; its files are removed at the end."""
    root = f"/tests/{uuid4().hex}"
    engines = [make_engine(settings, "tests") for settings in (database.owner, database.pipeline, database.api)]
    owner, pipeline, api = engines
    hdfs = HdfsSettings(namenode=stack.hdfs_namenode, root=root)
    archive = HdfsArchive(hdfs)
    WebHdfsNamespace(InsecureClient(stack.webhdfs_url, user=stack.hdfs_user), root).ensure_folders()
    ledger = PostgresRetentionLedger(pipeline)
    clocks = clock_witnesses(pipeline, archive, root)
    book = PostgresRemovalBook(pipeline)
    ports = RetentionPorts(
        ledger, PostgresArchiveIndex(pipeline), archive, clocks, book, root, PostgresLedgerMonths(pipeline)
    )
    holds = PostgresHoldRegister(api)
    ingest = PostgresIngestLedger(pipeline)
    yield ArchivedPlatform(owner, ingest, ledger, holds, archive, database.pipeline, hdfs, ports)
    for engine in engines:
        engine.dispose()
    httpx.delete(
        f"{stack.webhdfs_url}/webhdfs/v1{root}",
        params={"op": "DELETE", "recursive": "true", "user.name": stack.hdfs_user},
    ).raise_for_status()
