"""What anybody may send without a log-in, byte by byte, and what it may cost: heads, connections, bodies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from tests.support import stream, web
from tests.support.images import encoded, scene
from tests.support.serving import Raw, head, raw
from tests.support.web import sign_up

from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.web import bodies
from photo_pipeline.web.http_protocol import PIPELINED, REST_SECONDS
from photo_pipeline.web.server_limits import HEAD_BYTES

UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
pytestmark = pytest.mark.anyio

JSON = "Content-Type: application/json"
FORM = "Content-Type: multipart/form-data; boundary=b"
OPENING = {JSON: b"{", FORM: b"--b\r\n"}
SHORT = 0.3
"""Seconds that tests have patience for."""


@pytest.fixture(params=["api", "stream"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """Give either application with limits that a test can wait for."""
    async with AsyncExitStack() as stack:
        if request.param == "api":
            _, address = await stack.enter_async_context(web.serving(tmp_path, head_seconds=SHORT))
        else:
            address = (await stack.enter_async_context(stream.serving(tmp_path, {"head_seconds": SHORT}))).url
        yield address


class TestHeads:
    """A head has 64 KiB, and ten seconds, in both applications."""

    @pytest.mark.parametrize("name", ["X", "Cookie", "Authorization"])
    async def test_a_header_that_does_not_end(self, url: str, name: str) -> None:
        """431 after the bytes that are allowed, though the header goes on for megabytes."""
        async with raw(url) as connection:
            await connection.say(f"GET /healthz HTTP/1.1\r\nHost: x\r\n{name}: ".encode())
            for _ in range(64):
                await connection.say(b"a" * 65536)
            assert await connection.status() == 431

    async def test_small_headers_without_end(self, url: str) -> None:
        """431: many small ones cost more than they bring."""
        async with raw(url) as connection:
            await connection.say(head("GET /healthz", *(f"a{number}: b" for number in range(2000))))
            assert await connection.status() == 431

    async def test_a_target_without_end(self, url: str) -> None:
        """431, and the same for an upgrade."""
        for start, more in ((f"GET /{'a' * HEAD_BYTES}", ()), (f"GET /api/v1/stream?{'a' * HEAD_BYTES}", UPGRADE)):
            async with raw(url) as connection:
                await connection.say(head(start, *more))
                assert await connection.status() == 431

    async def test_a_head_of_ordinary_size_is_taken(self, url: str) -> None:
        """60 KiB of it, in pieces, with a second request behind it on the same connection."""
        async with raw(url) as connection:
            wanted = head("GET /healthz", *(f"a{number}: {'b' * 1000}" for number in range(60)))
            for start in range(0, len(wanted), 7000):
                await connection.say(wanted[start : start + 7000])
            assert await connection.status() == 200
            await connection.reader.readuntil(b"}")
            await connection.say(head("GET /healthz"))
            assert await connection.status() == 200

    async def test_trailers_without_end(self, url: str) -> None:
        """What follows a body in pieces is bounded like a head, and no header of the request."""
        async with raw(url) as connection:
            await connection.say(head("POST /api/v1/session", JSON, "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n")
            for number in range(64):
                await connection.say(b"".join(b"a%d-%d: b\r\n" % (number, each) for each in range(4000)))
            assert b"a0-0" not in await connection.end()
            assert connection.writer.transport.is_closing()

    @pytest.mark.parametrize("part", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: "])
    async def test_a_head_that_does_not_come(self, url: str, part: bytes) -> None:
        """408 where it began, nothing where nothing came: nobody holds a connection by being silent."""
        async with raw(url) as connection:
            await connection.say(part)
            assert await connection.status() == (408 if part else 0)

    async def test_a_head_that_trickles(self, url: str) -> None:
        """408: each byte in time does not make the head so."""
        async with raw(url) as connection:
            answered = asyncio.create_task(connection.status())
            await connection.say(b"GET /healthz HTTP/1.1\r\nX: ")
            while not answered.done():
                await connection.say(b"a")
                await asyncio.sleep(SHORT / 10)
            assert await answered == 408

    async def test_line_ends_between_requests_are_no_request(self, url: str) -> None:
        """They do not keep a connection open."""
        async with raw(url) as connection:
            await connection.say(head("GET /healthz"))
            assert await connection.status() == 200
            ended = asyncio.create_task(connection.end())
            while not ended.done():
                await connection.say(b"\r\n")
                await asyncio.sleep(SHORT / 10)

    async def test_requests_at_once(self, url: str) -> None:
        """As many as a connection may have waiting are not gathered up: it ends, whole answers first."""
        async with raw(url) as connection:
            await connection.say(head("GET /healthz") * 50 * PIPELINED)
            assert (await connection.end()).count(b"HTTP/1.1 ") <= PIPELINED + 1

    async def test_a_few_requests_at_once_are_answered(self, url: str) -> None:
        """In their order."""
        async with raw(url) as connection:
            await connection.say(head("GET /healthz") * 3 + head("GET /nowhere", "Connection: close"))
            answers = await connection.end()
            assert [int(part[:3]) for part in answers.split(b"HTTP/1.1 ")[1:]] == [200, 200, 200, 404]

    async def test_what_is_no_http(self, url: str) -> None:
        """400, as a problem like any other."""
        async with raw(url) as connection:
            await connection.say(b"\x16\x03\x01 hello\r\n\r\n")
            answer = await connection.end()
            assert answer.startswith(b"HTTP/1.1 400 ")
            assert b"application/problem+json" in answer


async def test_an_upgrade_that_the_websocket_library_would_not_read(tmp_path: Path) -> None:
    """Its own bounds are narrower; beyond them 431 is said instead of nothing at all."""
    async with stream.serving(tmp_path) as platform:
        for more in ([f"X: {'a' * 10_000}"], [f"X{number}: a" for number in range(200)]):
            async with raw(platform.url) as connection:
                await connection.say(head("GET /api/v1/stream", *UPGRADE, *more))
                assert await connection.status() == 431


async def test_silent_connections_make_room(tmp_path: Path) -> None:
    """Who has had no request for longest goes; where all are being answered, one more is told 503."""
    async with web.serving(tmp_path, connections=3) as (platform, url), AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(raw(url)) for _ in range(3)]
        other = await stack.enter_async_context(raw(url))
        await other.say(head("GET /healthz"))
        assert await other.status() == 200
        assert await silent[0].end() == b""

        async with httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as client:
            await sign_up(client)
            token = client.headers["Authorization"]
        busy = [await stack.enter_async_context(raw(url)) for _ in range(3)]
        for connection in busy:
            await connection.say(head("GET /api/v1/events", f"Authorization: {token}"))
            assert await connection.status() == 200
        refused = await stack.enter_async_context(raw(url))
        answer = await refused.answer()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 5" in answer
        platform.clock.advance(hours=1)


class TestBodies:
    """A body may pause for a while, and comes at some rate: every route's, answered 408."""

    @pytest.mark.parametrize(
        ("method", "path", "kind"),
        [
            ("POST", "/session", JSON),
            ("POST", "/customers", JSON),
            ("POST", "/devices", JSON),
            ("POST", "/receipts", JSON),
            ("POST", "/photos", FORM),
        ],
    )
    async def test_that_stall(self, tmp_path: Path, method: str, path: str, kind: str) -> None:
        """They hold nothing, with a log-in or without."""
        async with web.serving(tmp_path, upload_idle_seconds=SHORT) as (_, url):
            authorization = await authorized(url)
            async with raw(url) as connection:
                await connection.say(
                    head(f"{method} /api/v1{path}", kind, authorization, "Content-Length: 100") + OPENING[kind]
                )
                answer = await connection.end()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"urn:photo-pipeline:problem:" in answer

    @pytest.mark.parametrize("path", ["/session", "/photos"])
    async def test_that_trickle(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
        """Each byte comes in time, and all together they would never end."""
        monkeypatch.setattr(bodies, "RATE_GRACE_SECONDS", SHORT)
        async with web.serving(tmp_path) as (_, url):
            kind = JSON if path == "/session" else FORM
            authorization = await authorized(url)
            async with raw(url) as connection:
                await connection.say(head(f"POST /api/v1{path}", kind, authorization, "Content-Length: 10000"))
                await connection.say(OPENING[kind])
                answered = asyncio.create_task(connection.end())
                while not answered.done():
                    await connection.say(b"a")
                    await asyncio.sleep(SHORT / 10)
                assert (await answered).startswith(b"HTTP/1.1 408 ")

    async def test_an_upload_that_stalls_has_receipts_for_what_came_before(self, tmp_path: Path) -> None:
        """The first file is on Kafka: its receipt is in the answer, and the second is named as stalled."""
        async with web.serving(tmp_path, upload_idle_seconds=SHORT) as (platform, url):
            part = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
            body = part + encoded(scene(64, 48), SniffedFormat.JPEG) + b"\r\n" + part + b"\xff\xd8"
            authorization = await authorized(url)
            async with raw(url) as connection:
                await connection.say(head("POST /api/v1/photos", FORM, authorization, "Content-Length: 99999") + body)
                answer = await connection.end()
            assert answer.startswith(b"HTTP/1.1 202 ")
            assert b'"reason":"body_stalled"' in answer
            assert len(platform.log.records) == 1

    @pytest.mark.parametrize("framing", ["Content-Length: 209715200", "Transfer-Encoding: chunked"])
    async def test_that_are_too_large_for_a_document(self, tmp_path: Path, framing: str) -> None:
        """413, whether it is announced or not; nobody has to log in to be refused, nor to fill the memory."""
        async with web.serving(tmp_path) as (_, url), raw(url) as connection:
            await connection.say(head("POST /api/v1/session", JSON, framing))
            chunk = b"a" * 65536 if "Length" in framing else b"10000\r\n" + b"a" * 65536 + b"\r\n"
            for _ in range(16):
                await connection.say(chunk)
            assert await connection.status() == 413

    async def test_that_go_on_after_their_answer(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """They are not listened to for ever."""
        monkeypatch.setattr("photo_pipeline.web.http_protocol.REST_SECONDS", SHORT)
        assert REST_SECONDS > SHORT
        async with web.serving(tmp_path) as (_, url), raw(url) as connection:
            await connection.say(head("GET /healthz", "Content-Length: 100000"))
            assert await connection.status() == 200
            ended = asyncio.create_task(connection.end())
            while not ended.done():
                await connection.say(b"a")
                await asyncio.sleep(SHORT / 10)

    async def test_whoever_reads_no_answer(self, tmp_path: Path) -> None:
        """Is cut off, and what was to be said goes with the connection."""
        async with web.serving(tmp_path, answer_stall_seconds=SHORT) as (_, url), raw(url) as connection:
            connection.writer.transport.pause_reading()  # type: ignore[attr-defined] # a transport that reads, too
            ended = asyncio.create_task(_until_cut(connection))
            assert await ended


async def _until_cut(connection: Raw) -> bool:
    """Ask again and again without reading, until the other side hangs up."""
    async with asyncio.timeout(30):
        while not connection.writer.transport.is_closing():
            connection.writer.write(head("GET /openapi.json") * 4)
            await asyncio.sleep(SHORT / 30)
    return True


async def authorized(url: str) -> str:
    """The header of somebody who has just signed up."""
    async with httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as client:
        await sign_up(client)
        return f"Authorization: {client.headers['Authorization']}"
