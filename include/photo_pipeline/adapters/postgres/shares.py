"""Links to photos, with role ``photo_api``."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Engine, Row, any_, delete, func, insert, literal, select, update
from sqlalchemy.orm import aliased

from photo_pipeline.adapters.postgres.bulk import as_array, insert_rows
from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.models import Customer, Photo, Rendition, Share, SharedPhoto
from photo_pipeline.domain import shares
from photo_pipeline.domain.errors import UnknownCustomerError
from photo_pipeline.domain.shares import NewShare, NothingToShareError, SharedAlbum, TooManySharesError

REMEMBERED = timedelta(days=30)
"""So long after its end a link, which nobody is shown any more, is still in the table."""

# The photo's own life: one that expired and was sent again is not what was shared.
_IS_SHOWN: ColumnElement[bool] = (
    (Photo.customer_id == Share.customer_id)
    & (Photo.status == "processed")
    & Photo.binned_at.is_(None)
    & (Photo.processed_at <= Share.created_at)
)
_IS_GOOD: ColumnElement[bool] = Share.expires_at > func.now()
_WEB, _THUMB, _THUMB_2X = aliased(Rendition), aliased(Rendition), aliased(Rendition)
_PHOTOS = (
    select(Photo.photo_id, _WEB.width, _WEB.height, _THUMB.width, _THUMB_2X.width)
    .select_from(Share)
    .join(SharedPhoto, SharedPhoto.share_id == Share.share_id)
    .join(Photo, (Photo.photo_id == SharedPhoto.photo_id) & _IS_SHOWN)
    .join(_WEB, (_WEB.photo_id == Photo.photo_id) & (_WEB.kind == "web"))
    .join(_THUMB, (_THUMB.photo_id == Photo.photo_id) & (_THUMB.kind == "thumb"))
    .outerjoin(_THUMB_2X, (_THUMB_2X.photo_id == Photo.photo_id) & (_THUMB_2X.kind == "thumb2x"))
    .order_by(SharedPhoto.place)
)


class PostgresShares:
    """The ``ShareRegister`` port on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, share: NewShare, limit: int) -> shares.Share:
        """See the port. The customer's row is locked, so that two requests at once cannot both take the last place.

        That lock is the first one, as of whoever closes the account. What may be forgotten goes on the way.
        """
        with transaction(self._engine) as connection:
            theirs = (Customer.customer_id == share.customer_id) & Customer.closed_at.is_(None)
            if connection.execute(select(literal(1)).where(theirs).with_for_update(of=Customer)).first() is None:
                raise UnknownCustomerError(share.customer_id)
            _forget_old(connection)
            mine = select(func.count()).where(Share.customer_id == share.customer_id, _IS_GOOD)
            if connection.execute(mine).scalar_one() >= limit:
                raise TooManySharesError(limit)
            shown = _shown(connection, share)
            if not shown:
                raise NothingToShareError
            created_at = _insert(connection, share, shown)
        return shares.Share(share.share_id, created_at, share.expires_at, len(shown))

    def of_customer(self, customer_id: UUID) -> Sequence[shares.Share]:
        """See the port."""
        named = select(func.count()).select_from(SharedPhoto).join(Photo, Photo.photo_id == SharedPhoto.photo_id)
        photos = named.where(SharedPhoto.share_id == Share.share_id, _IS_SHOWN).correlate(Share).scalar_subquery()
        columns = (Share.share_id, Share.created_at, Share.expires_at, photos, Share.views, Share.last_viewed_at)
        mine = select(*columns).where(Share.customer_id == customer_id, _IS_GOOD).order_by(Share.created_at.desc())
        with transaction(self._engine) as connection:
            return [shares.Share(*row) for row in connection.execute(mine)]

    def revoke(self, customer_id: UUID, share_id: UUID) -> bool:
        """See the port. Nothing of it is kept."""
        statement = delete(Share).where(Share.share_id == share_id, Share.customer_id == customer_id)
        with transaction(self._engine) as connection:
            return connection.execute(statement).rowcount > 0

    def album(self, token_hash: bytes, *, counted: bool) -> SharedAlbum | None:
        """See the port."""
        with transaction(self._engine) as connection:
            found = connection.execute(
                select(Share.share_id, Customer.display_name, Share.expires_at)
                .join(Customer, Customer.customer_id == Share.customer_id)
                .where(Share.token_hash == token_hash, _IS_GOOD, Customer.closed_at.is_(None))
            ).one_or_none()
            if found is None:
                return None
            rows = connection.execute(_PHOTOS.where(Share.share_id == found.share_id)).all()
            if not rows:
                return None
            if counted:
                seen = update(Share).where(Share.share_id == found.share_id)
                connection.execute(seen.values(views=Share.views + 1, last_viewed_at=func.now()))
        photos = [shares.SharedPhoto(*row) for row in rows]
        return SharedAlbum(found.display_name or "", found.expires_at, photos)

    def owner(self, token_hash: bytes, photo_id: UUID) -> UUID | None:
        """See the port."""
        statement = (
            select(Share.customer_id)
            .join(SharedPhoto, SharedPhoto.share_id == Share.share_id)
            .join(Photo, Photo.photo_id == SharedPhoto.photo_id)
            .join(Customer, Customer.customer_id == Share.customer_id)
            .where(Share.token_hash == token_hash, SharedPhoto.photo_id == photo_id)
            .where(_IS_GOOD, _IS_SHOWN, Customer.closed_at.is_(None))
        )
        with transaction(self._engine) as connection:
            return connection.scalar(statement)


def _forget_old(connection: Connection) -> None:
    """Anybody's links, without waiting for whoever has them: they are going, too, or go next time."""
    old = select(Share.share_id).where(Share.expires_at < func.now() - REMEMBERED).with_for_update(skip_locked=True)
    connection.execute(delete(Share).where(Share.share_id.in_(old)))


def _shown(connection: Connection, share: NewShare) -> list[UUID]:
    """Those of the photos that can be seen, in the order in which they were named."""
    # In the answer, not in the condition: for few photos, the planner would read all that a list of theirs has.
    is_theirs, is_seen = Photo.customer_id == share.customer_id, Photo.binned_at.is_(None)
    named = select(Photo.photo_id, is_theirs & is_seen & (Photo.status == "processed"))
    rows = connection.execute(named.where(Photo.photo_id == any_(as_array(share.photo_ids))))
    found = {photo_id for photo_id, is_shown in rows if is_shown}
    return [photo_id for photo_id in share.photo_ids if photo_id in found]


def _insert(connection: Connection, share: NewShare, photo_ids: Sequence[UUID]) -> Any:
    # A photo that was committed by a transaction that began after this one is older than the link all the same.
    values = {
        "share_id": share.share_id,
        "customer_id": share.customer_id,
        "token_hash": share.token_hash,
        "created_at": func.clock_timestamp(),
        "expires_at": share.expires_at,
    }
    row: Row[Any] = connection.execute(insert(Share).values(values).returning(Share.created_at)).one()
    rows = [
        {"share_id": share.share_id, "photo_id": photo_id, "place": place} for place, photo_id in enumerate(photo_ids)
    ]
    connection.execute(insert_rows(SharedPhoto, rows))
    return row.created_at
