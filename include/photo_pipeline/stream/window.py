"""Backpressure of one connection: how many frames and bytes may wait for their acknowledgement."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from photo_pipeline.domain.errors import PhotoPipelineError


class Window:
    """Frames under way on one connection. For one event loop.

    A frame's size is known only once it was read, so the window is shut when it is full and not before: it may hold the
    last frame in excess.
    """

    def __init__(self, max_frames: int, max_bytes: int) -> None:
        self._max_frames = max_frames
        self._max_bytes = max_bytes
        self._frames = 0
        self._bytes = 0
        self._is_open = asyncio.Event()
        self._is_open.set()

    async def opened(self) -> None:
        """Wait until another frame may be read."""
        await self._is_open.wait()

    def enter(self, size: int) -> None:
        """Count a frame."""
        self._frames += 1
        self._bytes += size
        self._update()

    def leave(self, size: int) -> None:
        """Forget a frame."""
        self._frames -= 1
        self._bytes -= size
        self._update()

    def _update(self) -> None:
        if self._frames < self._max_frames and self._bytes < self._max_bytes:
            self._is_open.set()
        else:
            self._is_open.clear()


class TooManyConnectionsError(PhotoPipelineError):
    """No place for another long connection. The message is for the sender.

    Attributes:
        by_sender: whether the device or its customer has them all.
    """

    def __init__(self, detail: str, *, by_sender: bool) -> None:
        self.by_sender = by_sender
        super().__init__(detail)


class Places:
    """How many long connections there are: in all, per customer and per device.

    Args:
        limit: in all.
        per_customer: of one customer, their devices' included.
        per_device: of one device.
    """

    def __init__(self, limit: int, per_customer: int, per_device: int) -> None:
        self._limit = limit
        self._per_customer = per_customer
        self._per_device = per_device
        self._customers: Counter[UUID] = Counter()
        self._devices: Counter[UUID] = Counter()

    @property
    def taken(self) -> int:
        """Connections at the moment."""
        return self._customers.total()

    @contextmanager
    def place(self, customer_id: UUID, device_id: UUID | None = None) -> Iterator[None]:
        """Take a place inside the block.

        Raises:
            TooManyConnectionsError: when none is free.
        """
        if device_id is not None and self._devices[device_id] >= self._per_device:
            raise TooManyConnectionsError(f"This device has {self._per_device} connections already.", by_sender=True)
        if self._customers[customer_id] >= self._per_customer:
            detail = f"This customer has {self._per_customer} connections already."
            raise TooManyConnectionsError(detail, by_sender=True)
        if self.taken >= self._limit:
            detail = "There are too many connections just now. Please try again in a moment."
            raise TooManyConnectionsError(detail, by_sender=False)
        self._count(customer_id, device_id, 1)
        try:
            yield
        finally:
            self._count(customer_id, device_id, -1)

    def _count(self, customer_id: UUID, device_id: UUID | None, change: int) -> None:
        self._customers[customer_id] += change
        if device_id is not None:
            self._devices[device_id] += change
        self._customers += Counter()  # drops who has none left
        self._devices += Counter()
