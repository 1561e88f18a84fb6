"""What retention needs of the archive and of the ledger."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from photo_pipeline.domain.ledger import (
    ShardFile,
)
from photo_pipeline.domain.retention import ClaimedShard, Expiry, ShardPhoto
from photo_pipeline.ports.archive import Archive


class RetainedArchive(Archive, Protocol):
    """HDFS, as retention uses it: folders come and go too."""

    def empty_folders(self, folder: str) -> Iterator[str]:
        """Folders right below this one that hold nothing."""
        ...

    def remove_folder(self, path: str) -> bool:
        """Remove a folder if it is empty; ``False`` where it is not, or does not exist."""
        ...


class RetentionLedger(Protocol):
    """The ledger, as retention uses it. What is done under a claim is done only while that is the shard's latest."""

    def due(self, committed_before: datetime) -> Sequence[int]:
        """Shards that have to go: committed by then and not removed, oldest first.

        A hold shard is due once it holds anything but the held photos that the index finds in it.
        """
        ...

    def claim(self, shard_id: int, committed_before: datetime) -> ClaimedShard | None:
        """Mark a shard as expiring and fence off whoever claimed it before; ``None`` where it is gone, or not due."""
        ...

    def held_photos(self, claim: ClaimedShard) -> Sequence[ShardPhoto]:
        """The held photos that the index finds in this shard."""
        ...

    def move(self, claim: ClaimedShard, hold_shard: ShardFile, photos: Sequence[ShardPhoto]) -> int:
        """Point the index of these photos to a new hold shard, in one transaction; how many were moved.

        Photos whose index has left the claimed shard meanwhile stay where they are. Where that is all of them, the hold
        shard does not come into being.

        Raises:
            ClaimLostError: when another run has claimed the shard.
        """
        ...

    def expire(self, claim: ClaimedShard) -> Expiry:
        """Expire whatever the index finds in this shard and no hold names; no hold can be placed at that moment.

        Personal data of the expired photos is blanked. Where held photos remain, the shard is live again.

        Raises:
            ClaimLostError: when another run has claimed the shard.
        """
        ...

    def record_removed(self, claim: ClaimedShard) -> bool:
        """Keep on record that the shard's file is gone; ``False`` where another run has done so, or will."""
        ...

    def blank_rejected(self, processed_before: datetime, limit: int) -> int:
        """Blank file name and detail of up to ``limit`` rejected records; how many there were."""
        ...

    def forget_published(self, published_before: datetime, limit: int) -> int:
        """Delete up to ``limit`` outbox entries that were published by then; how many there were."""
        ...
