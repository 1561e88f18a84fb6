"""A camera's feed: each part answered while the feed goes on."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.images import encoded, scene
from tests.support.serving import PATIENCE, eventually
from tests.support.stream import StreamPlatform, serving

from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.photo import MAX_PHOTO_BYTES
from photo_pipeline.stream.feed import UNREAD_ANSWERS, Answers
from photo_pipeline.stream.schemas import FeedEnd

pytestmark = pytest.mark.anyio

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
FEED = "/api/v1/feed"
TYPE = {"Content-Type": "multipart/x-mixed-replace; boundary=frame"}
NEXT = b"--frame\r\n"
"""Only with it a part is known to be whole."""
END = b"--frame--\r\n"
MOMENT = 0.3
"""Seconds in which something that must not happen would have happened."""


def photo(seed: int = 0) -> bytes:
    """A small JPEG."""
    return encoded(scene(64, 48, seed), SniffedFormat.JPEG)


def part(data: bytes, name: str = "") -> bytes:
    """A part with the boundary before it."""
    named = f'Content-Disposition: attachment; filename="{name}"\r\n' if name else ""
    return f"--frame\r\nContent-Type: image/jpeg\r\n{named}\r\n".encode() + data + b"\r\n"


class Camera:
    """A sender that reads and writes as it likes, byte by byte: HTTP clients wait for the end of what they send."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def push(self, data: bytes) -> None:
        """Send some of the body."""
        self.writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await self.writer.drain()

    async def head(self) -> bytes:
        """The answer's status and headers."""
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE)

    async def line(self) -> dict[str, Any]:
        """The next line of the answer."""
        size = int(await asyncio.wait_for(self.reader.readuntil(b"\r\n"), PATIENCE), 16)
        chunk = await self.reader.readexactly(size + 2)
        answer: dict[str, Any] = json.loads(chunk)
        return answer


@asynccontextmanager
async def camera(platform: StreamPlatform, token: str | None = None) -> AsyncIterator[Camera]:
    """A camera that has sent its request's head."""
    host, port = platform.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = [
        f"POST {FEED} HTTP/1.1",
        f"Host: {host}",
        f"Authorization: Bearer {token or platform.device_token()}",
        f"Content-Type: {TYPE['Content-Type']}",
        "Transfer-Encoding: chunked",
    ]
    writer.write("\r\n".join([*head, "", ""]).encode())
    try:
        yield Camera(reader, writer)
    finally:
        writer.transport.abort()


async def answers(platform: StreamPlatform, body: bytes) -> list[dict[str, Any]]:
    """All lines that answer a feed which is sent as a whole."""
    async with platform.client(platform.device_token()) as client:
        answer = await client.post(FEED, content=body, headers=TYPE)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_each_part_is_answered_in_a_line(platform: StreamPlatform) -> None:
    """Hello, an answer for each part by its number, the end with its sums; the good ones are in Kafka, with names."""
    frames = [photo(1), photo(2)]
    lines = await answers(platform, part(frames[0], "one.jpg") + part(b"no image") + part(frames[1]) + END)
    assert (lines[0]["type"], lines[0]["window"]["frames"]) == ("hello", 8)
    acks = {line["seq"]: line for line in lines[1:-1]}
    assert acks[1]["receipt"]["topic"] == "photos.streamed"
    assert acks[2]["error"]["reason"] == "not_an_image"
    assert acks[3]["receipt"]
    assert lines[-1] == {"type": "end", "reason": "complete", "detail": "", "accepted": 2, "refused": 1}
    # In either order: each goes to Kafka as soon as it has been looked at.
    named = {record.value: dict(record.headers).get("ce_filename") for record in platform.log.records}
    assert named == {frames[0]: b"one.jpg", frames[1]: None}
    assert len(platform.log.records) == len(frames)


async def test_a_part_that_is_broken_or_too_large_costs_itself_alone(platform: StreamPlatform) -> None:
    """The feed goes on behind it."""
    body = (
        part(photo(1))
        + b"--frame\r\nwhat is this\r\n\r\nlost\r\n"
        + part(bytes(MAX_PHOTO_BYTES + 1))
        + part(photo(2))
        + END
    )
    lines = await answers(platform, body)
    acks = {line["seq"]: line.get("error", {}).get("reason") for line in lines[1:-1]}
    assert acks == {1: None, 2: "broken_part", 3: "too_large", 4: None}
    assert len(platform.log.records) == 2


async def test_answers_come_while_the_feed_goes_on(platform: StreamPlatform) -> None:
    """A receipt is there before the next part is sent, and not before Kafka has the photo."""
    async with camera(platform) as sender:
        platform.log.gate.clear()
        await sender.push(part(photo(1)) + NEXT)
        assert b"200 OK" in await sender.head()
        assert (await sender.line())["type"] == "hello"
        await platform.log.until_waiting(1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sender.reader.read(1), MOMENT)
        platform.log.gate.set()
        assert (await sender.line())["receipt"]
        await sender.push(part(photo(2)).removeprefix(NEXT) + END)
        assert (await sender.line())["seq"] == 2
        assert (await sender.line())["type"] == "end"
        assert len(platform.log.records) == 2


async def test_a_feed_is_held_back_while_its_window_is_full(tmp_path: Path) -> None:
    """No more frames wait for Kafka than the window allows; in the end all are there."""
    async with serving(tmp_path, window_frames=2) as platform:
        platform.log.gate.clear()
        body = b"".join(part(photo(seed)) for seed in range(10)) + END
        sending = asyncio.create_task(answers(platform, body))
        await platform.log.until_waiting(2)
        await asyncio.sleep(MOMENT)
        assert platform.log.waiting == 2
        platform.log.gate.set()
        assert (await sending)[-1]["accepted"] == 10


async def test_a_feed_whose_answers_nobody_reads_goes_on(platform: StreamPlatform) -> None:
    """A camera knows nothing of answers: every frame arrives all the same."""
    count = 40
    async with camera(platform) as sender:
        for seed in range(count):
            await sender.push(part(photo(seed)))
        await sender.push(NEXT)
        await eventually(lambda: _has(platform, count))


async def test_answers_that_nobody_reads_are_dropped_and_counted() -> None:
    """The oldest first, in bounded memory."""
    waiting = Answers()
    for number in range(UNREAD_ANSWERS + 5):
        waiting.put(FeedEnd(reason="x", detail="", accepted=number, refused=0))
    waiting.close()
    lines = [json.loads(line) async for line in waiting.lines()]
    assert lines[0] == {"type": "skipped", "answers": 5}
    assert [line["accepted"] for line in lines[1:]] == list(range(5, UNREAD_ANSWERS + 5))


async def test_a_camera_that_vanishes_loses_nothing_that_had_arrived(platform: StreamPlatform) -> None:
    """Its place is free again, and what waited for Kafka is finished."""
    platform.log.gate.clear()
    async with camera(platform) as sender:
        await sender.push(part(photo(1)) + part(photo(2)) + NEXT)
        await platform.log.until_waiting(2)
    platform.log.gate.set()
    await eventually(platform.no_connections)
    assert len(platform.log.records) == 2


async def test_the_feed_of_a_revoked_device_ends_while_nothing_comes(tmp_path: Path) -> None:
    """The last line says why."""
    async with serving(tmp_path, device_fresh_seconds=0.05) as platform:
        device = platform.device()
        async with camera(platform, platform.device_token(device)) as sender:
            await sender.push(part(photo()) + NEXT)
            await sender.head()
            assert [(await sender.line())["type"] for _ in range(2)] == ["hello", "ack"]
            del platform.customers.registered[device.device_id]
            assert (await sender.line())["reason"] == "revoked"
        await eventually(platform.no_connections)


async def test_a_feed_that_stalls_is_given_up(tmp_path: Path) -> None:
    """408 before its first byte, an end that says so later."""
    async with serving(tmp_path, feed_idle_seconds=0.1) as platform:
        async with camera(platform) as sender:
            assert b"408" in await sender.head()
        async with camera(platform) as sender:
            await sender.push(part(photo()))
            assert b"200 OK" in await sender.head()
            await eventually(lambda: _ends(sender, "stalled"))


async def test_frames_that_come_too_early_are_refused_and_in_the_end_the_feed(tmp_path: Path) -> None:
    """Each is told so; after so many in a row the feed ends."""
    async with serving(tmp_path, frames_per_second=0.001, frames_burst=1, slow_downs=3) as platform:
        async with camera(platform) as sender:
            for seed in range(5):
                await sender.push(part(photo(seed)))
            await sender.head()
            lines = [await sender.line() for _ in range(6)]
            acks = {line["seq"]: line.get("error", {}).get("reason") for line in lines if line["type"] == "ack"}
            assert acks == {1: None, 2: "too_fast", 3: "too_fast", 4: "too_fast"}
            assert lines[-1]["reason"] == "too_many_refused"
        assert len(platform.log.records) == 1


async def test_a_feed_takes_a_place(tmp_path: Path) -> None:
    """It counts as a long connection of its device: 429 for one too many."""
    async with serving(tmp_path, connections_per_device=1) as platform:
        token = platform.device_token()
        async with platform.stream(token), platform.client(token) as client:
            answer = await client.post(FEED, content=END, headers=TYPE)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")


async def test_who_may_not_push_a_feed(platform: StreamPlatform) -> None:
    """401 without a good token, 415 for what is no feed; a body is not read for either."""
    async with platform.client("nonsense") as client:
        assert (await client.post(FEED, content=END, headers=TYPE)).status_code == 401
    async with platform.client(platform.device_token()) as client:
        refused = await client.post(FEED, content=photo())
    assert (refused.status_code, refused.json()["type"]) == (415, "urn:photo-pipeline:problem:not_a_feed")


async def test_a_fault_of_our_own_ends_the_feed_and_is_logged(
    platform: StreamPlatform, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a traceback for the sender."""

    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(platform.log, "append", broken)
    lines = await answers(platform, part(photo()) + END)
    assert (lines[-1]["reason"], lines[-1]["detail"]) == ("internal_error", "Something went wrong here.")
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("example", ["push_feed.sh", "push_feed.py"])
async def test_the_examples_push_a_feed(platform: StreamPlatform, tmp_path: Path, example: str) -> None:
    """They send every image with its name, print an answer for each, and end."""
    files = [tmp_path / f"Bild {number}.jpg" for number in range(3)]
    for number, file in enumerate(files):
        file.write_bytes(photo(number))
    environment = {
        **os.environ,
        "PHOTO_STREAM_URL": platform.url,
        "PHOTO_DEVICE_TOKEN": platform.device_token(),
    }
    command = [*([sys.executable] if example.endswith(".py") else []), str(EXAMPLES / example), *map(str, files)]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    said, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode == 0
    assert len(said.splitlines()) == len(files) + (2 if example.endswith(".sh") else 1)
    names = [dict(record.headers)["ce_filename"] for record in platform.log.records]
    assert sorted(names) == sorted(file.name.encode() for file in files)


async def _has(platform: StreamPlatform, count: int) -> bool:
    return len(platform.log.records) == count


async def _ends(sender: Camera, reason: str) -> bool:
    return (await sender.line()).get("reason") == reason
