"""Outcomes as they are committed, with role ``photo_api``."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, Row, text

from photo_pipeline.adapters.postgres.engine import transaction
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
# no news about them. Each change's record is looked up by itself, as the index goes on. Nothing is told of a photo in
# the bin; one that comes out of it is told of again. Nor of what was erased: such a record has lost its photo.
_NEW = text("""
SELECT r.customer_id, l.topic, l."partition", s."offset", l.incarnation, r.photo_id,
       coalesce(r.filename, s.filename) AS filename, r.outcome, r.reason, s.processed_at
  FROM ledger_state s
 CROSS JOIN LATERAL (
       SELECT r.customer_id, r.photo_id, r.filename, r.outcome, r.reason FROM ledger_record r
        WHERE r.log_id = s.log_id AND r."offset" = s."offset" AND r.processed_at = s.processed_at OFFSET 0) r
  JOIN partition_progress l ON l.log_id = s.log_id
 WHERE (s.updated_xid >= pg_snapshot_xmax(CAST(:position AS pg_snapshot))
        OR s.updated_xid = ANY (ARRAY(SELECT pg_snapshot_xip(CAST(:position AS pg_snapshot)))))
   AND s.processed_at > now() - interval '1 hour'
   AND r.customer_id = ANY (:customers)
   AND (r.photo_id IS NOT NULL OR r.outcome = 'rejected')
   AND (SELECT p.binned_at FROM photo p WHERE p.photo_id = r.photo_id) IS NULL
 ORDER BY s.processed_at LIMIT :limit
""")
# First what is the customer's: nobody is looked for among everybody's newest records. Whose they are and since when is
# what queries say, as the planner must not know: of one who has sent much, it would rather read everybody's newest.
_RECENT = text("""
SELECT r.customer_id, l.topic, l."partition", r."offset", l.incarnation, r.photo_id,
       coalesce(r.filename, s.filename) AS filename, r.outcome, r.reason, r.processed_at
  FROM (SELECT * FROM ledger_record
         WHERE customer_id = (SELECT CAST(:customer_id AS uuid))
           AND processed_at >= (SELECT CAST(:since AS timestamptz)) OFFSET 0) r
  LEFT JOIN ledger_state s ON s.log_id = r.log_id AND s."offset" = r."offset" AND s.processed_at = r.processed_at
  LEFT JOIN partition_progress l ON l.log_id = r.log_id
 WHERE (r.photo_id IS NOT NULL OR r.outcome = 'rejected')
   AND (SELECT p.binned_at FROM photo p WHERE p.photo_id = r.photo_id) IS NULL
 ORDER BY r.processed_at DESC LIMIT :limit
""")


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
            parameters = {"position": position, "customers": list(customers), "limit": LONGEST_BATCH}
            return OutcomeBatch(now, [_outcome(row) for row in connection.execute(_NEW, parameters)])

    def recent(self, customer_id: UUID, since: datetime, limit: int) -> Sequence[CustomerOutcome]:
        """See the port. The index ``ledger_record_of_customer`` serves it."""
        parameters = {"customer_id": customer_id, "since": since, "limit": limit}
        with transaction(self._engine) as connection:
            rows = connection.execute(_RECENT, parameters).all()
        return [_outcome(row) for row in reversed(rows)]


def _outcome(row: Row[*tuple[Any, ...]]) -> CustomerOutcome:
    return CustomerOutcome(
        customer_id=row.customer_id,
        coordinates=RecordCoordinates(row.topic, row.partition, row.offset, row.incarnation),
        photo_id=row.photo_id,
        filename=row.filename,
        status=ReceiptStatus(receipt_state(Outcome(row.outcome)), row.reason, row.processed_at),
    )
