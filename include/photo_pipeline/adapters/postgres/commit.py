"""The one commit point: what a slice makes visible, in one transaction.

The order matters. Customers come first: closing an account locks its customer before anything else too, and whoever
waits for that holds nothing that others wait for. So does erasing, and what was erased before is known by then. Then
comes the fence: it takes the slice's row lock and checks the attempt, so that of two attempts one waits for the other
and then finds the slice committed. Then the compare-and-set on ``next_offset``. Photos are locked in the order of their
ids, so that two slices with the same photos cannot deadlock.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, any_, delete, func, insert, literal, select, update

from photo_pipeline.adapters.postgres.bulk import as_array, insert_rows, sent_rows, update_rows
from photo_pipeline.adapters.postgres.erased import erased_among
from photo_pipeline.adapters.postgres.models import (
    LedgerRecord,
    LedgerState,
    Outbox,
    PartitionProgress,
    Photo,
    Rendition,
    Shard,
    Slice,
)
from photo_pipeline.domain.errors import LeaseLostError, PhotoErasedError, ProgressConflictError
from photo_pipeline.domain.ledger import ArchivedPhoto, RecordResult, SliceCommit, SliceSummary
from photo_pipeline.domain.outcomes import Outcome
from photo_pipeline.domain.photo import Log

Row = dict[str, object]

BLANK: dict[str, None] = dict.fromkeys(
    ("filename", "camera", "taken_at", "taken_at_offset", "blurhash", "dominant_color", "device_id")
)
"""What is known of a photo that says something about its owner, or shows what was on it."""

OF_LOG = (
    (Slice.topic == PartitionProgress.topic)
    & (Slice.partition == PartitionProgress.partition)
    & (Slice.incarnation == PartitionProgress.incarnation)
)
"""A slice is of this log."""
OF_SLICE = (
    OF_LOG
    & (LedgerRecord.offset >= Slice.start)
    & (LedgerRecord.offset < Slice.end)
    & (LedgerRecord.processed_at == Slice.committed_at)
)
"""A record of that log is of this slice; its time says in which month's partition it is."""


def commit_slice(connection: Connection, commit: SliceCommit) -> SliceSummary:
    """Write all of a slice, or raise and write nothing.

    Raises:
        LeaseLostError: when the slice's attempt is not this one's, or the slice is committed already.
        ProgressConflictError: when ``next_offset`` is not the slice's start.
        PhotoErasedError: when a photo or a customer that it names was erased after it was read.
    """
    closed = _lock_customers(connection, commit)
    if erased_among(connection, commit.named()):
        raise PhotoErasedError(commit.lease.slice.slice_id)
    _fence(connection, commit)
    log_id = _advance(connection, commit)
    if commit.shard is not None:
        shard_id = _insert_shard(connection, commit, commit.shard.path, commit.shard.length)
        fresh = _index_photos(connection, commit.photos, shard_id)
    else:
        fresh = set()
    if closed:
        _hide(connection, closed, [photo.photo_id for photo in commit.photos])
    _insert_records(connection, log_id, commit, fresh, closed)
    _insert_outbox(connection, log_id, commit)
    return summarise(connection, commit.lease.slice.slice_id)


def summarise(connection: Connection, slice_id: int) -> SliceSummary:
    """What a slice came to, counted from its records."""
    found = connection.execute(
        select(Slice.topic, Slice.partition, Slice.incarnation, Slice.start, Slice.end, Slice.attempt).where(
            Slice.slice_id == slice_id
        )
    ).one()
    per_outcome = (
        select(LedgerRecord.outcome, func.count())
        .join(PartitionProgress, PartitionProgress.log_id == LedgerRecord.log_id)
        .join(Slice, OF_SLICE)
        .where(Slice.slice_id == slice_id)
        .group_by(LedgerRecord.outcome)
    )
    counts: dict[str, int] = dict(connection.execute(per_outcome).all())
    shard = connection.execute(select(Shard.path, Shard.length).where(Shard.slice_id == slice_id)).one_or_none()
    return SliceSummary(
        slice_id=slice_id,
        log=Log(found.topic, found.partition, found.incarnation),
        start=found.start,
        end=found.end,
        attempt=found.attempt,
        processed=counts.get(Outcome.PROCESSED, 0),
        duplicate=counts.get(Outcome.DUPLICATE, 0),
        rejected=counts.get(Outcome.REJECTED, 0),
        absent=counts.get(Outcome.ABSENT, 0),
        shard_path=None if shard is None else shard.path,
        shard_bytes=0 if shard is None else shard.length,
    )


def _fence(connection: Connection, commit: SliceCommit) -> None:
    planned, attempt = commit.lease.slice, commit.lease.attempt
    fenced = connection.execute(
        update(Slice)
        .where(Slice.slice_id == planned.slice_id, Slice.attempt == attempt, Slice.state == "running")
        .values(
            state="committed",
            end=commit.end,
            committed_at=func.now(),
            worked_by=Slice.lease_owner,
            lease_owner=None,
            lease_expires_at=None,
        )
    )
    if fenced.rowcount == 0:
        raise LeaseLostError(planned.slice_id, attempt)


def _advance(connection: Connection, commit: SliceCommit) -> int:
    """Move the log on; its short name."""
    planned = commit.lease.slice
    advanced = connection.execute(
        update(PartitionProgress)
        .where(
            PartitionProgress.topic == planned.log.topic,
            PartitionProgress.partition == planned.log.partition,
            PartitionProgress.incarnation == planned.log.incarnation,
            PartitionProgress.next_offset == planned.start,
        )
        .values(
            next_offset=commit.end,
            leader_epoch=func.coalesce(commit.leader_epoch, PartitionProgress.leader_epoch),
            updated_at=func.now(),
        )
        .returning(PartitionProgress.log_id)
    )
    log_id = advanced.scalar_one_or_none()
    if log_id is None:
        raise ProgressConflictError(planned.slice_id, planned.start)
    return log_id


def _insert_shard(connection: Connection, commit: SliceCommit, path: str, length: int) -> int:
    planned = commit.lease.slice
    values = {"path": path, "slice_id": planned.slice_id, "dt": planned.dt, "length": length}
    statement = insert(Shard).values(**values, photos=len(commit.photos)).returning(Shard.shard_id)
    return connection.execute(statement).scalar_one()


def _index_photos(connection: Connection, photos: Sequence[ArchivedPhoto], shard_id: int) -> set[UUID]:
    """Point each photo's index to the new shard; the ids of those that were not there, or had expired."""
    in_order = sorted(photos, key=lambda photo: photo.photo_id)
    rows = {photo.photo_id: photo_row(photo, shard_id) for photo in in_order}
    creating = insert_rows(Photo, list(rows.values()), processed_at=func.now())
    created = set(connection.scalars(creating.on_conflict_do_nothing().returning(Photo.photo_id)))
    expired = _lock_known(connection, [photo_id for photo_id in rows if photo_id not in created])
    again = {photo_id for photo_id, has_expired in expired.items() if has_expired}
    renewed = [rows[photo_id] for photo_id in again]
    if renewed:
        connection.execute(update_rows(Photo, "photo_id", renewed, processed_at=func.now()))
    _move(connection, [rows[photo_id] for photo_id in expired.keys() - again])
    replace_renditions(connection, photos, shard_id)
    return created | again


def _lock_known(connection: Connection, photo_ids: Sequence[UUID]) -> dict[UUID, bool]:
    """Lock photos that exist, in the order of their ids; whether each has expired."""
    if not photo_ids:
        return {}
    locked = (
        select(Photo.photo_id, Photo.status).where(Photo.photo_id == any_(as_array(photo_ids))).order_by(Photo.photo_id)
    ).with_for_update()
    return {photo_id: status == "expired" for photo_id, status in connection.execute(locked)}


def _move(connection: Connection, rows: Sequence[Row]) -> None:
    """A duplicate moves the index and prolongs the photo's life; what was known of it first stays."""
    if rows:
        sent = sent_rows(Photo, [{name: row[name] for name in ("photo_id", "shard_id", "accepted_at")} for row in rows])
        latest = func.greatest(Photo.accepted_at, sent.c.accepted_at)
        moved = update(Photo).where(Photo.photo_id == sent.c.photo_id)
        connection.execute(moved.values(shard_id=sent.c.shard_id, accepted_at=latest))


def photo_row(photo: ArchivedPhoto, shard_id: int) -> Row:
    """The columns of a photo that has just been processed."""
    metadata = photo.metadata
    taken_at = None if metadata.taken_at is None else datetime.fromisoformat(metadata.taken_at)
    return {
        "photo_id": photo.photo_id,
        "customer_id": photo.customer_id,
        "sha256": photo.sha256,
        "source": photo.source.value,
        "status": "processed",
        "filename": photo.filename,
        "content_type": photo.content_type,
        "format": metadata.format.value,
        "width": metadata.width,
        "height": metadata.height,
        "bytes": photo.bytes,
        "camera": metadata.camera,
        "taken_at": taken_at,
        "taken_at_offset": metadata.taken_at_offset,
        "blurhash": metadata.blurhash,
        "dominant_color": metadata.dominant_color,
        "uploaded_at": photo.accepted_at,
        "accepted_at": photo.accepted_at,
        "expired_at": None,
        "shard_id": shard_id,
        "device_id": photo.device_id,
    }


def replace_renditions(connection: Connection, photos: Sequence[ArchivedPhoto], shard_id: int) -> None:
    """Point the index of these photos to where their members lie in this shard."""
    photo_ids = as_array([photo.photo_id for photo in photos])
    connection.execute(delete(Rendition).where(Rendition.photo_id == any_(photo_ids)))
    rows = [
        {
            "photo_id": photo.photo_id,
            "kind": rendition.kind.value,
            "shard_id": shard_id,
            "offset": rendition.offset,
            "length": rendition.length,
            "crc32": rendition.crc32,
            "content_type": rendition.content_type,
            "width": rendition.width,
            "height": rendition.height,
        }
        for photo in photos
        for rendition in photo.renditions
    ]
    connection.execute(insert_rows(Rendition, rows))


def _lock_customers(connection: Connection, commit: SliceCommit) -> set[UUID]:
    """Keep accounts open until this transaction ends; those that were closed since their records were read.

    Whoever closes one waits for all of this slice, also where it brings no new photo, or has been waited for.
    """
    customers = {record.customer_id for record in commit.records if record.customer_id is not None}
    return set(connection.scalars(select(func.keep_open(as_array(customers)))))


def _hide(connection: Connection, customers: set[UUID], photo_ids: Sequence[UUID]) -> None:
    """What came too late for its customer is counted and archived like any, and shows nobody anything."""
    theirs = (Photo.photo_id == any_(as_array(photo_ids))) & (Photo.customer_id == any_(as_array(customers)))
    connection.execute(update(Photo).where(theirs).values(binned_at=func.now(), **BLANK))


def _insert_records(
    connection: Connection, log_id: int, commit: SliceCommit, fresh: set[UUID], closed: set[UUID]
) -> None:
    """A photo's file name is with what changes: it goes when the photo expires."""
    known = [_blank(record) if record.customer_id in closed else record for record in commit.records]
    rows = [_record_row(log_id, commit, record, fresh) for record in known]
    if not rows:
        return
    names = [
        {"log_id": log_id, "offset": record.offset, "filename": None if _is_rejected(record) else record.filename}
        for record in known
    ]
    connection.execute(insert_rows(LedgerRecord, rows, processed_at=func.now()))
    connection.execute(insert_rows(LedgerState, names, processed_at=func.now()))


def _blank(record: RecordResult) -> RecordResult:
    """Without what closing an account would have taken from it."""
    return replace(record, filename=None, detail=None, device_id=None)


def _is_rejected(record: RecordResult) -> bool:
    return record.outcome is Outcome.REJECTED


def _record_row(log_id: int, commit: SliceCommit, record: RecordResult, fresh: set[UUID]) -> Row:
    outcome = record.outcome
    if outcome is Outcome.PROCESSED and record.photo_id not in fresh:
        outcome = Outcome.DUPLICATE
    return {
        "log_id": log_id,
        "offset": record.offset,
        "slice_id": commit.lease.slice.slice_id,
        "outcome": outcome.value,
        "reason": None if record.reason is None else record.reason.value,
        "detail": record.detail,
        "photo_id": record.photo_id,
        "customer_id": record.customer_id,
        "source": None if record.source is None else record.source.value,
        "event_id": record.event_id,
        "filename": record.filename if _is_rejected(record) else None,
        "bytes": record.bytes,
        "accepted_at": record.accepted_at,
        "device_id": record.device_id,
    }


def _insert_outbox(connection: Connection, log_id: int, commit: SliceCommit) -> None:
    """What Kafka is to hear of this slice, written with it: said after the commit, and never instead of it."""
    planned = commit.lease.slice
    kinds = {Outcome.PROCESSED: "processed", Outcome.REJECTED: "dead_letter"}
    for outcome, kind in kinds.items():
        told = (
            select(
                literal(kind),
                literal(planned.log.topic),
                literal(planned.log.partition),
                literal(planned.log.incarnation),
                LedgerRecord.offset,
                LedgerRecord.processed_at,
            )
            .where(
                LedgerRecord.log_id == log_id,
                LedgerRecord.offset >= planned.start,
                LedgerRecord.offset < commit.end,
                LedgerRecord.processed_at == func.now(),
                LedgerRecord.outcome == outcome.value,
            )
            .order_by(LedgerRecord.offset)
        )
        columns = ["kind", "topic", "partition", "incarnation", "offset", "processed_at"]
        connection.execute(insert(Outbox).from_select(columns, told))
