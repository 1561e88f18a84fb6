"""What the tests of the web applications share."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI
from playwright.sync_api import Browser
from tests.support.browser import chromium
from tests.support.serving import served
from tests.support.web import Platform, running, sign_up, web_settings

from photo_pipeline.api.pages import mount_pages


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give Chromium."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def pages() -> Iterator[str]:
    """Give where the pages are served, without an API."""
    app = FastAPI()
    mount_pages(app)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(served(app)) as url:
        yield url
