"""One account cannot fill the archive: photos a day and bytes that are kept, counted beside the database."""

from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from tests.support.images import encoded, scene
from tests.support.serving import eventually
from tests.support.stream import serving
from tests.support.tus import TUS
from tests.support.web import FakeClock, FakeUsage, Platform, running, sign_up, web_settings

from photo_pipeline.domain.customers import Usage
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.web.quotas import Quota, QuotaExceededError, Quotas

pytestmark = pytest.mark.anyio

PHOTO = encoded(scene(64, 48), SniffedFormat.JPEG)


async def send(client: httpx.AsyncClient, count: int = 1) -> httpx.Response:
    """Upload the photo so many times in one request."""
    return await client.post("/photos", files=[("files", (f"{number}.jpg", PHOTO)) for number in range(count)])


async def test_photos_of_a_day(tmp_path: Path) -> None:
    """The one too many is named as such; alone it is 429 with Retry-After. A day later there is room again."""
    async with running(web_settings(tmp_path, customer_photos_per_day=3)) as platform, platform.client() as ada:
        await sign_up(ada)
        mixed = await send(ada, 4)
        assert (mixed.status_code, len(mixed.json()["receipts"])) == (202, 3)
        assert [refused["reason"] for refused in mixed.json()["rejected"]] == ["too_many_today"]
        refused = await send(ada)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3600")
        assert "24 hours" in refused.json()["detail"]
        async with platform.client() as grace:
            await sign_up(grace, "grace@example.org")
            assert (await send(grace)).status_code == 202
        platform.clock.advance(hours=25)
        await sign_in_again(platform, ada)
        assert (await send(ada)).status_code == 202


async def test_bytes_that_are_kept(tmp_path: Path) -> None:
    """507, in words; after 168 hours the room is free again."""
    room = len(PHOTO) * 2 + 10
    async with running(web_settings(tmp_path, customer_kept_bytes=room)) as platform, platform.client() as ada:
        await sign_up(ada)
        assert (await send(ada, 2)).status_code == 202
        refused = await send(ada)
        assert (refused.status_code, refused.json()["rejected"][0]["reason"]) == (507, "no_room_left")
        assert "room" in refused.json()["detail"]
        platform.clock.advance(hours=170)
        await sign_in_again(platform, ada)
        assert (await send(ada)).status_code == 202


async def test_what_is_refused_or_not_acknowledged_counts_for_nothing(tmp_path: Path) -> None:
    """Only what Kafka has."""
    async with running(web_settings(tmp_path, customer_photos_per_day=1)) as platform, platform.client() as ada:
        await sign_up(ada)
        platform.log.away = True
        assert (await send(ada)).status_code == 503
        platform.log.away = False
        assert (await ada.post("/photos", files=[("files", ("a.txt", b"text"))])).status_code == 415
        assert (await send(ada)).status_code == 202


async def test_what_others_took_is_heard_of(platform: Platform, ada: httpx.AsyncClient) -> None:
    """From the database, behind the requests: a first photo may pass, and then none."""
    platform.usage.told = Usage(platform.settings.customer_photos_per_day, 0)

    async def is_refused() -> bool:
        return (await send(ada)).status_code == 429

    await eventually(is_refused)
    assert platform.usage.asked == 1


async def test_a_database_that_is_away_counts_for_nothing(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Uploads need Kafka alone."""
    platform.usage.away = True
    assert [(await send(ada)).status_code for _ in range(3)] == [202] * 3


async def test_a_resumable_upload_is_refused_before_its_first_byte(tmp_path: Path) -> None:
    """By the length that it announces: nothing of it waits in the directory of uploads."""
    async with running(web_settings(tmp_path, customer_kept_bytes=1000)) as platform, platform.client() as ada:
        await sign_up(ada)
        refused = await ada.post("/uploads", headers={**TUS, "Upload-Length": "1001"})
        assert (refused.status_code, refused.json()["reason"]) == (507, "no_room_left")
        assert (await ada.post("/uploads", headers={**TUS, "Upload-Length": "1000"})).status_code == 201


async def test_frames_count_as_well(tmp_path: Path) -> None:
    """Over HTTP by status, over a long connection by the answer to the frame; sending it again does not help."""
    async with serving(tmp_path, {"customer_photos_per_day": 1}) as platform:
        async with platform.client(platform.device_token()) as client:
            statuses = [(await client.post("/api/v1/frames", content=PHOTO)).status_code for _ in range(2)]
            assert statuses == [202, 429]
        async with platform.stream() as stream:
            await stream.connection.send(PHOTO)
            [answer] = (await stream.answers(1)).values()
        assert (answer["error"]["reason"], answer["error"]["retry"]) == ("too_many_today", False)


async def test_photos_at_once_are_counted_before_they_are_taken() -> None:
    """As many as are under way count, and those that fail are given back."""
    quotas = Quotas(FakeUsage(), Quota(photos_per_day=1, kept_bytes=100), FakeClock(), lambda: 0.0)
    customer = uuid4()
    with quotas.taking(customer, 1), pytest.raises(QuotaExceededError), quotas.taking(customer, 1):
        pass
    other = uuid4()
    with pytest.raises(ZeroDivisionError), quotas.taking(other, 100):
        _ = 1 / 0
    with quotas.taking(other, 100):
        pass
    await quotas.close()


async def sign_in_again(platform: Platform, client: httpx.AsyncClient) -> None:
    """Another session: the first one's time has passed."""
    answer = await client.post("/session", json={"email": "ada@example.org", "password": "correct horse battery"})
    client.cookies.clear()
    client.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
