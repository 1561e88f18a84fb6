"""An application behind uvicorn in this process, configured as in production, and raw connections to it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI

from photo_pipeline.domain.photo import MAX_PHOTO_BYTES
from photo_pipeline.web.http_protocol import BoundedHttp
from photo_pipeline.web.websocket_protocol import BoundedWebSocket

PATIENCE = 10.0
"""Seconds after which what has to happen counts as not happening."""


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something becomes true.

    Raises:
        TimeoutError: when it does not.
    """
    async with asyncio.timeout(PATIENCE):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The application's address, without a slash at its end."""
    config = uvicorn.Config(
        app,
        http=BoundedHttp,
        ws=BoundedWebSocket,
        log_level="warning",
        lifespan="on",
        ws_max_size=MAX_PHOTO_BYTES,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=2,
        proxy_headers=False,
    )
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        serving_task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await eventually(lambda: _is_up(server))
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving_task


async def _is_up(server: uvicorn.Server) -> bool:
    return server.started


@dataclass(slots=True)
class Raw:
    """A connection on which anything may be said."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, data: bytes) -> None:
        """Send, unless the other side has gone."""
        self.writer.write(data)
        try:
            await self.writer.drain()
        except ConnectionError:
            return

    async def status(self) -> int:
        """The status of the next answer, of which the head is read; 0 where there is none."""
        head = await self.answer()
        return int(head.split(b" ", 2)[1]) if head else 0

    async def answer(self) -> bytes:
        """The head of the next answer; nothing where the connection ends."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""

    async def end(self) -> bytes:
        """All that comes until the connection ends."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.reader.read()
        except ConnectionError:
            return b""


@asynccontextmanager
async def raw(url: str) -> AsyncIterator[Raw]:
    """Connect."""
    address = urlsplit(url)
    connection = Raw(*await asyncio.open_connection(address.hostname, address.port))
    try:
        yield connection
    finally:
        connection.writer.close()


def head(start: str, *headers: str) -> bytes:
    """The head of a request."""
    return "\r\n".join([f"{start} HTTP/1.1", "Host: x", *headers, "", ""]).encode()
