"""A shard on its way: streamed into the staging folder, closed, then renamed to where it will be found."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from photo_pipeline.domain.ledger import ArchivedRendition, Lease, ShardFile
from photo_pipeline.domain.shard import Member, ShardWriter, shard_path, staging_path
from photo_pipeline.ports.archive import Archive, ArchiveWriter


class StagedShard:
    """One attempt's shard. The file comes into being with the first photo; a slice without photos has none."""

    def __init__(self, archive: Archive, root: str, lease: Lease) -> None:
        self._archive = archive
        self._root = root
        self._lease = lease
        self._staging = staging_path(root, lease.slice.log, lease.slice.start, lease.attempt)
        self._file: ArchiveWriter | None = None
        self._tar: ShardWriter | None = None

    def add(
        self, photo_id: UUID, members: tuple[Member, ...], description: Mapping[str, object], modified: datetime
    ) -> tuple[ArchivedRendition, ...]:
        """Append a photo and say where its members landed."""
        return self._open().add(photo_id, members, description, modified)

    def publish(self, end: int) -> ShardFile | None:
        """Close the file and rename it to its final name, which tells what it holds: ``[start, end)``."""
        if self._file is None or self._tar is None:
            return None
        length = self._tar.finish()
        self._file.close()
        planned = self._lease.slice
        path = shard_path(self._root, planned.dt, planned.log, planned.start, end, self._lease.attempt)
        self._archive.rename(self._staging, path)
        return ShardFile(path, length)

    def _open(self) -> ShardWriter:
        if self._tar is None:
            self._file = self._archive.create(self._staging)
            self._tar = ShardWriter(self._file.write)
        return self._tar
