"""The stream application with in-memory twins of its servers, behind a real web server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from tests.support.serving import eventually, served
from tests.support.web import NOON, FakeClock, FakeCustomers, FakeLog, FakeSessions, FakeUsage, web_settings
from websockets.asyncio.client import ClientConnection, connect

from photo_pipeline.domain.customers import Device
from photo_pipeline.domain.events import Delivery, OutboundRecord
from photo_pipeline.stream.app import create_app
from photo_pipeline.stream.senders import SUBPROTOCOL
from photo_pipeline.stream.services import Connections, Settings
from photo_pipeline.stream.settings import StreamSettings
from photo_pipeline.web.tokens import DeviceIdentity, Session, Tokens, load_keys

Message = dict[str, Any]


class GatedLog(FakeLog):
    """Acknowledges nothing while its gate is shut, and counts who waits."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0

    async def until_waiting(self, count: int) -> None:
        """Wait until that many records wait for the gate."""

        async def so_many() -> bool:
            return self.waiting == count

        await eventually(so_many)

    async def append(self, record: OutboundRecord) -> Delivery:
        """Keep a record once the gate is open."""
        self.waiting += 1
        try:
            await self.gate.wait()
        finally:
            self.waiting -= 1
        return await super().append(record)


@dataclass(slots=True)
class StreamPlatform:
    """The application, its twins, and what its tests ask of the upload API: tokens."""

    app: FastAPI
    settings: Settings
    tokens: Tokens
    clock: FakeClock
    log: GatedLog
    customers: FakeCustomers
    sessions: FakeSessions
    usage: FakeUsage = field(default_factory=FakeUsage)
    url: str = ""
    customer_id: UUID = field(default_factory=uuid4)

    def device(self) -> DeviceIdentity:
        """Register a device of the customer."""
        device = DeviceIdentity(uuid4(), self.customer_id)
        self.customers.registered[device.device_id] = (self.customer_id, Device(device.device_id, "door", NOON))
        return device

    def device_token(self, device: DeviceIdentity | None = None) -> str:
        """A device's token."""
        return self.tokens.sign_device(device or self.device(), self.clock.now() + timedelta(days=365))

    def session_token(self, session_id: UUID | None = None) -> str:
        """A customer's access token, good for an hour."""
        now = self.clock.now()
        session = Session(session_id or uuid4(), self.customer_id, now, now + timedelta(hours=1))
        return self.tokens.sign_session(session)

    def end_session(self, session_id: UUID) -> None:
        """End a session of the customer, as the upload API does."""
        self.sessions.end(session_id, self.clock.now() + timedelta(hours=12))

    def client(self, token: str | None = None) -> httpx.AsyncClient:
        """An HTTP client of the running server."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    async def no_connections(self) -> bool:
        """Whether the application has no long connection open, by its metrics."""
        async with self.client() as client:
            return "stream_connections 0.0" in (await client.get("/metrics")).text

    @asynccontextmanager
    async def stream(self, token: str | None = None, **options: Any) -> AsyncIterator["Stream"]:
        """A long connection to the running server, after its hello."""
        headers = {"Authorization": f"Bearer {token or self.device_token()}"}
        options = {"subprotocols": [SUBPROTOCOL], "additional_headers": headers, **options}
        address = self.url.replace("http", "ws", 1) + "/api/v1/stream"
        async with connect(address, max_size=None, proxy=None, **options) as connection:
            yield Stream(connection, json.loads(await connection.recv()))


@dataclass(slots=True)
class Stream:
    """A sender's side of a long connection."""

    connection: ClientConnection
    hello: Message

    async def push(self, *frames: bytes) -> None:
        """Send frames without waiting for answers."""
        for frame in frames:
            await self.connection.send(frame)

    async def answers(self, count: int) -> dict[int, Message]:
        """Read that many answers, by number."""
        found = [json.loads(await self.connection.recv()) for _ in range(count)]
        assert {answer["type"] for answer in found} <= {"ack"}
        return {answer["seq"]: answer for answer in found}


@asynccontextmanager
async def serving(folder: Path, web: Message | None = None, **limits: Any) -> AsyncIterator[StreamPlatform]:
    """The application behind uvicorn on a free port, configured as in production.

    Args:
        folder: for the signing key.
        web: changes of the settings that both applications share.
        limits: of ``StreamSettings``.
    """
    settings = Settings(web_settings(folder, **(web or {})), StreamSettings(**limits))
    clock = FakeClock()
    tokens = Tokens(load_keys(settings.web.signing_key_file), clock)
    platform = StreamPlatform(FastAPI(), settings, tokens, clock, GatedLog(), FakeCustomers(), FakeSessions(clock))
    platform.app = create_app(settings, connections=_connected(platform), clock=clock)
    async with served(platform.app) as platform.url:
        yield platform


@asynccontextmanager
async def _connected(platform: StreamPlatform) -> AsyncIterator[Connections]:
    yield Connections(platform.log, platform.customers, platform.sessions, platform.usage)
