"""Links: made and ended by whose photos they are, and opened by whoever has them."""

import re
import time
from datetime import timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import httpx
import pytest
from tests.support.web import NOON, Platform, sign_up
from tests.unit.web.test_renditions import CONTENT, ETAG, SHARD, stored

from photo_pipeline.api import visits
from photo_pipeline.api.routes.shares import MAX_SHARES
from photo_pipeline.domain.errors import UnknownCustomerError
from photo_pipeline.domain.gallery import RenditionName
from photo_pipeline.domain.photo import RenditionKind
from photo_pipeline.domain.shares import NewShare
from photo_pipeline.web.buckets import Buckets, Rate

pytestmark = pytest.mark.anyio

PHOTO_ID = UUID("5d3f7c1e-2a64-4f0b-9c58-0e6b7a1d9f42")


@pytest.fixture
async def owner(platform: Platform, ada: httpx.AsyncClient) -> UUID:
    """Give Ada's id; her photo is in the archive."""
    (customer, _), *_ = platform.customers.customers.values()
    platform.archive.files[SHARD] = b"\0" * 512 + CONTENT
    for kind in RenditionKind:
        platform.gallery.stored[RenditionName(customer.customer_id, PHOTO_ID, kind)] = [stored()]
    return customer.customer_id


async def made(ada: httpx.AsyncClient, *photo_ids: UUID, **more: object) -> str:
    """The address of a new link."""
    ids = [str(photo_id) for photo_id in photo_ids or (PHOTO_ID,)]
    answer = await ada.post("/shares", json={"photo_ids": ids, **more})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["url"])


def stranger(platform: Platform) -> httpx.AsyncClient:
    """Somebody without an account."""
    return platform.client()


async def test_a_link_is_opened_without_an_account(platform: Platform, ada: httpx.AsyncClient, owner: UUID) -> None:
    """Its page says who shared it and until when, with its photos, before any script; nothing lists it."""
    url = await made(ada)
    async with stranger(platform) as visitor:
        page = await visitor.get(url)
        assert page.status_code == 200
        assert "<strong>Ada</strong> has shared one photo with you" in page.text
        assert '<time datetime="2026-05-11T12:00:00Z">11 May 2026, 12:00 UTC</time>' in page.text
        assert len(re.findall("<script", page.text)) == 1  # which looks whether they come
        [thumb, *_] = re.findall(r'src="(/s/[^"]+)"', page.text)
        photo = await visitor.get(f"http://testserver{thumb}")
        assert (photo.status_code, photo.content, photo.headers["ETag"]) == (200, CONTENT, ETAG)
        for answer in (page, photo):
            assert answer.headers["X-Robots-Tag"].startswith("noindex, nofollow")
            assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert photo.headers["Cache-Control"] == "private, no-cache"
        again = await visitor.get(f"http://testserver{thumb}", headers={"If-None-Match": ETAG})
        assert again.status_code == 304
        assert "original" not in page.text


async def test_who_has_closed_the_account_makes_no_link(
    platform: Platform, ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token may still be good where its end has not been heard of: the database has the last word."""

    def add(share: NewShare, _limit: int) -> None:
        raise UnknownCustomerError(share.customer_id)

    monkeypatch.setattr(platform.shares, "add", add)
    answer = await ada.post("/shares", json={"photo_ids": [str(PHOTO_ID)]})
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:photo-pipeline:problem:not_logged_in")


async def test_the_link_cannot_be_guessed_or_read(platform: Platform, ada: httpx.AsyncClient, owner: UUID) -> None:
    """256 random bits, of which only the hash is kept; the list of links does not show it again."""
    first, second = [(await made(ada)).rpartition("/")[2] for _ in range(2)]
    assert len(first) == len(second) == 43
    assert first != second
    hashes = {share.token_hash for share in platform.shares.made.values()}
    assert hashes == {sha256(token.encode()).digest() for token in (first, second)}
    listed = await ada.get("/shares")
    assert first not in listed.text
    assert listed.json()["shares"][0].keys() == {
        "share_id", "created_at", "expires_at", "photos", "views", "last_viewed_at"
    }  # fmt: skip


async def test_only_what_was_shared_is_seen(platform: Platform, ada: httpx.AsyncClient, owner: UUID) -> None:
    """Not another photo of the same customer, not the original, and nothing of the API."""
    url = await made(ada)
    other = uuid4()
    platform.gallery.stored[RenditionName(owner, other, RenditionKind.WEB)] = [stored()]
    async with stranger(platform) as visitor:
        assert (await visitor.get(f"{url}/{PHOTO_ID}/web")).status_code == 200
        assert (await visitor.get(f"{url}/{other}/web")).status_code == 404
        assert (await visitor.get(f"{url}/{PHOTO_ID}/original")).status_code == 422
        assert (await visitor.get(f"{url}/x/web")).status_code == 422
        assert (await visitor.get(f"/photos/{PHOTO_ID}/web")).status_code == 401


async def test_views_are_counted(platform: Platform, ada: httpx.AsyncClient, owner: UUID) -> None:
    """Each opening of the page; neither its photos nor who only asks whether it is there."""
    url = await made(ada)
    async with stranger(platform) as visitor:
        for _ in range(3):
            await visitor.get(url)
        await visitor.head(url)
        await visitor.get(f"{url}/{PHOTO_ID}/thumb")
    [listed] = (await ada.get("/shares")).json()["shares"]
    assert listed["views"] == 3


async def test_a_link_is_over(platform: Platform, ada: httpx.AsyncClient, owner: UUID) -> None:
    """At its time, or when it is ended; then it is as one that never was, also to who has its photos cached."""
    ended, timed = await made(ada), await made(ada, days=1)
    [_, first] = (await ada.get("/shares")).json()["shares"]
    assert (await ada.delete(f"/shares/{first['share_id']}")).status_code == 204
    assert (await ada.delete(f"/shares/{first['share_id']}")).status_code == 404
    async with stranger(platform) as visitor:
        assert (await visitor.get(timed)).status_code == 200
        platform.clock.advance(days=1)
        for url in (ended, timed, "http://testserver/s/" + "a" * 43, "http://testserver/s/x"):
            page = await visitor.get(url)
            assert page.status_code == 404
            assert "This link is over, or there never was one like it." in page.text
            assert page.headers["X-Robots-Tag"].startswith("noindex")
            assert ("ETag" in page.headers, page.headers["Cache-Control"]) == (False, "no-store")
            tag = sha256(page.content).hexdigest()[:32]
            again = await visitor.get(url, headers={"If-None-Match": f'"{tag}"'})
            assert (again.status_code, again.content) == (404, page.content)
            photo = await visitor.get(f"{url}/{PHOTO_ID}/web", headers={"If-None-Match": ETAG})
            assert (photo.status_code, photo.headers["Content-Type"]) == (404, "application/problem+json")


async def test_another_cannot_end_it(platform: Platform, ada: httpx.AsyncClient, owner: UUID) -> None:
    """404, as for one that never was, and it stays; nor are others' links listed."""
    await made(ada)
    [share] = (await ada.get("/shares")).json()["shares"]
    async with platform.client() as grace:
        await sign_up(grace, "grace@example.org")
        assert (await grace.delete(f"/shares/{share['share_id']}")).status_code == 404
        assert (await grace.get("/shares")).json()["shares"] == []
    assert len((await ada.get("/shares")).json()["shares"]) == 1


async def test_a_name_is_text_to_the_page(platform: Platform, ada: httpx.AsyncClient, owner: UUID) -> None:
    """Whatever somebody calls themselves."""
    platform.shares.name = '<img src=x onerror="alert(1)"> $head'
    async with stranger(platform) as visitor:
        page = await visitor.get(await made(ada))
    assert "<img src=x" not in page.text
    assert "&lt;img src=x onerror=&#34;alert(1)&#34;&gt; $head" in page.text


@pytest.mark.parametrize(
    "body", [{"photo_ids": []}, {"photo_ids": [str(uuid4())] * 501}, {"days": 0}, {"days": 31}, {"days": 1e9}]
)
async def test_a_link_has_bounds(ada: httpx.AsyncClient, body: dict[str, object]) -> None:
    """1 to 500 photos for 1 to 30 days: anything else is 422."""
    assert (await ada.post("/shares", json={"photo_ids": [str(PHOTO_ID)], **body})).status_code == 422


async def test_only_so_many_links(platform: Platform, ada: httpx.AsyncClient, owner: UUID) -> None:
    """A hundred at a time: one more is 409, until one has ended."""
    for _ in range(MAX_SHARES):
        await made(ada)
    assert (await ada.post("/shares", json={"photo_ids": [str(PHOTO_ID)]})).status_code == 409
    platform.clock.advance(days=8)
    await sign_in_again(ada)
    await made(ada)


async def sign_in_again(client: httpx.AsyncClient) -> None:
    """The session's time has passed."""
    login = {"email": "ada@example.org", "password": "correct horse battery"}
    answer = await client.post("/session", json=login)
    client.cookies.clear()
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


async def test_guesses_are_few(platform: Platform, ada: httpx.AsyncClient, owner: UUID) -> None:
    """From one network: 429 with the time to wait, and then they go on; a good link leads somewhere all the time."""
    url = await made(ada)
    async with stranger(platform) as visitor:
        for _ in range(visits.WRONG_LINKS):
            assert (await visitor.get("http://testserver/s/" + "a" * 43)).status_code == 404
        for wrong in ("http://testserver/s/" + "b" * 43, f"{url}/{uuid4()}/web"):
            page = await visitor.get(wrong)
            assert (page.status_code, int(page.headers["Retry-After"]) > 0) == (429, True)
        assert (await visitor.get(url)).status_code == 200
        platform.clock.advance(minutes=5)
        assert (await visitor.get("http://testserver/s/" + "b" * 43)).status_code == 404


async def test_nobody_takes_more_than_their_share(
    platform: Platform, ada: httpx.AsyncClient, owner: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that asks faster than anybody looks waits."""
    slow = Buckets[str](Rate(per_second=0.001, burst=3), time.monotonic, 10)
    monkeypatch.setattr(platform.app.state.services.visits, "_buckets", slow)
    url = await made(ada)
    async with stranger(platform) as visitor:
        found = [(await visitor.get(f"{url}/{PHOTO_ID}/thumb")).status_code for _ in range(5)]
    assert found == [200, 200, 200, 429, 429]


async def test_the_times_of_a_link_are_its_own(platform: Platform, ada: httpx.AsyncClient, owner: UUID) -> None:
    """Seven days where nothing else is said."""
    await made(ada)
    await made(ada, days=30)
    ends = [share.expires_at for share in platform.shares.made.values()]
    assert ends == [NOON + timedelta(days=7), NOON + timedelta(days=30)]


async def test_a_links_token_is_in_no_log(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever reads the log of a failure learns which route failed, and not what would open the link."""

    def explode(_token_hash: bytes, *, counted: bool) -> None:
        raise RuntimeError(f"counted: {counted}")

    monkeypatch.setattr(platform.app.state.services.shares, "album", explode)
    token = "t" * 43
    async with stranger(platform) as visitor:
        answer = await visitor.get(f"http://testserver/s/{token}")
    assert answer.status_code == 500
    assert "GET /s/{token}" in caplog.text
    assert token not in caplog.text
