"""The ledger's side of reprocessing: requests, attempts at shards, and records that are fed again.

Locks are taken in the order of the rest: shard, then photos by their ids. All times are the database's.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import OperationalError

from photo_pipeline.adapters.postgres.bulk import update_rows
from photo_pipeline.adapters.postgres.commit import photo_row, replace_renditions
from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.models import Photo, ReprocessAttempt, ReprocessRequest, Shard
from photo_pipeline.adapters.postgres.retention import inherited
from photo_pipeline.domain.errors import (
    AttemptSupersededError,
    InvalidRequestError,
    RequestBusyError,
    SourceGoneError,
)
from photo_pipeline.domain.ledger import ArchivedPhoto, ShardFile
from photo_pipeline.domain.photo import RecordCoordinates, Source
from photo_pipeline.domain.reprocess import Attempt, Request, SourcePhoto, SourceShard, UnsettledRecord
from photo_pipeline.domain.retention import KEEP

ShardFacts = Row[int, str, date, str, datetime]

NOT_WORTHWHILE = timedelta(hours=1)
"""What expires within this time is left alone."""
DERIVED = frozenset(
    {
        "shard_id",
        "content_type",
        "format",
        "width",
        "height",
        "camera",
        "taken_at",
        "taken_at_offset",
        "blurhash",
        "dominant_color",
    }
)
"""What today's code says of a photo; when and by whom it was sent stays as it was."""
LOCK_NOT_AVAILABLE = "55P03"

# The record that brought the photo last is the one that its shard's description names.
PHOTOS = text("""
SELECT p.photo_id, p.customer_id, p.sha256, p.source, p.filename, p.bytes, p.accepted_at,
       l.topic, l."partition", r."offset", l.incarnation, o."offset" AS original_offset, o.length AS original_length
  FROM shard s
  JOIN photo p ON p.shard_id = s.shard_id
  JOIN rendition o ON o.photo_id = p.photo_id AND o.kind = 'original' AND o.shard_id = s.shard_id
  JOIN LATERAL (SELECT log_id, "offset" FROM ledger_record
                 WHERE photo_id = p.photo_id AND outcome IN ('processed', 'duplicate')
                   AND processed_at >= p.processed_at - interval '1 hour'
                 ORDER BY accepted_at DESC LIMIT 1) r ON true
  JOIN partition_progress l ON l.log_id = r.log_id
 WHERE s.shard_id = :shard_id AND s.state = 'live'
   AND p.uploaded_at >= :start AND p.uploaded_at < :end
   AND (CAST(:customer_id AS uuid) IS NULL OR p.customer_id = :customer_id)
   AND (CAST(:format AS text) IS NULL OR p.format = :format)
 ORDER BY o."offset"
""")
# A copy that is rejected again, while the request is still being worked on, is not of this request. And what was erased
# is not brought to Kafka again.
REJECTED = """
SELECT p.topic, p."partition", r."offset", p.incarnation, p.topic_id FROM ledger_record r
  JOIN partition_progress p USING (log_id)
 WHERE r.outcome = 'rejected' AND r.processed_at >= :start AND r.processed_at < :end AND p.topic = ANY(:topics)
   AND coalesce(r.reason, '') <> 'erased'
   AND (CAST(:customer_id AS uuid) IS NULL OR r.customer_id = :customer_id)
   AND (CAST(:reason AS text) IS NULL OR r.reason = :reason)
   AND (CAST(:only_topic AS text) IS NULL OR (p.topic = :only_topic AND p."partition" = :only_partition
                                              AND r."offset" = :only_offset AND p.incarnation = :only_incarnation))
   AND r.processed_at < (SELECT requested_at FROM reprocess_request WHERE request_id = :request_id)
   AND NOT EXISTS (SELECT FROM refed_record f
                    WHERE f.topic = p.topic AND f."partition" = p."partition" AND f."offset" = r."offset"
                      AND f.incarnation = p.incarnation)
   {after}
 ORDER BY r.processed_at, p.topic, p."partition", p.incarnation, r."offset" LIMIT :limit
"""
# In the index's order, so that no batch reads again what earlier ones have read.
AFTER = """
   AND r.processed_at >= (SELECT a.processed_at FROM ingest_record a
                           WHERE a.topic = :topic AND a."partition" = :partition AND a."offset" = :offset
                             AND a.incarnation = :incarnation)
   AND (r.processed_at, p.topic, p."partition", p.incarnation, r."offset")
       > ((SELECT a.processed_at FROM ingest_record a
            WHERE a.topic = :topic AND a."partition" = :partition AND a."offset" = :offset
              AND a.incarnation = :incarnation), :topic, :partition, :incarnation, :offset)
"""
ANNOUNCE = text("""
INSERT INTO refed_record (topic, "partition", "offset", incarnation, request_id, sought_from)
SELECT topic, "partition", "offset", incarnation, :request_id,
       jsonb_object(CAST(:numbers AS text[]), CAST(:ends AS text[]))
  FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS int[]), CAST(:offsets AS bigint[]),
              CAST(:incarnations AS smallint[])) AS sent (topic, "partition", "offset", incarnation)
ON CONFLICT DO NOTHING RETURNING topic, "partition", "offset", incarnation
""")
UNSETTLED = text("""
SELECT f.topic, f."partition", f."offset", f.incarnation, p.topic_id, f.sought_from FROM refed_record f
  JOIN partition_progress p USING (topic, "partition", incarnation)
 WHERE f.request_id = :request_id AND f.fed_at IS NULL ORDER BY f.topic, f."partition", f.incarnation, f."offset"
""")
SETTLE = text("""
UPDATE refed_record SET fed_at = clock_timestamp(), fed_partition = :fed_partition, fed_offset = :fed_offset
 WHERE topic = :topic AND "partition" = :partition AND "offset" = :offset AND incarnation = :incarnation
   AND fed_at IS NULL
""")
FED = text("SELECT count(*) FROM refed_record WHERE request_id = :request_id AND fed_at IS NOT NULL")


class PostgresRequestRegister:
    """The ``RequestRegister`` port on PostgreSQL, with role ``photo_pipeline``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def accept(self, request: Request) -> None:
        """See the port."""
        parameters = request.parameters()
        values = {"request_id": request.request_id, "mode": request.mode.value, "parameters": parameters}
        with transaction(self._engine) as connection:
            connection.execute(upsert(ReprocessRequest).values(values).on_conflict_do_nothing())
            kept = select(ReprocessRequest.parameters).where(ReprocessRequest.request_id == request.request_id)
            if connection.scalar(kept) != parameters:
                raise InvalidRequestError(f"{request.request_id} has asked for something else before")


class PostgresRenditionLedger:
    """The ``RenditionLedger`` port on PostgreSQL, with role ``photo_pipeline``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def source_shards(self, request: Request) -> Sequence[int]:
        """See the port."""
        made = exists().where(
            ReprocessAttempt.shard_id == Shard.shard_id, ReprocessAttempt.request_id == request.request_id
        )
        expires_later = Shard.committed_at > func.clock_timestamp() - (KEEP - NOT_WORTHWHILE)
        statement = (
            select(Shard.shard_id)
            .where(Shard.state == "live", or_(Shard.kind == "hold", expires_later), ~made, _has_photo(request))
            .order_by(Shard.shard_id)
        )
        with transaction(self._engine) as connection:
            return list(connection.scalars(statement))

    def photos(self, request: Request, shard_id: int) -> Sequence[SourcePhoto]:
        """See the port."""
        parameters = {**_window(request), "shard_id": shard_id, "format": request.format and request.format.value}
        with transaction(self._engine) as connection:
            return [_source_photo(row) for row in connection.execute(PHOTOS, parameters)]

    def begin(self, request_id: str, shard_id: int) -> tuple[Attempt, Sequence[Attempt]] | None:
        """See the port. The request's lock keeps two beginnings apart."""
        request = select(ReprocessRequest.request_id).where(ReprocessRequest.request_id == request_id)
        mine = (ReprocessAttempt.request_id == request_id) & (ReprocessAttempt.source_shard_id == shard_id)
        with transaction(self._engine) as connection:
            connection.execute(request.with_for_update(key_share=True))
            row = connection.execute(_shard().where(Shard.shard_id == shard_id, Shard.state == "live")).one_or_none()
            if row is None:
                return None
            source = _source(row)
            earlier = [Attempt(number, request_id, source) for number, _, _ in _abandon(connection, mine)]
            beginning = insert(ReprocessAttempt).values(request_id=request_id, source_shard_id=shard_id)
            number = connection.execute(beginning.returning(ReprocessAttempt.attempt_id)).scalar_one()
        return Attempt(number, request_id, source), earlier

    def swap(self, attempt: Attempt, file: ShardFile, photos: Sequence[ArchivedPhoto]) -> int:
        """See the port."""
        with transaction(self._engine) as connection:
            _fence(connection, attempt)
            source = _lock_source(connection, attempt.source.shard_id)
            staying = _lock_photos(connection, attempt.source.shard_id, photos)
            if not staying:
                _end(connection, attempt, "abandoned", None)
                return 0
            shard_id = _insert_shard(connection, source, file, len(photos))
            rows = [photo_row(photo, shard_id) for photo in staying]
            derived = [{name: row[name] for name in ("photo_id", *sorted(DERIVED))} for row in rows]
            connection.execute(update_rows(Photo, "photo_id", derived))
            replace_renditions(connection, staying, shard_id)
            _end(connection, attempt, "committed", shard_id)
        return len(staying)

    def abandon(self, request_id: str) -> Sequence[Attempt]:
        """See the port."""
        gone = exists().where(Shard.shard_id == ReprocessAttempt.source_shard_id, Shard.state == "removed")
        with transaction(self._engine) as connection:
            ended = _abandon(connection, or_(ReprocessAttempt.request_id == request_id, gone))
            shards = _shard().where(Shard.shard_id.in_([shard_id for _, _, shard_id in ended]))
            sources = {row.shard_id: _source(row) for row in connection.execute(shards)}
        return [Attempt(number, asked_by, sources[shard_id]) for number, asked_by, shard_id in ended]


class PostgresDeadLetterLedger:
    """The ``DeadLetterLedger`` port on PostgreSQL, with role ``photo_pipeline``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def alone(self, request_id: str) -> Iterator[Callable[[], None]]:
        """See the port. The lock is one that new rows of the request do not wait for.

        The server ends a transaction that stands still for too long, and a query then fails.
        """
        statement = select(ReprocessRequest.request_id).where(ReprocessRequest.request_id == request_id)
        with transaction(self._engine) as connection:
            try:
                connection.execute(statement.with_for_update(key_share=True, nowait=True))
            except OperationalError as error:
                if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
                    raise RequestBusyError(request_id) from error
                raise
            yield lambda: connection.execute(select(1)).close()

    def rejected(
        self, request: Request, topics: Collection[str], after: RecordCoordinates | None, limit: int
    ) -> Sequence[RecordCoordinates]:
        """See the port. The index ``ledger_record_rejected`` finds the window."""
        parameters: dict[str, object] = {**_window(request), "topics": list(topics), "limit": limit}
        parameters |= {"request_id": request.request_id, "reason": request.reason and request.reason.value}
        only = request.record
        parameters |= {"only_topic": only and only.topic, "only_partition": only and only.partition}
        parameters |= {"only_offset": only and only.offset, "only_incarnation": only and only.incarnation}
        if after is not None:
            parameters |= {"topic": after.topic, "partition": after.partition, "offset": after.offset}
            parameters["incarnation"] = after.incarnation
        statement = text(REJECTED.format(after="" if after is None else AFTER))
        with transaction(self._engine) as connection:
            return [_coordinates(row) for row in connection.execute(statement, parameters)]

    def announce(
        self, request_id: str, records: Collection[RecordCoordinates], sought_from: Mapping[int, int]
    ) -> set[RecordCoordinates]:
        """See the port."""
        parameters = {
            "request_id": request_id,
            "topics": [record.topic for record in records],
            "partitions": [record.partition for record in records],
            "offsets": [record.offset for record in records],
            "incarnations": [record.incarnation for record in records],
            "numbers": [str(number) for number in sought_from],
            "ends": [str(end) for end in sought_from.values()],
        }
        with transaction(self._engine) as connection:
            return {_coordinates(row) for row in connection.execute(ANNOUNCE, parameters)}

    def unsettled(self, request_id: str) -> Sequence[UnsettledRecord]:
        """See the port."""
        with transaction(self._engine) as connection:
            return [
                UnsettledRecord(_coordinates(row), {int(number): int(end) for number, end in row.sought_from.items()})
                for row in connection.execute(UNSETTLED, {"request_id": request_id})
            ]

    def settle(self, fed: Mapping[RecordCoordinates, RecordCoordinates]) -> None:
        """See the port."""
        rows = [
            {
                "topic": rejected.topic,
                "partition": rejected.partition,
                "offset": rejected.offset,
                "incarnation": rejected.incarnation,
                "fed_partition": at.partition,
                "fed_offset": at.offset,
            }
            for rejected, at in fed.items()
        ]
        if rows:
            with transaction(self._engine) as connection:
                connection.execute(SETTLE, rows)

    def fed(self, request_id: str) -> int:
        """See the port."""
        with transaction(self._engine) as connection:
            return int(connection.execute(FED, {"request_id": request_id}).scalar_one())


def _has_photo(request: Request) -> ColumnElement[bool]:
    """Whether a shard of the surrounding query has a photo that is asked for.

    A customer's photos are found among theirs. Else the index is asked once for each shard that is there, which the
    planner would not do for a plain EXISTS. Shards are not left out by their age: another clock says that.
    """
    in_window = [Photo.uploaded_at >= request.start, Photo.uploaded_at < request.end]
    in_window += [Photo.format == request.format.value] if request.format else []
    if request.customer_id:
        theirs = (Photo.customer_id == request.customer_id) & (Photo.status == literal_column("'processed'"))
        return Shard.shard_id.in_(select(Photo.shard_id).where(theirs, *in_window))
    first = select(Photo.photo_id).where(Photo.shard_id == Shard.shard_id, *in_window).limit(1).correlate(Shard)
    return first.scalar_subquery().is_not(None)


def _window(request: Request) -> dict[str, object]:
    return {"start": request.start, "end": request.end, "customer_id": request.customer_id}


def _shard() -> Select[int, str, date, str, datetime]:
    return select(Shard.shard_id, Shard.path, Shard.dt, Shard.kind, Shard.committed_at)


def _source(row: ShardFacts) -> SourceShard:
    return SourceShard(row.shard_id, row.path, row.dt, row.kind == "hold")


def _source_photo(row: Row[Any]) -> SourcePhoto:
    return SourcePhoto(
        photo_id=row.photo_id,
        customer_id=row.customer_id,
        sha256=row.sha256,
        source=Source(row.source),
        filename=row.filename,
        bytes=row.bytes,
        accepted_at=row.accepted_at,
        coordinates=_coordinates(row),
        offset=row.original_offset,
        length=row.original_length,
    )


def _coordinates(row: Row[Any]) -> RecordCoordinates:
    topic_id = getattr(row, "topic_id", None)  # asked only where the record itself is wanted
    return RecordCoordinates(row.topic, row.partition, row.offset, row.incarnation, topic_id)


def _abandon(connection: Connection, which: Any) -> list[tuple[int, str, int]]:
    """Fence off attempts; number, request and source of each."""
    columns = (ReprocessAttempt.attempt_id, ReprocessAttempt.request_id, ReprocessAttempt.source_shard_id)
    statement = (
        update(ReprocessAttempt)
        .where(ReprocessAttempt.state == "writing", which)
        .values(state="abandoned", ended_at=func.clock_timestamp())
        .returning(*columns)
    )
    return [(row.attempt_id, row.request_id, row.source_shard_id) for row in connection.execute(statement)]


def _fence(connection: Connection, attempt: Attempt) -> None:
    """Lock the attempt for the rest of the transaction, if it still stands."""
    mine = (ReprocessAttempt.attempt_id == attempt.attempt_id) & (ReprocessAttempt.state == "writing")
    if connection.scalar(select(ReprocessAttempt.attempt_id).where(mine).with_for_update()) is None:
        raise AttemptSupersededError(attempt.attempt_id)


def _lock_source(connection: Connection, shard_id: int) -> ShardFacts:
    """Keep retention from claiming the source before this transaction ends, and see that its time is not over."""
    in_time = or_(Shard.kind == "hold", Shard.committed_at > func.clock_timestamp() - KEEP)
    live = _shard().where(Shard.shard_id == shard_id, Shard.state == "live", in_time)
    row = connection.execute(live.with_for_update(read=True)).one_or_none()
    if row is None:
        raise SourceGoneError(shard_id)
    return row


def _lock_photos(connection: Connection, shard_id: int, photos: Sequence[ArchivedPhoto]) -> list[ArchivedPhoto]:
    """Those of the photos whose index still finds them in this shard, once their locks are got."""
    here = (Photo.shard_id == shard_id) & Photo.photo_id.in_([photo.photo_id for photo in photos])
    locked = set(connection.scalars(select(Photo.photo_id).where(here).order_by(Photo.photo_id).with_for_update()))
    return [photo for photo in photos if photo.photo_id in locked]


def _insert_shard(connection: Connection, source: ShardFacts, file: ShardFile, photos: int) -> int:
    """As old as its source: a photo's life must not change. Where photos are held, what replaces them is held too."""
    kind = "hold" if source.kind == "hold" else "reprocess"
    values = {"path": file.path, "kind": kind, "dt": source.dt, "length": file.length, "photos": photos}
    statement = insert(Shard).values(**values, **inherited(source.shard_id)).returning(Shard.shard_id)
    return connection.execute(statement).scalar_one()


def _end(connection: Connection, attempt: Attempt, state: str, shard_id: int | None) -> None:
    ended = {"state": state, "shard_id": shard_id, "ended_at": func.clock_timestamp()}
    which = ReprocessAttempt.attempt_id == attempt.attempt_id
    connection.execute(update(ReprocessAttempt).where(which).values(ended))
