"""What the ledger knows of the archive's files, for the sweep."""

from collections.abc import Collection, Mapping

from sqlalchemy import Engine, select, tuple_

from photo_pipeline.adapters.postgres.engine import transaction
from photo_pipeline.adapters.postgres.models import Shard, Slice
from photo_pipeline.domain.photo import TopicPartition
from photo_pipeline.domain.retention import ShardState, SliceState


class PostgresArchiveIndex:
    """The ``ArchiveIndex`` port on PostgreSQL, with role ``photo_pipeline``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def slice_states(
        self, slices: Collection[tuple[TopicPartition, int]]
    ) -> Mapping[tuple[TopicPartition, int], SliceState]:
        """See the port."""
        keys = [(topic_partition.topic, topic_partition.partition, start) for topic_partition, start in slices]
        statement = select(Slice.topic, Slice.partition, Slice.start, Slice.attempt, Slice.state).where(
            tuple_(Slice.topic, Slice.partition, Slice.start).in_(keys)
        )
        with transaction(self._engine) as connection:
            return {
                (TopicPartition(topic, partition), start): SliceState(attempt, state == "committed")
                for topic, partition, start, attempt, state in connection.execute(statement)
            }

    def shard_states(self, shard_ids: Collection[int]) -> Mapping[int, ShardState]:
        """See the port."""
        statement = select(Shard.shard_id, Shard.state, Shard.expiring_at).where(Shard.shard_id.in_(shard_ids))
        with transaction(self._engine) as connection:
            return {shard_id: ShardState(state, at) for shard_id, state, at in connection.execute(statement)}

    def named(self, paths: Collection[str]) -> set[str]:
        """See the port."""
        statement = select(Shard.path).where(Shard.path.in_(paths), Shard.state != "removed")
        with transaction(self._engine) as connection:
            return set(connection.scalars(statement))
