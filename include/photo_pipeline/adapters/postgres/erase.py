"""The ledger's side of erasing. What blanks rows is a function of the tables' owner; the rest is the pipeline's own."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, delete, exists, func, select, text, update

from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.erased import erased_among
from photo_pipeline.adapters.postgres.models import Photo, Rendition, Shard
from photo_pipeline.adapters.postgres.models_of_erasure import Erasure as ErasureRow
from photo_pipeline.adapters.postgres.models_of_erasure import ErasureRecord
from photo_pipeline.adapters.postgres.models_of_erasure import ErasureShard as ShardRow
from photo_pipeline.domain.accounts import STEP
from photo_pipeline.domain.erasure import (
    EraseRequest,
    Erasure,
    ErasureShard,
    KafkaHad,
    Rewriting,
    ShardProgress,
    Subject,
    digest_of,
    done_of,
)
from photo_pipeline.domain.errors import (
    ErasureHeldError,
    ErasureUnfinishedError,
    InvalidEraseRequestError,
    NothingToEraseError,
    RewriteSupersededError,
)
from photo_pipeline.domain.ledger import ShardFile
from photo_pipeline.domain.photo import RecordCoordinates
from photo_pipeline.domain.shard_walk import Remainder

BEGIN = text("SELECT begin_erasure(:name, :subject, :subject_id, :salt, :digest, :reason, :by)")
ERASE_SOME = text("SELECT erase_some(:erasure_id, :subject, :subject_id, :most)")
UNPROVEN = text("SELECT unproven_erasure_of(:subject_id)")
NOTE_READERS = text("SELECT note_readers(:erasure_id, :subject_id)")
MOVE = text("""
UPDATE rendition r SET "offset" = m."to"
  FROM unnest(CAST(:old AS bigint[]), CAST(:new AS bigint[])) AS m ("from", "to")
 WHERE r.shard_id = :shard_id AND r."offset" = m."from"
""")
# Whoever publishes a photo has locked its entry when they looked up where it lies.
PUBLISHING = text("""
SELECT count(*) FROM (
  SELECT o.outbox_id FROM outbox o
    JOIN partition_progress l ON l.topic = o.topic AND l."partition" = o."partition" AND l.incarnation = o.incarnation
    JOIN ledger_record r ON r.log_id = l.log_id AND r."offset" = o."offset" AND r.processed_at = o.processed_at
    JOIN photo p ON p.photo_id = r.photo_id AND p.shard_id = :shard_id
   WHERE o.published_at IS NULL AND o.kind = 'processed' ORDER BY o.outbox_id FOR UPDATE OF o) waiting
""")
UNDER_WAY = text("""
SELECT s.slice_id FROM erasure e
 CROSS JOIN LATERAL jsonb_each_text(e.under_way) u (slice_id, attempt)
  JOIN slice s ON s.slice_id = CAST(u.slice_id AS bigint)
 WHERE e.erasure_id = :erasure_id AND s.state = 'running' AND s.attempt = CAST(u.attempt AS integer)
 ORDER BY s.slice_id
""")
# In the order of the table's key: a page costs what it holds, however many there are.
DOCUMENTS = text("""
SELECT l.topic, l."partition", e."offset", l.incarnation
  FROM erasure_record e JOIN partition_progress l ON l.log_id = e.log_id
 WHERE e.erasure_id = :erasure_id
   AND (e.log_id, e."offset") > (coalesce((SELECT log_id FROM partition_progress
                                            WHERE topic = :topic AND "partition" = :partition
                                              AND incarnation = :incarnation), 0), :offset)
 ORDER BY e.log_id, e."offset" LIMIT :limit
""")
BEFORE_ALL = RecordCoordinates("", -1, -1)


class PostgresErasureLedger:
    """The ``ErasureLedger`` port on PostgreSQL, with role ``photo_pipeline``.

    Args:
        engine: the database.
        topics: where events of a kind of the outbox go.
        step_records: that are forgotten in one transaction.
    """

    def __init__(self, engine: Engine, topics: Mapping[str, str], step_records: int = STEP) -> None:
        self._engine = engine
        self._topics = topics
        self._step_records = step_records

    def begin(self, request: EraseRequest, salt: str) -> int:
        """See the port."""
        parameters = {
            "name": request.name,
            "subject": request.subject.value,
            "subject_id": request.subject_id,
            "salt": salt,
            "digest": digest_of(salt, request.subject_id),
            "reason": request.reason,
            "by": request.by,
        }
        with transaction(self._engine) as connection:
            answer: Mapping[str, Any] = connection.execute(BEGIN, parameters).scalar_one()
            if answer.get("unknown"):
                unproven = connection.scalar(UNPROVEN, {"subject_id": request.subject_id})
                raise NothingToEraseError(request.subject.value, before=bool(answer["before"]), unproven=unproven)
            _require_same(request, answer)
            self._step(connection, int(answer["erasure_id"]), request)
        return int(answer["erasure_id"])

    def forget_more(self, erasure_id: int, request: EraseRequest) -> bool:
        """See the port."""
        with transaction(self._engine) as connection:
            return self._step(connection, erasure_id, request)

    def note_readers(self, erasure_id: int, request: EraseRequest) -> None:
        """See the port."""
        with transaction(self._engine) as connection:
            connection.execute(NOTE_READERS, {"erasure_id": erasure_id, "subject_id": request.subject_id})

    def erased(self, ids: Collection[UUID]) -> set[UUID]:
        """See the port."""
        with transaction(self._engine) as connection:
            return erased_among(connection, ids)

    def shards(self, erasure_id: int) -> Sequence[ErasureShard]:
        """See the port."""
        left = (ShardRow.erasure_id == erasure_id) & ShardRow.state.in_((ShardProgress.PLANNED, ShardProgress.SWITCHED))
        statement = select(ShardRow.shard_id, ShardRow.path, ShardRow.state).where(left).order_by(ShardRow.shard_id)
        with transaction(self._engine) as connection:
            return [
                ErasureShard(shard_id, path, ShardProgress(state))
                for shard_id, path, state in connection.execute(statement)
            ]

    def rewriting(self, shard_id: int) -> Rewriting | None:
        """See the port."""
        begun = (
            update(Shard)
            .where(Shard.shard_id == shard_id, Shard.state == "live")
            .values(rewrites=Shard.rewrites + 1)
            .returning(Shard.shard_id, Shard.rewrites, Shard.path)
        )
        expiring = select(Shard.path).where(Shard.shard_id == shard_id, Shard.state == "expiring")
        with transaction(self._engine) as connection:
            row = connection.execute(begun).one_or_none()
            busy = connection.scalar(expiring)
        if busy is not None:
            raise _being_removed(busy)
        return None if row is None else Rewriting(*row)

    def switch(self, erasure_id: int, rewriting: Rewriting, file: ShardFile, remainder: Remainder) -> None:
        """See the port. Every rendition that the index finds in the shard moves, or none."""
        changed = {"path": file.path, "length": file.length, "photos": remainder.photos, "rewritten_at": func.now()}
        moves = {"old": list(remainder.moved), "new": list(remainder.moved.values())}
        with transaction(self._engine) as connection:
            _fence(connection, rewriting)
            indexed = _lock_renditions(connection, rewriting.shard_id)
            if connection.execute(MOVE, {**moves, "shard_id": rewriting.shard_id}).rowcount != indexed:
                raise RewriteSupersededError(rewriting.shard_id)
            connection.execute(update(Shard).where(Shard.shard_id == rewriting.shard_id).values(changed))
            _progress(connection, erasure_id, rewriting.shard_id, ShardProgress.SWITCHED)

    def retire(self, erasure_id: int, rewriting: Rewriting) -> None:
        """See the port."""
        going = {"state": "expiring", "expiring_at": func.clock_timestamp()}
        with transaction(self._engine) as connection:
            _fence(connection, rewriting)
            if _lock_renditions(connection, rewriting.shard_id):
                raise RewriteSupersededError(rewriting.shard_id)
            connection.execute(update(Shard).where(Shard.shard_id == rewriting.shard_id).values(going))
            _progress(connection, erasure_id, rewriting.shard_id, ShardProgress.SWITCHED)

    def let_readers_finish(self, shard_id: int) -> None:
        """See the port."""
        with transaction(self._engine) as connection:
            connection.execute(PUBLISHING, {"shard_id": shard_id})

    def is_needed(self, path: str) -> bool:
        """See the port."""
        with transaction(self._engine) as connection:
            return bool(connection.scalar(select(exists().where(Shard.path == path, Shard.state == "live"))))

    def settle(self, erasure_id: int, shard_id: int) -> None:
        """See the port."""
        # Of the erasure, and not of the retention, which has records of its own to write.
        mine = (ShardRow.erasure_id == erasure_id) & (ShardRow.shard_id == shard_id)
        is_switched = exists().where(mine, ShardRow.state == ShardProgress.SWITCHED)
        retired = (Shard.shard_id == shard_id) & (Shard.state == "expiring") & is_switched
        removed = {"state": "removed", "removed_at": func.clock_timestamp()}
        with transaction(self._engine) as connection:
            connection.execute(update(Shard).where(retired, _is_empty()).values(removed))
            is_there = connection.scalar(select(Shard.state).where(Shard.shard_id == shard_id)) == "live"
            was_switched = connection.scalar(select(is_switched))
            _progress(connection, erasure_id, shard_id, done_of(is_there=is_there, was_switched=bool(was_switched)))

    def under_way(self, erasure_id: int) -> Sequence[int]:
        """See the port."""
        noted = select(ErasureRow.under_way.is_not(None)).where(ErasureRow.erasure_id == erasure_id)
        with transaction(self._engine) as connection:
            if not connection.scalar(noted):
                raise ErasureUnfinishedError("its first task has not come to its end")
            return list(connection.scalars(UNDER_WAY, {"erasure_id": erasure_id}))

    def documents(self, erasure_id: int, after: str | None, limit: int) -> Sequence[str]:
        """See the port."""
        begin = BEFORE_ALL if after is None else RecordCoordinates.parse(after)
        parameters = {"topic": begin.topic, "partition": begin.partition, "incarnation": begin.incarnation}
        parameters |= {"offset": begin.offset, "erasure_id": erasure_id, "limit": limit}
        with transaction(self._engine) as connection:
            return [str(RecordCoordinates(*row)) for row in connection.execute(DOCUMENTS, parameters)]

    def erasure(self, erasure_id: int) -> Erasure:
        """See the port."""
        states = select(ShardRow.state, func.count()).where(ShardRow.erasure_id == erasure_id).group_by(ShardRow.state)
        with transaction(self._engine) as connection:
            row = connection.execute(select(ErasureRow.__table__).where(ErasureRow.erasure_id == erasure_id)).one()
            counts: dict[str, int] = dict(connection.execute(states).all())
        return Erasure(
            erasure_id=erasure_id,
            name=row.name,
            subject=Subject(row.subject),
            salt=row.salt,
            digest=row.digest,
            reason=row.reason,
            by=row.asked_by,
            erased_at=row.erased_at,
            photos=row.photos,
            records=row.records,
            rewritten=counts.get(ShardProgress.REWRITTEN, 0),
            removed=counts.get(ShardProgress.REMOVED, 0),
            kafka=[self._had(had) for had in row.kafka],
            proof=row.proof,
        )

    def prove(self, erasure_id: int, proof: str) -> str:
        """See the port."""
        unproven = (ErasureRow.erasure_id == erasure_id) & ErasureRow.proof.is_(None)
        with transaction(self._engine) as connection:
            connection.execute(update(ErasureRow).where(unproven).values(proof=proof, proven_at=func.now()))
            connection.execute(delete(ErasureRecord).where(ErasureRecord.erasure_id == erasure_id))
            kept = connection.scalar(select(ErasureRow.proof).where(ErasureRow.erasure_id == erasure_id))
        return str(kept)

    def _step(self, connection: Connection, erasure_id: int, request: EraseRequest) -> bool:
        parameters = {"subject": request.subject.value, "subject_id": request.subject_id, "most": self._step_records}
        answer: Mapping[str, Any] = connection.execute(
            ERASE_SOME, {**parameters, "erasure_id": erasure_id}
        ).scalar_one()
        _refuse_step(answer)
        return bool(answer["left"])

    def _had(self, had: Mapping[str, Any]) -> KafkaHad:
        topic = self._topics.get(had["topic"], had["topic"])
        return KafkaHad(topic, had["records"], datetime.fromisoformat(had["latest"]))


def _require_same(request: EraseRequest, answer: Mapping[str, Any]) -> None:
    """Raised inside the transaction, which is thereby undone."""
    asked = (request.subject.value, digest_of(answer["salt"], request.subject_id))
    if (answer["subject"], answer["digest"]) != asked:
        raise InvalidEraseRequestError(f"{request.name} has asked for something else before")


def _refuse_step(answer: Mapping[str, Any]) -> None:
    """What stands in the way. As ``_require_same``; what earlier steps have done stays done."""
    if held := answer.get("held"):
        raise ErasureHeldError([f"hold {each['hold_id']} by {each['placed_by']} ({each['reason']})" for each in held])
    if busy := answer.get("busy"):
        raise _being_removed(busy[0])


def _being_removed(path: str) -> ErasureUnfinishedError:
    return ErasureUnfinishedError(f"photo_archive_retention is just removing {path}: let it come to its end")


def _fence(connection: Connection, rewriting: Rewriting) -> None:
    """Lock the shard for the rest of the transaction, if the attempt still stands."""
    mine = (Shard.shard_id == rewriting.shard_id) & (Shard.rewrites == rewriting.number) & (Shard.state == "live")
    standing = select(Shard.shard_id).where(mine, Shard.path == rewriting.path).with_for_update()
    if connection.scalar(standing) is None:
        raise RewriteSupersededError(rewriting.shard_id)


def _lock_renditions(connection: Connection, shard_id: int) -> int:
    """How many renditions the index finds in the shard; none leaves it before this transaction ends."""
    photos = select(Photo.photo_id).where(Photo.shard_id == shard_id).order_by(Photo.photo_id).with_for_update()
    connection.execute(photos)
    return connection.scalar(select(func.count()).where(Rendition.shard_id == shard_id)) or 0


def _is_empty() -> Any:
    return ~exists().where(Photo.shard_id == Shard.shard_id)


def _progress(connection: Connection, erasure_id: int, shard_id: int, progress: ShardProgress) -> None:
    mine = (ShardRow.erasure_id == erasure_id) & (ShardRow.shard_id == shard_id)
    connection.execute(update(ShardRow).where(mine).values(state=progress.value))
