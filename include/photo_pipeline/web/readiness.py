"""Whether an application can take photos, asked often and answered cheaply."""

import asyncio
import time

from photo_pipeline.ports.photo_log import AsyncPhotoLogWriter

CACHE_SECONDS = 1.0


class Readiness:
    """Asks Kafka at most once a second, however many ask here."""

    def __init__(self, writer: AsyncPhotoLogWriter) -> None:
        self._writer = writer
        self._lock = asyncio.Lock()
        self._ready = False
        self._asked_at = float("-inf")

    async def ready(self) -> bool:
        """Whether Kafka answered within the last second."""
        async with self._lock:
            if time.monotonic() - self._asked_at >= CACHE_SECONDS:
                self._ready = await self._writer.ready()
                self._asked_at = time.monotonic()
            return self._ready
