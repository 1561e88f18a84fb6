"""Uploads that nobody finished are removed in the background, by every instance: who comes first does it."""

import logging
from contextlib import AbstractAsyncContextManager

from photo_pipeline.api.tus.receiving import ResumableUploads
from photo_pipeline.web.repeating import repeating

logger = logging.getLogger(__name__)


def sweeping(uploads: ResumableUploads, every_seconds: float) -> AbstractAsyncContextManager[None]:
    """Sweep at once and then again and again, until the block ends."""

    async def sweep() -> None:
        removed = await uploads.sweep()
        if removed:
            logger.info("removed %d expired uploads", removed)

    return repeating("sweeping expired uploads", sweep, every_seconds)
