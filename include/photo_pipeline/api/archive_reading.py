"""Reads renditions from the archive, piece by piece, without blocking the event loop or holding a photo in memory."""

from collections.abc import AsyncIterator

from anyio import CapacityLimiter, to_thread

from photo_pipeline.api.ranges import ByteRange
from photo_pipeline.domain.ledger import ArchiveLocation
from photo_pipeline.ports.archive import RangeReader

PIECE_BYTES = 1024 * 1024
AT_ONCE = 16


class ArchiveReading:
    """Reads in threads of its own, so that a slow archive slows down nothing else."""

    def __init__(self, archive: RangeReader) -> None:
        self._archive = archive
        self._threads = CapacityLimiter(AT_ONCE)

    async def pieces(self, location: ArchiveLocation, wanted: ByteRange) -> AsyncIterator[bytes]:
        """The wanted bytes of a rendition, in order, at most ``PIECE_BYTES`` at a time.

        Raises:
            ArchiveMemberError: when the archive does not hold what the index says.
            ServerUnavailableError: when it does not answer.
        """
        for start in range(wanted.start, wanted.end, PIECE_BYTES):
            length = min(PIECE_BYTES, wanted.end - start)
            yield await self._read(location.path, location.offset + start, length)

    async def _read(self, path: str, offset: int, length: int) -> bytes:
        return await to_thread.run_sync(self._archive.read, path, offset, length, limiter=self._threads)
