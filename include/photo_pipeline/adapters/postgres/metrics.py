"""The platform's figures from the views ``metric_*``, with role ``photo_bi`` or ``photo_pipeline``."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.logs import known_log
from photo_pipeline.domain.figures import (
    ArchiveFigures,
    CheckFigures,
    CommittedSlice,
    LedgerFigures,
    OutboxFigures,
    OutcomeFigures,
    RetentionFigures,
    SyncFigures,
)
from photo_pipeline.domain.logs import KnownLog

# Rather no figures than a server that is kept busy by being asked how it is.
TIME_LIMIT = text("SET LOCAL statement_timeout = '5s'")
LOGS = text('SELECT * FROM metric_progress ORDER BY topic, "partition", incarnation')
NOW = text("SELECT clock_timestamp()")
ARCHIVE = text("SELECT kind, shards, bytes, photos, oldest_committed_at FROM metric_archive")
SYNC = text("SELECT synced_at, oldest_unsynced_at FROM metric_unsynced LIMIT 1")
OUTBOX = text("SELECT kind, entries, oldest_created_at FROM metric_outbox")
HOLDS = text("SELECT holds FROM metric_hold")
RETENTION = text("SELECT begun_at, stopped FROM metric_retention")
CLOSING = text("SELECT closed_at FROM metric_closing")
CHECKS = text("SELECT check_name, checked_at, detail FROM metric_check")
# What is known is left out before its outcomes are looked up.
COMMITTED = text("""
SELECT s.slice_id, extract(epoch FROM s.committed_at - s.planned_at) AS seconds,
       o.outcome, o.source, o.bytes, extract(epoch FROM o.processed_at - o.accepted_at) AS latency
  FROM (SELECT * FROM metric_commit WHERE committed_at >= :since AND slice_id <> ALL (:known) OFFSET 0) s
  JOIN metric_outcome o ON o.slice_id = s.slice_id
 ORDER BY s.slice_id
""")


class PostgresFigures:
    """The ``FigureSource`` port on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def logs(self) -> Sequence[KnownLog]:
        """See the port."""
        with transaction(self._engine) as connection:
            return [known_log(row) for row in connection.execute(LOGS)]

    def ledger(self) -> LedgerFigures:
        """See the port."""
        with transaction(self._engine) as connection:
            connection.execute(TIME_LIMIT)
            sync = connection.execute(SYNC).one_or_none()
            retention = connection.execute(RETENTION).one_or_none()
            return LedgerFigures(
                now=connection.execute(NOW).scalar_one(),
                archive={row.kind: ArchiveFigures(*row) for row in connection.execute(ARCHIVE)},
                sync=SyncFigures(None, None) if sync is None else SyncFigures(*sync),
                outbox=_outbox(connection),
                holds=connection.execute(HOLDS).scalar_one(),
                checks={row.check_name: _check(row) for row in connection.execute(CHECKS)},
                retention=None if retention is None else RetentionFigures(*retention),
                closed_at=connection.execute(CLOSING).scalar_one(),
            )

    def committed(self, since: datetime, known: Collection[int]) -> Sequence[CommittedSlice]:
        """See the port."""
        with transaction(self._engine) as connection:
            connection.execute(TIME_LIMIT)
            rows = connection.execute(COMMITTED, {"since": since, "known": list(known)}).all()
        return [
            CommittedSlice(slice_id, float(seconds), tuple(_outcome(row) for row in of_slice))
            for (slice_id, seconds), of_slice in groupby(rows, key=lambda row: (row.slice_id, row.seconds))
        ]


def _outbox(connection: Connection) -> Mapping[str, OutboxFigures]:
    rows = connection.execute(OUTBOX)
    return {row.kind: OutboxFigures(row.entries, row.oldest_created_at) for row in rows}


def _check(row: Row[Any]) -> CheckFigures:
    return CheckFigures(row.checked_at, int(row.detail["found"]), int(row.detail["repaired"]))


def _outcome(row: Row[Any]) -> OutcomeFigures:
    latency = None if row.latency is None else float(row.latency)
    return OutcomeFigures(row.outcome, row.source or "unknown", int(row.bytes or 0), latency)
