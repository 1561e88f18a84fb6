"""The ledger's side of retention. Each method is one transaction, and does nothing for a claim that was taken over.

Locks are taken in one order everywhere: holds, shard, photos by id. The ingest locks photos by id too.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    bindparam,
    delete,
    exists,
    false,
    func,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from photo_pipeline.adapters.postgres.commit import BLANK
from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.hold_review import among, review_holds
from photo_pipeline.adapters.postgres.holds import is_held, lock_holds
from photo_pipeline.adapters.postgres.models import LedgerRecord, Outbox, Photo, Rendition, Shard
from photo_pipeline.adapters.postgres.models_of_erasure import Closing
from photo_pipeline.adapters.postgres.removal import insert_removals
from photo_pipeline.domain.errors import ClaimLostError
from photo_pipeline.domain.ledger import ArchivedRendition, ShardFile
from photo_pipeline.domain.photo import RenditionKind
from photo_pipeline.domain.removal import DueBy, DueShard, RecordAges, RemovedThing, ShardAges, ShardStamps, Window
from photo_pipeline.domain.retention import ClaimedShard, Expiry, ShardPhoto


class PostgresRetentionLedger:
    """The ``RetentionLedger`` port on PostgreSQL, with role ``photo_pipeline``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def stamped_after(self, time: datetime) -> Sequence[ShardStamps]:
        """See the port."""
        return self._stamps(Shard.committed_at > time)

    def restamp(self, shard_id: int, stamped_after: datetime, now: datetime) -> None:
        """See the port."""
        still_so = (Shard.shard_id == shard_id) & (Shard.committed_at > stamped_after)
        with transaction(self._engine) as connection:
            connection.execute(update(Shard).where(still_so).values(committed_at=now))

    def unmarked(self, committed_before: datetime, not_after: datetime) -> Sequence[ShardStamps]:
        """See the port."""
        unmarked = or_(Shard.marked_at.is_(None), Shard.marked_at > not_after)
        return self._stamps((Shard.committed_at <= committed_before) & unmarked)

    def mark(self, shard_id: int, now: datetime, kept_until: datetime) -> None:
        """See the port."""
        marked = {"marked_at": now, "kept_until": kept_until}
        with transaction(self._engine) as connection:
            connection.execute(update(Shard).where(Shard.shard_id == shard_id, _IS_THERE).values(marked))

    def disputed(self, committed_before: datetime, kept_after: datetime) -> Sequence[DueShard]:
        """See the port."""
        disputed = (Shard.committed_at <= committed_before) & (Shard.kept_until > kept_after)
        return self._due(_IS_THERE & disputed, None)

    def ages(self, by: DueBy, committed_before: datetime, window: Window | None) -> ShardAges:
        """See the port."""
        lifetime = by.kept_until - committed_before
        over_at = func.coalesce(Shard.kept_until, Shard.committed_at + lifetime)
        is_over = over_at <= by.kept_until
        waiting = is_over & or_(Shard.marked_at.is_(None), Shard.marked_at > by.marked_at)
        unexplained = is_over & Shard.expiring_at.is_(None) & ~_falls_into(over_at, window)
        counts = select(func.count(), func.count().filter(unexplained), func.count().filter(waiting))
        with transaction(self._engine) as connection:
            return ShardAges(*connection.execute(counts.where(_IS_THERE, Shard.kind != "hold")).one())

    def due(self, by: DueBy, window: Window | None) -> Sequence[DueShard]:
        """See the port. Of the hold shards only those are looked at of which something may have been taken."""
        with transaction(self._engine) as connection:
            not_whole = review_holds(connection)
        due = [*self._due(_is_due(by) & (Shard.kind != "hold"), window)]
        if not_whole:
            due += self._due(_is_due(by) & (Shard.kind == "hold") & among(not_whole), window)
        return sorted(due, key=lambda shard: (shard.committed_at, shard.shard_id))

    def claim(self, shard_id: int, by: DueBy) -> ClaimedShard | None:
        """See the port. Claims on a shard grow strictly, even where the server's clock is set back."""
        later = Shard.expiring_at + timedelta(microseconds=1)
        statement = (
            update(Shard)
            .where(Shard.shard_id == shard_id, _is_due(by))
            .values(state="expiring", expiring_at=func.greatest(func.clock_timestamp(), later))
            .returning(
                Shard.shard_id,
                Shard.path,
                Shard.dt,
                Shard.length,
                Shard.expiring_at,
                Shard.committed_at,
                Shard.kept_until,
            )
        )
        with transaction(self._engine) as connection:
            row = connection.execute(statement).one_or_none()
        if row is None or row.expiring_at is None or row.kept_until is None:
            return None
        return ClaimedShard(*row[:4], row.expiring_at, row.committed_at, row.kept_until)

    def held_photos(self, claim: ClaimedShard) -> Sequence[ShardPhoto]:
        """See the port."""
        statement = (
            select(Rendition)
            .join(Photo, Photo.photo_id == Rendition.photo_id)
            .where(Photo.shard_id == claim.shard_id, Rendition.shard_id == claim.shard_id, is_held())
            .order_by(Rendition.offset)
        )
        found: dict[UUID, list[ArchivedRendition]] = {}
        with transaction(self._engine) as connection:
            for row in connection.execute(statement.with_only_columns(*_RENDITION)):
                found.setdefault(row.photo_id, []).append(_archived(row))
        return [ShardPhoto(photo_id, renditions) for photo_id, renditions in found.items()]

    def move(self, claim: ClaimedShard, hold_shard: ShardFile, photos: Sequence[ShardPhoto]) -> int:
        """See the port."""
        with transaction(self._engine) as connection:
            _fence(connection, claim)
            here = Photo.photo_id.in_([photo.photo_id for photo in photos])
            moving = _lock_photos(connection, (Photo.shard_id == claim.shard_id) & here)
            if moving:
                shard_id = _insert_hold_shard(connection, claim, hold_shard, len(photos))
                connection.execute(update(Photo).where(Photo.photo_id.in_(moving)).values(shard_id=shard_id))
                _move_renditions(connection, shard_id, [photo for photo in photos if photo.photo_id in moving])
        return len(moving)

    def expire(self, claim: ClaimedShard) -> Expiry:
        """See the port. A photo that an ingest commit moves meanwhile is seen to have moved once its lock is got."""
        here = Photo.shard_id == claim.shard_id
        with transaction(self._engine) as connection:
            lock_holds(connection)
            _fence(connection, claim)
            expiring = _lock_photos(connection, here & ~is_held())
            if expiring:
                _expire_photos(connection, expiring)
            held = connection.execute(select(func.count()).select_from(Photo).where(here, is_held())).scalar_one()
            if held:
                connection.execute(update(Shard).where(Shard.shard_id == claim.shard_id).values(state="live"))
        return Expiry(len(expiring), held)

    def record_removed(self, claim: ClaimedShard, run_id: int, thing: RemovedThing, now: datetime) -> bool:
        """See the port. Row and record are one transaction."""
        in_use = exists().where(Photo.shard_id == Shard.shard_id)
        statement = (
            update(Shard).where(_is_claimed(claim), ~in_use).values(state="removed", removed_at=func.clock_timestamp())
        )
        with transaction(self._engine) as connection:
            is_ours = connection.execute(statement).rowcount > 0
            if is_ours:
                insert_removals(connection, run_id, [thing], now, removed_at=now)
        return is_ours

    def record_ages(self, before: datetime, window: Window | None, lifetime: timedelta) -> RecordAges:
        """See the port."""
        over_at = LedgerRecord.processed_at + lifetime
        unexplained = _is_older(before) & ~_falls_into(over_at, window)
        with transaction(self._engine) as connection:
            counts = select(func.count(), func.count().filter(unexplained)).where(_SAYS_MORE)
            return RecordAges(*connection.execute(counts).one())

    def blank_rejected(self, before: datetime, limit: int) -> int:
        """See the port."""
        key = (LedgerRecord.log_id, LedgerRecord.offset, LedgerRecord.processed_at)
        stale = select(*key).where(_SAYS_MORE, _is_older(before)).order_by(_NEWER_STAMP).limit(limit)
        statement = update(LedgerRecord).where(tuple_(*key).in_(stale)).values(filename=None, detail=None)
        with transaction(self._engine) as connection:
            return connection.execute(statement).rowcount

    def close_some(self, limit: int) -> bool:
        """See the port."""
        first = select(Closing.customer_id).order_by(Closing.customer_id).limit(1).subquery()
        with transaction(self._engine) as connection:
            connection.execute(select(func.close_some(first.c.customer_id, limit))).close()
            return bool(connection.scalar(select(exists().select_from(Closing))))

    def forget_published(self, published_before: datetime, limit: int) -> int:
        """See the port. Entries are published in their order, or nearly: the oldest are looked at and no others."""
        oldest = select(Outbox.outbox_id, Outbox.published_at).order_by(Outbox.outbox_id).limit(limit).subquery()
        stale = select(oldest.c.outbox_id).where(oldest.c.published_at <= published_before)
        with transaction(self._engine) as connection:
            return connection.execute(delete(Outbox).where(Outbox.outbox_id.in_(stale))).rowcount

    def _stamps(self, which: ColumnElement[bool]) -> Sequence[ShardStamps]:
        """The time of the youngest photo is Kafka's. A file that was written anew is younger than what is in it."""
        youngest = select(func.max(Photo.accepted_at)).where(Photo.shard_id == Shard.shard_id).scalar_subquery()
        is_first = Shard.slice_id.is_not(None) & Shard.rewritten_at.is_(None)
        columns = (Shard.shard_id, Shard.path, is_first, Shard.committed_at, youngest)
        statement = select(*columns).where(_IS_THERE, which).order_by(Shard.committed_at, Shard.shard_id)
        with transaction(self._engine) as connection:
            return [ShardStamps(*row) for row in connection.execute(statement)]

    def _due(self, which: ColumnElement[bool], window: Window | None) -> Sequence[DueShard]:
        explained = or_(Shard.kind == "hold", Shard.expiring_at.is_not(None), _falls_into(Shard.kept_until, window))
        columns = (Shard.shard_id, Shard.path, Shard.committed_at, Shard.kept_until, explained)
        statement = select(*columns).where(which).order_by(Shard.committed_at, Shard.shard_id)
        with transaction(self._engine) as connection:
            return [
                DueShard(shard_id, path, committed_at, kept_until, is_explained)
                for shard_id, path, committed_at, kept_until, is_explained in connection.execute(statement)
                if kept_until is not None  # as the condition has it
            ]


_RENDITION = (
    Rendition.photo_id,
    Rendition.kind,
    Rendition.offset,
    Rendition.length,
    Rendition.crc32,
    Rendition.content_type,
    Rendition.width,
    Rendition.height,
)


_IS_THERE = Shard.state != "removed"
_SAYS_MORE = (LedgerRecord.outcome == literal_column("'rejected'")) & or_(
    LedgerRecord.filename.is_not(None), LedgerRecord.detail.is_not(None)
)
"""Of its sender than the reason. As the index on these says it."""
_NEWER_STAMP = func.greatest(LedgerRecord.processed_at, LedgerRecord.accepted_at)
"""The ledger's and Kafka's; what Kafka did not stamp has one. The index is in this order, and no other one is."""


def _is_due(by: DueBy) -> ColumnElement[bool]:
    return _IS_THERE & (Shard.kept_until <= by.kept_until) & (Shard.marked_at <= by.marked_at)


def _is_older(before: datetime) -> ColumnElement[bool]:
    """By the ledger's time and by Kafka's."""
    return before >= _NEWER_STAMP


def _falls_into(time: Any, window: Window | None) -> ColumnElement[bool]:
    return false() if window is None else (time > window.begin) & (time <= window.end)


def _is_claimed(claim: ClaimedShard) -> ColumnElement[bool]:
    return (Shard.shard_id == claim.shard_id) & (Shard.state == "expiring") & (Shard.expiring_at == claim.claimed_at)


def _fence(connection: Connection, claim: ClaimedShard) -> None:
    """Lock the shard for the rest of the transaction, if the claim still stands."""
    found = connection.scalar(select(Shard.shard_id).where(_is_claimed(claim)).with_for_update())
    if found is None:
        raise ClaimLostError(claim.shard_id)


def _lock_photos(connection: Connection, which: ColumnElement[bool]) -> set[UUID]:
    """Lock photos in the order of their ids; those that no longer match once their lock is got are left out."""
    statement = select(Photo.photo_id).where(which).order_by(Photo.photo_id).with_for_update(of=Photo)
    return set(connection.scalars(statement))


def _archived(row: Any) -> ArchivedRendition:
    return ArchivedRendition(
        RenditionKind(row.kind), row.offset, row.length, row.crc32, row.content_type, row.width, row.height
    )


def _insert_hold_shard(connection: Connection, claim: ClaimedShard, file: ShardFile, photos: int) -> int:
    """It is as old as the shard that its photos come from, and as much announced."""
    values = {"path": file.path, "kind": "hold", "dt": claim.dt, "length": file.length, "photos": photos}
    statement = insert(Shard).values(**values, **inherited(claim.shard_id)).returning(Shard.shard_id)
    return connection.execute(statement).scalar_one()


def inherited(shard_id: int) -> dict[str, Any]:
    """What a shard that takes photos over from another one has from it: its age, and what was announced of it."""
    columns = (Shard.committed_at, Shard.marked_at, Shard.kept_until)
    return {column.key: select(column).where(Shard.shard_id == shard_id).scalar_subquery() for column in columns}


def _move_renditions(connection: Connection, shard_id: int, photos: Sequence[ShardPhoto]) -> None:
    statement = (
        update(Rendition)
        .where(Rendition.photo_id == bindparam("of_photo"), Rendition.kind == bindparam("of_kind"))
        .values(shard_id=shard_id, offset=bindparam("at"))
    )
    rows = [
        {"of_photo": photo.photo_id, "of_kind": rendition.kind.value, "at": rendition.offset}
        for photo in photos
        for rendition in photo.renditions
    ]
    connection.execute(statement.execution_options(synchronize_session=False), rows)


def _expire_photos(connection: Connection, photo_ids: set[UUID]) -> None:
    """With a photo's time its records lose their file names: ``touch_outcomes_of_photo``."""
    gone = {"status": "expired", "expired_at": func.now(), "shard_id": None, **BLANK}
    connection.execute(update(Photo).where(Photo.photo_id.in_(photo_ids)).values(gone))
    connection.execute(delete(Rendition).where(Rendition.photo_id.in_(photo_ids)))
