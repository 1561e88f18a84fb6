"""Photos that a customer has chosen, with role ``photo_api``. Every statement names the customer."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, any_, func, null, select, update

from photo_pipeline.adapters.postgres.bulk import as_array
from photo_pipeline.adapters.postgres.engine import reading, transaction
from photo_pipeline.adapters.postgres.gallery_photos import ABSENCES, SHOWN_STATUS, bin_statement, gallery_photo
from photo_pipeline.adapters.postgres.models import Photo
from photo_pipeline.domain.gallery import Absence, GalleryPhoto, Page, PhotoStatus
from photo_pipeline.domain.ledger import ArchiveLocation
from photo_pipeline.domain.photo import RenditionKind
from photo_pipeline.domain.selection import Chosen, ChosenPhoto, Moved

_IN_BIN = Photo.binned_at.is_not(None)
_CHOSEN = f"""
SELECT asked.photo_id, {SHOWN_STATUS}, p.filename, r.content_type,
       p.taken_at, p.taken_at_offset, p.uploaded_at, s.path, r."offset", r.length, r.crc32
  FROM unnest(%(photos)s::uuid[]) AS asked (photo_id)
  LEFT JOIN photo p ON p.photo_id = asked.photo_id AND p.customer_id = %(customer)s
  LEFT JOIN rendition r ON r.photo_id = p.photo_id AND r.kind = %(kind)s
  LEFT JOIN shard s ON s.shard_id = r.shard_id
 ORDER BY s.path, r."offset"
"""


class PostgresSelection:
    """The ``Selection`` port on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put_into_bin(self, customer_id: UUID, photo_ids: Collection[UUID]) -> Moved:
        """See the port."""
        return self._move(customer_id, photo_ids, func.now(), where=~_IN_BIN)

    def take_out_of_bin(self, customer_id: UUID, photo_ids: Collection[UUID]) -> Moved:
        """See the port."""
        return self._move(customer_id, photo_ids, null(), where=_IN_BIN)

    def binned(self, customer_id: UUID, page: Page) -> Sequence[GalleryPhoto]:
        """See the port. The index ``photo_binned`` serves it."""
        with reading(self._engine) as cursor:
            rows = cursor.execute(*bin_statement(customer_id, page)).fetchall()
        return [gallery_photo(row) for row in rows]

    def chosen(self, customer_id: UUID, photo_ids: Sequence[UUID], kind: RenditionKind) -> Chosen:
        """See the port."""
        parameters = {"customer": customer_id, "photos": list(photo_ids), "kind": kind.value}
        photos, absent = [], {}
        with reading(self._engine) as cursor:
            for photo_id, status, *facts in cursor.execute(_CHOSEN, parameters):
                if status in ABSENCES or facts[-1] is None:
                    absent[photo_id] = ABSENCES.get(status, Absence.UNKNOWN)
                else:
                    photos.append(_chosen_photo(photo_id, facts))
        return Chosen(photos, absent)

    def _move(self, customer_id: UUID, photo_ids: Collection[UUID], binned_at: Any, *, where: Any) -> Moved:
        """Photos are locked in the order of their ids, as by whoever commits or expires them."""
        named = Photo.photo_id == any_(as_array(photo_ids))
        theirs = select(Photo.photo_id, Photo.status).where(named, Photo.customer_id == customer_id)
        with transaction(self._engine) as connection:
            locked = connection.execute(theirs.order_by(Photo.photo_id).with_for_update()).all()
            live = [row.photo_id for row in locked if row.status == PhotoStatus.PROCESSED.value]
            moving = update(Photo).where(Photo.photo_id == any_(as_array(live)), where)
            connection.execute(moving.values(binned_at=binned_at))
        return Moved(frozenset(live), frozenset(row.photo_id for row in locked) - frozenset(live))


def _chosen_photo(photo_id: UUID, facts: Sequence[Any]) -> ChosenPhoto:
    filename, content_type, taken_at, taken_at_offset, uploaded_at, path, offset, length, crc32 = facts
    location = ArchiveLocation(path, offset, length)
    return ChosenPhoto(photo_id, filename, content_type, taken_at, taken_at_offset, uploaded_at, location, crc32)
