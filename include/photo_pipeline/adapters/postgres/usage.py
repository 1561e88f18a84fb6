"""What customers have sent of late, with role ``photo_api``."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine, func, select

from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.models import LedgerRecord
from photo_pipeline.domain.customers import Usage
from photo_pipeline.domain.outcomes import Outcome


class PostgresUsage:
    """The ``UsageDirectory`` port on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def usage(self, customer_id: UUID, sent_since: datetime, kept_since: datetime) -> Usage:
        """See the port. The index ``ledger_record_of_customer`` serves it: no more rows are read than are counted."""
        kept = LedgerRecord.outcome.in_((Outcome.PROCESSED.value, Outcome.DUPLICATE.value))
        statement = select(
            func.count().filter(LedgerRecord.processed_at >= sent_since),
            func.sum(LedgerRecord.bytes).filter(kept),
        ).where(LedgerRecord.customer_id == customer_id, LedgerRecord.processed_at >= min(sent_since, kept_since))
        with transaction(self._engine) as connection:
            photos, size = connection.execute(statement).one()
        return Usage(photos, int(size or 0))
