"""Outcomes as they are committed, with role ``photo_api``."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, Select, bindparam, select, text

from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.models import IngestRecord
from photo_pipeline.adapters.postgres.receipts import receipt_state
from photo_pipeline.domain.gallery import CustomerOutcome, OutcomeBatch, ReceiptStatus
from photo_pipeline.domain.outcomes import Outcome
from photo_pipeline.domain.photo import RecordCoordinates

LONGEST_BATCH = 5000
"""More in one second for the customers who look is not what the pipeline can do; a page also looks for itself."""

_SNAPSHOT = text("SELECT pg_current_snapshot()::text")
# A position is a snapshot: whatever is committed now and was not then is new, in whatever order it was committed. That
# is what began later, or was under way. Said like this, and not by pg_visible_in_snapshot, the index finds it however
# long some other transaction has been open. Old records are stamped anew when their photo or customer changes; that is
# no news about them.
_NEW = text(
    "(updated_xid >= pg_snapshot_xmax(CAST(:position AS pg_snapshot)) "
    "OR updated_xid = ANY (ARRAY(SELECT pg_snapshot_xip(CAST(:position AS pg_snapshot))))) "
    "AND processed_at > now() - interval '1 hour'"
)


class PostgresOutcomeFeed:
    """The ``OutcomeFeed`` port on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def since(self, position: str | None, customers: Collection[UUID]) -> OutcomeBatch:
        """See the port."""
        with transaction(self._engine) as connection:
            # Both questions see the same: what is not in this batch is after its position.
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            now = str(connection.execute(_SNAPSHOT).scalar_one())
            if position is None or not customers:
                return OutcomeBatch(now, [])
            statement = (
                _outcomes()
                .where(_NEW.bindparams(bindparam("position", position)), IngestRecord.customer_id.in_(customers))
                .order_by(IngestRecord.processed_at)
                .limit(LONGEST_BATCH)
            )
            return OutcomeBatch(now, [_outcome(row) for row in connection.execute(statement)])

    def recent(self, customer_id: UUID, since: datetime, limit: int) -> Sequence[CustomerOutcome]:
        """See the port. The index ``ingest_record_of_customer`` serves it."""
        statement = (
            _outcomes()
            .where(IngestRecord.customer_id == customer_id, IngestRecord.processed_at >= since)
            .order_by(IngestRecord.processed_at.desc())
            .limit(limit)
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(statement).all()
        return [_outcome(row) for row in reversed(rows)]


def _outcomes() -> Select[*tuple[Any, ...]]:
    return select(
        IngestRecord.customer_id,
        IngestRecord.topic,
        IngestRecord.partition,
        IngestRecord.offset,
        IngestRecord.incarnation,
        IngestRecord.photo_id,
        IngestRecord.filename,
        IngestRecord.outcome,
        IngestRecord.reason,
        IngestRecord.processed_at,
    )


def _outcome(row: Row[*tuple[Any, ...]]) -> CustomerOutcome:
    return CustomerOutcome(
        customer_id=row.customer_id,
        coordinates=RecordCoordinates(row.topic, row.partition, row.offset, row.incarnation),
        photo_id=row.photo_id,
        filename=row.filename,
        status=ReceiptStatus(receipt_state(Outcome(row.outcome)), row.reason, row.processed_at),
    )
