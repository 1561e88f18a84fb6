"""Creations of resumable uploads: what was not answered with its address is gone, and never in anybody's way."""

import asyncio
import base64
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from starlette.requests import ClientDisconnect
from tests.support.tus import OCTETS, TUS, begin, left_in, metadata, offset_of, photo, problem, send, silent_after
from tests.support.web import NOON, Platform, running, sign_up, web_settings

from photo_pipeline.adapters.upload_directory import UploadDirectory
from photo_pipeline.domain.photo import sha256_hex
from photo_pipeline.domain.uploads import Announced

pytestmark = pytest.mark.anyio


async def create(client: httpx.AsyncClient, data: bytes | AsyncIterator[bytes], **headers: str) -> httpx.Response:
    """Begin an upload with bytes in the request itself."""
    length = {} if "Upload-Length" in headers or not isinstance(data, bytes) else {"Upload-Length": str(len(data))}
    return await client.post("/uploads", content=data, headers={**OCTETS, **length, **headers})


async def test_creation_takes_the_first_bytes_too(platform: Platform, ada: httpx.AsyncClient) -> None:
    """With all of them, the answer to the creation has the receipt already."""
    data = photo()
    headers = {**OCTETS, "Upload-Length": str(len(data)), "Upload-Metadata": metadata(filename="a.jpg")}
    answer = await ada.post("/uploads", content=data, headers=headers)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, str(len(data)))
    assert "Photo-Receipt" in answer.headers
    assert [record.value for record in platform.log.records] == [data]


async def test_a_creation_may_bring_some_of_the_bytes(platform: Platform, ada: httpx.AsyncClient) -> None:
    """201 says where to go on; the upload is there for whoever knows its address."""
    data = photo()
    answer = await create(ada, data[:300], **{"Upload-Length": str(len(data))})
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "300")
    url = f"http://testserver{answer.headers['Location']}"
    assert await offset_of(ada, url) == 300
    assert "Photo-Receipt" in (await send(ada, url, 300, data[300:])).headers
    assert [record.value for record in platform.log.records] == [data]


@pytest.mark.parametrize(
    ("data", "headers", "status"),
    [
        (b"no photo" * 20_000, {}, 415),
        (b"hello", {}, 415),
        (photo(), {"Upload-Length": "100"}, 413),
        (photo(), {"Upload-Metadata": metadata(sha256=sha256_hex(b"another"))}, 422),
        (photo(), {"Upload-Checksum": f"sha1 {base64.b64encode(hashlib.sha1(b'?').digest()).decode()}"}, 460),  # noqa: S324
    ],
    ids=["large", "small", "too many bytes", "another sha256", "wrong checksum"],
)
async def test_a_creation_that_is_refused_leaves_nothing(
    platform: Platform, ada: httpx.AsyncClient, data: bytes, headers: dict[str, str], status: int
) -> None:
    """Nobody knows the address of such an upload, so there is none."""
    answer = await create(ada, data, **headers)
    problem(answer, status)
    assert "Location" not in answer.headers
    assert left_in(platform.settings.upload_dir) == []


async def test_creations_while_kafka_is_away_leave_nothing(tmp_path: Path) -> None:
    """503, as often as it is tried; once Kafka is back there is room for the next one at once."""
    data = photo()
    async with running(web_settings(tmp_path, upload_open_limit=2)) as platform, platform.client() as ada:
        await sign_up(ada)
        platform.log.away = True
        for _ in range(4):
            assert problem(await create(ada, data), 503)["reason"] == "not_acknowledged"
        assert left_in(platform.settings.upload_dir) == []
        platform.log.away = False
        assert (await create(ada, data)).status_code == 201


async def test_a_creation_that_is_cut_off_leaves_nothing(platform: Platform, ada: httpx.AsyncClient) -> None:
    """The connection breaks in the middle of the first bytes: its sender never learned the address."""

    async def cut() -> AsyncIterator[bytes]:
        yield photo() * 100
        raise ClientDisconnect  # what the framework makes of a connection that ends

    with pytest.raises(AssertionError):  # nobody is there to be answered
        await create(ada, cut(), **{"Upload-Length": "10000000"})
    assert left_in(platform.settings.upload_dir) == []


async def test_a_creation_whose_sender_is_gone_before_the_answer_leaves_nothing(
    platform: Platform, ada: httpx.AsyncClient
) -> None:
    """All of the request had come, but nobody waits for the address any more."""
    messages = [{"type": "http.request", "body": photo()[:100], "more_body": False}]

    async def receive() -> dict[str, object]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def nobody_hears(_: object) -> None:
        raise AssertionError

    headers = {**OCTETS, "Upload-Length": "1000", "Authorization": ada.headers["Authorization"]}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/uploads",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "app": platform.app,
    }
    await platform.app(scope, receive, nobody_hears)
    assert messages == []
    assert left_in(platform.settings.upload_dir) == []


async def test_a_creation_that_falls_silent_is_told_where_to_go_on(tmp_path: Path) -> None:
    """The server still has someone to answer: 201 with the address and the offset, and what came stays."""
    data = photo()

    async with running(web_settings(tmp_path, upload_idle_seconds=0.05)) as platform, platform.client() as ada:
        await sign_up(ada)
        answer = await create(ada, silent_after(data[:70]), **{"Upload-Length": str(len(data))})
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "70")
        url = f"http://testserver{answer.headers['Location']}"
        assert "Photo-Receipt" in (await send(ada, url, 70, data[70:])).headers


async def test_a_creation_of_a_killed_process_is_nobodys(tmp_path: Path) -> None:
    """Its lock ended with the process, so the next creation has its room, and a sweep removes it."""
    async with running(web_settings(tmp_path, upload_open_limit=1)) as platform, platform.client() as ada:
        customer_id = await sign_up(ada)
        for _ in range(2):
            killed_while_creating(platform.settings.upload_dir, customer_id)
        assert left_in(platform.settings.upload_dir) == [".begun", ".begun"]
        url = await begin(ada, 1000)
        assert left_in(platform.settings.upload_dir) == [".json", ".part"]
        killed_while_creating(platform.settings.upload_dir, customer_id)
        assert await platform.app.state.services.uploads.sweep() == 1
        assert await offset_of(ada, url) == 0


def killed_while_creating(upload_dir: Path, customer_id: UUID) -> None:
    """Another replica gets SIGKILL with an upload begun and bytes in it."""
    program = (
        "import os, signal, sys\n"
        "from datetime import datetime, UTC\n"
        "from pathlib import Path\n"
        "from uuid import UUID, uuid4\n"
        "from photo_pipeline.adapters.upload_directory import UploadDirectory\n"
        "from photo_pipeline.domain.uploads import Announced\n"
        "now = datetime.now(UTC)\n"
        "announced = Announced(UUID(sys.argv[2]), uuid4(), 100, {}, now, now)\n"
        "UploadDirectory(Path(sys.argv[1])).begin(announced, 64).append(b'first bytes')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", program, str(upload_dir), str(customer_id)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - as above
    assert ended.returncode == -signal.SIGKILL, ended.stderr


async def test_at_the_limit_the_stalest_upload_makes_room(tmp_path: Path) -> None:
    """Not the oldest one, and never a finished one: that keeps its receipt. Who comes back to it is told 404."""
    data = photo()
    async with running(web_settings(tmp_path, upload_open_limit=2)) as platform, platform.client() as ada:
        await sign_up(ada)
        done = await begin(ada, len(data))
        token = (await send(ada, done, 0, data)).headers["Photo-Receipt"]
        oldest, stalest = await begin(ada, 1000), await begin(ada, 1000)
        await send(ada, oldest, 0, data[:10])
        newest = await begin(ada, 1000)
        answers = [(await ada.head(url, headers=TUS)).status_code for url in (oldest, stalest, newest)]
        assert answers == [200, 404, 200]
        assert (await ada.head(done, headers=TUS)).headers["Photo-Receipt"] == token


async def test_what_has_expired_makes_room_first(tmp_path: Path) -> None:
    """Though bytes came for it a moment ago: the customer's younger uploads stay."""
    async with running(web_settings(tmp_path, upload_open_limit=2)) as platform, platform.client() as ada:
        await sign_up(ada)
        directory = UploadDirectory(platform.settings.upload_dir)
        young = await begin(ada, 1000)
        customer_id = UUID(next((platform.settings.upload_dir / "open").iterdir()).name)
        expired = Announced(customer_id, uuid4(), 1000, {}, NOON - timedelta(days=1), NOON)
        with directory.begin(expired, 2) as begun:
            begun.keep()
        await begin(ada, 1000)
        assert await offset_of(ada, young) == 0


async def test_uploads_that_are_being_written_stay(tmp_path: Path) -> None:
    """429 where all are; ``Retry-After`` is when the first of them would be ended for its silence."""
    async with (
        running(web_settings(tmp_path, upload_open_limit=2, upload_idle_seconds=30)) as platform,
        platform.client() as ada,
        AsyncExitStack() as sending,
    ):
        await sign_up(ada)
        urls = [await begin(ada, 1000), await begin(ada, 1000)]
        for url in urls:
            await sending.enter_async_context(under_way(ada, url))
        backdate(platform.settings.upload_dir, seconds=12)
        answer = await ada.post("/uploads", headers={**TUS, "Upload-Length": "10"})
        assert problem(answer, 429)["type"].endswith("too_many_uploads")
        assert 17 <= int(answer.headers["Retry-After"]) <= 18
        await sending.aclose()
        await begin(ada, 10)


@asynccontextmanager
async def under_way(client: httpx.AsyncClient, url: str) -> AsyncIterator[None]:
    """A request adds to an upload and does not end."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        reached.set()
        yield photo()[:10]
        await go_on.wait()

    task = asyncio.create_task(client.patch(url, content=body(), headers={**OCTETS, "Upload-Offset": "0"}))
    await reached.wait()
    try:
        yield
    finally:
        go_on.set()
        await task


def backdate(upload_dir: Path, seconds: float) -> None:
    """Let the newest byte of each upload be so old."""
    for path in (upload_dir / "open").rglob("*.part"):
        at = path.stat().st_mtime - seconds
        os.utime(path, (at, at))
