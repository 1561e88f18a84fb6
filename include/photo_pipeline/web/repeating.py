"""What an application does by itself in the background, for as long as it runs."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from photo_pipeline.domain.errors import ServerUnavailableError

logger = logging.getLogger(__name__)


@asynccontextmanager
async def repeating(what: str, step: Callable[[], Awaitable[None]], every_seconds: float) -> AsyncIterator[None]:
    """Take the step at once and then again and again, until the block ends. A server that is away is asked again."""
    task = asyncio.create_task(_repeat(what, step, every_seconds))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _repeat(what: str, step: Callable[[], Awaitable[None]], every_seconds: float) -> None:
    while True:
        try:
            await step()
        except ServerUnavailableError as error:
            logger.warning("%s failed; it is tried again in %s seconds: %s", what, every_seconds, error)
        await asyncio.sleep(every_seconds)
