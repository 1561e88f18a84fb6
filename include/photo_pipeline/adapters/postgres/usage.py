"""What customers have sent of late, with role ``photo_api``."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine, func, select

from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.models import IngestRecord
from photo_pipeline.domain.customers import Usage
from photo_pipeline.domain.outcomes import Outcome


class PostgresUsage:
    """The ``UsageDirectory`` port on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def usage(self, customer_id: UUID, sent_since: datetime, kept_since: datetime) -> Usage:
        """See the port. The index ``ingest_record_of_customer`` serves it: no more rows are read than are counted."""
        kept = IngestRecord.outcome.in_((Outcome.PROCESSED.value, Outcome.DUPLICATE.value))
        statement = select(
            func.count().filter(IngestRecord.processed_at >= sent_since),
            func.sum(IngestRecord.bytes).filter(kept),
        ).where(IngestRecord.customer_id == customer_id, IngestRecord.processed_at >= min(sent_since, kept_since))
        with transaction(self._engine) as connection:
            photos, size = connection.execute(statement).one()
        return Usage(photos, int(size or 0))
