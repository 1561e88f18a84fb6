"""Passwords that are replaced, with role ``photo_api``."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Select, delete, func, insert, literal, select, true, update

from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.models import Customer
from photo_pipeline.adapters.postgres.models_of_sessions import CustomerSession, PasswordReset
from photo_pipeline.adapters.postgres.sessions import end_sessions
from photo_pipeline.domain import customers
from photo_pipeline.domain.customers import EndedSession, NewReset

_IS_OPEN = Customer.closed_at.is_(None)
_IS_GOOD = PasswordReset.expires_at > func.now()


class PostgresPasswords:
    """The ``PasswordRegister`` port on PostgreSQL.

    The customer's row is locked before anything else, as by whoever closes the account or begins a session.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def change(
        self, customer_id: UUID, version: int, password_hash: str, kept: UUID, forget_at: datetime
    ) -> Sequence[EndedSession] | None:
        """See the port."""
        mine = (Customer.customer_id == customer_id) & (Customer.password_version == version)
        with transaction(self._engine) as connection:
            if connection.execute(select(literal(1)).where(mine, _IS_OPEN).with_for_update()).first() is None:
                return None
            _replace(connection, customer_id, password_hash)
            return end_sessions(connection, customer_id, CustomerSession.session_id != kept, forget_at)

    def add_reset(self, reset: NewReset, limit: int) -> bool:
        """See the port. What may be forgotten goes on the way."""
        theirs = select(literal(1)).where(Customer.customer_id == reset.customer_id, _IS_OPEN)
        good = select(func.count()).where(PasswordReset.customer_id == reset.customer_id, _IS_GOOD)
        values = {"token_hash": reset.token_hash, "customer_id": reset.customer_id, "expires_at": reset.expires_at}
        with transaction(self._engine) as connection:
            if connection.execute(theirs.with_for_update(of=Customer)).first() is None:
                return False
            connection.execute(delete(PasswordReset).where(~_IS_GOOD))
            if connection.execute(good).scalar_one() >= limit:
                return False
            connection.execute(insert(PasswordReset).values(values))
        return True

    def drop_reset(self, token_hash: bytes) -> None:
        """See the port."""
        with transaction(self._engine) as connection:
            connection.execute(delete(PasswordReset).where(PasswordReset.token_hash == token_hash))

    def whose_reset(self, token_hash: bytes) -> customers.Customer | None:
        """See the port."""
        columns = (Customer.customer_id, Customer.email, Customer.display_name, Customer.created_at)
        with transaction(self._engine) as connection:
            row = connection.execute(_whose(token_hash, *columns)).one_or_none()
        return None if row is None else customers.Customer(*row)

    def use_reset(self, token_hash: bytes, password_hash: str, forget_at: datetime) -> Sequence[EndedSession] | None:
        """See the port. Of two that come at once with the same token one waits for the other, and finds it used."""
        with transaction(self._engine) as connection:
            whose = _whose(token_hash, Customer.customer_id).with_for_update(of=Customer)
            customer_id = connection.execute(whose).scalar_one_or_none()
            if customer_id is None or not _is_used_now(connection, token_hash):
                return None
            _replace(connection, customer_id, password_hash)
            return end_sessions(connection, customer_id, true(), forget_at)


def _whose(token_hash: bytes, *columns: Any) -> Select[Any]:
    asked = select(*columns).join(PasswordReset, PasswordReset.customer_id == Customer.customer_id)
    return asked.where(PasswordReset.token_hash == token_hash, _IS_GOOD, _IS_OPEN)


def _is_used_now(connection: Connection, token_hash: bytes) -> bool:
    used = delete(PasswordReset).where(PasswordReset.token_hash == token_hash, _IS_GOOD)
    return connection.execute(used).rowcount > 0


def _replace(connection: Connection, customer_id: UUID, password_hash: str) -> None:
    """Also every other leave to replace it is over."""
    theirs = update(Customer).where(Customer.customer_id == customer_id)
    version = Customer.password_version + 1
    connection.execute(theirs.values(password_hash=password_hash, password_version=version))
    connection.execute(delete(PasswordReset).where(PasswordReset.customer_id == customer_id))
