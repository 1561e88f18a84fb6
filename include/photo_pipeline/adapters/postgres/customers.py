"""Customers and their devices, with role ``photo_api``."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, Row, func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from photo_pipeline.adapters.postgres import models
from photo_pipeline.adapters.postgres.engine import reading, transaction
from photo_pipeline.domain.customers import (
    COUNTED_PHOTOS,
    Credentials,
    Customer,
    Device,
    DeviceActivity,
    EmailTakenError,
    LastPhoto,
    TooManyDevicesError,
    sent_lately,
)
from photo_pipeline.domain.errors import UnknownCustomerError

AnyRow = Row[*tuple[Any, ...]]

_CUSTOMER = models.Customer
_DEVICE = models.Device
_IS_OPEN: ColumnElement[bool] = _CUSTOMER.closed_at.is_(None)
_DEVICE_COLUMNS = (_DEVICE.device_id, _DEVICE.name, _DEVICE.created_at, _DEVICE.public_key)

# Of the index on photos alone, and of the newest entries for each device, in the bin or not. What was refused is there
# for a month at least; older than that nobody asks whether a device is alive.
_ACTIVITY = """
SELECT d.device_id, d.name, d.created_at, d.public_key, now(), greatest(d.seen_at, p.newest, r.accepted_at),
       p.of_hour, p.of_day, p.oldest, p.last[1], p.last_at
  FROM device d
 CROSS JOIN LATERAL (
       SELECT max(accepted_at) AS newest, CASE WHEN count(*) = %(counted)s THEN min(accepted_at) END AS oldest,
              count(*) FILTER (WHERE accepted_at > now() - interval '1 hour') AS of_hour,
              count(*) FILTER (WHERE accepted_at > now() - interval '1 day') AS of_day,
              array_agg(photo_id ORDER BY accepted_at DESC) FILTER (WHERE binned_at IS NULL) AS last,
              max(accepted_at) FILTER (WHERE binned_at IS NULL) AS last_at
         FROM (SELECT photo_id, accepted_at, binned_at FROM photo
                WHERE customer_id = d.customer_id AND device_id = d.device_id AND status = 'processed'
                ORDER BY accepted_at DESC LIMIT %(counted)s) newest) p
  LEFT JOIN LATERAL (
       SELECT accepted_at FROM ledger_record
        WHERE customer_id = d.customer_id AND device_id = d.device_id AND outcome = 'rejected'
          AND processed_at > now() - interval '32 days'
        ORDER BY processed_at DESC LIMIT 1) r ON true
 WHERE d.customer_id = %(customer)s AND d.revoked_at IS NULL
 ORDER BY d.created_at DESC, d.device_id
"""
_SEEN = """
WITH seen AS (
  UPDATE device SET seen_at = now()
   WHERE device_id = %(device)s AND customer_id = %(customer)s AND revoked_at IS NULL
     AND (seen_at IS NULL OR seen_at < now() - interval '1 minute'))
SELECT 1 FROM device WHERE device_id = %(device)s AND customer_id = %(customer)s AND revoked_at IS NULL
"""
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


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

    def devices(self, customer_id: UUID, counted: int = COUNTED_PHOTOS) -> Sequence[DeviceActivity]:
        """See the port."""
        with reading(self._engine) as cursor:
            rows = cursor.execute(_ACTIVITY, {"customer": customer_id, "counted": counted}).fetchall()
        return [_activity(row) for row in rows]

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

    def see_device(self, customer_id: UUID, device_id: UUID) -> bool:
        """See the port. The row is written once a minute, not each time that somebody asks."""
        with reading(self._engine) as cursor:
            return cursor.execute(_SEEN, {"customer": customer_id, "device": device_id}).fetchone() is not None


def _folded(email: str) -> ColumnElement[str]:
    """Lower case as PostgreSQL sees it: the table's check compares with nothing else."""
    return func.lower(email)


def _active(customer_id: UUID) -> ColumnElement[bool]:
    return (_DEVICE.customer_id == customer_id) & _DEVICE.revoked_at.is_(None)


def _activity(row: Sequence[Any]) -> DeviceActivity:
    device_id, name, created_at, public_key, now, seen_at, of_hour, of_day, oldest, last, last_at = row
    return DeviceActivity(
        Device(device_id, name, created_at, public_key),
        seen_at,
        sent_lately(of_hour, oldest, now, _HOUR),
        sent_lately(of_day, oldest, now, _DAY),
        None if last is None else LastPhoto(last, last_at),
    )


def _customer(row: AnyRow) -> Customer:
    return Customer(row.customer_id, row.email, row.display_name, row.created_at)
