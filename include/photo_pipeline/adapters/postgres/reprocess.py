"""The ledger's side of reprocessing: requests, and attempts at shards.

Locks are taken in the order of the rest: shard, then photos by their ids. All times are the database's.
"""

from collections.abc import Sequence
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

from photo_pipeline.adapters.postgres.bulk import update_rows
from photo_pipeline.adapters.postgres.commit import photo_row, replace_renditions
from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.models import Photo, ReprocessAttempt, ReprocessRequest, Shard
from photo_pipeline.adapters.postgres.retention import inherited
from photo_pipeline.domain.errors import (
    AttemptSupersededError,
    InvalidRequestError,
    SourceGoneError,
)
from photo_pipeline.domain.ledger import ArchivedPhoto, ShardFile
from photo_pipeline.domain.photo import RecordCoordinates, Source
from photo_pipeline.domain.reprocess import Attempt, Request, SourcePhoto, SourceShard
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
        parameters = {**window_of(request), "shard_id": shard_id, "format": request.format and request.format.value}
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


def window_of(request: Request) -> dict[str, object]:
    """What a request chooses by."""
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
        coordinates=coordinates_of(row),
        offset=row.original_offset,
        length=row.original_length,
    )


def coordinates_of(row: Row[Any]) -> RecordCoordinates:
    """Of a row that has them in columns of these names."""
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
