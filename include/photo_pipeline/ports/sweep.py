"""What the sweep of the archive needs of the ledger."""

from collections.abc import Collection, Mapping
from typing import Protocol

from photo_pipeline.domain.photo import Log
from photo_pipeline.domain.retention import ShardState, SliceState


class ArchiveIndex(Protocol):
    """The ledger, as the sweep of the archive uses it."""

    def slice_states(self, slices: Collection[tuple[Log, int]]) -> Mapping[tuple[Log, int], SliceState]:
        """The states of the slices that start there; unknown ones are left out."""
        ...

    def shard_states(self, shard_ids: Collection[int]) -> Mapping[int, ShardState]:
        """The states of these shards; unknown ones are left out."""
        ...

    def named(self, paths: Collection[str]) -> set[str]:
        """Those of the paths that belong to shards which are not removed."""
        ...
