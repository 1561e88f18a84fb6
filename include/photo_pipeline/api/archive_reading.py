"""Reads renditions from the archive, piece by piece, without blocking the event loop or holding a photo in memory."""

import asyncio
from collections.abc import AsyncIterator

from anyio import CapacityLimiter, to_thread

from photo_pipeline.api.ranges import ByteRange
from photo_pipeline.domain.ledger import ArchiveLocation
from photo_pipeline.ports.archive import RangeReader
from photo_pipeline.web.bounded_memory import BoundedMemory

PIECE_BYTES = 1024 * 1024
SMALL_BYTES = 128 * 1024
"""What is this small is remembered: every thumb, and hardly anything else."""
FORGET_SECONDS = 600.0
AT_ONCE = 16


class ArchiveReading:
    """Reads in threads of its own, so that a slow archive slows down nothing else.

    What is small is remembered by where it lies: a place in a shard never has other bytes. Who may see it, and whether
    it is still there, is for the caller to ask before each read. Nothing is remembered for long, as what is erased
    should not stay in memory.

    Args:
        archive: HDFS.
        memory_bytes: how much is remembered; with 0, nothing.
        forget_seconds: after which nothing is remembered any more.
    """

    def __init__(self, archive: RangeReader, memory_bytes: int, *, forget_seconds: float = FORGET_SECONDS) -> None:
        self._archive = archive
        self._threads = CapacityLimiter(AT_ONCE)
        self._memory = BoundedMemory[ArchiveLocation, bytes](memory_bytes, len)
        self._forget_seconds = forget_seconds
        self._forgetting: asyncio.TimerHandle | None = None

    @property
    def files(self) -> RangeReader:
        """The archive itself, for who has threads of their own."""
        return self._archive

    async def whole(self, location: ArchiveLocation) -> bytes:
        """A rendition of at most ``SMALL_BYTES``.

        Raises:
            ArchiveMemberError: when the archive does not hold what the index says.
            ServerUnavailableError: when it does not answer.
        """
        content = self._memory.get(location)
        if content is None:
            content = await self._read(location.path, location.offset, location.length)
            self._remember(location, content)
        return content

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

    def _remember(self, location: ArchiveLocation, content: bytes) -> None:
        self._memory.put(location, content)
        if self._forgetting is None:
            self._forgetting = asyncio.get_running_loop().call_later(self._forget_seconds, self._forget)

    def _forget(self) -> None:
        self._memory.clear()
        self._forgetting = None
