"""What comes over a WebSocket and is no photo counts as well: descriptions, pings, pieces of messages with nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from tests.support.images import encoded, scene
from tests.support.serving import PATIENCE, Raw, head, raw
from tests.support.stream import StreamPlatform, serving

from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.web.websocket_protocol import PIECE

pytestmark = pytest.mark.anyio

CONTINUED, TEXT, BINARY, PING, PONG = 0, 1, 2, 9, b"\x8a\x00"
MASKED = b"\x00\x00\x00\x00"
SLOW = {"frames_per_second": 0.001, "frames_burst": 1}
TOO_MANY = (1013).to_bytes(2, "big")
QUIET_SECONDS = 0.5
"""Who says nothing for so long says no more."""


def frame(opcode: int, payload: bytes = b"", *, last: bool = True) -> bytes:
    """One frame, masked with zeros."""
    length = len(payload)
    size = bytes([0x80 | length]) if length < 126 else b"\xfe" + length.to_bytes(2, "big")
    return bytes([opcode | (0x80 if last else 0)]) + size + MASKED + payload


MANY = 3 * PIECE // len(frame(PING))


@asynccontextmanager
async def connected(platform: StreamPlatform) -> AsyncIterator[Raw]:
    """A WebSocket on which anything may be said; its greeting is read."""
    async with raw(platform.url) as connection:
        upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        token = f"Authorization: Bearer {platform.device_token()}"
        await connection.say(head("GET /api/v1/stream", *upgrade, key, token))
        assert await connection.status() == 101
        await connection.reader.readuntil(b'"type":"hello"}')
        yield connection


async def until_quiet(connection: Raw) -> bytes:
    """All that is said until nothing more is."""
    heard = b""
    while True:
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                more = await connection.reader.read(65536)
        except TimeoutError:
            return heard
        if not more:
            return heard
        heard += more


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[StreamPlatform]:
    """Give an application where a device may send one frame, and then none for a long while."""
    async with serving(tmp_path, slow_downs=3, **SLOW) as platform:
        yield platform


async def test_pings_beyond_the_rate_are_not_read(slow: StreamPlatform) -> None:
    """Some are answered; then the sender waits, and others do not."""
    async with connected(slow) as flooding:
        await flooding.say(frame(PING) * MANY)
        assert 0 < (await until_quiet(flooding)).count(PONG) < MANY
        await others_are_served(slow)


@pytest.mark.parametrize("piece", [frame(CONTINUED, last=False), frame(CONTINUED, b"x", last=False)])
async def test_pieces_with_little_in_them_are_not_gathered(slow: StreamPlatform, piece: bytes) -> None:
    """A message that never ends in pieces of nothing holds the sender up: a ping behind it is not seen any more."""
    async with connected(slow) as flooding:
        await flooding.say(frame(BINARY, b"\xff", last=False) + piece * MANY + frame(PING))
        assert await until_quiet(flooding) == b""
        await others_are_served(slow)


@pytest.mark.parametrize("message", [frame(TEXT, b"{}"), frame(TEXT, b'{"filename":"a.jpg"}')])
async def test_descriptions_of_nothing_count_as_frames(slow: StreamPlatform, message: bytes) -> None:
    """One describes the next frame. Those after it come too early, and after a few the connection ends with 1013."""
    async with connected(slow) as flooding:
        await flooding.say(message * 10)
        await flooding.reader.readuntil(TOO_MANY)
        await others_are_served(slow)


async def test_empty_messages_count_as_frames(slow: StreamPlatform) -> None:
    """Each is answered as one, until too many came too early."""
    async with connected(slow) as flooding:
        await flooding.say(frame(BINARY) * 10)
        assert b'"reason":"too_fast"' in await flooding.reader.readuntil(TOO_MANY)


async def test_a_described_frame_in_pieces_is_taken(tmp_path: Path) -> None:
    """With a ping between: none of that is more than a frame may come with."""
    photo = encoded(scene(64, 48), SniffedFormat.JPEG)
    async with serving(tmp_path, frames_per_second=100, frames_burst=5) as platform, connected(platform) as sender:
        for _ in range(5):
            await sender.say(frame(TEXT, b'{"filename":"a.jpg"}') + frame(BINARY, photo[:700], last=False))
            await sender.say(frame(PING) + frame(CONTINUED, photo[700:]))
        async with asyncio.timeout(PATIENCE):
            for _ in range(5):
                await sender.reader.readuntil(b'"receipt"')
        assert [dict(record.headers)["ce_filename"] for record in platform.log.records] == [b"a.jpg"] * 5


async def others_are_served(platform: StreamPlatform) -> None:
    """Somebody else has an answer."""
    async with httpx.AsyncClient(base_url=platform.url, trust_env=False, timeout=PATIENCE) as client:
        assert (await client.get("/healthz")).status_code == 200
