"""What the tests of the web applications share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.web import Platform, running, web_settings


@pytest.fixture
def anyio_backend() -> str:
    """The loop that uvicorn runs on, too."""
    return "asyncio"


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    """Give the upload API with in-memory twins of its servers."""
    async with running(web_settings(tmp_path)) as started:
        yield started
