"""A customer who signs out at the upload API has signed out here, too: for what is new and what is open."""

from pathlib import Path
from uuid import uuid4

import pytest
from tests.support.images import encoded, scene
from tests.support.serving import eventually
from tests.support.stream import StreamPlatform, serving
from websockets.exceptions import ConnectionClosed

from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.web import ended_sessions

pytestmark = pytest.mark.anyio

FRAMES = "/api/v1/frames"


@pytest.fixture(autouse=True)
def _asked_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ended_sessions, "FRESH_SECONDS", 0.0)


async def status(platform: StreamPlatform, token: str) -> int:
    """What a frame is answered."""
    async with platform.client(token) as client:
        return (await client.post(FRAMES, content=encoded(scene(64, 48), SniffedFormat.JPEG))).status_code


async def test_its_token_is_refused(tmp_path: Path) -> None:
    """401, though it is signed and in date; another session of the same customer goes on."""
    ended, other = uuid4(), uuid4()
    async with serving(tmp_path) as platform:
        tokens = [platform.session_token(ended), platform.session_token(other)]
        assert [await status(platform, token) for token in tokens] == [202, 202]
        platform.end_session(ended)
        assert [await status(platform, token) for token in tokens] == [401, 202]


async def test_what_it_has_open_ends(tmp_path: Path) -> None:
    """Also while nothing is sent."""
    ended = uuid4()
    async with serving(tmp_path, device_fresh_seconds=0.1) as platform:
        async with platform.stream(platform.session_token(ended)) as stream:
            platform.end_session(ended)
            with pytest.raises(ConnectionClosed) as closed:
                await stream.connection.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (3000, "The session has ended.")
        await eventually(platform.no_connections)


async def test_a_database_that_is_away_refuses_nobody(tmp_path: Path) -> None:
    """Taking photos needs Kafka alone."""
    async with serving(tmp_path) as platform:
        platform.sessions.away = True
        assert await status(platform, platform.session_token()) == 202
