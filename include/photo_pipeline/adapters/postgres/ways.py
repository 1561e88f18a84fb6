"""Photos and records as they are looked up, from the views ``page_*``, with role ``photo_bi``: no names.

A record is found by its place with the time of its slice's commit, which says in which month's partition it is; a
photo's records through an index of each month that is kept.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, TextClause, text

from photo_pipeline.adapters.postgres.looking import looking, rows_of
from photo_pipeline.domain.photo import Log, RecordCoordinates
from photo_pipeline.domain.retention import Hold
from photo_pipeline.domain.ways import (
    FOUND,
    NEWEST_REFUSED,
    RECORDS,
    Course,
    LogRange,
    Mark,
    Member,
    Passage,
    PhotoFacts,
    Place,
    RefusedQuestion,
    Standing,
    Told,
    Way,
    Work,
)

AnyRow = Row[Any]

NEIGHBOURS = 3
"""So many are looked at on either side of what is not there."""

NOW = text("SELECT clock_timestamp()")
PASSAGE = """
SELECT r.topic, r."partition", r."offset", r.incarnation, r.log_id, r.slice_id, r.outcome, r.reason, r.detail, r.source,
       r.bytes, r.photo_id, r.customer_id, r.device_id, r.accepted_at, r.processed_at
  FROM page_outcome r
"""
NEWEST = 'ORDER BY r.processed_at DESC, r.topic DESC, r."partition" DESC, r."offset" DESC, r.incarnation DESC'
OF_LOG = 'topic = :topic AND "partition" = :partition AND incarnation = :incarnation'
AT = 'r.topic = :topic AND r."partition" = :partition AND r."offset" = :offset AND r.incarnation = :incarnation'
RECORD = text(f"""
{PASSAGE} WHERE {AT}
   AND r.processed_at = (SELECT committed_at FROM page_slice WHERE {OF_LOG} AND "start" <= :offset
                          ORDER BY "start" DESC LIMIT 1)
""")
ACCEPTED = text(f"""
{PASSAGE} WHERE r.photo_id = :photo_id AND r.outcome IN ('processed', 'duplicate') {NEWEST} LIMIT {FOUND}
""")
REFUSED_PHOTO = text(f"{PASSAGE} WHERE r.photo_id = :photo_id AND r.outcome = 'rejected' {NEWEST} LIMIT {FOUND}")
OF_SLICE = text(f"""
{PASSAGE} WHERE r.log_id = :log_id AND r."offset" >= :from_offset AND r."offset" < :end
   AND r.processed_at = :committed_at
 ORDER BY r."offset" LIMIT {RECORDS + 1}
""")
SLICE = text('SELECT log_id, "start", "end", committed_at FROM page_slice WHERE slice_id = :slice_id')
OF_CUSTOMER = text(f"{PASSAGE} WHERE r.customer_id = :customer_id {NEWEST} LIMIT {RECORDS + 1}")
OLDER_OF_CUSTOMER = text(f"""
{PASSAGE} WHERE r.customer_id = :customer_id AND r.processed_at <= :at
   AND (r.processed_at, r.topic, r."partition", r."offset", r.incarnation)
       < (CAST(:at AS timestamptz), :topic, :partition, :offset, :incarnation)
 {NEWEST} LIMIT {RECORDS + 1}
""")
WORK_COLUMNS = "slice_id, state, attempt, planned_at, committed_at, run_id, path, shard_state"
WORK = text(f"SELECT {WORK_COLUMNS} FROM page_slice WHERE slice_id = :slice_id")
OPEN_WORK = text(f"""
SELECT {WORK_COLUMNS} FROM page_slice
 WHERE {OF_LOG} AND state IN ('planned', 'running') AND "start" <= :offset AND "end" > :offset
""")
COURSE = text(f"""
SELECT (SELECT is_synced FROM page_record_state
         WHERE log_id = :log_id AND "offset" = :offset AND processed_at = :processed_at) AS is_synced,
       (SELECT fed_at FROM page_refed WHERE {OF_LOG} AND "offset" = :offset) AS refed_at
""")
TOLD = text(f"""
SELECT kind, created_at, published_at FROM page_publication WHERE {OF_LOG} AND "offset" = :offset LIMIT 1
""")
PHOTO_COLUMNS = """
photo_id, customer_id, sha256, source, status, format, width, height, bytes, uploaded_at, accepted_at, processed_at,
expired_at, binned_at, path, kind, shard_state, length, committed_at, kept_until
"""
PHOTOS = text(f"SELECT {PHOTO_COLUMNS} FROM page_photo WHERE photo_id = ANY (:photo_ids)")
# One look into the index for each: with a list and a limit, the planner would hope to find some of them on the way.
BY_BYTES = text(f"""
SELECT p.* FROM unnest(CAST(:starts AS text[])) AS s (start)
 CROSS JOIN LATERAL (SELECT {PHOTO_COLUMNS} FROM page_photo
                      WHERE status = 'processed' AND left(sha256, 12) COLLATE "C" = s.start LIMIT {FOUND}) p
 LIMIT {FOUND}
""")
BY_BYTES_FROM = text(f"""
SELECT {PHOTO_COLUMNS} FROM page_photo
 WHERE status = 'processed' AND left(sha256, 12) COLLATE "C" >= :start AND left(sha256, 12) COLLATE "C" < :behind
 ORDER BY left(sha256, 12) COLLATE "C" LIMIT {FOUND}
""")
_BESIDE = "(SELECT {key} FROM {view} WHERE {condition} {key} {sign} :value ORDER BY {key} {order} LIMIT {limit})"


def _beside(view: str, key: str, condition: str = "", limit: int = NEIGHBOURS) -> TextClause:
    """What stands on either side of a value in an index; the value itself comes with what is above it."""
    parts = {"view": view, "key": key, "condition": condition, "limit": limit}
    above = _BESIDE.format(**parts, sign=">=", order="")
    return text(f"{_BESIDE.format(**parts, sign='<', order='DESC')} UNION ALL {above}")


PHOTOS_BESIDE = _beside("page_photo", "photo_id")
REFUSED_BESIDE = _beside("page_outcome", "photo_id", "outcome = 'rejected' AND")
SLICES_BESIDE = _beside("page_slice", "slice_id", limit=1)
MEMBERS = text("""
SELECT kind, "offset", length, content_type, width, height FROM page_rendition
 WHERE photo_id = :photo_id ORDER BY "offset"
""")
_HOLD = "SELECT hold_id, customer_id, photo_id, reason, placed_by, placed_at FROM page_hold WHERE customer_id = "
HOLDS = text(f"""
{_HOLD} :customer_id AND photo_id = :photo_id UNION ALL {_HOLD} :customer_id AND photo_id IS NULL ORDER BY hold_id
""")
LOGS = text('SELECT topic, "partition", incarnation, first_offset, next_offset FROM page_partition ORDER BY 1, 2, 3')
STANDING = text(f"SELECT first_offset, next_offset, kafka_end, state FROM page_partition WHERE {OF_LOG}")
_REFUSED = f"{PASSAGE} WHERE r.outcome = 'rejected' AND r.processed_at > :since AND r.processed_at <= :until"
_NEWEST_REFUSED = f"ORDER BY r.processed_at DESC LIMIT {NEWEST_REFUSED + 1}"
REFUSED = text(f"{_REFUSED} {_NEWEST_REFUSED}")
REFUSED_OF_CUSTOMER = text(f"{_REFUSED} AND r.customer_id = :customer_id {_NEWEST_REFUSED}")


class PostgresWays:
    """The ``Ways`` port on PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of_photo(self, photo_id: UUID) -> Way | None:
        """See the port."""
        with looking(self._engine) as connection:
            rows = _records_of(connection, photo_id)
            photo = _photo_of(connection, photo_id)
            return None if photo is None and not rows else _way(connection, photo, rows)

    def of_record(self, where: RecordCoordinates) -> Way | None:
        """See the port."""
        with looking(self._engine) as connection:
            row = connection.execute(RECORD, _position(where)).first()
            if row is None:
                return None
            others = [] if row.photo_id is None else _records_of(connection, row.photo_id)
            photo = None if row.photo_id is None else _photo_of(connection, row.photo_id)
            return _way(connection, photo, [row, *(one for one in others if _where(one) != _where(row))])

    def standing(self, where: RecordCoordinates) -> Standing | None:
        """See the port."""
        with looking(self._engine) as connection:
            log = connection.execute(STANDING, _position(where)).first()
            if log is None:
                return None
            work = connection.execute(OPEN_WORK, _position(where)).first()
            now = connection.execute(NOW).scalar_one()
        found = None if work is None else Work(*work)
        return Standing(now, log.first_offset, log.next_offset, log.kafka_end, log.state, found)

    def logs(self) -> Sequence[LogRange]:
        """See the port."""
        rows = rows_of(self._engine, LOGS)
        return [
            LogRange(str(Log(row.topic, row.partition, row.incarnation)), row.first_offset, row.next_offset)
            for row in rows
        ]

    def photos(self, photo_ids: Collection[UUID]) -> Sequence[PhotoFacts]:
        """See the port."""
        return _photos(rows_of(self._engine, PHOTOS, photo_ids=list(photo_ids)))

    def photos_near(self, photo_id: UUID) -> Sequence[UUID]:
        """See the port."""
        with looking(self._engine) as connection:
            found = [connection.execute(each, {"value": photo_id}).all() for each in (PHOTOS_BESIDE, REFUSED_BESIDE)]
        return sorted({row.photo_id for rows in found for row in rows})

    def photos_of_bytes(self, starts: Collection[str]) -> Sequence[PhotoFacts]:
        """See the port."""
        return _photos(rows_of(self._engine, BY_BYTES, starts=list(starts)))

    def photos_of_bytes_from(self, start: str) -> Sequence[PhotoFacts]:
        """See the port."""
        return _photos(rows_of(self._engine, BY_BYTES_FROM, start=start, behind=f"{start}g"))

    def slices_near(self, slice_id: int) -> Sequence[int]:
        """See the port."""
        found = [row.slice_id for row in rows_of(self._engine, SLICES_BESIDE, value=slice_id)]
        return [slice_id] if slice_id in found else found

    def of_slice(self, slice_id: int, from_offset: int) -> Sequence[Passage]:
        """See the port."""
        with looking(self._engine) as connection:
            one = connection.execute(SLICE, {"slice_id": slice_id}).first()
            if one is None or one.committed_at is None:
                return []
            values = {"log_id": one.log_id, "end": one.end, "committed_at": one.committed_at}
            first = max(one.start, from_offset)
            return _passages(connection.execute(OF_SLICE, {**values, "from_offset": first}))

    def of_customer(self, customer_id: UUID, before: Mark | None) -> Sequence[Passage]:
        """See the port."""
        if before is None:
            return _passages(rows_of(self._engine, OF_CUSTOMER, customer_id=customer_id))
        position = {"at": before.at, **_position(before.where)}
        return _passages(rows_of(self._engine, OLDER_OF_CUSTOMER, customer_id=customer_id, **position))

    def refused(self, question: RefusedQuestion) -> Sequence[Passage]:
        """See the port."""
        window = {"since": question.since, "until": question.until}
        if question.customer_id is None:
            return _passages(rows_of(self._engine, REFUSED, **window))
        return _passages(rows_of(self._engine, REFUSED_OF_CUSTOMER, **window, customer_id=question.customer_id))


def _records_of(connection: Connection, photo_id: UUID) -> list[AnyRow]:
    found = [
        *connection.execute(ACCEPTED, {"photo_id": photo_id}),
        *connection.execute(REFUSED_PHOTO, {"photo_id": photo_id}),
    ]
    return sorted(found, key=lambda row: (row.processed_at, _where(row)), reverse=True)[:FOUND]


def _photo_of(connection: Connection, photo_id: UUID) -> PhotoFacts | None:
    return next(iter(_photos(connection.execute(PHOTOS, {"photo_ids": [photo_id]}))), None)


def _way(connection: Connection, photo: PhotoFacts | None, rows: Sequence[AnyRow]) -> Way:
    """The way of the first of these records."""
    now = connection.execute(NOW).scalar_one()
    course = _course(connection, rows[0]) if rows else None
    if photo is None:
        return Way(now, None, _passages(rows), course)
    key = {"photo_id": photo.photo_id}
    members = [Member(*row) for row in connection.execute(MEMBERS, key)]
    holds = [Hold(*row) for row in connection.execute(HOLDS, {**key, "customer_id": photo.customer_id})]
    return Way(now, photo, _passages(rows), course, members, holds)


def _course(connection: Connection, row: AnyRow) -> Course | None:
    work = connection.execute(WORK, {"slice_id": row.slice_id}).first()
    if work is None:
        return None
    position = _position(_where(row))
    told = connection.execute(TOLD, position).first()
    place = {**position, "log_id": row.log_id, "processed_at": row.processed_at}
    rest = connection.execute(COURSE, place).one()
    return Course(Work(*work), None if told is None else Told(*told), bool(rest.is_synced), rest.refed_at)


def _photos(rows: Iterable[AnyRow]) -> list[PhotoFacts]:
    return [
        PhotoFacts(
            photo_id=row.photo_id,
            customer_id=row.customer_id,
            sha256=row.sha256,
            source=row.source,
            status=row.status,
            format=row.format,
            width=row.width,
            height=row.height,
            bytes=row.bytes,
            uploaded_at=row.uploaded_at,
            accepted_at=row.accepted_at,
            processed_at=row.processed_at,
            expired_at=row.expired_at,
            binned_at=row.binned_at,
            place=_place(row),
        )
        for row in rows
    ]


def _place(row: AnyRow) -> Place | None:
    if row.path is None:
        return None
    return Place(row.path, row.kind, row.shard_state, row.length, row.committed_at, row.kept_until)


def _passages(rows: Iterable[AnyRow]) -> list[Passage]:
    return [
        Passage(
            where=_where(row),
            slice_id=row.slice_id,
            outcome=row.outcome,
            reason=row.reason,
            detail=row.detail,
            source=row.source,
            bytes=row.bytes,
            photo_id=row.photo_id,
            customer_id=row.customer_id,
            device_id=row.device_id,
            accepted_at=row.accepted_at,
            processed_at=row.processed_at,
        )
        for row in rows
    ]


def _where(row: AnyRow) -> RecordCoordinates:
    return RecordCoordinates(row.topic, row.partition, row.offset, row.incarnation)


def _position(where: RecordCoordinates) -> Mapping[str, object]:
    return {
        "topic": where.topic,
        "partition": where.partition,
        "offset": where.offset,
        "incarnation": where.incarnation,
    }
