"""The Photos page's look at the ledger, from the views ``page_*``, with role ``photo_bi``.

Everything has a limit or a window that an index serves, so a page costs the same after a year as after a day.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from photo_pipeline.adapters.postgres.logs import known_log
from photo_pipeline.adapters.postgres.looking import looking, rows_of
from photo_pipeline.domain.logs import KnownLog
from photo_pipeline.domain.photo import Log, RecordCoordinates, TopicPartition
from photo_pipeline.domain.photos_page import (
    SLICES,
    ArchiveDay,
    Check,
    Finding,
    Flow,
    Holds,
    OpenNotice,
    OutcomeCount,
    Overview,
    Partition,
    Reconciliation,
    Rejected,
    Shard,
    Slice,
)
from photo_pipeline.domain.retention import Hold

AnyRow = Row[Any]

REJECTED = 20
HOLDS = 20
FINDINGS = 20
COUNTED = 10_000
"""A queue longer than this is only said to be longer."""

NOW = text("SELECT clock_timestamp()")
PARTITIONS = text("""
SELECT topic, "partition", next_offset, updated_at, average_bytes FROM page_partition
 WHERE state <> 'ended' ORDER BY topic, "partition"
""")
LOGS = text("""
SELECT topic, "partition", incarnation, topic_id, state, first_offset, next_offset, kafka_end, seen_at, troubled_at,
       settled_at
  FROM page_partition ORDER BY topic, "partition", incarnation
""")
SLICE_COLUMNS = """
slice_id, topic, "partition", incarnation, "start", "end", state, attempt, planned_at, committed_at, lease_expires_at,
path, length, photos, shard_state, shard_committed_at, run_id,
(SELECT jsonb_object_agg(outcome, records)
   FROM (SELECT o.outcome, count(*) AS records FROM page_outcome o
          WHERE o.log_id = s.log_id AND o."offset" >= s."start" AND o."offset" < s."end"
            AND o.processed_at = s.committed_at
          GROUP BY o.outcome) c
) AS outcomes
"""
LATEST_SLICES = text(f"SELECT {SLICE_COLUMNS} FROM page_slice s ORDER BY slice_id DESC LIMIT {SLICES}")
OPEN_SLICES = text(f"SELECT {SLICE_COLUMNS} FROM page_slice s WHERE state IN ('planned', 'running') ORDER BY slice_id")
ONE_SLICE = text(f"SELECT {SLICE_COLUMNS} FROM page_slice s WHERE slice_id = :slice_id")
REJECTED_COLUMNS = """
r.topic, r."partition", r."offset", r.incarnation, p.topic_id, r.reason, r.detail, r.source, r.bytes, r.customer_id,
r.accepted_at, r.processed_at, f.fed_at
  FROM page_outcome r LEFT JOIN page_refed f USING (topic, "partition", "offset", incarnation)
  LEFT JOIN (SELECT topic, "partition", incarnation, topic_id FROM page_partition) p
       USING (topic, "partition", incarnation)
 WHERE r.outcome = 'rejected'
"""
LATEST_REJECTED = text(
    f"""SELECT {REJECTED_COLUMNS}
 ORDER BY r.processed_at DESC, r.topic, r."partition", r."offset", r.incarnation LIMIT {REJECTED}"""
)
ONE_REJECTED = text(f"""
SELECT {REJECTED_COLUMNS}
   AND r.topic = :topic AND r."partition" = :partition AND r."offset" = :offset AND r.incarnation = :incarnation
   AND r.processed_at = (SELECT committed_at FROM page_slice
                          WHERE topic = :topic AND "partition" = :partition AND incarnation = :incarnation
                            AND "start" <= :offset
                          ORDER BY "start" DESC LIMIT 1)
""")
REASONS = text("""
SELECT reason, CAST(sum(records) AS bigint) AS records FROM page_outcome_hour
 WHERE outcome = 'rejected' AND hour > now() - interval '7 days'
 GROUP BY reason ORDER BY 2 DESC, reason
""")
ARCHIVE = text("""
SELECT kind, dt, count(*) AS shards, sum(photos) AS photos, sum(length) AS bytes, min(committed_at) AS first_at,
       max(committed_at) AS last_at
  FROM page_shard GROUP BY kind, dt ORDER BY dt DESC, kind
""")
HOLDS_QUERY = text(f"""
SELECT hold_id, customer_id, photo_id, reason, placed_by, placed_at, count(*) OVER () AS holds
  FROM page_hold ORDER BY hold_id DESC LIMIT {HOLDS}
""")
CHECKS = text("""
SELECT run_id, check_name, status, checked_at, detail FROM page_reconciliation
 WHERE run_id = (SELECT run_id FROM page_reconciliation ORDER BY checked_at DESC LIMIT 1)
   AND subject IS NULL AND detail ? 'found' ORDER BY reconciliation_id
""")
FINDINGS_QUERY = text(f"""
SELECT check_name, status, subject, detail ->> 'problem' AS problem FROM page_reconciliation
 WHERE run_id = (SELECT run_id FROM page_reconciliation ORDER BY checked_at DESC LIMIT 1) AND subject IS NOT NULL
 ORDER BY status, reconciliation_id LIMIT {FINDINGS}
""")
SYNC = text("SELECT max(synced_at) AS synced_at, coalesce(sum(documents), 0) AS documents FROM page_sync")
OUTBOX = text(f"""
SELECT count(*) AS entries, min(created_at) AS oldest
  FROM (SELECT created_at FROM page_outbox ORDER BY outbox_id LIMIT {COUNTED}) waiting
""")
NOTICES = text("SELECT subject, summary FROM page_notice ORDER BY opened_at LIMIT 20")
OUTCOMES = text("""
SELECT date_bin(CAST(:interval AS interval), hour, timestamptz 'epoch') AS since, outcome,
       coalesce(source, 'unknown') AS source, CAST(sum(records) AS bigint) AS records, sum(bytes) AS bytes
  FROM page_outcome_hour WHERE hour > now() - CAST(:window AS interval)
 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
""")


class PostgresLedgerView:
    """The ``LedgerView`` port on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def overview(self) -> Overview:
        """See the port."""
        with looking(self._engine) as connection:
            return Overview(
                now=connection.execute(NOW).scalar_one(),
                partitions=[_partition(row) for row in connection.execute(PARTITIONS)],
                slices=_slices(connection.execute(LATEST_SLICES)),
                open_slices=_slices(connection.execute(OPEN_SLICES)),
                rejected=[_rejected(row) for row in connection.execute(LATEST_REJECTED)],
                reasons={row.reason: row.records for row in connection.execute(REASONS)},
                archive=[_archive_day(row) for row in connection.execute(ARCHIVE)],
                holds=_holds(connection.execute(HOLDS_QUERY).all()),
                reconciliation=_reconciliation(connection),
                flow=_flow(connection),
                logs=[known_log(row) for row in connection.execute(LOGS)],
                notices=[OpenNotice(*row) for row in connection.execute(NOTICES)],
            )

    def logs(self) -> Sequence[KnownLog]:
        """See the port."""
        return [known_log(row) for row in rows_of(self._engine, LOGS)]

    def outcomes(self, window: timedelta, interval: timedelta) -> Sequence[OutcomeCount]:
        """See the port."""
        with looking(self._engine) as connection:
            rows = connection.execute(OUTCOMES, {"window": window, "interval": interval})
            return [OutcomeCount(row.since, row.outcome, row.source, row.records, int(row.bytes)) for row in rows]

    def slice(self, slice_id: int) -> Slice | None:
        """See the port."""
        return next(iter(_slices(rows_of(self._engine, ONE_SLICE, slice_id=slice_id))), None)

    def rejected(self, where: RecordCoordinates) -> Rejected | None:
        """See the port."""
        position = {"topic": where.topic, "partition": where.partition, "offset": where.offset}
        rows = rows_of(self._engine, ONE_REJECTED, **position, incarnation=where.incarnation)
        return next((_rejected(row) for row in rows), None)


def _partition(row: AnyRow) -> Partition:
    average = None if row.average_bytes is None else float(row.average_bytes)
    return Partition(TopicPartition(row.topic, row.partition), row.next_offset, row.updated_at, average)


def _slices(rows: Iterable[AnyRow]) -> list[Slice]:
    return [
        Slice(
            slice_id=row.slice_id,
            where=Log(row.topic, row.partition, row.incarnation),
            start=row.start,
            end=row.end,
            state=row.state,
            attempt=row.attempt,
            planned_at=row.planned_at,
            committed_at=row.committed_at,
            lease_expires_at=row.lease_expires_at,
            outcomes=row.outcomes or {},
            shard=_shard(row),
            run_id=row.run_id,
        )
        for row in rows
    ]


def _shard(row: AnyRow) -> Shard | None:
    if row.path is None:
        return None
    return Shard(row.path, row.length, row.photos, row.shard_state, row.shard_committed_at)


def _rejected(row: AnyRow) -> Rejected:
    return Rejected(
        where=RecordCoordinates(row.topic, row.partition, row.offset, row.incarnation, row.topic_id),
        reason=row.reason,
        detail=row.detail,
        source=row.source,
        bytes=row.bytes,
        customer_id=row.customer_id,
        accepted_at=row.accepted_at,
        processed_at=row.processed_at,
        refed_at=row.fed_at,
    )


def _archive_day(row: AnyRow) -> ArchiveDay:
    return ArchiveDay(row.kind, row.dt, row.shards, int(row.photos), int(row.bytes), row.first_at, row.last_at)


def _holds(rows: Sequence[AnyRow]) -> Holds:
    newest = [
        Hold(row.hold_id, row.customer_id, row.photo_id, row.reason, row.placed_by, row.placed_at) for row in rows
    ]
    return Holds(rows[0].holds if rows else 0, newest)


def _reconciliation(connection: Connection) -> Reconciliation | None:
    rows = connection.execute(CHECKS).all()
    if not rows:
        return None
    checks = [_check(row, row.detail) for row in rows]
    findings = [
        Finding(row.check_name, row.status, row.subject, row.problem or "")
        for row in connection.execute(FINDINGS_QUERY)
    ]
    return Reconciliation(rows[0].run_id, checks, findings)


def _check(row: AnyRow, detail: Mapping[str, Any]) -> Check:
    return Check(row.check_name, row.status, row.checked_at, int(detail["found"]), int(detail["repaired"]))


def _flow(connection: Connection) -> Flow:
    sync, outbox = connection.execute(SYNC).one(), connection.execute(OUTBOX).one()
    return Flow(sync.synced_at, int(sync.documents), outbox.entries, outbox.oldest)
