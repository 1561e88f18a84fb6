"""What retention needs of the archive and of the ledger."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from photo_pipeline.domain.ledger import ShardFile
from photo_pipeline.domain.removal import DueBy, DueShard, RecordAges, RemovedThing, ShardAges, ShardStamps, Window
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

    def written_at(self, path: str) -> datetime | None:
        """When a file was completed, by the clock of HDFS; ``None`` where there is none."""
        ...


class RetentionLedger(Protocol):
    """The ledger, as retention uses it. What is done under a claim is done only while that is the shard's latest."""

    def stamped_after(self, time: datetime) -> Sequence[ShardStamps]:
        """Shards that were committed after that time, as their rows say."""
        ...

    def restamp(self, shard_id: int, stamped_after: datetime, now: datetime) -> None:
        """Such a shard counts as committed now."""
        ...

    def unmarked(self, committed_before: datetime, not_after: datetime) -> Sequence[ShardStamps]:
        """Shards that were committed by then and bear no mark; one later than ``not_after`` is none."""
        ...

    def mark(self, shard_id: int, now: datetime, kept_until: datetime) -> None:
        """Announce that a shard will go, and when its time is over."""
        ...

    def disputed(self, committed_before: datetime, kept_after: datetime) -> Sequence[DueShard]:
        """Marked shards whose own row says that they have to go, and whose other witness says that they have not."""
        ...

    def ages(self, by: DueBy, committed_before: datetime, window: Window | None) -> ShardAges:
        """How many shards there are, hold shards apart, and how many of them came due when."""
        ...

    def due(self, by: DueBy, window: Window | None) -> Sequence[DueShard]:
        """Shards that have to go and were marked in time, oldest first.

        A hold shard is due once it holds anything but the held photos that the index finds in it.
        """
        ...

    def claim(self, shard_id: int, by: DueBy) -> ClaimedShard | None:
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

    def record_removed(self, claim: ClaimedShard, run_id: int, thing: RemovedThing, now: datetime) -> bool:
        """Keep on record that the shard's file is gone; ``False`` where another run has done so, or will."""
        ...

    def record_ages(self, before: datetime, window: Window | None, lifetime: timedelta) -> RecordAges:
        """How many rejected records still say something of their sender, and how many of them came due when."""
        ...

    def blank_rejected(self, before: datetime, limit: int) -> int:
        """Blank file name and detail of up to ``limit`` rejected records; how many there were.

        Those that Kafka took and the ledger settled by that time.
        """
        ...

    def close_some(self, limit: int) -> bool:
        """Blank up to ``limit`` more records of an account that was closed; whether anything is left of any."""
        ...

    def forget_published(self, published_before: datetime, limit: int) -> int:
        """Delete up to ``limit`` outbox entries that were published by then; how many there were."""
        ...
