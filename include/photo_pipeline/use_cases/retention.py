"""Retention: what is older than the promise goes, what is held stays, and it is on record what went when.

A due shard is marked, its held photos are copied into a hold shard and the index is pointed there, what is left is
checked again and expires while no hold can be placed, the file is removed, and that is recorded. Each step is one
transaction or one call to HDFS, under a claim that a later run takes away: killed at any instruction and run again, the
same rows come out, and a run that wakes up late can do no harm.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime

from photo_pipeline.domain.errors import (
    ArchiveMemberError,
    ClaimLostError,
    RetentionIncompleteError,
    ServerUnavailableError,
)
from photo_pipeline.domain.ledger import ShardFile
from photo_pipeline.domain.retention import ClaimedShard, RetentionPolicy, ShardPhoto, hold_path, hold_staging_path
from photo_pipeline.domain.shard import ShardWriter
from photo_pipeline.domain.shard_copy import PhotoEntry, read_entry
from photo_pipeline.ports.archive import ArchiveWriter
from photo_pipeline.ports.clock import Clock
from photo_pipeline.ports.retention import RetainedArchive, RetentionLedger
from photo_pipeline.ports.sweep import ArchiveIndex
from photo_pipeline.use_cases.sweep import sweep_archive

logger = logging.getLogger(__name__)

ROUNDS = 3
"""How often a shard is tried again in one run because holds were placed meanwhile; then the next run goes on."""
BATCH_ROWS = 5000


@dataclass(frozen=True, slots=True)
class RetentionPorts:
    """The outside world, as retention needs it."""

    ledger: RetentionLedger
    index: ArchiveIndex
    archive: RetainedArchive
    clock: Clock
    archive_root: str


@dataclass(slots=True)
class RetentionSummary:
    """What a run came to.

    Attributes:
        marked: claims on due shards.
        moved: held photos whose index points to a hold shard now.
        expired: photos that are gone for their customers.
        removed: shards whose files are gone.
        removed_bytes: the length of those.
        blanked: rejected records whose file name and detail are gone.
        forgotten: published outbox entries that were deleted.
        swept: files removed that nobody could commit any more.
        swept_folders: empty folders removed.
        foreign: files left alone because this ledger cannot tell whose they are.
    """

    marked: int = 0
    moved: int = 0
    expired: int = 0
    removed: int = 0
    removed_bytes: int = 0
    blanked: int = 0
    forgotten: int = 0
    swept: int = 0
    swept_folders: int = 0
    foreign: int = 0

    def __str__(self) -> str:
        return " ".join(f"{field.name}={getattr(self, field.name)}" for field in fields(self))


def run_retention(ports: RetentionPorts, policy: RetentionPolicy | None = None) -> RetentionSummary:
    """Remove all that is due. Asked again, there is nothing left to do.

    Raises:
        RetentionIncompleteError: when shards could not be dealt with; everything else was done.
        ServerUnavailableError: when a server is away.
    """
    before = (policy or RetentionPolicy()).committed_before(ports.clock.now())
    summary = RetentionSummary()
    summary.blanked = _in_batches(lambda limit: ports.ledger.blank_rejected(before, limit))
    summary.forgotten = _in_batches(lambda limit: ports.ledger.forget_published(before, limit))
    failures = _retire_due(ports, before, summary)
    swept = sweep_archive(ports.index, ports.archive, ports.archive_root)
    summary.swept, summary.swept_folders, summary.foreign = swept.files, swept.folders, swept.foreign
    logger.info("retention committed_before=%s %s failures=%d", before.isoformat(), summary, len(failures))
    for failure in failures:
        logger.error("%s", failure)
    if failures:
        raise RetentionIncompleteError(failures)
    return summary


def _in_batches(step: Callable[[int], int]) -> int:
    total = 0
    while done := step(BATCH_ROWS):
        total += done
    return total


def _retire_due(ports: RetentionPorts, before: datetime, summary: RetentionSummary) -> list[str]:
    """Deal with every due shard; what is wrong with one must not keep the others."""
    failures: list[str] = []
    for shard_id in ports.ledger.due(before):
        try:
            failures += _ShardRetirement(ports, before, summary).run(shard_id)
        except ClaimLostError as error:
            logger.warning("%s", error)
        except ServerUnavailableError as error:
            _require_servers(ports)
            failures.append(f"shard {shard_id}: {error}")
    return failures


def _require_servers(ports: RetentionPorts) -> None:
    """Tell an outage, which ends the run, from trouble with one shard's blocks.

    Raises:
        ServerUnavailableError: when a server does not answer now.
    """
    ports.clock.now()
    ports.archive.length(ports.archive_root)


class _ShardRetirement:
    """One shard on its way out."""

    def __init__(self, ports: RetentionPorts, before: datetime, summary: RetentionSummary) -> None:
        self._ports = ports
        self._before = before
        self._summary = summary

    def run(self, shard_id: int) -> list[str]:
        """Go on until the shard is removed, or has to stay; why it has to stay, if something is wrong.

        Raises:
            ClaimLostError: when another run has claimed it.
            ServerUnavailableError: when a server is away.
        """
        failures: list[str] = []
        for _ in range(ROUNDS):
            claim = self._ports.ledger.claim(shard_id, self._before)
            if claim is None:
                return failures
            self._summary.marked += 1
            failures = self._try_to_rescue_held(claim)
            expiry = self._ports.ledger.expire(claim)
            self._summary.expired += expiry.expired
            if not expiry.held:
                self._remove(claim)
                return []
            if failures:
                return failures
        return [
            f"shard {shard_id} still has held photos: holds are being placed on it, or it has no renditions of them"
        ]

    def _try_to_rescue_held(self, claim: ClaimedShard) -> list[str]:
        try:
            return self._rescue_held(claim)
        except ArchiveMemberError as error:
            # Most likely a newer run has swept away what this one was writing; its next use of the claim will tell.
            return [f"held photos of shard {claim.shard_id} could not be copied: {error}"]

    def _rescue_held(self, claim: ClaimedShard) -> list[str]:
        """Copy the held photos into a hold shard. Those that cannot be read keep their shard from being removed."""
        held = self._ports.ledger.held_photos(claim)
        copy = _HoldShard(self._ports.archive, self._ports.archive_root, claim)
        failures = []
        for photo in held:
            try:
                entry = read_entry(self._ports.archive.read, claim.path, photo)
            except ArchiveMemberError as error:
                failures.append(f"held photo {photo.photo_id} cannot be read: {error}")
            except ServerUnavailableError as error:
                failures.append(f"held photo {photo.photo_id} cannot be read now: {error}")
                break  # each further one would wait for the same time limit
            else:
                copy.add(entry)
        hold_shard = copy.publish()
        if hold_shard is not None:
            self._summary.moved += self._ports.ledger.move(claim, hold_shard, copy.photos)
        return failures

    def _remove(self, claim: ClaimedShard) -> None:
        was_there = self._ports.archive.delete(claim.path)
        if self._ports.ledger.record_removed(claim):
            self._summary.removed += 1
            self._summary.removed_bytes += claim.length
        logger.info(
            "removed shard=%d path=%s bytes=%d was_there=%s", claim.shard_id, claim.path, claim.length, was_there
        )


class _HoldShard:
    """A hold shard being written. The file comes into being with the first photo."""

    def __init__(self, archive: RetainedArchive, root: str, claim: ClaimedShard) -> None:
        self._archive = archive
        self._staging = hold_staging_path(root, claim)
        self._target = hold_path(root, claim)
        self._file: ArchiveWriter | None = None
        self._tar: ShardWriter | None = None
        self.photos: list[ShardPhoto] = []

    def add(self, entry: PhotoEntry) -> None:
        """Append one photo, as it stood in its old shard."""
        renditions = self._open().add(entry.photo_id, entry.members, entry.description, entry.modified)
        self.photos.append(ShardPhoto(entry.photo_id, renditions))

    def publish(self) -> ShardFile | None:
        """Close the file and give it its final name; ``None`` where nothing was written."""
        if self._file is None or self._tar is None:
            return None
        length = self._tar.finish()
        self._file.close()
        self._archive.rename(self._staging, self._target)
        return ShardFile(self._target, length)

    def _open(self) -> ShardWriter:
        if self._tar is None:
            self._file = self._archive.create(self._staging)
            self._tar = ShardWriter(self._file.write)
        return self._tar
