"""What the tests of the stream application share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.stream import StreamPlatform, serving


@pytest.fixture
def anyio_backend() -> str:
    """The loop that uvicorn runs on, too."""
    return "asyncio"


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[StreamPlatform]:
    """Give the stream application with in-memory twins of its servers, behind a real web server."""
    async with serving(tmp_path) as started:
        yield started
