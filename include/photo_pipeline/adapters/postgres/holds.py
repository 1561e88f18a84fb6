"""Holds in PostgreSQL, and the lock that keeps one from being placed on a photo that is just expiring."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Engine, Row, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.models import Customer, Photo
from photo_pipeline.adapters.postgres.models import Hold as HoldRow
from photo_pipeline.domain.errors import PhotoBinnedError, PhotoExpiredError, UnknownCustomerError, UnknownPhotoError
from photo_pipeline.domain.retention import Hold, TooManyHoldsError

HOLD_LOCK = 7_468_120_947
"""Advisory lock key: placing a hold and expiring what no hold names happen one after the other."""

OPERATOR = "operator"
CUSTOMER = "customer"
"""Who placed a hold: ``hold.origin``."""

_COLUMNS = (
    HoldRow.hold_id,
    HoldRow.customer_id,
    HoldRow.photo_id,
    HoldRow.reason,
    HoldRow.placed_by,
    HoldRow.placed_at,
)


class PostgresHoldRegister:
    """The ``HoldRegister`` and ``PhotoOwners`` ports on PostgreSQL, with role ``photo_api`` or ``photo_pipeline``.

    It places and lifts holds of its ``origin`` alone: nobody's hold ends another's.
    """

    def __init__(self, engine: Engine, origin: str = OPERATOR) -> None:
        self._engine = engine
        self._origin = origin

    def place(self, customer_id: UUID, photo_id: UUID | None, reason: str, placed_by: str) -> Hold:
        """See the port."""
        values = {"customer_id": customer_id, "photo_id": photo_id, "reason": reason, "placed_by": placed_by}
        values["origin"] = self._origin
        with transaction(self._engine) as connection:
            self._lock_customer(connection, customer_id)
            lock_holds(connection)
            _require_something_to_hold(connection, customer_id, photo_id)
            self._check_shown(connection, photo_id)
            self._check_limit(connection, customer_id, photo_id)
            connection.execute(upsert(HoldRow).values(values).on_conflict_do_nothing())
            return _hold(connection.execute(_active().where(self._names(customer_id, photo_id))).one())

    def lift(self, customer_id: UUID, photo_id: UUID | None) -> bool:
        """See the port."""
        statement = (
            update(HoldRow)
            .where(self._names(customer_id, photo_id), HoldRow.lifted_at.is_(None))
            .values(lifted_at=func.clock_timestamp())
        )
        with transaction(self._engine) as connection:
            return connection.execute(statement).rowcount > 0

    def active(self, customer_id: UUID | None = None) -> Sequence[Hold]:
        """See the port."""
        statement = _active().order_by(HoldRow.hold_id)
        if customer_id is not None:
            statement = statement.where(HoldRow.customer_id == customer_id)
        with transaction(self._engine) as connection:
            return [_hold(row) for row in connection.execute(statement)]

    def _lock_customer(self, connection: Connection, customer_id: UUID) -> None:
        """Operators hold also what is left of accounts that were closed."""

    def _check_limit(self, connection: Connection, customer_id: UUID, photo_id: UUID | None) -> None:
        """Operators know no limit. Called with the lock on holds."""

    def _check_shown(self, connection: Connection, photo_id: UUID | None) -> None:
        """Operators hold what they must, also what its customer has thrown away."""

    def customer_of(self, photo_id: UUID) -> UUID | None:
        """See the port ``PhotoOwners``."""
        with transaction(self._engine) as connection:
            return connection.scalar(select(Photo.customer_id).where(Photo.photo_id == photo_id))

    def _names(self, customer_id: UUID, photo_id: UUID | None) -> ColumnElement[bool]:
        named = (HoldRow.customer_id == customer_id) & HoldRow.photo_id.is_not_distinct_from(photo_id)
        return named & (HoldRow.origin == self._origin)


class PostgresCustomerHolds(PostgresHoldRegister):
    """The same for the customers themselves, each of whom may hold so many photos.

    Args:
        engine: the database.
        limit: how many photos a customer may hold at a time.
    """

    def __init__(self, engine: Engine, limit: int) -> None:
        super().__init__(engine, CUSTOMER)
        self._limit = limit

    def _lock_customer(self, connection: Connection, customer_id: UUID) -> None:
        """Whoever closes the account lifts this hold, too, or has closed it.

        Taken before the lock on holds: nobody else waits for that while this waits for the account to be closed.
        """
        mine = select(Customer.customer_id).where(Customer.customer_id == customer_id, Customer.closed_at.is_(None))
        if connection.scalar(mine.with_for_update(read=True, key_share=True)) is None:
            raise UnknownCustomerError(customer_id)

    def _check_limit(self, connection: Connection, customer_id: UUID, photo_id: UUID | None) -> None:
        others = select(func.count()).where(
            HoldRow.customer_id == customer_id,
            HoldRow.origin == CUSTOMER,
            HoldRow.lifted_at.is_(None),
            HoldRow.photo_id.is_distinct_from(photo_id),
        )
        if connection.execute(others).scalar_one() >= self._limit:
            raise TooManyHoldsError(self._limit)

    def _check_shown(self, connection: Connection, photo_id: UUID | None) -> None:
        if connection.scalar(select(Photo.binned_at).where(Photo.photo_id == photo_id)) is not None:
            raise PhotoBinnedError


def lock_holds(connection: Connection) -> None:
    """Until this transaction ends, nobody else places holds or expires photos."""
    connection.execute(select(func.pg_advisory_xact_lock(HOLD_LOCK)))


def is_held() -> ColumnElement[bool]:
    """Whether a hold names the photo of the surrounding query, or all of its customer's.

    Two questions, each of one entry in the index: asked as one, all of a customer's holds are read for every photo.
    """
    return or_(_is_named(HoldRow.photo_id.is_(None)), _is_named(HoldRow.photo_id == Photo.photo_id))


def _is_named(by: ColumnElement[bool]) -> ColumnElement[bool]:
    """Not an EXISTS: of those the planner may make one list of all holds there are."""
    hold = select(HoldRow.hold_id).where(HoldRow.customer_id == Photo.customer_id, HoldRow.lifted_at.is_(None), by)
    return hold.limit(1).correlate(Photo).scalar_subquery().is_not(None)


def _require_something_to_hold(connection: Connection, customer_id: UUID, photo_id: UUID | None) -> None:
    if connection.scalar(select(Customer.customer_id).where(Customer.customer_id == customer_id)) is None:
        raise UnknownCustomerError(customer_id)
    if photo_id is None:
        return
    photo = select(Photo.status).where(Photo.photo_id == photo_id, Photo.customer_id == customer_id)
    status = connection.scalar(photo)
    if status is None:
        raise UnknownPhotoError(customer_id, photo_id)
    if status == "expired":
        raise PhotoExpiredError(photo_id)


def _active() -> Any:
    return select(*_COLUMNS).where(HoldRow.lifted_at.is_(None))


def _hold(row: Row[Any]) -> Hold:
    return Hold(row.hold_id, row.customer_id, row.photo_id, row.reason, row.placed_by, row.placed_at)
