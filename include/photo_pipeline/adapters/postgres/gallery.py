"""What became of a customer's photos, with role ``photo_api``. Every statement names the customer."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, Row, Select, false, func, literal_column, select, true, tuple_

from photo_pipeline.adapters.postgres.engine import reading, transaction
from photo_pipeline.adapters.postgres.gallery_photos import (
    PHOTO,
    RENDITIONS,
    gallery_photo,
    page_statement,
    stored_rendition,
)
from photo_pipeline.adapters.postgres.models import LedgerRecord, PartitionProgress, Photo
from photo_pipeline.adapters.postgres.receipts import receipt_statuses
from photo_pipeline.domain.gallery import (
    Absence,
    GalleryPhoto,
    Page,
    ReceiptStatus,
    RejectedPhoto,
    RenditionName,
    StoredRendition,
)
from photo_pipeline.domain.outcomes import Outcome
from photo_pipeline.domain.photo import Receipt, RecordCoordinates, Source

# Written out: a customer's refused records have an index of their own.
_IS_REJECTED: ColumnElement[bool] = LedgerRecord.outcome == literal_column(f"'{Outcome.REJECTED.value}'")


class PostgresGallery:
    """The ``Gallery`` port on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def photos(self, customer_id: UUID, page: Page) -> Sequence[GalleryPhoto]:
        """See the port. An index for each order serves any page in the same time."""
        with reading(self._engine) as cursor:
            rows = cursor.execute(*page_statement(customer_id, page)).fetchall()
        return [gallery_photo(row) for row in rows]

    def rejected(self, customer_id: UUID, page: Page) -> Sequence[RejectedPhoto]:
        """See the port."""
        log = (PartitionProgress.topic, PartitionProgress.partition)
        position = (*log, LedgerRecord.offset, PartitionProgress.incarnation)
        order = (LedgerRecord.processed_at, *position)
        # The index ledger_record_rejected_of_customer serves the time; what is of one time is put in order.
        statement = _rejected(customer_id).order_by(*(column.desc() for column in order)).limit(page.limit)
        if page.after is not None:
            moment = page.after.moment
            at = RecordCoordinates.parse(page.after.key)
            after = tuple_(moment, at.topic, at.partition, at.offset, at.incarnation)
            statement = statement.where(LedgerRecord.processed_at <= moment, tuple_(*order) < after)
        with transaction(self._engine) as connection:
            return [_rejected_photo(row) for row in connection.execute(statement)]

    def photo(self, customer_id: UUID, photo_id: UUID) -> GalleryPhoto | RejectedPhoto | None:
        """See the port."""
        names = {"customer": customer_id, "photo": photo_id}
        refused = (
            _rejected(customer_id)
            .where(LedgerRecord.photo_id == photo_id)
            .order_by(LedgerRecord.processed_at.desc())
            .limit(1)
        )
        with reading(self._engine) as cursor:
            found = cursor.execute(PHOTO, names).fetchone()
        if found is not None:
            return gallery_photo(found)
        with transaction(self._engine) as connection:
            row = connection.execute(refused).one_or_none()
        return None if row is None else _rejected_photo(row)

    def receipts(self, receipts: Sequence[Receipt]) -> Sequence[ReceiptStatus]:
        """See the port."""
        with transaction(self._engine) as connection:
            return receipt_statuses(connection, receipts)

    def renditions(self, names: Sequence[RenditionName]) -> Sequence[StoredRendition | Absence]:
        """See the port."""
        parameters = {
            "customers": [name.customer_id for name in names],
            "photos": [name.photo_id for name in names],
            "kinds": [name.kind.value for name in names],
        }
        with reading(self._engine) as cursor:
            rows = cursor.execute(RENDITIONS, parameters).fetchall()
        found = {place: stored_rendition(row) for place, *row in rows}
        return [found.get(place, Absence.UNKNOWN) for place in range(1, len(names) + 1)]


def _rejected(customer_id: UUID) -> Select[*tuple[Any, ...]]:
    """Rejected records, but for those whose photo came to be all the same.

    Those are few. Of an EXISTS the planner thinks that they are nearly all, and reads every record of the customer.
    """
    photo = select(true()).where(Photo.photo_id == LedgerRecord.photo_id).limit(1).correlate(LedgerRecord)
    came_to_be = func.coalesce(photo.scalar_subquery(), false())
    columns = (
        PartitionProgress.topic,
        PartitionProgress.partition,
        LedgerRecord.offset,
        PartitionProgress.incarnation,
        LedgerRecord.photo_id,
        LedgerRecord.reason,
        LedgerRecord.source,
        LedgerRecord.filename,
        LedgerRecord.bytes,
        LedgerRecord.accepted_at,
        LedgerRecord.processed_at,
    )
    of_log = PartitionProgress.log_id == LedgerRecord.log_id
    theirs = LedgerRecord.customer_id == customer_id
    return select(*columns).join(PartitionProgress, of_log).where(theirs, _IS_REJECTED, ~came_to_be)


def _rejected_photo(row: Row[*tuple[Any, ...]]) -> RejectedPhoto:
    return RejectedPhoto(
        coordinates=RecordCoordinates(row.topic, row.partition, row.offset, row.incarnation),
        photo_id=row.photo_id,
        reason=row.reason,
        source=None if row.source is None else Source(row.source),
        filename=row.filename,
        bytes=row.bytes,
        accepted_at=row.accepted_at,
        processed_at=row.processed_at,
    )
