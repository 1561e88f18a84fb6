"""Requests that are named by a key: made again, also elsewhere or at once, they hear the first one's receipt."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from tests.support.tus import OCTETS, TUS, left_in, metadata, photo, problem, silent_after
from tests.support.web import NOON, FakeLog, Platform, running, sign_up, web_settings

from photo_pipeline.adapters.upload_directory import UploadDirectory
from photo_pipeline.api.tus import turns
from photo_pipeline.domain.events import Delivery, OutboundRecord
from photo_pipeline.domain.photo import sha256_hex
from photo_pipeline.domain.uploads import Announced, UploadLockedError, keyed_upload_id

pytestmark = pytest.mark.anyio

KEY = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}


class SlowLog(FakeLog):
    """Acknowledges nothing before it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def append(self, record: OutboundRecord) -> Delivery:
        """Keep a record, after a while."""
        self.asked.set()
        await self.go_on.wait()
        return await super().append(record)


async def create(
    client: httpx.AsyncClient, data: bytes | AsyncIterator[bytes], length: int, **headers: str
) -> httpx.Response:
    """Begin an upload, named by the key."""
    return await client.post(
        "/uploads", content=data, headers={**OCTETS, **KEY, "Upload-Length": str(length), **headers}
    )


async def send(client: httpx.AsyncClient, *files: bytes, **headers: str) -> httpx.Response:
    """Send photos in a plain request, named by the key."""
    return await client.post(
        "/photos", files=[("files", ("a.jpg", data)) for data in files], headers={**KEY, **headers}
    )


def receipts(answer: httpx.Response) -> list[str]:
    """The tokens in an answer."""
    assert answer.status_code == 202, answer.text
    return [receipt["token"] for receipt in answer.json()["receipts"]]


async def test_an_upload_is_made_again(platform: Platform, ada: httpx.AsyncClient) -> None:
    """The same address, the same receipt, one record; three days later nobody remembers, and sending it is as safe."""
    data = photo()
    first = await create(ada, data, len(data))
    platform.clock.advance(hours=71)
    await sign_in_again(ada)
    await platform.app.state.services.uploads.sweep()
    again = await create(ada, data, len(data))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Upload-Offset"] == str(len(data))
    for name in ("Location", "Photo-Receipt"):
        assert first.headers[name] == again.headers[name]
    assert len(platform.log.records) == 1
    platform.clock.advance(hours=2)
    await sign_in_again(ada)
    assert await platform.app.state.services.uploads.sweep() == 1
    later = await create(ada, data, len(data))
    assert later.headers["Photo-Receipt"] != first.headers["Photo-Receipt"]
    assert len(platform.log.records) == 2


async def sign_in_again(client: httpx.AsyncClient) -> None:
    """Sessions are shorter than what is tested."""
    client.headers.pop("Authorization")
    answer = await client.post("/session", json={"email": "ada@example.org", "password": "correct horse battery"})
    client.cookies.clear()
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


async def test_another_replica_hears_it(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Receipts are where all replicas find them."""
    data = photo()
    first = await create(ada, data, len(data))
    plain = await send(ada, data, photo(1))
    async with running(platform.settings) as other, other.client(**dict(ada.headers)) as elsewhere:
        again = await create(elsewhere, data, len(data))
        assert again.headers["Photo-Receipt"] == first.headers["Photo-Receipt"]
        assert receipts(await send(elsewhere, data, photo(1))) == receipts(plain)
        assert other.log.records == []


async def test_two_at_the_same_time(
    platform: Platform, ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one waits a moment, and hears the first one's receipt; longer it does not wait: 409."""
    slow = SlowLog()
    monkeypatch.setattr(platform.app.state.services.acceptance, "_writer", slow)
    data = photo()
    for send_one in (lambda: create(ada, data, len(data)), lambda: send(ada, data)):
        slow.asked.clear()
        slow.go_on.clear()
        first = asyncio.create_task(send_one())
        await slow.asked.wait()
        monkeypatch.setattr(turns, "TRIES", 1)
        busy = await send_one()
        assert (busy.status_code, busy.headers["Retry-After"]) == (409, "1")
        assert "connection" not in busy.headers
        monkeypatch.setattr(turns, "TRIES", 1000)
        second = asyncio.create_task(send_one())
        await asyncio.sleep(0.05)
        slow.go_on.set()
        one, two = await first, await second
        assert one.status_code == two.status_code < 300
        assert one.headers.get("Photo-Receipt") == two.headers.get("Photo-Receipt")
        assert one.content == two.content
    assert len(slow.records) == 2


async def test_a_key_stands_for_its_bytes(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Others are refused, whatever the request tells of them first; another customer's key is another key."""
    data, other = photo(), photo(1)
    token = (await create(ada, data, len(data))).headers["Photo-Receipt"]
    same_length = data[:-1] + b"?"
    promised = {"Upload-Metadata": metadata(sha256=sha256_hex(other))}
    for wrong in (
        await create(ada, same_length, len(data)),
        await create(ada, other, len(other) + 1),
        await ada.post("/uploads", headers={**TUS, **KEY, **promised, "Upload-Length": str(len(data))}),
    ):
        assert problem(wrong, 422)["type"].endswith("idempotency_key_reused")
    assert (await create(ada, data, len(data))).headers["Photo-Receipt"] == token
    async with platform.client() as grace:
        await sign_up(grace, "grace@example.org")
        assert (await create(grace, other, len(other))).status_code == 201
    assert [record.value for record in platform.log.records] == [data, other]


async def test_nothing_is_kept_of_what_was_not_accepted(platform: Platform, ada: httpx.AsyncClient) -> None:
    """With Kafka away, or for what is no photo: the key is as good as new, and may bring something else."""
    data = photo()
    platform.log.away = True
    assert (await create(ada, data, len(data))).status_code == 503
    assert (await send(ada, data)).status_code == 503
    platform.log.away = False
    assert (await create(ada, b"hello", 5)).status_code == 415
    assert (await send(ada, b"hello")).status_code == 415
    assert (await create(ada, data, len(data))).status_code == 201
    assert receipts(await send(ada, photo(1))) == receipts(await send(ada, photo(1)))
    assert len(platform.log.records) == 2


async def test_an_upload_that_was_cut_is_begun_anew(tmp_path: Path) -> None:
    """What the first request had brought is not counted twice; without bytes the second one only hears the address."""
    data = photo()
    async with running(web_settings(tmp_path, upload_idle_seconds=0.05)) as platform, platform.client() as ada:
        await sign_up(ada)
        cut = await create(ada, silent_after(data[:300]), len(data))
        assert (cut.status_code, cut.headers["Upload-Offset"]) == (201, "300")
        heard = await ada.post("/uploads", headers={**TUS, **KEY, "Upload-Length": str(len(data))})
        assert (heard.headers["Location"], heard.headers["Upload-Offset"]) == (cut.headers["Location"], "300")
        whole = await create(ada, data, len(data))
        assert whole.headers["Location"] == cut.headers["Location"]
        assert "Photo-Receipt" in whole.headers
        assert [record.value for record in platform.log.records] == [data]
        assert left_in(platform.settings.upload_dir / "open") == []


def test_an_upload_is_one_requests_at_a_time(tmp_path: Path) -> None:
    """Whatever it is: begun, left behind by a process that died, kept, or finished meanwhile."""
    here, there = UploadDirectory(tmp_path), UploadDirectory(tmp_path)
    customer_id = uuid4()
    announced = Announced(customer_id, keyed_upload_id(customer_id, "key"), 100, {}, NOON, NOON + timedelta(days=1))
    folder = tmp_path / "open" / str(customer_id)
    begun = here.claim(announced, 64)
    with pytest.raises(UploadLockedError):
        there.claim(announced, 64)
    begun.close()
    assert left_in(folder) == []
    (folder / f"{announced.upload_id}.begun").touch()
    kept = here.claim(announced, 64)
    kept.append(b"bytes")
    kept.keep()
    with pytest.raises(UploadLockedError):
        there.claim(announced, 64)
    (folder / f"{announced.upload_id}.begun").touch()
    there.sweep(NOON, NOON)
    kept.close()
    found = there.claim(announced, 64)
    assert found.upload.stored == len(b"bytes")
    found.complete("{}", NOON + timedelta(days=3))
    found.close()
    done = here.claim(announced, 64).upload
    assert (done.receipt, done.announced.expires_at) == ("{}", NOON + timedelta(days=3))


def test_whoever_has_given_an_upload_up_leaves_the_next_ones_alone(tmp_path: Path) -> None:
    """What was no photo is gone before its request is: another that begins meanwhile has the key alone."""
    here, there = UploadDirectory(tmp_path), UploadDirectory(tmp_path)
    customer_id = uuid4()
    announced = Announced(customer_id, keyed_upload_id(customer_id, "key"), 100, {}, NOON, NOON + timedelta(days=1))
    refused = here.claim(announced, 64)
    refused.discard()
    with there.claim(announced, 64) as second:
        refused.close()
        with pytest.raises(UploadLockedError):
            here.claim(announced, 64)
        second.keep()
    assert here.find(customer_id, announced.upload_id).receipt is None


async def test_an_upload_that_was_forgotten_is_begun_anew(tmp_path: Path) -> None:
    """Its day is over, and no sweep has seen it yet: who makes the request again is not sent to where nothing is."""
    data = photo()
    settings = web_settings(tmp_path, upload_idle_seconds=0.05, session_seconds=10 * 86400)
    async with running(settings) as platform, platform.client() as ada:
        await sign_up(ada)
        cut = await create(ada, silent_after(data[:300]), len(data) + 1)
        assert cut.headers["Upload-Offset"] == "300"
        platform.clock.advance(hours=24)
        begun = await create(ada, silent_after(data[:200]), len(data))
        assert (begun.status_code, begun.headers["Upload-Offset"]) == (201, "200")
        where = f"http://testserver{begun.headers['Location']}"
        done = await ada.patch(where, content=data[200:], headers={**OCTETS, "Upload-Offset": "200"})
        assert done.status_code == 204
        platform.clock.advance(hours=71)
        await platform.app.state.services.uploads.sweep()
        again = await create(ada, data, len(data))
        assert again.headers["Photo-Receipt"] == done.headers["Photo-Receipt"]
        assert len(platform.log.records) == 1


async def test_a_plain_request_is_made_again(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Each of its files is known by its place; one that was not accepted before is, another one there is refused."""
    data, other, third = photo(), photo(1), photo(2)
    first = await send(ada, data, b"no photo")
    again = await send(ada, data, other)
    assert receipts(again)[0] == receipts(first)[0]
    swapped = await send(ada, data, third)
    assert receipts(swapped) == receipts(first)
    assert [file["reason"] for file in swapped.json()["rejected"]] == ["idempotency_key_reused"]
    assert (await send(ada, third)).status_code == 422
    assert [record.value for record in platform.log.records] == [data, other]


async def test_a_plain_requests_files_are_no_uploads(ada: httpx.AsyncClient, platform: Platform) -> None:
    """Whatever both are called, neither is told that the other's photo is safe."""
    data, other = photo(), photo(1)
    begun = await ada.post("/uploads", headers={**TUS, "Upload-Length": str(len(data)), "Idempotency-Key": '"a/0"'})
    receipts(await send(ada, other, **{"Idempotency-Key": '"a"'}))
    where = f"http://testserver{begun.headers['Location']}"
    assert (await ada.head(where, headers=TUS)).headers["Upload-Offset"] == "0"
    done = await ada.patch(where, content=data, headers={**OCTETS, "Upload-Offset": "0"})
    assert "Photo-Receipt" in done.headers
    assert [record.value for record in platform.log.records] == [other, data]


async def test_a_request_has_one_key(ada: httpx.AsyncClient) -> None:
    """Two are none: whoever passes the request on may say either first."""
    data = photo()
    two = [("Idempotency-Key", '"a"'), ("Idempotency-Key", '"b"')]
    assert (await ada.post("/photos", files=[("files", ("a.jpg", data))], headers=two)).status_code == 400
    problem(await ada.post("/uploads", headers=[*TUS.items(), *two, ("Upload-Length", "5")]), 400)


@pytest.mark.parametrize("key", ["", '""', '"a" b', '"a', "a" * 129, '"\\"'])
async def test_what_is_no_key(ada: httpx.AsyncClient, key: str) -> None:
    """It is refused before anything is looked at."""
    data = photo()
    assert (await send(ada, data, **{"Idempotency-Key": key})).status_code == 400
    problem(await create(ada, data, len(data), **{"Idempotency-Key": key}), 400)
