"""Sessions, those that go on and those that were ended before their time, with role ``photo_api``."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.models import Customer
from photo_pipeline.adapters.postgres.models_of_sessions import CustomerSession as Going
from photo_pipeline.adapters.postgres.models_of_sessions import EndedSession as Ended
from photo_pipeline.domain.customers import EndedSession, OpenSession

_TOLD = (Ended.session_id, Ended.ended_at, Ended.forget_at)
_SHOWN = (Going.session_id, Going.customer_id, Going.agent, Going.began_at, Going.seen_at, Going.expires_at)


class PostgresSessions:
    """The ``SessionDirectory`` port on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def end(self, session_id: UUID, forget_at: datetime) -> None:
        """See the port. What may be forgotten goes on the way."""
        with transaction(self._engine) as connection:
            connection.execute(delete(Ended).where(Ended.forget_at < func.now()))
            connection.execute(delete(Going).where(Going.session_id == session_id))
            values = {"session_id": session_id, "forget_at": forget_at}
            connection.execute(upsert(Ended).values(values).on_conflict_do_nothing())

    def ended(self, since: datetime | None) -> Sequence[EndedSession]:
        """See the port."""
        statement = select(*_TOLD).where(Ended.forget_at > func.now())
        if since is not None:
            statement = statement.where(Ended.ended_at >= since)
        with transaction(self._engine) as connection:
            return [EndedSession(*row) for row in connection.execute(statement)]


class PostgresSessionRegister:
    """The ``SessionRegister`` port on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, session: OpenSession, password_version: int) -> bool:
        """See the port. Whoever replaces the password or closes the account waits for this, or this for them.

        What may be forgotten goes on the way.
        """
        given = (Customer.customer_id == session.customer_id) & (Customer.password_version == password_version)
        still = select(literal(1)).where(given, Customer.closed_at.is_(None)).with_for_update(read=True, of=Customer)
        with transaction(self._engine) as connection:
            if connection.execute(still).first() is None:
                return False
            _forget_old(connection)
            connection.execute(insert(Going).values({column.key: getattr(session, column.key) for column in _SHOWN}))
        return True

    def seen(self, session_id: UUID, expires_at: datetime) -> bool:
        """See the port."""
        newest = func.greatest(Going.expires_at, expires_at)
        mine = update(Going).where(Going.session_id == session_id).values(seen_at=func.now(), expires_at=newest)
        with transaction(self._engine) as connection:
            return connection.execute(mine).rowcount > 0

    def of_customer(self, customer_id: UUID, limit: int) -> Sequence[OpenSession]:
        """See the port."""
        good = (Going.customer_id == customer_id) & (Going.expires_at > func.now())
        mine = select(*_SHOWN).where(good).order_by(Going.seen_at.desc(), Going.session_id).limit(limit)
        with transaction(self._engine) as connection:
            return [OpenSession(*row) for row in connection.execute(mine)]

    def end(self, customer_id: UUID, session_id: UUID, forget_at: datetime) -> Sequence[EndedSession]:
        """See the port."""
        with transaction(self._engine) as connection:
            return end_sessions(connection, customer_id, Going.session_id == session_id, forget_at)

    def end_others(self, customer_id: UUID, kept: UUID, forget_at: datetime) -> Sequence[EndedSession]:
        """See the port."""
        with transaction(self._engine) as connection:
            return end_sessions(connection, customer_id, Going.session_id != kept, forget_at)


def end_sessions(
    connection: Connection, customer_id: UUID, which: ColumnElement[bool], forget_at: datetime
) -> Sequence[EndedSession]:
    """End those of a customer's sessions, as part of a transaction; what was ended before is not told again."""
    theirs = delete(Going).where(Going.customer_id == customer_id, which)
    gone = theirs.returning(Going.session_id).cte("gone")
    chosen = select(gone.c.session_id, literal(forget_at))
    noted = upsert(Ended).from_select(["session_id", "forget_at"], chosen).on_conflict_do_nothing()
    return [EndedSession(*row) for row in connection.execute(noted.returning(*_TOLD))]


def _forget_old(connection: Connection) -> None:
    """Anybody's, without waiting for whoever has them: they are going, too, or go next time."""
    old = select(Going.session_id).where(Going.expires_at < func.now()).with_for_update(skip_locked=True)
    connection.execute(delete(Going).where(Going.session_id.in_(old)))
