"""An upload that another request has is waited for, for a moment."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from photo_pipeline.domain.uploads import UploadLockedError

TRIES = 20
TRY_SECONDS = 0.1

Result = TypeVar("Result")


async def once_free(ask: Callable[[], Awaitable[Result]]) -> Result:
    """What is asked of an upload, once no other request has it.

    Raises:
        UploadLockedError: when that takes longer than a moment.
    """
    for _ in range(TRIES):
        with suppress(UploadLockedError):
            return await ask()
        await asyncio.sleep(TRY_SECONDS)
    return await ask()
