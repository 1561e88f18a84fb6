"""Uploads that nobody finished are removed in the background, by every instance: who comes first does it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from photo_pipeline.api.tus.receiving import ResumableUploads
from photo_pipeline.domain.errors import ServerUnavailableError

logger = logging.getLogger(__name__)


@asynccontextmanager
async def sweeping(uploads: ResumableUploads, every_seconds: float) -> AsyncIterator[None]:
    """Sweep at once and then again and again, until the block ends."""
    task = asyncio.create_task(_sweep(uploads, every_seconds))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _sweep(uploads: ResumableUploads, every_seconds: float) -> None:
    while True:
        try:
            removed = await uploads.sweep()
        except ServerUnavailableError:
            logger.exception("sweeping expired uploads failed; it is tried again in %s seconds", every_seconds)
        else:
            if removed:
                logger.info("removed %d expired uploads", removed)
        await asyncio.sleep(every_seconds)
