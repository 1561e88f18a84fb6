"""What became of accepted photos, by their receipts."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, tuple_

from photo_pipeline.adapters.postgres.logs import known_logs
from photo_pipeline.adapters.postgres.models import IngestRecord, Photo
from photo_pipeline.domain.gallery import PhotoStatus, ReceiptState, ReceiptStatus
from photo_pipeline.domain.logs import KnownLog, lost_at, lost_unseen, may_lie_in
from photo_pipeline.domain.outcomes import AbsentReason, Outcome
from photo_pipeline.domain.photo import Receipt

AnyRow = Row[*tuple[Any, ...]]

_POSITION = (IngestRecord.topic, IngestRecord.partition, IngestRecord.offset)
_STATES = {
    Outcome.PROCESSED: ReceiptState.PROCESSED,
    Outcome.DUPLICATE: ReceiptState.DUPLICATE,
    Outcome.REJECTED: ReceiptState.REJECTED,
    # A receipt's record was in Kafka; where it is gone unread, the photo is lost, and its sender must hear that.
    Outcome.ABSENT: ReceiptState.LOST,
}
_WITHOUT_PHOTO = frozenset({ReceiptState.REJECTED, ReceiptState.LOST})
"""What is said of a record that has brought no photo. The photo may be there all the same, by another record."""


def receipt_state(outcome: Outcome) -> ReceiptState:
    """What a record's outcome means to its sender."""
    return _STATES[outcome]


def receipt_statuses(connection: Connection, receipts: Sequence[Receipt]) -> list[ReceiptStatus]:
    """What became of each receipt's record, in the same order.

    Offsets begin anew where a topic was made again, so a position has a record in each log of that name: the receipt's
    is the one with its photo. What has none yet waits, until somebody has given up the log in which it was.
    """
    wanted = {(at.topic, at.partition, at.offset) for at in (receipt.coordinates for receipt in receipts)}
    of_records = select(
        *_POSITION,
        IngestRecord.incarnation,
        IngestRecord.outcome,
        IngestRecord.reason,
        IngestRecord.photo_id,
        IngestRecord.accepted_at,
        IngestRecord.processed_at,
    ).where(tuple_(*_POSITION).in_(wanted))
    of_photos = select(Photo.photo_id, Photo.status, Photo.expired_at).where(
        Photo.photo_id.in_({receipt.photo_id for receipt in receipts})
    )
    found: Mapping[tuple[str, int, int], list[AnyRow]] = defaultdict(list)
    for row in connection.execute(of_records):
        found[row.topic, row.partition, row.offset].append(row)
    photos = {row.photo_id: row for row in connection.execute(of_photos)}
    logs = known_logs(connection, {topic for topic, _, _ in wanted})
    return [status_of(receipt, found[_position(receipt)], logs, photos.get(receipt.photo_id)) for receipt in receipts]


def _position(receipt: Receipt) -> tuple[str, int, int]:
    at = receipt.coordinates
    return at.topic, at.partition, at.offset


def status_of(
    receipt: Receipt, rows: Sequence[AnyRow], logs: Sequence[KnownLog], photo: AnyRow | None
) -> ReceiptStatus:
    """What became of one receipt's record, of the rows at its position and the logs of its topic. Pure."""
    own = [row for row in rows if row.photo_id == receipt.photo_id]
    if own:
        # A log that was cut is read again from its beginning: what its record came to first is what counts.
        return _of_row(min(own, key=lambda row: (row.accepted_at != receipt.accepted_at, row.incarnation)), photo)
    candidates = may_lie_in(receipt, logs)
    unread = [each for each in candidates if receipt.coordinates.offset >= each.next_offset]
    given_up_at = lost_at(unread)
    if unread and given_up_at is None:
        return ReceiptStatus(ReceiptState.PENDING)
    nameless = _nameless(rows, candidates)
    if nameless is not None:
        return _of_row(nameless, photo)
    given_up_at = given_up_at or lost_unseen(receipt, logs)
    if given_up_at is not None:
        return _verdict(ReceiptState.LOST, AbsentReason.LOG_LOST, given_up_at, photo)
    return ReceiptStatus(ReceiptState.PENDING)


def _nameless(rows: Iterable[AnyRow], candidates: Iterable[KnownLog]) -> AnyRow | None:
    """The row of an offset of which nobody knows whose photo it was, in a log in which this receipt's can lie."""
    incarnations = {each.log.incarnation for each in candidates}
    return next((row for row in rows if row.photo_id is None and row.incarnation in incarnations), None)


def _of_row(row: AnyRow, photo: AnyRow | None) -> ReceiptStatus:
    return _verdict(receipt_state(Outcome(row.outcome)), row.reason, row.processed_at, photo)


def _verdict(state: ReceiptState, reason: str | None, at: datetime, photo: AnyRow | None) -> ReceiptStatus:
    """What is said of a record, and what its photo says to it."""
    if photo is None or (state in _WITHOUT_PHOTO and _is_over(photo, at)):
        return ReceiptStatus(state, reason, at)
    if photo.status == PhotoStatus.EXPIRED.value:
        state = ReceiptState.EXPIRED
    elif state in _WITHOUT_PHOTO:
        state = ReceiptState.DUPLICATE  # another record has brought it
    return ReceiptStatus(state, None, at)


def _is_over(photo: AnyRow, verdict_at: datetime) -> bool:
    """Whether the photo had come and gone before this record's verdict, so that it says nothing of it."""
    return photo.expired_at is not None and bool(photo.expired_at <= verdict_at)
