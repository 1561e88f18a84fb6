"""Which hold shards may hold what no hold names any more.

Triggers write down which holds were lifted, which hold shards a photo has left, and which are new (migration 0013): so
the photos of all the others need not be counted. What was written down is fetched before it is looked up, so that the
planner knows how little it is.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Select, any_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from photo_pipeline.adapters.postgres.bulk import as_array
from photo_pipeline.adapters.postgres.holds import CUSTOMER, is_held
from photo_pipeline.adapters.postgres.models import Hold, HoldReview, Photo, Shard
from photo_pipeline.domain.retention import KEEP


def review_holds(connection: Connection) -> Sequence[int]:
    """The hold shards that hold anything but what they should; they are looked at again until they do or are removed.

    One that a run has begun to write anew is among them until that has come to an end.
    """
    _lift_forgotten(connection)
    _note(connection, _freed(connection))
    noted = _noted(connection)
    if noted:
        held = select(func.count()).select_from(Photo).where(Photo.shard_id == Shard.shard_id, is_held())
        is_whole = (Shard.state == "live") & (Shard.photos <= held.correlate(Shard).scalar_subquery())
        whole = select(Shard.shard_id).where(among(noted), or_(Shard.state == "removed", is_whole))
        connection.execute(delete(HoldReview).where(HoldReview.shard_id.in_(whole)))
    return _noted(connection)


def _lift_forgotten(connection: Connection) -> None:
    """A customer's own hold on a photo ends when that has lain in the bin for as long as any photo is kept."""
    binned = select(Photo.photo_id).where(Photo.binned_at <= func.clock_timestamp() - KEEP)
    own = (Hold.origin == CUSTOMER) & Hold.lifted_at.is_(None)
    lifted = update(Hold).where(own, Hold.photo_id.in_(binned)).values(lifted_at=func.clock_timestamp())
    connection.execute(lifted)


def among(shard_ids: Sequence[int]) -> ColumnElement[bool]:
    """Whether a shard is one of these, however many they are."""
    return Shard.shard_id == any_(as_array(shard_ids))


def _noted(connection: Connection) -> list[int]:
    noted = select(HoldReview.shard_id).distinct()
    return [shard_id for shard_id in connection.scalars(noted) if shard_id is not None]


def _freed(connection: Connection) -> Sequence[Select[int | None]]:
    """Where the photos lie that holds named which were lifted since."""
    lifted = delete(HoldReview).where(HoldReview.hold_id.is_not(None)).returning(HoldReview.hold_id)
    hold_ids = list(connection.scalars(lifted))
    if not hold_ids:
        return []
    named = select(Hold.customer_id, Hold.photo_id).where(Hold.hold_id.in_(hold_ids))
    holds = connection.execute(named).all()
    photos = [hold.photo_id for hold in holds if hold.photo_id is not None]
    customers = [hold.customer_id for hold in holds if hold.photo_id is None]
    of_customers = Photo.customer_id.in_(customers) & (Photo.status == "processed")
    return [select(Photo.shard_id).where(which) for which in (Photo.photo_id.in_(photos), of_customers)]


def _note(connection: Connection, freed: Sequence[Select[int | None]]) -> None:
    for photos in freed:
        shards = select(Shard.shard_id).where(Shard.kind == "hold", Shard.shard_id.in_(photos))
        connection.execute(insert(HoldReview).from_select(["shard_id"], shards))
