"""What the BI sync reads and remembers: the view ``bi_outcome`` in commit order, and ``bi_sync_state``."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, Row, text

from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.domain.documents import CommitPosition, OutcomeRow, SyncProgress
from photo_pipeline.domain.errors import SyncConflictError
from photo_pipeline.domain.photo import RecordCoordinates

STATE_NAME = "photos"

HORIZON = text("SELECT CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text)")

COLUMNS = """
       topic, "partition", "offset", CAST(updated_xid AS text) AS updated_xid, version, outcome, reject_reason,
       photo_id, customer_id, customer_name, source, bytes, format, width, height, megapixels, camera, taken_at,
       taken_at_offset, uploaded_at, processed_at, expired_at, latency_ms, incarnation"""
"""What ``outcome_of`` needs of ``bi_outcome``."""

# The row comparison and the order are those of the index ingest_record_in_commit_order, but for the incarnation: rows
# that differ in nothing else are few, and put in order where the index leaves off.
PAGE = text(f"""
SELECT {COLUMNS}
  FROM bi_outcome
 WHERE (updated_xid, topic, "partition", "offset", incarnation)
       > (CAST(:xid AS xid8), :topic, :partition, :offset, :incarnation)
   AND updated_xid < CAST(:horizon AS xid8)
 ORDER BY bi_outcome.updated_xid, topic, "partition", "offset", incarnation
 LIMIT :limit
""")

FIRST_STATE = text("INSERT INTO bi_sync_state (name, watermark) VALUES (:name, '0') ON CONFLICT (name) DO NOTHING")

LOAD_STATE = text(
    "SELECT CAST(watermark AS text) AS watermark, synced_at, documents FROM bi_sync_state WHERE name = :name"
)

ADVANCE_STATE = text("""
UPDATE bi_sync_state SET watermark = CAST(:watermark AS xid8), synced_at = :synced_at, documents = :documents
 WHERE name = :name AND watermark = CAST(:seen AS xid8)
""")


class PostgresOutcomeSource:
    """``OutcomeSource`` on the view that the role ``photo_bi`` may read."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def horizon(self) -> int:
        """The oldest transaction that still runs, anywhere on this server."""
        with transaction(self._engine) as connection:
            return int(connection.execute(HORIZON).scalar_one())

    def page(self, after: CommitPosition, horizon: int, limit: int) -> Sequence[OutcomeRow]:
        """Up to ``limit`` rows after that position and below the horizon, in commit order."""
        parameters = {
            "xid": str(after.xid),
            "topic": after.topic,
            "partition": after.partition,
            "offset": after.offset,
            "incarnation": after.incarnation,
            "horizon": str(horizon),
            "limit": limit,
        }
        with transaction(self._engine) as connection:
            return [outcome_of(row) for row in connection.execute(PAGE, parameters)]


class PostgresSyncState:
    """``SyncState`` in the table ``bi_sync_state``, which the role ``photo_pipeline`` writes."""

    def __init__(self, engine: Engine, name: str = STATE_NAME) -> None:
        self._engine = engine
        self._name = name

    def load(self) -> SyncProgress:
        """The progress; watermark 0 where there has been none."""
        with transaction(self._engine) as connection:
            connection.execute(FIRST_STATE, {"name": self._name})
            row = connection.execute(LOAD_STATE, {"name": self._name}).one()
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
            if connection.execute(ADVANCE_STATE, parameters).rowcount != 1:
                raise SyncConflictError(seen.watermark)


def outcome_of(row: Row[Any]) -> OutcomeRow:
    """A row of the view, read with ``COLUMNS``."""
    columns = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented name for the row as a mapping
    position = (columns.pop(name) for name in ("topic", "partition", "offset", "incarnation"))
    coordinates = RecordCoordinates(*position)
    return OutcomeRow(coordinates=coordinates, updated_xid=int(columns.pop("updated_xid")), **columns)
