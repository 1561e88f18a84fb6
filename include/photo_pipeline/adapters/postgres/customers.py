"""Customers and their devices, with role ``photo_api``."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, Row, func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from photo_pipeline.adapters.postgres import models
from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.domain.customers import Credentials, Customer, Device, EmailTakenError, TooManyDevicesError
from photo_pipeline.domain.errors import UnknownCustomerError

AnyRow = Row[*tuple[Any, ...]]

_CUSTOMER = models.Customer
_DEVICE = models.Device
_IS_OPEN: ColumnElement[bool] = _CUSTOMER.closed_at.is_(None)
_DEVICE_COLUMNS = (_DEVICE.device_id, _DEVICE.name, _DEVICE.created_at, _DEVICE.public_key)


class PostgresCustomers:
    """The ``CustomerDirectory`` port on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, customer_id: UUID, email: str, display_name: str, password_hash: str) -> Customer:
        """See the port."""
        statement = (
            insert(_CUSTOMER)
            .values(
                customer_id=customer_id,
                email=_folded(email),
                display_name=display_name,
                password_hash=password_hash,
            )
            .returning(_CUSTOMER.customer_id, _CUSTOMER.email, _CUSTOMER.display_name, _CUSTOMER.created_at)
        )
        try:
            with transaction(self._engine) as connection:
                return _customer(connection.execute(statement).one())
        except IntegrityError as error:
            raise EmailTakenError from error

    def get(self, customer_id: UUID) -> Customer | None:
        """See the port."""
        statement = select(_CUSTOMER.customer_id, _CUSTOMER.email, _CUSTOMER.display_name, _CUSTOMER.created_at).where(
            _CUSTOMER.customer_id == customer_id, _IS_OPEN
        )
        with transaction(self._engine) as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else _customer(row)

    def credentials(self, email: str) -> Credentials | None:
        """See the port."""
        columns = (_CUSTOMER.customer_id, _CUSTOMER.password_hash, _CUSTOMER.password_version)
        statement = select(*columns).where(_CUSTOMER.email == _folded(email))
        with transaction(self._engine) as connection:
            row = connection.execute(statement).one_or_none()
        if row is None or row.password_hash is None:
            return None
        return Credentials(row.customer_id, row.password_hash, row.password_version)

    def rename(self, customer_id: UUID, display_name: str) -> bool:
        """See the port."""
        theirs = update(_CUSTOMER).where(_CUSTOMER.customer_id == customer_id, _IS_OPEN)
        with transaction(self._engine) as connection:
            return connection.execute(theirs.values(display_name=display_name)).rowcount > 0

    def replace_password_hash(self, known: Credentials, password_hash: str) -> None:
        """See the port."""
        same = (_CUSTOMER.customer_id == known.customer_id) & (_CUSTOMER.password_version == known.password_version)
        with transaction(self._engine) as connection:
            connection.execute(update(_CUSTOMER).where(same, _IS_OPEN).values(password_hash=password_hash))

    def add_device(
        self, customer_id: UUID, device_id: UUID, name: str, limit: int, public_key: str | None = None
    ) -> Device:
        """See the port. The customer's row is locked, so that two requests at once cannot both take the last place."""
        with transaction(self._engine) as connection:
            theirs = select(literal(1)).where(_CUSTOMER.customer_id == customer_id, _IS_OPEN)
            if connection.execute(theirs.with_for_update(of=_CUSTOMER)).first() is None:
                raise UnknownCustomerError(customer_id)
            count = select(func.count()).select_from(_DEVICE).where(_active(customer_id))
            if connection.execute(count).scalar_one() >= limit:
                raise TooManyDevicesError(limit)
            row = connection.execute(
                insert(_DEVICE)
                .values(device_id=device_id, customer_id=customer_id, name=name, public_key=public_key)
                .returning(*_DEVICE_COLUMNS)
            ).one()
        return Device(*row)

    def devices(self, customer_id: UUID) -> Sequence[Device]:
        """See the port."""
        statement = (
            select(*_DEVICE_COLUMNS).where(_active(customer_id)).order_by(_DEVICE.created_at.desc(), _DEVICE.device_id)
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(statement).all()
        return [Device(*row) for row in rows]

    def rename_device(self, customer_id: UUID, device_id: UUID, name: str) -> Device | None:
        """See the port."""
        theirs = update(_DEVICE).where(_active(customer_id), _DEVICE.device_id == device_id)
        with transaction(self._engine) as connection:
            row = connection.execute(theirs.values(name=name).returning(*_DEVICE_COLUMNS)).one_or_none()
        return None if row is None else Device(*row)

    def revoke_device(self, customer_id: UUID, device_id: UUID) -> bool:
        """See the port."""
        statement = (
            update(_DEVICE).where(_active(customer_id), _DEVICE.device_id == device_id).values(revoked_at=func.now())
        )
        with transaction(self._engine) as connection:
            return bool(connection.execute(statement).rowcount)

    def is_active_device(self, customer_id: UUID, device_id: UUID) -> bool:
        """See the port."""
        statement = select(literal(1)).where(_active(customer_id), _DEVICE.device_id == device_id)
        with transaction(self._engine) as connection:
            return connection.execute(statement).first() is not None


def _folded(email: str) -> ColumnElement[str]:
    """Lower case as PostgreSQL sees it: the table's check compares with nothing else."""
    return func.lower(email)


def _active(customer_id: UUID) -> ColumnElement[bool]:
    return (_DEVICE.customer_id == customer_id) & _DEVICE.revoked_at.is_(None)


def _customer(row: AnyRow) -> Customer:
    return Customer(row.customer_id, row.email, row.display_name, row.created_at)
