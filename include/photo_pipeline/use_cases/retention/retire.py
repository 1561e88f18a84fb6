"""One shard on its way out: its held photos are saved, what is left is checked again and expires, its file goes.

Each step is one transaction or one call to HDFS, under a claim that a later run takes away.
"""

import logging

from photo_pipeline.domain.errors import ArchiveMemberError, ServerUnavailableError
from photo_pipeline.domain.ledger import ShardFile
from photo_pipeline.domain.removal import DueBy, Look, Removal, RemovedThing, why_removed
from photo_pipeline.domain.retention import ClaimedShard, ShardPhoto, hold_path, hold_staging_path
from photo_pipeline.domain.shard import ShardWriter
from photo_pipeline.domain.shard_copy import PhotoEntry, read_entry
from photo_pipeline.ports.archive import ArchiveWriter
from photo_pipeline.ports.retention import RetainedArchive
from photo_pipeline.use_cases.retention.run_values import RetentionPorts, RetentionSummary

logger = logging.getLogger(__name__)

ROUNDS = 3
"""How often a shard is tried again in one run because holds were placed meanwhile; then the next run goes on."""


class ShardRetirement:
    """One shard on its way out."""

    def __init__(self, ports: RetentionPorts, look: Look, by: DueBy, summary: RetentionSummary) -> None:
        self._ports = ports
        self._look = look
        self._by = by
        self._summary = summary

    def run(self, shard_id: int) -> list[str]:
        """Go on until the shard is removed, or has to stay; why it has to stay, if something is wrong.

        Raises:
            ClaimLostError: when another run has claimed it.
            ServerUnavailableError: when a server is away.
        """
        failures: list[str] = []
        for _ in range(ROUNDS):
            claim = self._ports.ledger.claim(shard_id, self._by)
            if claim is None:
                return failures
            self._summary.claimed += 1
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
        thing = RemovedThing(Removal.SHARDS, claim.path, 1, claim.length, why_removed(claim))
        if self._ports.ledger.record_removed(claim, self._look.run_id, thing, self._look.now):
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
