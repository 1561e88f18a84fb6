"""What the ledger says of the archive, page by page, for the reconciliation."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Engine, exists, select, tuple_

from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.models import Photo, Rendition, Shard
from photo_pipeline.domain.photo import RenditionKind
from photo_pipeline.domain.reconciliation import MemberPosition, MemberRow, ShardRow


class PostgresArchiveAudit:
    """The ``ArchiveAudit`` port on PostgreSQL, with role ``photo_pipeline``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def shards(self, after: tuple[datetime, int], limit: int) -> Sequence[ShardRow]:
        """See the port. The index ``shard_not_removed`` has this order."""
        columns = (Shard.shard_id, Shard.kind, Shard.path, Shard.length, Shard.committed_at, Shard.state)
        statement = (
            select(*columns)
            .where(Shard.state != "removed", tuple_(Shard.committed_at, Shard.shard_id) > tuple_(*after))
            .order_by(Shard.committed_at, Shard.shard_id)
            .limit(limit)
        )
        with transaction(self._engine) as connection:
            return [ShardRow(*row) for row in connection.execute(statement)]

    def shard_states(self, paths: Collection[str]) -> Mapping[str, str]:
        """See the port."""
        statement = select(Shard.path, Shard.state).where(Shard.path.in_(paths))
        with transaction(self._engine) as connection:
            return {row.path: row.state for row in connection.execute(statement)}

    def members(self, after: MemberPosition, limit: int) -> Sequence[MemberRow]:
        """See the port."""
        statement = (
            select(
                Rendition.shard_id,
                Rendition.offset,
                Rendition.photo_id,
                Rendition.kind,
                Shard.path,
                Rendition.length,
                Rendition.crc32,
                Photo.sha256,
            )
            .join(Shard, Shard.shard_id == Rendition.shard_id)
            .join(Photo, Photo.photo_id == Rendition.photo_id)
            .where(
                Shard.state == "live",
                tuple_(Rendition.shard_id, Rendition.offset) > tuple_(after.shard_id, after.offset),
            )
            .order_by(Rendition.shard_id, Rendition.offset)
            .limit(limit)
        )
        with transaction(self._engine) as connection:
            return [
                MemberRow(
                    position=MemberPosition(row.shard_id, row.offset),
                    photo_id=row.photo_id,
                    kind=RenditionKind(row.kind),
                    path=row.path,
                    length=row.length,
                    crc32=row.crc32,
                    sha256=row.sha256,
                )
                for row in connection.execute(statement)
            ]

    def is_indexed(self, member: MemberRow) -> bool:
        """See the port."""
        found = exists().where(
            Rendition.photo_id == member.photo_id,
            Rendition.kind == member.kind.value,
            Rendition.shard_id == member.position.shard_id,
            Rendition.offset == member.position.offset,
            Shard.shard_id == Rendition.shard_id,
            Shard.state == "live",
        )
        with transaction(self._engine) as connection:
            return bool(connection.scalar(select(found)))
