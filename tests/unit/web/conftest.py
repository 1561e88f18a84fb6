"""What the tests of the web applications share."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.support.web import Platform, running, sign_up, web_settings


@pytest.fixture
def anyio_backend() -> str:
    """The loop that uvicorn runs on, too."""
    return "asyncio"


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    """Give the upload API with in-memory twins of its servers."""
    async with running(web_settings(tmp_path)) as started:
        yield started


@pytest.fixture
async def ada(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client that sends Ada's token."""
    async with platform.client() as client:
        await sign_up(client)
        yield client
