"""Bounds what one instance holds in memory, whatever the number of senders."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from photo_pipeline.domain.errors import PhotoPipelineError


class BusyError(PhotoPipelineError):
    """No room became free in time."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"no room for {size} bytes within the limit of {limit} bytes in flight")


class InFlightBytes:
    """A budget of bytes, given out first come, first served. For one event loop.

    Args:
        limit: bytes in all. A single reservation larger than that counts as the whole budget, so it can pass alone.
        wait_seconds: how long a reservation may wait.
        noted: told how many bytes are reserved, whenever that changes.
    """

    def __init__(self, limit: int, wait_seconds: float, noted: Callable[[int], None] = lambda _: None) -> None:
        self._limit = limit
        self._wait_seconds = wait_seconds
        self._noted = noted
        self._used = 0
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def used(self) -> int:
        """Bytes reserved at the moment."""
        return self._used

    @asynccontextmanager
    async def reserve(self, size: int) -> AsyncIterator[None]:
        """Hold ``size`` bytes of the budget inside the block.

        Raises:
            BusyError: when they did not become free in time.
        """
        size = min(size, self._limit)
        await self._acquire(size)
        try:
            yield
        finally:
            self._use(-size)
            self._admit()

    async def _acquire(self, size: int) -> None:
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (size, admitted)
        self._queue.append(entry)
        self._admit()
        try:
            async with asyncio.timeout(self._wait_seconds):
                await asyncio.shield(admitted)
        except BaseException as error:
            self._abandon(entry)
            if isinstance(error, TimeoutError):
                raise BusyError(size, self._limit) from None
            raise

    def _abandon(self, entry: tuple[int, asyncio.Future[None]]) -> None:
        size, admitted = entry
        if admitted.done():  # admitted at the very moment of giving up
            self._use(-size)
        else:
            self._queue.remove(entry)
            admitted.cancel()
        self._admit()

    def _admit(self) -> None:
        while self._queue and self._used + self._queue[0][0] <= self._limit:
            size, admitted = self._queue.popleft()
            self._use(size)
            admitted.set_result(None)

    def _use(self, more: int) -> None:
        self._used += more
        self._noted(self._used)
