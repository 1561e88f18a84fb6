"""What the BI sync reads and remembers: the view ``bi_outcome`` in commit order, and ``bi_sync_state``."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, text

from photo_pipeline.adapters.postgres.engine import reading, transaction
from photo_pipeline.adapters.postgres.named_rows import PLACE, NamedRows
from photo_pipeline.domain.documents import CommitPosition, OutcomeRow, RefusedDocument, SyncProgress
from photo_pipeline.domain.errors import SyncConflictError
from photo_pipeline.domain.photo import RecordCoordinates

STATE_NAME = "photos"

HORIZON = text("SELECT CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text)")

COLUMNS = f"""
       {PLACE}, CAST(o.updated_xid AS text) AS updated_xid, o.version,
       o.outcome, o.reject_reason, o.photo_id, o.customer_id, o.customer_name, o.source, o.bytes, o.format, o.width,
       o.height, o.megapixels, o.camera, o.taken_at, o.taken_at_offset, o.uploaded_at, o.processed_at, o.expired_at,
       o.latency_ms, o.first_of_customer"""
"""What ``outcome_of`` needs of ``bi_outcome o``: the record, then the other fields of ``OutcomeRow`` in their order."""

_LOG_ID = """SELECT log_id FROM metric_progress
             WHERE topic = {topic} AND "partition" = {partition} AND incarnation = {incarnation}"""
_OF_LOG = ("topic", "partition", "incarnation")
LOG_ID = _LOG_ID.format_map({name: f":{name}" for name in _OF_LOG})
"""The short name of the log of a position, with SQLAlchemy's names of parameters."""
_PSYCOPGS_LOG_ID = _LOG_ID.format_map({name: f"%({name})s" for name in _OF_LOG})

# The order is that of the index ledger_state_in_commit_order; what an outcome says is looked up one by one as the index
# goes on. A position before every record is of no log.
PAGE = f"""
SELECT {COLUMNS}
  FROM bi_change c
 CROSS JOIN LATERAL (
       SELECT * FROM bi_outcome o
        WHERE o.log_id = c.log_id AND o."offset" = c."offset" AND o.processed_at = c.processed_at OFFSET 0) o
 WHERE (c.updated_xid, c.log_id, c."offset") > (CAST(%(xid)s AS xid8), coalesce(({_PSYCOPGS_LOG_ID}), 0), %(offset)s)
   AND c.updated_xid < CAST(%(horizon)s AS xid8)
 ORDER BY c.updated_xid, c.log_id, c."offset"
 LIMIT %(limit)s
"""

# A row of a transaction that this database has not come to is of another database's count.
AHEAD = text("""
SELECT CAST(updated_xid AS text) FROM bi_change
 WHERE updated_xid >= pg_snapshot_xmax(pg_current_snapshot())
 ORDER BY updated_xid DESC LIMIT 1
""")

ROWS = NamedRows(COLUMNS)

COUNT = text("""
SELECT count(*) FROM bi_outcome WHERE CAST(:horizon AS xid8) IS NULL OR updated_xid < CAST(:horizon AS xid8)
""")

OLDEST = text("SELECT processed_at FROM bi_outcome ORDER BY processed_at LIMIT 1")

FIRST_STATE = "INSERT INTO {table} (name, watermark) VALUES (:name, '0') ON CONFLICT (name) DO NOTHING"

LOAD_STATE = "SELECT CAST(watermark AS text) AS watermark, synced_at, documents FROM {table} WHERE name = :name"

ADVANCE_STATE = """
UPDATE {table} SET watermark = CAST(:watermark AS xid8), synced_at = :synced_at, documents = :documents
 WHERE name = :name AND watermark = CAST(:seen AS xid8)
"""

NOTE = text("""
INSERT INTO bi_refused (month, document_id, reason)
SELECT * FROM unnest(CAST(:months AS text[]), CAST(:ids AS text[]), CAST(:reasons AS text[]))
ON CONFLICT (month, document_id) DO UPDATE SET reason = excluded.reason
""")
SETTLE = text("""
DELETE FROM bi_refused WHERE (month, document_id) IN (
  SELECT * FROM unnest(CAST(:months AS text[]), CAST(:ids AS text[])))
""")
CLEAR = text("DELETE FROM bi_refused")
RENAME_SOME = text("SELECT rename_some(:records)")
MONTHS = text("SELECT DISTINCT month FROM bi_refused ORDER BY month")
REFUSED_PAGE = text("""
SELECT document_id, month, reason FROM bi_refused
 WHERE month = :month AND document_id > :after ORDER BY document_id LIMIT :limit
""")
REFUSED_COUNT = text("SELECT count(*) FROM bi_refused")


class PostgresOutcomeSource:
    """``OutcomeSource`` on the view that the role ``photo_bi`` may read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def horizon(self) -> int:
        """The oldest transaction that still runs, anywhere on this server."""
        with transaction(self._engine) as connection:
            return int(connection.execute(HORIZON).scalar_one())

    def page(self, after: CommitPosition, horizon: int, limit: int) -> Sequence[OutcomeRow]:
        """See the port. In PostgreSQL's binary form, which takes half as long to read."""
        parameters = {
            "xid": str(after.xid),
            "topic": after.topic,
            "partition": after.partition,
            "offset": after.offset,
            "incarnation": after.incarnation,
            "horizon": str(horizon),
            "limit": limit,
        }
        with reading(self._engine) as cursor:
            return [outcome_of(row) for row in cursor.execute(PAGE, parameters, binary=True)]

    def ahead(self) -> int | None:
        """See the port."""
        with transaction(self._engine) as connection:
            found = connection.execute(AHEAD).scalar_one_or_none()
        return None if found is None else int(found)

    def named(self, document_ids: Collection[str]) -> Sequence[OutcomeRow]:
        """See the port."""
        records = [RecordCoordinates.parse(name) for name in document_ids]
        with transaction(self._engine) as connection:
            return [outcome_of(row) for row in ROWS.of(connection, records)]

    def count(self, horizon: int | None = None) -> int:
        """See the port. Linear in the ledger."""
        with transaction(self._engine) as connection:
            found = connection.execute(COUNT, {"horizon": None if horizon is None else str(horizon)})
            return int(found.scalar_one())

    def oldest(self) -> datetime | None:
        """See the port. The index ``ledger_record_by_time`` has it."""
        with transaction(self._engine) as connection:
            oldest: datetime | None = connection.scalar(OLDEST)
        return oldest


class PostgresSyncState:
    """``SyncState`` in the table ``bi_sync_state`` or ``bi_rebuild``, which the role ``photo_pipeline`` writes."""

    def __init__(self, engine: Engine, table: str = "bi_sync_state", name: str = STATE_NAME) -> None:
        self._engine = engine
        self._name = name
        self._first, self._load, self._advance = (
            text(statement.format(table=table)) for statement in (FIRST_STATE, LOAD_STATE, ADVANCE_STATE)
        )

    @classmethod
    def of_rebuild(cls, engine: Engine, generation: int) -> "PostgresSyncState":
        """The progress of a generation that is being filled."""
        return cls(engine, "bi_rebuild", f"{STATE_NAME}-g{generation}")

    def load(self) -> SyncProgress:
        """The progress; watermark 0 where there has been none."""
        with transaction(self._engine) as connection:
            connection.execute(self._first, {"name": self._name})
            row = connection.execute(self._load, {"name": self._name}).one()
        return SyncProgress(int(row.watermark), row.synced_at, row.documents)

    def advance(self, seen: SyncProgress, to: SyncProgress) -> None:
        """Replace the progress that was seen.

        Raises:
            SyncConflictError: when the watermark is no longer the one seen.
        """
        parameters = {
            "name": self._name,
            "seen": str(seen.watermark),
            "watermark": str(to.watermark),
            "synced_at": to.synced_at,
            "documents": to.documents,
        }
        with transaction(self._engine) as connection:
            if connection.execute(self._advance, parameters).rowcount != 1:
                raise SyncConflictError(seen.watermark)


class PostgresRenamings:
    """``Renamings`` in the table ``renaming``, with role ``photo_pipeline``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def follow(self, records: int) -> bool:
        """See the port."""
        with transaction(self._engine) as connection:
            return bool(connection.scalar(RENAME_SOME, {"records": records}))


class PostgresRefusedRegister:
    """``RefusedRegister`` in the table ``bi_refused``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(self, refused: Sequence[RefusedDocument]) -> None:
        """See the port."""
        parameters = {
            "months": [each.month for each in refused],
            "ids": [each.document_id for each in refused],
            "reasons": [each.reason for each in refused],
        }
        with transaction(self._engine) as connection:
            connection.execute(NOTE, parameters)

    def settle(self, refused: Collection[RefusedDocument]) -> None:
        """See the port."""
        parameters = {"months": [each.month for each in refused], "ids": [each.document_id for each in refused]}
        with transaction(self._engine) as connection:
            connection.execute(SETTLE, parameters)

    def clear(self) -> None:
        """See the port."""
        with transaction(self._engine) as connection:
            connection.execute(CLEAR)

    def months(self) -> Sequence[str]:
        """See the port."""
        with transaction(self._engine) as connection:
            return list(connection.execute(MONTHS).scalars())

    def page(self, month: str, after: str, limit: int) -> Sequence[RefusedDocument]:
        """See the port."""
        parameters = {"month": month, "after": after, "limit": limit}
        with transaction(self._engine) as connection:
            return [RefusedDocument(*row) for row in connection.execute(REFUSED_PAGE, parameters)]

    def count(self) -> int:
        """See the port."""
        with transaction(self._engine) as connection:
            return int(connection.execute(REFUSED_COUNT).scalar_one())


def outcome_of(row: Sequence[Any]) -> OutcomeRow:
    """A row of the view, read with ``COLUMNS``. By place, as looking names up takes four times as long."""
    topic, partition, offset, incarnation, updated_xid, *others = row
    return OutcomeRow(RecordCoordinates(topic, partition, offset, incarnation), int(updated_xid), *others)
