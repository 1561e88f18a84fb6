"""What became of a customer's photos, with role ``photo_api``. Every statement names the customer."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    and_,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)

from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.holds import CUSTOMER
from photo_pipeline.adapters.postgres.models import Hold, IngestRecord, Photo, Rendition, Shard
from photo_pipeline.adapters.postgres.receipts import receipt_statuses
from photo_pipeline.domain.gallery import (
    ExpiredError,
    GalleryPhoto,
    GalleryRendition,
    Page,
    PhotoOrder,
    PhotoStatus,
    ReceiptStatus,
    RejectedPhoto,
    StoredRendition,
)
from photo_pipeline.domain.ledger import ArchiveLocation
from photo_pipeline.domain.outcomes import Outcome
from photo_pipeline.domain.photo import Receipt, RecordCoordinates, RenditionKind, Source

AnyRow = Row[*tuple[Any, ...]]

_HELD = exists().where(
    Hold.customer_id == Photo.customer_id,
    or_(Hold.photo_id.is_(None), Hold.photo_id == Photo.photo_id),
    Hold.lifted_at.is_(None),
)
_HELD_BY_CUSTOMER = exists().where(
    Hold.customer_id == Photo.customer_id,
    Hold.photo_id == Photo.photo_id,
    Hold.origin == CUSTOMER,
    Hold.lifted_at.is_(None),
)
# To the letter the index's expression, or the index does not serve.
_LISTED_AT = func.coalesce(Photo.taken_at, Photo.uploaded_at.op("AT TIME ZONE")(literal_column("'UTC'")))
_UNSEEN = frozenset({"version", "updated_xid", "shard_id"})


class PostgresGallery:
    """The ``Gallery`` port on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def photos(self, customer_id: UUID, page: Page) -> Sequence[GalleryPhoto]:
        """See the port. An index for each order serves any page in the same time."""
        by_taken = page.order is PhotoOrder.TAKEN
        listed_at: ColumnElement[Any] = _LISTED_AT if by_taken else Photo.uploaded_at.expression
        statement = (
            _photos()
            # Written out, as the index of one order is on processed photos alone.
            .where(Photo.customer_id == customer_id, Photo.status == literal_column("'processed'"))
            .order_by(listed_at.desc(), Photo.photo_id.desc())
            .limit(page.limit)
        )
        if page.after is not None:
            moment, key = page.after
            after = moment.astimezone(UTC).replace(tzinfo=None) if by_taken else moment
            statement = statement.where(tuple_(listed_at, Photo.photo_id) < tuple_(after, UUID(key)))
        with transaction(self._engine) as connection:
            return _with_renditions(connection, connection.execute(statement).all())

    def rejected(self, customer_id: UUID, page: Page) -> Sequence[RejectedPhoto]:
        """See the port."""
        position = (IngestRecord.topic, IngestRecord.partition, IngestRecord.offset, IngestRecord.incarnation)
        order = (IngestRecord.processed_at, *position)
        statement = _rejected(customer_id).order_by(*(column.desc() for column in order)).limit(page.limit)
        if page.after is not None:
            moment, key = page.after
            at = RecordCoordinates.parse(key)
            after = tuple_(moment, at.topic, at.partition, at.offset, at.incarnation)
            statement = statement.where(tuple_(*order) < after)
        with transaction(self._engine) as connection:
            return [_rejected_photo(row) for row in connection.execute(statement)]

    def photo(self, customer_id: UUID, photo_id: UUID) -> GalleryPhoto | RejectedPhoto | None:
        """See the port."""
        found = _photos().where(Photo.customer_id == customer_id, Photo.photo_id == photo_id)
        refused = (
            _rejected(customer_id)
            .where(IngestRecord.photo_id == photo_id)
            .order_by(IngestRecord.processed_at.desc())
            .limit(1)
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(found).all()
            if rows:
                return _with_renditions(connection, rows)[0]
            row = connection.execute(refused).one_or_none()
        return None if row is None else _rejected_photo(row)

    def receipts(self, receipts: Sequence[Receipt]) -> Sequence[ReceiptStatus]:
        """See the port."""
        with transaction(self._engine) as connection:
            return receipt_statuses(connection, receipts)

    def rendition(self, customer_id: UUID, photo_id: UUID, kind: RenditionKind) -> StoredRendition | None:
        """See the port."""
        statement = (
            select(
                Photo.status,
                Photo.sha256,
                Photo.filename,
                Shard.path,
                Shard.committed_at,
                Rendition.kind,
                Rendition.offset,
                Rendition.length,
                Rendition.crc32,
                Rendition.content_type,
                _HELD.label("held"),
            )
            .outerjoin(Rendition, and_(Rendition.photo_id == Photo.photo_id, Rendition.kind == kind.value))
            .outerjoin(Shard, Shard.shard_id == Rendition.shard_id)
            .where(Photo.customer_id == customer_id, Photo.photo_id == photo_id)
        )
        with transaction(self._engine) as connection:
            row = connection.execute(statement).one_or_none()
        if row is None:
            return None
        if row.status == PhotoStatus.EXPIRED.value:
            raise ExpiredError
        return StoredRendition(
            location=ArchiveLocation(row.path, row.offset, row.length),
            content_type=row.content_type,
            tag=_tag(row.sha256, row),
            filename=row.filename,
            archived_at=row.committed_at,
            held=row.held,
        )


def _photos() -> Select[*tuple[Any, ...]]:
    columns = (column for column in Photo.__table__.columns if column.key not in _UNSEEN)
    statement = select(*columns, Shard.committed_at.label("archived_at"), _HELD.label("held"))
    statement = statement.add_columns(_HELD_BY_CUSTOMER.label("held_by_customer"))
    return statement.select_from(Photo).outerjoin(Shard, Shard.shard_id == Photo.shard_id)


def _rejected(customer_id: UUID) -> Select[*tuple[Any, ...]]:
    """Rejected records, but for those whose photo came to be all the same."""
    came_to_be: ColumnElement[bool] = exists().where(Photo.photo_id == IngestRecord.photo_id)
    return select(
        IngestRecord.topic,
        IngestRecord.partition,
        IngestRecord.offset,
        IngestRecord.incarnation,
        IngestRecord.photo_id,
        IngestRecord.reason,
        IngestRecord.source,
        IngestRecord.filename,
        IngestRecord.bytes,
        IngestRecord.accepted_at,
        IngestRecord.processed_at,
    ).where(IngestRecord.customer_id == customer_id, IngestRecord.outcome == Outcome.REJECTED.value, ~came_to_be)


def _with_renditions(connection: Connection, rows: Sequence[AnyRow]) -> list[GalleryPhoto]:
    statement = select(
        Rendition.photo_id,
        Rendition.kind,
        Rendition.content_type,
        Rendition.width,
        Rendition.height,
        Rendition.length,
        Rendition.crc32,
    ).where(Rendition.photo_id.in_([row.photo_id for row in rows]))
    renditions: Mapping[UUID, list[AnyRow]] = defaultdict(list)
    for rendition in connection.execute(statement):
        renditions[rendition.photo_id].append(rendition)
    return [_gallery_photo(row, renditions[row.photo_id]) for row in rows]


def _gallery_photo(row: AnyRow, renditions: Iterable[AnyRow]) -> GalleryPhoto:
    return GalleryPhoto(
        photo_id=row.photo_id,
        status=PhotoStatus(row.status),
        sha256=row.sha256,
        source=Source(row.source),
        filename=row.filename,
        content_type=row.content_type,
        format=row.format,
        width=row.width,
        height=row.height,
        bytes=row.bytes,
        camera=row.camera,
        taken_at=row.taken_at,
        taken_at_offset=row.taken_at_offset,
        blurhash=row.blurhash,
        dominant_color=row.dominant_color,
        uploaded_at=row.uploaded_at,
        processed_at=row.processed_at,
        expired_at=row.expired_at,
        archived_at=row.archived_at,
        held=row.held,
        held_by_customer=row.held_by_customer,
        renditions=[_gallery_rendition(row.sha256, rendition) for rendition in renditions],
    )


def _gallery_rendition(sha256: str, row: AnyRow) -> GalleryRendition:
    return GalleryRendition(
        kind=RenditionKind(row.kind),
        content_type=row.content_type,
        width=row.width,
        height=row.height,
        length=row.length,
        tag=_tag(sha256, row),
    )


def _tag(sha256: str, row: AnyRow) -> str:
    return sha256 if row.kind == RenditionKind.ORIGINAL.value else f"{row.crc32:08x}-{row.length:x}"


def _rejected_photo(row: AnyRow) -> RejectedPhoto:
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
