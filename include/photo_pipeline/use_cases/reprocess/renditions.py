"""Derive again: the originals of a shard into a new one, byte for byte, with renditions made by today's code.

For each source shard there is one new shard, written by an attempt that the ledger knows before the file exists. One
transaction then moves the index of those photos that are still in the source; the source stays until its own time.
"""

import logging
from collections import deque
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from photo_pipeline.domain.errors import ArchiveMemberError, OriginalsDamagedError, SourceGoneError
from photo_pipeline.domain.imaging import ImageRejected, ProcessedImage
from photo_pipeline.domain.ledger import ArchivedPhoto, ShardFile
from photo_pipeline.domain.photo import sha256_hex
from photo_pipeline.domain.reprocess import (
    Attempt,
    Request,
    SourcePhoto,
    reprocess_path,
    reprocess_staging_path,
)
from photo_pipeline.domain.shard import ShardWriter
from photo_pipeline.ports.archive import Archive, ArchiveWriter
from photo_pipeline.ports.images import ImageProcessor
from photo_pipeline.ports.reprocess import RenditionLedger
from photo_pipeline.use_cases.photo_members import description_of, members_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RederivePorts:
    """The outside world, as deriving again needs it."""

    ledger: RenditionLedger
    archive: Archive
    images: ImageProcessor
    archive_root: str


@dataclass(slots=True)
class RederiveSummary:
    """What a task came to.

    Attributes:
        moved: photos whose index points to a new shard now.
        left: photos whose index had left the source meanwhile, and those of sources that had their time.
        refused: photos that today's code cannot use; they keep what they have.
        damaged: originals that are not what their customers sent, by name; they keep what they have.
    """

    moved: int = 0
    left: int = 0
    refused: int = 0
    damaged: list[str] = field(default_factory=list)


def plan_chunks(request: Request, ledger: RenditionLedger, chunks: int) -> list[list[int]]:
    """The shards of a request, dealt out to at most so many tasks."""
    shards = ledger.source_shards(request)
    return [list(shards[start::chunks]) for start in range(min(chunks, len(shards)))]


def rederive_shards(
    request: Request, shard_ids: Collection[int], ports: RederivePorts, in_flight_bytes: int
) -> RederiveSummary:
    """Derive the photos of these shards again. Run again, it goes on with what has not been moved.

    Raises:
        OriginalsDamagedError: when originals are damaged; everything else was done.
        AttemptSupersededError: when another task works on the same shard of the same request.
        ServerUnavailableError: when a server is away.
    """
    summary = RederiveSummary()
    for shard_id in shard_ids:
        _rederive_shard(request, shard_id, ports, in_flight_bytes, summary)
    if summary.damaged:
        raise OriginalsDamagedError(summary.damaged)
    return summary


def clean_up(request_id: str, ledger: RenditionLedger, archive: Archive, root: str) -> int:
    """Fence off the attempts of a request that were killed, and remove their files; how many files there were."""
    return sum(_remove_files(archive, root, attempt) for attempt in ledger.abandon(request_id))


def _rederive_shard(
    request: Request, shard_id: int, ports: RederivePorts, in_flight_bytes: int, summary: RederiveSummary
) -> None:
    photos = ports.ledger.photos(request, shard_id)
    begun = ports.ledger.begin(request.request_id, shard_id) if photos else None
    if begun is None:
        summary.left += len(photos)
        return
    attempt, earlier = begun
    for fenced_off in earlier:
        _remove_files(ports.archive, ports.archive_root, fenced_off)
    # Asked once more: what is erased from now on fences this attempt off, and what was erased before is not copied.
    photos = ports.ledger.photos(request, shard_id)
    work = _ShardWork(attempt, ports, in_flight_bytes, summary)
    for photo in photos:
        work.add(photo)
    file = work.finish()
    moved = 0 if file is None else _swap(ports, attempt, file, work.photos)
    summary.moved += moved
    summary.left += len(work.photos) - moved
    logger.info("rederived shard=%d attempt=%d moved=%d of=%d", shard_id, attempt.attempt_id, moved, len(photos))


def _swap(ports: RederivePorts, attempt: Attempt, file: ShardFile, photos: Sequence[ArchivedPhoto]) -> int:
    """Make it visible; where there is nothing to be seen, the file goes."""
    try:
        moved = ports.ledger.swap(attempt, file, photos)
    except SourceGoneError as error:
        logger.info("%s", error)
        moved = 0
    if not moved:
        ports.archive.delete(file.path)
    return moved


def _remove_files(archive: Archive, root: str, attempt: Attempt) -> int:
    """Only of an attempt that is fenced off: nobody can commit what it wrote."""
    paths = (reprocess_staging_path(root, attempt), reprocess_path(root, attempt))
    return sum(archive.delete(path) for path in paths)


@dataclass(frozen=True, slots=True)
class _InFlight:
    """A photo that a worker has."""

    photo: SourcePhoto
    original: bytes
    image: "Future[ProcessedImage]"


class _ShardWork:
    """Writes the new shard of one source: at most so many bytes of photos (and one more) are held at a time."""

    def __init__(self, attempt: Attempt, ports: RederivePorts, in_flight_bytes: int, summary: RederiveSummary) -> None:
        self._attempt = attempt
        self._ports = ports
        self._limit = in_flight_bytes
        self._summary = summary
        self._staging = reprocess_staging_path(ports.archive_root, attempt)
        self._pending: deque[_InFlight] = deque()
        self._in_flight = 0
        self._file: ArchiveWriter | None = None
        self._tar: ShardWriter | None = None
        self.photos: list[ArchivedPhoto] = []

    def add(self, photo: SourcePhoto) -> None:
        """Start on the next photo; waits while too many bytes are in flight."""
        original = self._read(photo)
        if original is None:
            return
        self._pending.append(_InFlight(photo, original, self._ports.images.submit(original)))
        self._in_flight += len(original)
        while self._in_flight > self._limit and len(self._pending) > 1:
            self._settle_first()

    def finish(self) -> ShardFile | None:
        """Wait for what is in flight, close the shard and give it its final name; ``None`` where it has no photo."""
        while self._pending:
            self._settle_first()
        if self._file is None or self._tar is None:
            return None
        length = self._tar.finish()
        self._file.close()
        path = reprocess_path(self._ports.archive_root, self._attempt)
        self._ports.archive.rename(self._staging, path)
        return ShardFile(path, length)

    def _read(self, photo: SourcePhoto) -> bytes | None:
        """The original, if it is what the customer sent."""
        path = self._attempt.source.path
        try:
            original = self._ports.archive.read(path, photo.offset, photo.length)
        except ArchiveMemberError as error:
            self._summary.damaged.append(f"photo {photo.photo_id}: {error}")
            return None
        if sha256_hex(original) != photo.sha256:
            self._summary.damaged.append(f"photo {photo.photo_id} in {path} is not what was sent")
            return None
        return original

    def _settle_first(self) -> None:
        pending = self._pending.popleft()
        self._in_flight -= len(pending.original)
        photo = pending.photo
        try:
            image = pending.image.result()
        except ImageRejected as refusal:
            self._summary.refused += 1
            logger.warning("photo=%s keeps its renditions, today's code refuses it: %s", photo.photo_id, refusal)
            return
        members = members_of(pending.original, image)
        archived = ArchivedPhoto(
            photo_id=photo.photo_id,
            customer_id=photo.customer_id,
            sha256=photo.sha256,
            source=photo.source,
            filename=photo.filename,
            content_type=members[0].content_type,
            bytes=photo.bytes,
            accepted_at=photo.accepted_at,
            metadata=image.metadata,
            renditions=(),
        )
        description = description_of(archived, photo.coordinates)
        renditions = self._open().add(photo.photo_id, members, description, photo.accepted_at)
        self.photos.append(replace(archived, renditions=renditions))

    def _open(self) -> ShardWriter:
        if self._tar is None:
            self._file = self._ports.archive.create(self._staging)
            self._tar = ShardWriter(self._file.write)
        return self._tar
