"""The ledger: plan, lease, commit. Every statement here is written so that two who run it at once cannot both win.

All times are the database's own, so that the clocks of the machines that run tasks do not matter.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from photo_pipeline.adapters.postgres.commit import commit_slice, summarise
from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.models import Customer, PartitionProgress, Slice
from photo_pipeline.adapters.postgres.outbox import mark_published, waiting_entries
from photo_pipeline.domain.errors import LeaseLostError, SliceBusyError
from photo_pipeline.domain.ledger import Lease, OutboxEntry, PlannedSlice, SliceCommit, SliceSummary, Watermarks
from photo_pipeline.domain.photo import TopicPartition

PLANNER_LOCK = 7_468_120_946
"""Advisory lock key: one planner at a time."""
LOST_RANGE_RECORDS = 50_000
"""How many offsets that Kafka has deleted one slice may cover: they cost a row each and nothing else."""

_COLUMNS = (Slice.slice_id, Slice.topic, Slice.partition, Slice.start, Slice.end, Slice.dt)


class PostgresIngestLedger:
    """The ``IngestLedger`` port on PostgreSQL, with role ``photo_pipeline``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def plan(
        self, watermarks: Mapping[TopicPartition, Watermarks], max_records: int, owner: str, seconds: float
    ) -> Sequence[PlannedSlice]:
        """See the port. The advisory lock serialises planners; the partial unique index would stop them anyway."""
        with transaction(self._engine) as connection:
            connection.execute(select(func.pg_advisory_xact_lock(PLANNER_LOCK)))
            _know_partitions(connection, watermarks)
            _plan_backlog(connection, watermarks, max_records)
            return _reserve_waiting(connection, owner, seconds)

    def lease(self, slice_id: int, owner: str, seconds: float) -> Lease | None:
        """See the port. The new attempt number is what fences off every earlier one."""
        statement = (
            update(Slice)
            .where(Slice.slice_id == slice_id, Slice.state != "committed", _is_free(owner))
            .values(
                state="running",
                attempt=Slice.attempt + 1,
                lease_owner=owner,
                lease_expires_at=func.now() + timedelta(seconds=seconds),
            )
            .returning(*_COLUMNS, Slice.attempt)
        )
        with transaction(self._engine) as connection:
            row = connection.execute(statement).one_or_none()
            if row is not None:
                planned = _planned(row.slice_id, row.topic, row.partition, row.start, row.end, row.dt)
                return Lease(planned, row.attempt)
            if connection.scalar(select(Slice.state).where(Slice.slice_id == slice_id)) == "committed":
                return None
        raise SliceBusyError(slice_id)

    def renew(self, lease: Lease, seconds: float) -> None:
        """See the port."""
        expires_at = func.now() + timedelta(seconds=seconds)
        with transaction(self._engine) as connection:
            renewed = connection.execute(update(Slice).where(_holds(lease)).values(lease_expires_at=expires_at))
        if renewed.rowcount == 0:
            raise LeaseLostError(lease.slice.slice_id, lease.attempt)

    def release(self, lease: Lease) -> None:
        """See the port."""
        with transaction(self._engine) as connection:
            connection.execute(update(Slice).where(_holds(lease)).values(lease_expires_at=None, lease_owner=None))

    def summary(self, slice_id: int) -> SliceSummary:
        """See the port."""
        with transaction(self._engine) as connection:
            return summarise(connection, slice_id)

    def known_customers(self, customer_ids: Collection[UUID]) -> set[UUID]:
        """See the port."""
        with transaction(self._engine) as connection:
            found = connection.scalars(select(Customer.customer_id).where(Customer.customer_id.in_(customer_ids)))
            return set(found)

    def commit(self, commit: SliceCommit) -> SliceSummary:
        """See the port."""
        with transaction(self._engine) as connection:
            return commit_slice(connection, commit)

    def progress(self) -> Mapping[TopicPartition, int]:
        """See the port."""
        columns = select(PartitionProgress.topic, PartitionProgress.partition, PartitionProgress.next_offset)
        with transaction(self._engine) as connection:
            return {TopicPartition(topic, number): offset for topic, number, offset in connection.execute(columns)}

    def backlog(self, watermarks: Mapping[TopicPartition, Watermarks]) -> Mapping[TopicPartition, int]:
        """How many records wait in each partition that no live worker has a slice of; those without are left out."""
        worked_on = select(Slice.topic, Slice.partition).where(
            Slice.state != "committed", Slice.lease_expires_at > func.now()
        )
        with transaction(self._engine) as connection:
            busy = {TopicPartition(topic, number) for topic, number in connection.execute(worked_on)}
        progress = self.progress()
        waiting = {
            tp: marks.high - max(progress.get(tp, marks.low), marks.low)
            for tp, marks in watermarks.items()
            if tp not in busy
        }
        return {tp: records for tp, records in waiting.items() if records > 0}

    @contextmanager
    def outbox(self, limit: int) -> Iterator[Sequence[OutboxEntry]]:
        """See the port. Rows that another publisher has locked are left to it."""
        with transaction(self._engine) as connection:
            entries = waiting_entries(connection, limit)
            yield entries
            mark_published(connection, [entry.outbox_id for entry in entries])


def _is_free(owner: str) -> ColumnElement[bool]:
    return or_(Slice.lease_expires_at.is_(None), Slice.lease_expires_at < func.now(), Slice.lease_owner == owner)


def _holds(lease: Lease) -> ColumnElement[bool]:
    return and_(Slice.slice_id == lease.slice.slice_id, Slice.attempt == lease.attempt, Slice.state == "running")


def _know_partitions(connection: Connection, watermarks: Mapping[TopicPartition, Watermarks]) -> None:
    """A partition seen for the first time starts at what Kafka holds of it."""
    rows = [
        {"topic": tp.topic, "partition": tp.partition, "first_offset": marks.low, "next_offset": marks.low}
        for tp, marks in watermarks.items()
    ]
    if rows:
        connection.execute(upsert(PartitionProgress).on_conflict_do_nothing(), rows)


def _plan_backlog(connection: Connection, watermarks: Mapping[TopicPartition, Watermarks], max_records: int) -> None:
    has_open_slice = (
        select(Slice.slice_id)
        .where(
            Slice.topic == PartitionProgress.topic,
            Slice.partition == PartitionProgress.partition,
            Slice.state != "committed",
        )
        .exists()
    )
    idle = select(PartitionProgress.topic, PartitionProgress.partition, PartitionProgress.next_offset).where(
        ~has_open_slice
    )
    today = func.timezone("UTC", func.now()).cast(Slice.dt.type)
    for topic, partition, start in connection.execute(idle).all():
        marks = watermarks.get(TopicPartition(topic, partition))
        if marks is None or marks.high <= start:
            continue
        end = _slice_end(start, marks, max_records)
        connection.execute(insert(Slice).values(topic=topic, partition=partition, start=start, end=end, dt=today))


def _slice_end(start: int, marks: Watermarks, max_records: int) -> int:
    if start < marks.low:
        return min(marks.low, start + LOST_RANGE_RECORDS)
    return min(marks.high, start + max_records)


def _reserve_waiting(connection: Connection, owner: str, seconds: float) -> list[PlannedSlice]:
    """Give every open slice that nobody works on to this owner, long enough for its tasks to start."""
    statement = (
        update(Slice)
        .where(Slice.state != "committed", _is_free(owner))
        .values(
            lease_owner=owner,
            lease_expires_at=case(
                (Slice.lease_expires_at > func.now(), Slice.lease_expires_at),
                else_=func.now() + timedelta(seconds=seconds),
            ),
        )
        .returning(*_COLUMNS)
    )
    rows = connection.execute(statement).all()
    return sorted((_planned(*row) for row in rows), key=lambda planned: planned.slice_id)


def _planned(slice_id: int, topic: str, partition: int, start: int, end: int, dt: date) -> PlannedSlice:
    return PlannedSlice(slice_id, TopicPartition(topic, partition), start, end, dt)
