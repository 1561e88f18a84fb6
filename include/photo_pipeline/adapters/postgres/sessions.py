"""Sessions that were ended before their time, with role ``photo_api``."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from photo_pipeline.adapters.postgres import models
from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.domain.customers import EndedSession

_ENDED = models.EndedSession


class PostgresSessions:
    """The ``SessionDirectory`` port on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def end(self, session_id: UUID, forget_at: datetime) -> None:
        """See the port. What may be forgotten goes on the way."""
        with transaction(self._engine) as connection:
            connection.execute(delete(_ENDED).where(_ENDED.forget_at < func.now()))
            values = {"session_id": session_id, "forget_at": forget_at}
            connection.execute(upsert(_ENDED).values(values).on_conflict_do_nothing())

    def ended(self, since: datetime | None) -> Sequence[EndedSession]:
        """See the port."""
        statement = select(_ENDED.session_id, _ENDED.ended_at, _ENDED.forget_at).where(_ENDED.forget_at > func.now())
        if since is not None:
            statement = statement.where(_ENDED.ended_at >= since)
        with transaction(self._engine) as connection:
            return [EndedSession(*row) for row in connection.execute(statement)]
