"""What became of accepted photos, by their receipts."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, text

from photo_pipeline.adapters.postgres.logs import known_logs
from photo_pipeline.adapters.postgres.models import Photo
from photo_pipeline.domain.gallery import PhotoStatus, ReceiptState, ReceiptStatus
from photo_pipeline.domain.logs import KnownLog, lost_at, lost_unseen, may_lie_in
from photo_pipeline.domain.outcomes import AbsentReason, Outcome, RejectReason
from photo_pipeline.domain.photo import Receipt

AnyRow = Row[*tuple[Any, ...]]

Position = tuple[str, int, int]
Wanted = tuple[str, int, int, datetime, datetime]

# A record is settled soon after its acceptance, so that one month has to be looked into, or two at its end. Where
# nothing is found and something must be there, as after an outage or where clocks differ, all are looked into.
CLOCKS_DIFFER = timedelta(hours=1)
SETTLED_WITHIN = timedelta(days=1)
FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
RECORDS = text("""
SELECT l.topic, l."partition", w."offset", l.incarnation, r.outcome, r.reason, r.photo_id, r.accepted_at, r.processed_at
  FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS int[]), CAST(:offsets AS bigint[]),
              CAST(:since AS timestamptz[]), CAST(:until AS timestamptz[]))
         AS w (topic, "partition", "offset", since, until)
  JOIN partition_progress l USING (topic, "partition")
 CROSS JOIN LATERAL (
       SELECT * FROM ledger_record r
        WHERE r.log_id = l.log_id AND r."offset" = w."offset"
          AND r.processed_at >= w.since AND r.processed_at <= w.until OFFSET 0) r
""")
_STATES = {
    Outcome.PROCESSED: ReceiptState.PROCESSED,
    Outcome.DUPLICATE: ReceiptState.DUPLICATE,
    Outcome.REJECTED: ReceiptState.REJECTED,
    # A receipt's record was in Kafka; where it is gone unread, the photo is lost, and its sender must hear that.
    Outcome.ABSENT: ReceiptState.LOST,
}
_WITH_PHOTO = frozenset({Outcome.PROCESSED.value, Outcome.DUPLICATE.value})
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
    of_photos = select(Photo.photo_id, Photo.status, Photo.expired_at).where(
        Photo.photo_id.in_({receipt.photo_id for receipt in receipts})
    )
    logs = known_logs(connection, {receipt.coordinates.topic for receipt in receipts})
    found = _records(connection, receipts, logs)
    photos = {row.photo_id: row for row in connection.execute(of_photos)}
    return [status_of(receipt, found[_position(receipt)], logs, photos.get(receipt.photo_id)) for receipt in receipts]


def _records(
    connection: Connection, receipts: Sequence[Receipt], logs: Sequence[KnownLog]
) -> Mapping[Position, list[AnyRow]]:
    """The rows at each receipt's position. ``logs`` was read before: what it says is settled has its rows."""
    found: Mapping[Position, list[AnyRow]] = defaultdict(list)
    if not receipts:
        return found
    _look(connection, {_wanted(receipt) for receipt in receipts}, found)
    missed = [
        _position(receipt)
        for receipt in receipts
        if not found[_position(receipt)] and any(_has_read(each, receipt) for each in logs)
    ]
    if missed:
        _look(connection, {(*position, FIRST, LAST) for position in missed}, found)
    return found


def _wanted(receipt: Receipt) -> Wanted:
    return (*_position(receipt), receipt.accepted_at - CLOCKS_DIFFER, receipt.accepted_at + SETTLED_WITHIN)


def _look(connection: Connection, wanted: Collection[Wanted], found: Mapping[Position, list[AnyRow]]) -> None:
    names = ("topics", "partitions", "offsets", "since", "until")
    parameters = dict(zip(names, (list(values) for values in zip(*wanted, strict=True)), strict=True))
    for row in connection.execute(RECORDS, parameters):
        found[row.topic, row.partition, row.offset].append(row)


def _has_read(log: KnownLog, receipt: Receipt) -> bool:
    at = receipt.coordinates
    return log.log.topic_partition == at.topic_partition and log.first_offset <= at.offset < log.next_offset


def _position(receipt: Receipt) -> Position:
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
    if any(receipt.coordinates.offset < each.first_offset for each in candidates):
        return ReceiptStatus(ReceiptState.EXPIRED)  # its record is not kept any more
    given_up_at = given_up_at or lost_unseen(receipt, logs)
    if given_up_at is not None:
        return _verdict(ReceiptState.LOST, AbsentReason.LOG_LOST, given_up_at, photo)
    return ReceiptStatus(ReceiptState.PENDING)


def _nameless(rows: Iterable[AnyRow], candidates: Iterable[KnownLog]) -> AnyRow | None:
    """The row of an offset of which nobody knows whose photo it was, in a log in which this receipt's can lie."""
    incarnations = {each.log.incarnation for each in candidates}
    return next((row for row in rows if row.photo_id is None and row.incarnation in incarnations), None)


def _of_row(row: AnyRow, photo: AnyRow | None) -> ReceiptStatus:
    """A record that brought a photo, and of which nobody knows which, brought one that was erased since."""
    if row.photo_id is None and row.outcome in _WITH_PHOTO:
        return ReceiptStatus(ReceiptState.REJECTED, RejectReason.ERASED, row.processed_at)
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
