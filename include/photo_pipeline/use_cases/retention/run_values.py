"""What every part of a retention run is given, and what it adds its figures to."""

from dataclasses import dataclass, fields

from photo_pipeline.ports.clock import ClockWitnesses
from photo_pipeline.ports.months import LedgerMonths
from photo_pipeline.ports.removal import RemovalBook
from photo_pipeline.ports.retention import RetainedArchive, RetentionLedger
from photo_pipeline.ports.sweep import ArchiveIndex


@dataclass(frozen=True, slots=True)
class RetentionPorts:
    """The outside world, as retention needs it."""

    ledger: RetentionLedger
    index: ArchiveIndex
    archive: RetainedArchive
    clocks: ClockWitnesses
    book: RemovalBook
    archive_root: str
    months: LedgerMonths


@dataclass(slots=True)
class RetentionSummary:
    """What a run came to.

    Attributes:
        marked: shards whose removal was announced.
        restamped: shards that a clock ahead had committed in the future, and that count from now on.
        claimed: claims on due shards.
        moved: held photos whose index points to a hold shard now.
        expired: photos that are gone for their customers.
        removed: shards whose files are gone.
        removed_bytes: the length of those.
        blanked: rejected records whose file name and detail are gone.
        forgotten: published outbox entries that were deleted.
        noted: files that nobody can need any more, and that a later run removes.
        swept: files removed that nobody could commit any more.
        swept_folders: empty folders removed.
        foreign: files left alone because this ledger cannot tell whose they are.
        months: of the ledger that were made ahead of time.
        dropped_months: of the ledger whose time was over.
    """

    marked: int = 0
    restamped: int = 0
    claimed: int = 0
    moved: int = 0
    expired: int = 0
    removed: int = 0
    removed_bytes: int = 0
    blanked: int = 0
    forgotten: int = 0
    noted: int = 0
    swept: int = 0
    swept_folders: int = 0
    foreign: int = 0
    months: int = 0
    dropped_months: int = 0

    def __str__(self) -> str:
        return " ".join(f"{field.name}={getattr(self, field.name)}" for field in fields(self))

    def figures(self) -> dict[str, int]:
        """By name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
