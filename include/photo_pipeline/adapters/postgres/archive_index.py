"""What the ledger knows of the archive's files, for the sweep."""

from collections.abc import Collection, Mapping

from sqlalchemy import Engine, exists, func, select, tuple_

from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.models import ReprocessAttempt, Shard, Slice
from photo_pipeline.domain.photo import Log
from photo_pipeline.domain.retention import ShardState, SliceState


class PostgresArchiveIndex:
    """The ``ArchiveIndex`` port on PostgreSQL, with role ``photo_pipeline``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def slice_states(self, slices: Collection[tuple[Log, int]]) -> Mapping[tuple[Log, int], SliceState]:
        """See the port. A void slice's attempt is beyond that of every file."""
        keys = [(log.topic, log.partition, log.incarnation, start) for log, start in slices]
        key = (Slice.topic, Slice.partition, Slice.incarnation, Slice.start)
        has_shard = exists().where(Shard.slice_id == Slice.slice_id)
        statement = select(*key, Slice.attempt, Slice.state, has_shard).where(tuple_(*key).in_(keys))
        with transaction(self._engine) as connection:
            return {
                (Log(topic, partition, incarnation), start): SliceState(attempt, state == "committed", has)
                for topic, partition, incarnation, start, attempt, state, has in connection.execute(statement)
            }

    def shard_states(self, shard_ids: Collection[int]) -> Mapping[int, ShardState]:
        """See the port."""
        is_over = (ReprocessAttempt.source_shard_id == Shard.shard_id) & (ReprocessAttempt.state == "abandoned")
        abandoned = func.array(select(ReprocessAttempt.attempt_id).where(is_over).correlate(Shard).scalar_subquery())
        columns = (Shard.shard_id, Shard.state, Shard.expiring_at, Shard.path, Shard.rewrites, abandoned)
        statement = select(*columns).where(Shard.shard_id.in_(shard_ids))
        with transaction(self._engine) as connection:
            return {
                shard_id: ShardState(state, at, path, rewrites, frozenset(over))
                for shard_id, state, at, path, rewrites, over in connection.execute(statement)
            }

    def named(self, paths: Collection[str]) -> set[str]:
        """See the port."""
        statement = select(Shard.path).where(Shard.path.in_(paths), Shard.state != "removed")
        with transaction(self._engine) as connection:
            return set(connection.scalars(statement))
