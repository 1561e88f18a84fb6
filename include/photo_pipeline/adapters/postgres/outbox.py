"""The outbox's rows, with what a publisher needs to know of each."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, any_, func, select, update
from sqlalchemy.orm import aliased

from photo_pipeline.adapters.postgres.bulk import as_array
from photo_pipeline.adapters.postgres.models import (
    Customer,
    LedgerRecord,
    Outbox,
    PartitionProgress,
    Photo,
    Rendition,
    Shard,
)
from photo_pipeline.domain.ledger import ArchiveLocation, DeadLetterEntry, OutboxEntry, ProcessedEntry
from photo_pipeline.domain.logs import LogState
from photo_pipeline.domain.photo import RecordCoordinates

_IS_OF_NOBODY = (
    select(Customer.customer_id).where(Customer.customer_id == Photo.customer_id, Customer.closed_at.is_not(None))
).exists()
"""Whoever has closed the account since is not heard of any more: there is nothing left to publish."""


def waiting_entries(connection: Connection, limit: int) -> list[OutboxEntry]:
    """Lock and return up to ``limit`` unpublished entries, oldest first; those that others have locked are left out."""
    waiting = (
        select(Outbox.outbox_id)
        .where(Outbox.published_at.is_(None))
        .order_by(Outbox.outbox_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    outbox_ids = list(connection.scalars(waiting))
    return [_entry(row) for row in connection.execute(_details(outbox_ids))]


def mark_published(connection: Connection, outbox_ids: Sequence[int]) -> None:
    """These have been acknowledged by Kafka."""
    if outbox_ids:
        connection.execute(
            update(Outbox).where(Outbox.outbox_id == any_(as_array(outbox_ids))).values(published_at=func.now())
        )


def _details(outbox_ids: Sequence[int]) -> Select[*tuple[Any, ...]]:
    original, web = aliased(Rendition), aliased(Rendition)
    return (
        select(
            Outbox.outbox_id,
            Outbox.kind,
            Outbox.topic,
            Outbox.partition,
            Outbox.offset,
            Outbox.incarnation,
            PartitionProgress.topic_id,
            PartitionProgress.state.label("log_state"),
            LedgerRecord.reason,
            LedgerRecord.detail,
            Photo.photo_id,
            Photo.customer_id,
            Photo.sha256,
            Photo.filename,
            Photo.format,
            Photo.width,
            Photo.height,
            Photo.processed_at,
            Shard.path,
            original.offset.label("original_offset"),
            original.length.label("original_length"),
            web.offset.label("web_offset"),
            web.length.label("web_length"),
        )
        .join(
            PartitionProgress,
            (PartitionProgress.topic == Outbox.topic)
            & (PartitionProgress.partition == Outbox.partition)
            & (PartitionProgress.incarnation == Outbox.incarnation),
        )
        .join(
            LedgerRecord,
            (LedgerRecord.log_id == PartitionProgress.log_id)
            & (LedgerRecord.offset == Outbox.offset)
            & (LedgerRecord.processed_at == Outbox.processed_at),
        )
        .outerjoin(Photo, (Photo.photo_id == LedgerRecord.photo_id) & (Outbox.kind == "processed"))
        .outerjoin(Shard, (Shard.shard_id == Photo.shard_id) & ~_IS_OF_NOBODY)
        .outerjoin(original, (original.photo_id == Photo.photo_id) & (original.kind == "original"))
        .outerjoin(web, (web.photo_id == Photo.photo_id) & (web.kind == "web"))
        .where(Outbox.outbox_id == any_(as_array(outbox_ids)))
        .order_by(Outbox.outbox_id)
    )


def _entry(row: Row[Any]) -> OutboxEntry:
    coordinates = RecordCoordinates(row.topic, row.partition, row.offset, row.incarnation, row.topic_id)
    if row.kind == "dead_letter":
        whole = row.log_state == LogState.CURRENT.value
        return DeadLetterEntry(row.outbox_id, coordinates, row.reason, row.detail, whole)
    return ProcessedEntry(
        outbox_id=row.outbox_id,
        coordinates=coordinates,
        photo_id=row.photo_id,
        customer_id=row.customer_id,
        sha256=row.sha256,
        filename=row.filename,
        format=row.format,
        width=row.width,
        height=row.height,
        processed_at=row.processed_at,
        original=_location(row.path, row.original_offset, row.original_length),
        web=_location(row.path, row.web_offset, row.web_length),
    )


def _location(path: str | None, offset: int | None, length: int | None) -> ArchiveLocation | None:
    if path is None or offset is None or length is None:
        return None
    return ArchiveLocation(path, offset, length)
