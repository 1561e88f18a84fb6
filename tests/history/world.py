"""A loaded history, and the product's own ways into it under each role."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Engine, text
from tests.history.load import load
from tests.history.pages import Counter, explain_all
from tests.history.shape import Shape
from tests.support.databases import Database, Server
from tests.support.slices import accepted, archived_photo, rejected

from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.ingest_ledger import PostgresIngestLedger
from photo_pipeline.adapters.postgres.tally import PostgresTally
from photo_pipeline.domain.ledger import ArchivedPhoto, Lease, RecordResult, ShardFile, SliceCommit, Watermarks
from photo_pipeline.domain.photo import Receipt, RecordCoordinates, TopicPartition
from photo_pipeline.domain.removal import DueBy, Window, window_after
from photo_pipeline.domain.retention import RetentionPolicy
from photo_pipeline.use_cases.tally import TallyPorts, count_outcomes
from photo_pipeline.web.clock import SystemClock

COMMITTED = (100, 10, 5)
"""Photos, duplicates and refused records of a slice that is committed here."""


@dataclass(frozen=True, slots=True)
class Record:
    """One outcome of the history."""

    at: RecordCoordinates
    photo_id: UUID
    customer_id: UUID
    accepted_at: datetime


@dataclass(slots=True)
class History:
    """A long past, and what is asked about it.

    Attributes:
        shape: how it was made.
        api: the database as the web applications see it, like the next two.
        pipeline: as the DAGs do.
        bi: as analysts and the Photos page do.
        owner: everything.
        counter: hears what any of the first three reads.
        now: when it was loaded.
    """

    shape: Shape
    api: Engine
    pipeline: Engine
    bi: Engine
    owner: Engine
    counter: Counter
    now: datetime
    _commits: int = 0

    def vacuum(self, table: str) -> None:
        """As autovacuum does: what the questions before this one changed is counted from the index alone again."""
        with self.owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"VACUUM {table}"))

    @property
    def policy(self) -> RetentionPolicy:
        """As it is unless somebody has set it."""
        return RetentionPolicy()

    @property
    def due(self) -> DueBy:
        """What the next retention run may remove."""
        return DueBy(kept_until=self.now, marked_at=self.now - self.policy.wait)

    @property
    def window(self) -> Window | None:
        """What explains it."""
        return window_after(self.now - timedelta(hours=1), self.policy)

    @property
    def ingest(self) -> PostgresIngestLedger:
        """The ledger under the pipeline's role."""
        return PostgresIngestLedger(self.pipeline)

    def one(self, query: str, **parameters: object) -> Any:
        """A fact; nobody counts what it costs."""
        with self.owner.begin() as connection:
            return connection.execute(text(query), parameters).scalar_one()

    def rows(self, query: str, **parameters: object) -> Sequence[Any]:
        """Facts, as ``one``."""
        with self.owner.connect() as connection:
            return connection.execute(text(query), parameters).all()

    def records(self, condition: str, limit: int = 20, **parameters: object) -> list[Record]:
        """Outcomes of a kind, oldest first."""
        found = self.rows(
            'SELECT topic, "partition", "offset", photo_id, customer_id, accepted_at FROM ingest_record '
            f'WHERE {condition} ORDER BY processed_at, topic, "partition", "offset" LIMIT {limit}',
            **parameters,
        )
        return [Record(RecordCoordinates(*row[:3]), *row[3:]) for row in found]

    def receipts(self, condition: str) -> list[Receipt]:
        """What their senders have in hand."""
        return [Receipt(each.photo_id, "-", each.at, each.accepted_at) for each in self.records(condition)]

    def backlog(self, records: int) -> dict[TopicPartition, Watermarks]:
        """What Kafka would say: so many more in each partition."""
        logs = self.rows('SELECT topic, "partition", next_offset FROM partition_progress')
        return {
            TopicPartition(row.topic, row.partition): Watermarks(0, row.next_offset + records, "id") for row in logs
        }

    def lease(self) -> Lease:
        """The right to the next slice."""
        self._commits += 1
        name = f"run-{self._commits}"
        planned = self.ingest.plan(self.backlog(sum(COMMITTED)), 1000, name, 600)
        lease = self.ingest.lease(planned[0].slice_id, name, 600)
        assert lease is not None
        return lease

    def slice_of(self, lease: Lease, customer_id: UUID) -> SliceCommit:
        """What a worker would hand in: new photos, some that were there, and some that are none."""
        photos, duplicates, refused = COMMITTED
        start = lease.slice.start
        new = [self._photo(customer_id, f"{lease.slice.slice_id}.{n}".encode()) for n in range(photos)]
        known = [self._known(row) for row in self._live(customer_id, duplicates)]
        records: list[RecordResult] = [
            replace(accepted(start + n, photo), accepted_at=self.now) for n, photo in enumerate([*new, *known])
        ]
        records += [rejected(start + len(records) + n) for n in range(refused)]
        path = f"/photos/archive/{lease.slice.slice_id}-{lease.attempt}.tar"
        return SliceCommit(
            lease, start + len(records), ShardFile(path, 10_000), self._placed([*new, *known]), tuple(records)
        )

    def commit(self, customer_id: UUID) -> SliceCommit:
        """A slice more."""
        commit = self.slice_of(self.lease(), customer_id)
        self.ingest.commit(commit)
        return commit

    def xid_of(self, slice_id: int) -> int:
        """The transaction that committed a slice of the past. The number before it was given to nobody."""
        query = "SELECT max(updated_xid::text::bigint) FROM ingest_record WHERE slice_id = :slice_id"
        return int(self.one(query, slice_id=slice_id))

    def _photo(self, customer_id: UUID, content: bytes) -> ArchivedPhoto:
        return replace(archived_photo(customer_id, content), accepted_at=self.now)

    def _live(self, customer_id: UUID, limit: int) -> Sequence[Any]:
        query = (
            "SELECT photo_id, sha256 FROM photo WHERE customer_id = :customer_id AND status = 'processed' "
            f"ORDER BY photo_id LIMIT {limit}"
        )
        return [(customer_id, *row) for row in self.rows(query, customer_id=customer_id)]

    def _known(self, row: Any) -> ArchivedPhoto:
        customer_id, photo_id, sha256 = row
        return replace(self._photo(customer_id, b"known"), photo_id=photo_id, sha256=sha256)

    @staticmethod
    def _placed(photos: Sequence[ArchivedPhoto]) -> tuple[ArchivedPhoto, ...]:
        def at(number: int, place: int) -> int:
            return (number * 3 + place) * 1024

        return tuple(
            replace(
                photo,
                renditions=[replace(each, offset=at(number, place)) for place, each in enumerate(photo.renditions)],
            )
            for number, photo in enumerate(photos)
        )


@contextmanager
def history(server: Server, shape: Shape) -> Iterator[History]:
    """A database of its own with that history; it is dropped at the end."""
    name = f"test_{uuid4().hex}"
    server.copy(server.migrated(), name)
    try:
        with server.connected(name) as connection:
            load(connection, shape)
            _count(server.database(name))
            connection.execute("VACUUM ANALYZE")  # as autovacuum would have by now
            explain_all(connection, name)
        with _opened(server.database(name), shape) as world:
            yield world
    finally:
        server.drop(name)


def _count(database: Database) -> None:
    """What photo_bi_sync has done every five minutes."""
    engine = make_engine(database.pipeline, "tests")
    count_outcomes(TallyPorts(PostgresTally(engine), SystemClock()))
    engine.dispose()


@contextmanager
def _opened(database: Database, shape: Shape) -> Iterator[History]:
    counter = Counter()
    with ExitStack() as stack:
        roles = (database.api, database.pipeline, database.bi, database.owner)
        api, pipeline, bi, owner = engines = [make_engine(each, "tests") for each in roles]
        for engine in engines:
            stack.callback(engine.dispose)
        for engine in (api, pipeline, bi):
            counter.watch(engine)
        yield History(shape, api, pipeline, bi, owner, counter, datetime.now(UTC))
