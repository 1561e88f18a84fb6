"""The ledger: plan, lease, commit. Every statement here is written so that two who run it at once cannot both win.

All times are the database's own, so that the clocks of the machines that run tasks do not matter.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    and_,
    any_,
    case,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from photo_pipeline.adapters.postgres.bulk import as_array
from photo_pipeline.adapters.postgres.commit import OF_LOG, commit_slice, summarise
from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.erased import erased_among
from photo_pipeline.adapters.postgres.lanes import in_turn, kept_waiting
from photo_pipeline.adapters.postgres.logs import OPEN_SLICE, apply_change, known_logs, note_cut, settle, void_slices
from photo_pipeline.adapters.postgres.models import Customer, Device, PartitionProgress, Slice
from photo_pipeline.adapters.postgres.outbox import mark_published, waiting_entries
from photo_pipeline.domain.errors import LeaseLostError, SliceBusyError, SliceVoidError
from photo_pipeline.domain.lanes import ONE_LANE, Lanes
from photo_pipeline.domain.ledger import Lease, OutboxEntry, PlannedSlice, SliceCommit, SliceSummary, Watermarks
from photo_pipeline.domain.logs import KnownLog, LogChange, LogState, positions
from photo_pipeline.domain.photo import Log, TopicPartition
from photo_pipeline.domain.proof import SigningDevice

PLANNER_LOCK = 7_468_120_946
"""Advisory lock key: one planner at a time."""
LOST_RANGE_RECORDS = 50_000
"""How many offsets that Kafka has deleted one slice may cover: they cost a row each and nothing else."""

_COLUMNS = (Slice.slice_id, Slice.topic, Slice.partition, Slice.incarnation, Slice.start, Slice.end, Slice.dt)


class PostgresIngestLedger:
    """The ``IngestLedger`` port on PostgreSQL, with role ``photo_pipeline``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def logs(self) -> Sequence[KnownLog]:
        """See the port."""
        with transaction(self._engine) as connection:
            return known_logs(connection)

    def follow(self, changes: Iterable[LogChange]) -> None:
        """See the port. Planners wait for each other, so that each sees what the others have noted.

        A worker that is at a slice of a log that has ended may still commit what it has read of it.
        """
        with transaction(self._engine) as connection:
            connection.execute(select(func.pg_advisory_xact_lock(PLANNER_LOCK)))
            for change in changes:
                apply_change(connection, change)
            void_slices(connection, _HAS_NO_WORKER)

    def note_cut(self, log: Log) -> None:
        """See the port."""
        with transaction(self._engine) as connection:
            note_cut(connection, log)

    def settle(self, logs: Sequence[Log], by: str, reason: str) -> None:
        """See the port ``LogBook``."""
        with transaction(self._engine) as connection:
            connection.execute(select(func.pg_advisory_xact_lock(PLANNER_LOCK)))
            settle(connection, logs, by, reason)

    def plan(
        self,
        watermarks: Mapping[TopicPartition, Watermarks],
        max_records: int,
        owner: str,
        seconds: float,
        lanes: Lanes = ONE_LANE,
    ) -> Sequence[PlannedSlice]:
        """See the port. The advisory lock serialises planners; the partial unique index would stop them anyway."""
        with transaction(self._engine) as connection:
            connection.execute(select(func.pg_advisory_xact_lock(PLANNER_LOCK)))
            _know_partitions(connection, watermarks)
            readable = in_turn(connection, _readable(connection, watermarks), watermarks, lanes, owner)
            _plan_backlog(connection, readable, watermarks, max_records)
            return _reserve_waiting(connection, readable, owner, seconds)

    def lease(self, slice_id: int, owner: str, seconds: float) -> Lease | None:
        """See the port. The new attempt number is what fences off every earlier one."""
        statement = (
            update(Slice)
            .where(Slice.slice_id == slice_id, Slice.state.in_(OPEN_SLICE), _is_free(owner))
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
                return Lease(_planned(row, _facts(connection, slice_id)), row.attempt)
            state = connection.scalar(select(Slice.state).where(Slice.slice_id == slice_id))
        if state == "committed":
            return None
        raise SliceVoidError(slice_id) if state == "void" else SliceBusyError(slice_id)

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
            known = select(Customer.customer_id).where(Customer.customer_id == any_(as_array(customer_ids)))
            return set(connection.scalars(known.where(Customer.closed_at.is_(None))))

    def erased(self, ids: Collection[UUID]) -> set[UUID]:
        """See the port."""
        with transaction(self._engine) as connection:
            return erased_among(connection, ids)

    def signing_devices(self, device_ids: Collection[UUID]) -> Mapping[UUID, SigningDevice]:
        """See the port."""
        statement = select(Device.device_id, Device.customer_id, Device.public_key, Device.revoked_at).where(
            Device.device_id == any_(as_array(device_ids))
        )
        with transaction(self._engine) as connection:
            return {row.device_id: SigningDevice(*row[1:]) for row in connection.execute(statement)}

    def commit(self, commit: SliceCommit) -> SliceSummary:
        """See the port."""
        with transaction(self._engine) as connection:
            return commit_slice(connection, commit)

    def backlog(
        self, watermarks: Mapping[TopicPartition, Watermarks], lanes: Lanes = ONE_LANE
    ) -> Mapping[TopicPartition, int]:
        """How many records wait in each partition that no live worker has a slice of; those without are left out.

        So is the bulk lane while a run has slices of it: nobody else would be given any.
        """
        worked_on = select(Slice.topic, Slice.partition).where(
            Slice.state.in_(OPEN_SLICE), Slice.lease_expires_at > func.now()
        )
        with transaction(self._engine) as connection:
            worked_at = {TopicPartition(topic, number) for topic, number in connection.execute(worked_on)}
            busy = worked_at | kept_waiting(worked_at, lanes.of(watermarks))
            starts = positions(known_logs(connection), watermarks)
        waiting = {
            where: watermarks[where].high - max(start, watermarks[where].low)
            for where, start in starts.items()
            if where not in busy
        }
        return {where: records for where, records in waiting.items() if records > 0}

    @contextmanager
    def outbox(self, limit: int) -> Iterator[Sequence[OutboxEntry]]:
        """See the port. Rows that another publisher has locked are left to it."""
        with transaction(self._engine) as connection:
            entries = waiting_entries(connection, limit)
            yield entries
            mark_published(connection, [entry.outbox_id for entry in entries])


_HAS_NO_WORKER = or_(Slice.lease_expires_at.is_(None), Slice.lease_expires_at < func.now())


def _is_free(owner: str) -> ColumnElement[bool]:
    return or_(_HAS_NO_WORKER, Slice.lease_owner == owner)


def _holds(lease: Lease) -> ColumnElement[bool]:
    return and_(Slice.slice_id == lease.slice.slice_id, Slice.attempt == lease.attempt, Slice.state == "running")


def _know_partitions(connection: Connection, watermarks: Mapping[TopicPartition, Watermarks]) -> None:
    """A partition seen for the first time starts at what Kafka holds of it."""
    rows = [
        {
            "topic": where.topic,
            "partition": where.partition,
            "first_offset": marks.low,
            "next_offset": marks.low,
            "topic_id": marks.topic_id,
        }
        for where, marks in watermarks.items()
    ]
    if rows:
        connection.execute(upsert(PartitionProgress).on_conflict_do_nothing(), rows)


def _readable(connection: Connection, watermarks: Mapping[TopicPartition, Watermarks]) -> list[KnownLog]:
    """The logs that Kafka has: not what it has in their place, and nothing of one that was cut."""
    return [
        each
        for each in known_logs(connection, {where.topic for where in watermarks})
        if each.state is LogState.CURRENT
        and (marks := watermarks.get(each.log.topic_partition)) is not None
        and each.log.may_be(marks.topic_id)
    ]


def _plan_backlog(
    connection: Connection,
    readable: Sequence[KnownLog],
    watermarks: Mapping[TopicPartition, Watermarks],
    max_records: int,
) -> None:
    open_slices = select(Slice.topic, Slice.partition, Slice.incarnation).where(Slice.state.in_(OPEN_SLICE))
    busy = {Log(*row) for row in connection.execute(open_slices)}
    today = func.timezone("UTC", func.now()).cast(Slice.dt.type)
    for each in readable:
        marks = watermarks[each.log.topic_partition]
        if each.log in busy or marks.high <= each.next_offset:
            continue
        end = _slice_end(each.next_offset, marks, max_records)
        connection.execute(insert(Slice).values(**_key(each.log), start=each.next_offset, end=end, dt=today))


def _slice_end(start: int, marks: Watermarks, max_records: int) -> int:
    if start < marks.low:
        return min(marks.low, start + LOST_RANGE_RECORDS)
    return min(marks.high, start + max_records)


def _reserve_waiting(
    connection: Connection, readable: Sequence[KnownLog], owner: str, seconds: float
) -> list[PlannedSlice]:
    """Give every open slice that nobody works on to this owner, long enough for its tasks to start."""
    logs = [(each.log.topic, each.log.partition, each.log.incarnation) for each in readable]
    statement = (
        update(Slice)
        .where(
            Slice.state.in_(OPEN_SLICE),
            tuple_(Slice.topic, Slice.partition, Slice.incarnation).in_(logs),
            _is_free(owner),
        )
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
    planned = [_planned(row, _facts(connection, row.slice_id)) for row in rows]
    return sorted(planned, key=lambda each: each.slice_id)


def _facts(connection: Connection, slice_id: int) -> Row[str | None, int | None]:
    """What the slice's log is known by: the topic's id, and the epoch of the record that was read last."""
    statement = (
        select(PartitionProgress.topic_id, PartitionProgress.leader_epoch)
        .join(Slice, OF_LOG)
        .where(Slice.slice_id == slice_id)
    )
    return connection.execute(statement).one()


def _key(log: Log) -> dict[str, str | int]:
    return {"topic": log.topic, "partition": log.partition, "incarnation": log.incarnation}


def _planned(row: Row[*tuple[Any, ...]], facts: Row[str | None, int | None]) -> PlannedSlice:
    log = Log(row.topic, row.partition, row.incarnation, facts.topic_id)
    return PlannedSlice(row.slice_id, log, row.start, row.end, row.dt, facts.leader_epoch)
