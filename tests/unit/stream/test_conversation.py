"""Many frames over one connection: each answered once Kafka has it, and no more read than may wait."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.support.images import encoded, scene
from tests.support.serving import PATIENCE, eventually
from tests.support.stream import Stream, StreamPlatform, serving
from websockets.exceptions import ConnectionClosed, InvalidStatus

from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.photo import MAX_PHOTO_BYTES
from photo_pipeline.stream.senders import SUBPROTOCOL

pytestmark = pytest.mark.anyio

ADDRESS = "/api/v1/stream"
MOMENT = 0.3
"""Seconds in which something that must not happen would have happened."""


def photo(seed: int = 0) -> bytes:
    """A small JPEG."""
    return encoded(scene(64, 48, seed), SniffedFormat.JPEG)


def padded(size: int, seed: int = 0) -> bytes:
    """A PNG of that many bytes: decoders ignore what follows its end."""
    image = encoded(scene(64, 48, seed), SniffedFormat.PNG)
    return image + bytes(size - len(image))


async def test_the_server_says_its_limits_first(platform: StreamPlatform) -> None:
    """Hello names the sender, the largest frame and the window."""
    device = platform.device()
    async with platform.stream(platform.device_token(device)) as stream:
        assert stream.connection.subprotocol == SUBPROTOCOL
        assert stream.hello == {
            "type": "hello",
            "customer_id": str(platform.customer_id),
            "device_id": str(device.device_id),
            "max_frame_bytes": MAX_PHOTO_BYTES,
            "window": {"frames": 8, "bytes": 64 * 1024 * 1024},
            "rate": {
                "frames_per_second": 100.0,
                "frames_burst": 500,
                "bytes_per_second": 128 * 1024 * 1024,
                "bytes_burst": 256 * 1024 * 1024,
            },
        }


async def test_each_frame_is_answered_by_its_number(platform: StreamPlatform) -> None:
    """Good and bad frames mixed: a receipt or an error each, and the record carries the frame's name."""
    frames = [photo(1), b"no image", photo(2), b""]
    async with platform.stream() as stream:
        await stream.connection.send(json.dumps({"filename": "one.jpg"}))
        await stream.push(*frames)
        answers = await stream.answers(4)
    assert answers[1]["receipt"]["topic"] == "photos.streamed"
    assert answers[2]["error"] == {
        "reason": "not_an_image",
        "detail": "The file is not a photo in a format that can be read here.",
        "retry": False,
    }
    assert {answers[number]["receipt"]["offset"] for number in (1, 3)} == {0, 1}
    assert answers[4]["error"]["reason"] == "empty"
    assert "error" not in answers[1]
    named = {record.value: dict(record.headers).get("ce_filename") for record in platform.log.records}
    assert named == {frames[0]: b"one.jpg", frames[2]: None}


async def test_no_answer_before_kafka_has_the_frame(platform: StreamPlatform) -> None:
    """While Kafka does not acknowledge, the sender hears nothing."""
    platform.log.gate.clear()
    async with platform.stream() as stream:
        await stream.push(photo())
        await platform.log.until_waiting(1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.connection.recv(), MOMENT)
        platform.log.gate.set()
        assert (await stream.answers(1))[1]["receipt"]


async def test_reading_stops_while_too_many_frames_wait(tmp_path: Path) -> None:
    """Only as many as the window says get to Kafka; the rest comes when there is room, and none is lost."""
    async with serving(tmp_path, window_frames=3) as platform:
        platform.log.gate.clear()
        async with platform.stream() as stream:
            assert stream.hello["window"]["frames"] == 3
            await stream.push(*(photo(seed) for seed in range(10)))
            await platform.log.until_waiting(3)
            await asyncio.sleep(MOMENT)
            assert platform.log.waiting == 3
            platform.log.gate.set()
            answers = await stream.answers(10)
    assert sorted(answers) == list(range(1, 11))
    assert all("receipt" in answer for answer in answers.values())


async def test_reading_stops_while_too_many_bytes_wait(tmp_path: Path) -> None:
    """The window counts bytes as well."""
    async with serving(tmp_path, window_bytes=100_000) as platform:
        platform.log.gate.clear()
        async with platform.stream() as stream:
            await stream.push(*(padded(60_000, seed) for seed in range(5)))
            await platform.log.until_waiting(2)
            await asyncio.sleep(MOMENT)
            assert platform.log.waiting == 2
            platform.log.gate.set()
            assert len(await stream.answers(5)) == 5


async def test_the_sender_is_held_back_by_the_network(tmp_path: Path) -> None:
    """A sender that does not look at the window cannot go on sending either: nothing piles up in memory."""
    async with serving(tmp_path, window_frames=1) as platform:
        platform.log.gate.clear()
        async with platform.stream() as stream:
            pushing = asyncio.create_task(stream.push(*(padded(8 * 1024 * 1024, seed) for seed in range(8))))
            await platform.log.until_waiting(1)
            _, unfinished = await asyncio.wait([pushing], timeout=MOMENT * 2)
            assert unfinished
            platform.log.gate.set()
            assert len(await stream.answers(8)) == 8
            await pushing


async def test_the_largest_frame_passes_and_a_larger_one_ends_the_connection(platform: StreamPlatform) -> None:
    """32 MiB are fine; one byte more is code 1009."""
    async with platform.stream() as stream:
        await stream.push(padded(MAX_PHOTO_BYTES))
        assert (await stream.answers(1))[1]["receipt"]
        with pytest.raises(ConnectionClosed) as closed:
            await push_and_listen(stream, padded(MAX_PHOTO_BYTES + 1))
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
    assert len(platform.log.records) == 1


async def test_a_frame_that_kafka_does_not_take_may_be_sent_again(platform: StreamPlatform) -> None:
    """The error says so, the connection goes on, and the second time it works."""
    platform.log.away = True
    async with platform.stream() as stream:
        await stream.push(photo())
        refused = (await stream.answers(1))[1]
        platform.log.away = False
        await stream.push(photo())
        accepted = (await stream.answers(1))[2]
    assert (refused["error"]["reason"], refused["error"]["retry"]) == ("not_acknowledged", True)
    assert accepted["receipt"]


@pytest.mark.parametrize("text", ["hello?", '{"file": "x"}', "[]", json.dumps({"filename": "x" * 9000})])
async def test_text_that_describes_nothing_ends_the_connection(platform: StreamPlatform, text: str) -> None:
    """Code 1008, after the frames before it are answered."""
    async with platform.stream() as stream:
        await stream.push(photo())
        await stream.connection.send(text)
        assert (await stream.answers(1))[1]["receipt"]
        with pytest.raises(ConnectionClosed) as closed:
            await stream.connection.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


async def test_a_sender_that_leaves_loses_nothing_half_way(platform: StreamPlatform) -> None:
    """Frames that had arrived are finished, and the place is free again."""
    platform.log.gate.clear()
    async with platform.stream() as stream:
        await stream.push(photo(1), photo(2))
        await platform.log.until_waiting(2)
    platform.log.gate.set()
    await eventually(platform.no_connections)
    assert len(platform.log.records) == 2


async def test_a_sender_that_vanishes_frees_its_place(platform: StreamPlatform) -> None:
    """A connection that is cut without a word is forgotten."""
    async with platform.stream() as stream:
        await stream.push(photo())
        await stream.answers(1)
        stream.connection.transport.abort()
    await eventually(platform.no_connections)


class TestWhoMayStream:
    """What its opening proved has to stay true."""

    async def test_refusals_are_http_answers(self, platform: StreamPlatform) -> None:
        """No token, a bad one, a revoked device: 401 with a problem, before any connection."""
        revoked = platform.device()
        del platform.customers.registered[revoked.device_id]
        for token in ("", "nonsense", platform.device_token(revoked)):
            with pytest.raises(InvalidStatus) as refused:
                async with platform.stream(token or " "):
                    pass
            assert refused.value.response.status_code == 401
            assert json.loads(refused.value.response.body or b"")["status"] == 401

    async def test_a_browser_offers_its_token_as_a_subprotocol(self, platform: StreamPlatform) -> None:
        """The server picks the protocol and never repeats the token."""
        offered = [SUBPROTOCOL, f"bearer.{platform.device_token()}"]
        async with platform.stream(subprotocols=offered, additional_headers={}) as stream:
            assert stream.connection.subprotocol == SUBPROTOCOL
            await stream.push(photo())
            assert (await stream.answers(1))[1]["receipt"]

    @pytest.mark.parametrize(("origin", "welcome"), [("http://testserver", True), ("http://evil.example", False)])
    async def test_a_cookie_only_from_own_pages(self, platform: StreamPlatform, origin: str, *, welcome: bool) -> None:
        """Another site's page cannot open a stream with the customer's cookie."""
        options: dict[str, Any] = {
            "additional_headers": {"Cookie": f"photo_session={platform.session_token()}"},
            "origin": origin,
        }
        if welcome:
            async with platform.stream(**options) as stream:
                assert "device_id" not in stream.hello
            return
        with pytest.raises(InvalidStatus) as refused:
            async with platform.stream(**options):
                pass
        assert refused.value.response.status_code == 403

    async def test_a_session_that_ends_ends_its_stream(self, platform: StreamPlatform) -> None:
        """The frame after the end is not taken."""
        async with platform.stream(platform.session_token()) as stream:
            await stream.push(photo(1))
            await stream.answers(1)
            platform.clock.advance(hours=2)
            await stream.push(photo(2))
            with pytest.raises(ConnectionClosed) as closed:
                await stream.connection.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (3000, "The session has ended.")
        assert len(platform.log.records) == 1

    async def test_a_device_that_is_revoked_is_cut_off(self, tmp_path: Path) -> None:
        """Soon after the revocation, the running stream ends, and a new one is not opened."""
        async with serving(tmp_path, device_fresh_seconds=0.05) as platform:
            device = platform.device()
            token = platform.device_token(device)
            async with platform.stream(token) as stream:
                await stream.push(photo())
                await stream.answers(1)
                del platform.customers.registered[device.device_id]
                with pytest.raises(ConnectionClosed) as closed:
                    await eventually(lambda: push_and_listen(stream, photo()))
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 3000
            with pytest.raises(InvalidStatus):
                async with platform.stream(token):
                    pass

    async def test_an_idle_connection_ends_soon_after_the_revocation(self, tmp_path: Path) -> None:
        """Nothing has to be sent for that."""
        async with serving(tmp_path, device_fresh_seconds=0.05) as platform:
            device = platform.device()
            async with platform.stream(platform.device_token(device)) as stream:
                del platform.customers.registered[device.device_id]
                with pytest.raises(ConnectionClosed) as closed:
                    await asyncio.wait_for(stream.connection.recv(), PATIENCE)
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (3000, "This device was revoked.")
            await eventually(platform.no_connections)

    async def test_an_idle_session_that_ends_ends_its_stream(self, tmp_path: Path) -> None:
        """Here, too, nothing has to be sent."""
        async with (
            serving(tmp_path, device_fresh_seconds=0.05) as platform,
            platform.stream(platform.session_token()) as stream,
        ):
            platform.clock.advance(hours=2)
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(stream.connection.recv(), PATIENCE)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 3000


class TestRates:
    """A device that is too fast is told so, and cut off where it does not listen."""

    async def test_a_frame_too_early_is_refused_until_there_is_room(self, tmp_path: Path) -> None:
        """The answer says after how long the same frame fits; then it does."""
        async with serving(tmp_path, frames_per_second=20, frames_burst=2) as platform, platform.stream() as stream:
            await stream.push(photo(1), photo(2), photo(3))
            answers = await stream.answers(3)
            assert answers[1]["receipt"]
            assert answers[2]["receipt"]
            refused = answers[3]["error"]
            assert (refused["reason"], refused["retry"]) == ("too_fast", True)
            assert 0 < refused["retry_after"] <= 0.05
            await asyncio.sleep(refused["retry_after"] + 0.001)
            await stream.push(photo(3))
            assert (await stream.answers(1))[4]["receipt"]

    async def test_bytes_are_limited_as_well(self, tmp_path: Path) -> None:
        """A few large frames are as much as many small ones."""
        async with (
            serving(tmp_path, bytes_per_second=1000, bytes_burst=150_000) as platform,
            platform.stream() as stream,
        ):
            await stream.push(padded(100_000, 1), padded(100_000, 2))
            answers = await stream.answers(2)
        assert answers[1]["receipt"]
        assert answers[2]["error"]["retry_after"] == pytest.approx(50, abs=5)

    async def test_all_connections_of_a_device_count_together_and_another_device_apart(self, tmp_path: Path) -> None:
        """Opening more connections buys nothing; other devices are not touched."""
        async with serving(tmp_path, frames_per_second=0.001, frames_burst=1) as platform:
            token = platform.device_token()
            async with platform.stream(token) as one, platform.stream(token) as two, platform.stream() as other:
                for stream in (one, two, other):
                    await stream.push(photo())
                    await asyncio.sleep(0)
                answered = [(await stream.answers(1))[1] for stream in (one, two, other)]
            assert sorted("receipt" in answer for answer in answered[:2]) == [False, True]
            assert answered[2]["receipt"]

    async def test_who_does_not_slow_down_is_cut_off(self, tmp_path: Path) -> None:
        """Code 1013 after so many refusals in a row."""
        async with (
            serving(tmp_path, frames_per_second=0.001, frames_burst=1, slow_downs=5) as platform,
            platform.stream() as stream,
        ):
            with pytest.raises(ConnectionClosed) as closed:
                await eventually(lambda: push_and_listen(stream, photo()))
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1013
            async with platform.client() as client:
                assert "stream_slow_downs_total 5.0" in (await client.get("/metrics")).text


class TestPlaces:
    """Long connections are limited, per device, per customer and in all."""

    async def test_a_device_has_so_many_connections(self, tmp_path: Path) -> None:
        """429 for one more; another device of the same customer has its own."""
        async with serving(tmp_path, connections_per_device=2) as platform:
            token = platform.device_token()
            async with platform.stream(token), platform.stream(token):
                assert await refusal(platform, token) == (429, "5")
                async with platform.stream():
                    pass
            await eventually(lambda: is_welcome(platform, token))

    async def test_a_customer_has_so_many_connections(self, tmp_path: Path) -> None:
        """429 for one more; another customer's are their own; a place that was left is free."""
        async with serving(tmp_path, connections_per_customer=2) as platform:
            tokens = [platform.device_token() for _ in range(3)]
            platform.customer_id = uuid4()
            other = platform.device_token()
            async with platform.stream(tokens[0]), platform.stream(tokens[1]):
                assert await refusal(platform, tokens[2]) == (429, "5")
                async with platform.stream(other):
                    pass
            await eventually(lambda: is_welcome(platform, tokens[2]))

    async def test_an_instance_has_so_many_connections(self, tmp_path: Path) -> None:
        """503 for one more, whoever it is."""
        async with serving(tmp_path, connections=1) as platform, platform.stream():
            platform.customer_id = uuid4()
            assert await refusal(platform, platform.device_token()) == (503, "5")


async def push_and_listen(stream: Stream, frame: bytes) -> bool:
    """Send a frame and wait for its answer; always false, as what is waited for is the connection's end."""
    await stream.push(frame)
    await stream.connection.recv()
    return False


async def is_welcome(platform: StreamPlatform, token: str) -> bool:
    """Whether an attempt to connect succeeds."""
    return await refusal(platform, token) is None


async def refusal(platform: StreamPlatform, token: str) -> tuple[int, str] | None:
    """How an attempt to connect ends: status and Retry-After, or nothing where it succeeds."""
    try:
        async with platform.stream(token):
            return None
    except InvalidStatus as error:
        return error.response.status_code, error.response.headers["Retry-After"]


async def test_a_fault_of_our_own_ends_the_connection_and_is_logged(
    platform: StreamPlatform, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code 1011, without a traceback for the sender."""

    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(platform.log, "append", broken)
    async with platform.stream() as stream:
        await stream.push(photo())
        with pytest.raises(ConnectionClosed) as closed:
            await stream.connection.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1011, "Something went wrong here.")
    assert "ZeroDivisionError" in caplog.text


async def test_plain_http_is_told_to_upgrade(platform: StreamPlatform) -> None:
    """The address of the stream answers ordinary requests with a problem."""
    async with platform.client(platform.device_token()) as client:
        answer = await client.get(ADDRESS)
    assert isinstance(answer, httpx.Response)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
