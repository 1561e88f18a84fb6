"""The ledger's rows about logs: which there are, where each stands, and what became of those that are over.

Every change is written so that two who have seen the same, or one who saw it a while ago, do no harm.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import aliased

from photo_pipeline.adapters.postgres.models import PartitionProgress, Slice
from photo_pipeline.domain.logs import Begins, Ends, IsCut, KnownLog, LogChange, LogState, Returns, Seen
from photo_pipeline.domain.photo import Log

OPEN_SLICE = ("planned", "running")
"""The states of a slice that still has to be read."""
SEEN_AGAIN = timedelta(seconds=30)
"""How old it may be when a log was last seen."""

KnownRow = Row[*tuple[Any, ...]]

_COLUMNS = (
    PartitionProgress.topic,
    PartitionProgress.partition,
    PartitionProgress.incarnation,
    PartitionProgress.topic_id,
    PartitionProgress.state,
    PartitionProgress.first_offset,
    PartitionProgress.next_offset,
    PartitionProgress.kafka_end,
    PartitionProgress.seen_at,
    PartitionProgress.troubled_at,
    PartitionProgress.settled_at,
)


def known_logs(connection: Connection, topics: Collection[str] | None = None) -> list[KnownLog]:
    """Every log of these topics, or of all, in their order."""
    statement = select(*_COLUMNS).order_by(*_COLUMNS[:3])
    if topics is not None:
        statement = statement.where(PartitionProgress.topic.in_(topics))
    return [known_log(row) for row in connection.execute(statement)]


def known_log(row: KnownRow) -> KnownLog:
    """A row of the table, or of a view of it."""
    return KnownLog(
        log=Log(row.topic, row.partition, row.incarnation, row.topic_id),
        state=LogState(row.state),
        first_offset=row.first_offset,
        next_offset=row.next_offset,
        kafka_end=row.kafka_end,
        seen_at=row.seen_at,
        troubled_at=row.troubled_at,
        settled_at=row.settled_at,
    )


def apply_change(connection: Connection, change: LogChange) -> None:
    """Note one thing that was seen of Kafka's logs."""
    if isinstance(change, Begins):
        _begin(connection, change)
    elif isinstance(change, Seen):
        _see(connection, change)
    elif isinstance(change, Ends):
        _trouble(connection, change.log, LogState.ENDED, PartitionProgress.state != LogState.ENDED.value)
    elif isinstance(change, IsCut):
        note_cut(connection, change.log)
    else:
        _return(connection, change)


def note_cut(connection: Connection, log: Log) -> None:
    """This log does not hold any more what was read of it."""
    _trouble(connection, log, LogState.CUT, PartitionProgress.state == LogState.CURRENT.value)


def void_slices(connection: Connection, which: ColumnElement[bool]) -> None:
    """Such slices of logs that have ended are read by nobody any more: whoever is at it is fenced off."""
    ended = (
        select(PartitionProgress.topic, PartitionProgress.partition, PartitionProgress.incarnation)
        .where(PartitionProgress.state == LogState.ENDED.value)
        .correlate(None)
    )
    statement = (
        update(Slice)
        .where(Slice.state.in_(OPEN_SLICE), which, tuple_(Slice.topic, Slice.partition, Slice.incarnation).in_(ended))
        .values(state="void", attempt=Slice.attempt + 1, lease_owner=None, lease_expires_at=None)
    )
    connection.execute(statement)


def settle(connection: Connection, logs: Sequence[Log], by: str, reason: str) -> None:
    """Give up what was never read of these logs. What is open of them is fenced off first."""
    for log in logs:
        connection.execute(
            update(PartitionProgress)
            .where(is_log(log), PartitionProgress.settled_at.is_(None))
            .values(
                state=LogState.ENDED.value,
                troubled_at=func.coalesce(PartitionProgress.troubled_at, func.now()),
                settled_at=func.now(),
                settled_by=by,
                settled_reason=reason,
            )
        )
    which = [(log.topic, log.partition, log.incarnation) for log in logs]
    void_slices(connection, tuple_(Slice.topic, Slice.partition, Slice.incarnation).in_(which))


def is_log(log: Log) -> ColumnElement[bool]:
    """The row of this log."""
    return tuple_(PartitionProgress.topic, PartitionProgress.partition, PartitionProgress.incarnation) == tuple_(
        log.topic, log.partition, log.incarnation
    )


def _begin(connection: Connection, change: Begins) -> None:
    """The next incarnation of that place, unless somebody was quicker."""
    where = change.topic_partition
    there = aliased(PartitionProgress)
    newest = (
        select(func.coalesce(func.max(there.incarnation), 0) + 1)
        .where(there.topic == where.topic, there.partition == where.partition)
        .scalar_subquery()
    )
    values = {
        "topic": where.topic,
        "partition": where.partition,
        "incarnation": newest,
        "topic_id": change.topic_id,
        "first_offset": change.first_offset,
        "next_offset": change.first_offset,
        "kafka_end": change.kafka_end,
        "began_at": func.now(),
        "seen_at": func.now(),
    }
    connection.execute(upsert(PartitionProgress).values(values).on_conflict_do_nothing())


def _see(connection: Connection, change: Seen) -> None:
    """Seldom a write: that a quiet partition is as it was need not be kept with every plan."""
    news = [
        func.coalesce(PartitionProgress.kafka_end, -1) < change.kafka_end,
        func.coalesce(PartitionProgress.seen_at < func.now() - SEEN_AGAIN, True),
    ]
    if change.topic_id is not None:
        news.append(PartitionProgress.topic_id.is_(None))
    if _is_free(connection, change.log, (PartitionProgress.state == LogState.CURRENT.value) & or_(*news)):
        connection.execute(
            update(PartitionProgress)
            .where(is_log(change.log))
            .values(
                topic_id=func.coalesce(PartitionProgress.topic_id, change.topic_id),
                kafka_end=func.greatest(PartitionProgress.kafka_end, change.kafka_end),
                seen_at=func.now(),
            )
        )


def _trouble(connection: Connection, log: Log, state: LogState, unless: ColumnElement[bool]) -> None:
    if _is_free(connection, log, unless):
        at = func.coalesce(PartitionProgress.troubled_at, func.now())
        statement = update(PartitionProgress).where(is_log(log))
        connection.execute(statement.values(state=state.value, troubled_at=at))


def _is_free(connection: Connection, log: Log, condition: ColumnElement[bool]) -> bool:
    """Lock the log's row, where it is as it must be and nobody else has it.

    A worker that stands still in its commit holds up no planner: what cannot be noted now is seen again by the next.
    """
    statement = select(PartitionProgress.topic).where(is_log(log), condition).with_for_update(skip_locked=True)
    return connection.scalar(statement) is not None


def _return(connection: Connection, change: Returns) -> None:
    """Take the log up again, with the slices that were voided, unless another one has its place by now."""
    other = aliased(PartitionProgress)
    occupied = exists().where(
        other.topic == change.log.topic, other.partition == change.log.partition, other.state != LogState.ENDED.value
    )
    returned = connection.execute(
        update(PartitionProgress)
        .where(is_log(change.log), PartitionProgress.settled_at.is_(None), ~occupied)
        .values(state=LogState.CURRENT.value, troubled_at=None)
    )
    if returned.rowcount:
        mine = (Slice.topic == change.log.topic) & (Slice.partition == change.log.partition)
        mine &= (Slice.incarnation == change.log.incarnation) & (Slice.state == "void")
        connection.execute(update(Slice).where(mine).values(state="planned"))
