"""The bytes of photos over HTTP: whole, in ranges, from a cache, and of no other use to a browser."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from tests.support.web import NOON, FakeArchive, Platform, sign_up

from photo_pipeline.api.archive_reading import PIECE_BYTES, ArchiveReading
from photo_pipeline.domain.gallery import RenditionName, StoredRendition
from photo_pipeline.domain.ledger import ArchiveLocation
from photo_pipeline.domain.photo import RenditionKind

pytestmark = pytest.mark.anyio

PHOTO_ID = UUID("5d3f7c1e-2a64-4f0b-9c58-0e6b7a1d9f42")
CONTENT = bytes(range(256)) * 10_000
"""2.56 MB: more than two pieces."""
SHARD = "/photos/archive/a.tar"
ETAG = '"abc123"'


def stored(path: str = SHARD, **changes: object) -> StoredRendition:
    """A rendition that lies 512 bytes into its shard."""
    values: dict[str, object] = {
        "location": ArchiveLocation(path, 512, len(CONTENT)),
        "content_type": "image/jpeg",
        "tag": "abc123",
        "filename": "a.jpg",
        "archived_at": NOON,
        "held": False,
    }
    return StoredRendition(**{**values, **changes})  # type: ignore[arg-type] # the keys are the fields


@pytest.fixture
async def ada(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """Give Ada's client; her photo is in the archive."""
    async with platform.client() as client:
        client.headers["X-Customer"] = str(await sign_up(client))
        platform.archive.files[SHARD] = b"\0" * 512 + CONTENT + b"the next photo"
        put(platform, client, stored())
        yield client


def put(platform: Platform, client: httpx.AsyncClient, *found: StoredRendition, kind: str = "original") -> None:
    """What the gallery finds, one after the other."""
    name = RenditionName(UUID(client.headers["X-Customer"]), PHOTO_ID, RenditionKind(kind))
    platform.gallery.stored[name] = list(found)


async def get(client: httpx.AsyncClient, kind: str = "original", **headers: str) -> httpx.Response:
    """Ask for the photo."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.get(f"/photos/{PHOTO_ID}/{kind}", headers=names)


@pytest.mark.parametrize("content_type", ["image/jpeg", "image/heic", "image/tiff", "image/bmp"])
async def test_a_photo_is_not_compressed_on_its_way(
    platform: Platform, ada: httpx.AsyncClient, content_type: str
) -> None:
    """Whatever an original is, it goes as it is archived: with its length, and no time spent on it."""
    put(platform, ada, stored(content_type=content_type))
    answer = await get(ada, Accept_Encoding="br, gzip")
    assert "Content-Encoding" not in answer.headers
    assert (answer.headers["Content-Length"], answer.content) == (str(len(CONTENT)), CONTENT)


async def test_the_original_comes_back_byte_for_byte(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Whole and in order, its length known beforehand, and never more than a piece of it read at a time."""
    answer = await get(ada)
    assert answer.status_code == 200
    assert answer.content == CONTENT
    assert answer.headers["Content-Length"] == str(len(CONTENT))
    assert answer.headers["ETag"] == ETAG
    assert platform.archive.longest_read == PIECE_BYTES


async def test_a_browser_can_make_nothing_else_of_it(ada: httpx.AsyncClient) -> None:
    """No sniffing, no scripts, no frames, no other site; the original is for saving."""
    headers = (await get(ada)).headers
    assert headers["Content-Type"] == "image/jpeg"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("a.jpg", "attachment; filename=\"a.jpg\"; filename*=UTF-8''a.jpg"),
        ("Größe 漢.jpg", "attachment; filename=\"Gr__e _.jpg\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%E6%BC%A2.jpg"),
        ('a"; x="b.jpg', "attachment; filename=\"a_; x=_b.jpg\"; filename*=UTF-8''a%22%3B%20x%3D%22b.jpg"),
        ("evil.html", "attachment; filename=\"evil.html.jpeg\"; filename*=UTF-8''evil.html.jpeg"),
        ("IMG.JPG", "attachment; filename=\"IMG.JPG\"; filename*=UTF-8''IMG.JPG"),
        (None, f"attachment; filename=\"{PHOTO_ID}.jpeg\"; filename*=UTF-8''{PHOTO_ID}.jpeg"),
    ],
)
async def test_a_download_has_the_name_it_came_with(
    platform: Platform, ada: httpx.AsyncClient, filename: str | None, expected: str
) -> None:
    """In any script for today's clients, in ASCII for others, and no name can add a header or be that of a program."""
    put(platform, ada, stored(filename=filename))
    assert (await get(ada)).headers["Content-Disposition"] == expected


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [("bytes=0-9", 0, 10), ("bytes=-5", len(CONTENT) - 5, len(CONTENT)), ("bytes=1000000-", 1_000_000, len(CONTENT))],
)
async def test_a_range_is_answered_with_just_that(ada: httpx.AsyncClient, wanted: str, start: int, end: int) -> None:
    """206 with the bytes, their place and the whole length."""
    answer = await get(ada, Range=wanted)
    assert answer.status_code == 206
    assert answer.content == CONTENT[start:end]
    assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"
    assert answer.headers["Content-Length"] == str(end - start)


async def test_a_range_beyond_the_end_is_416(ada: httpx.AsyncClient) -> None:
    """The answer says how long the photo is."""
    answer = await get(ada, Range=f"bytes={len(CONTENT)}-")
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(CONTENT)}"
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(("condition", "status"), [(ETAG, 206), ('"other"', 200), ("W/" + ETAG, 200)])
async def test_a_range_of_an_older_version_is_not_mixed_in(ada: httpx.AsyncClient, condition: str, status: int) -> None:
    """With If-Range the range counts only for exactly the version that the client has a part of."""
    assert (await get(ada, Range="bytes=0-9", If_Range=condition)).status_code == status


@pytest.mark.parametrize("condition", [ETAG, "W/" + ETAG, '"x", ' + ETAG, "*"])
async def test_what_the_client_has_is_not_sent_again(
    platform: Platform, ada: httpx.AsyncClient, condition: str
) -> None:
    """304 without bytes, without asking the archive."""
    answer = await get(ada, If_None_Match=condition)
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == ETAG
    assert platform.archive.longest_read == 0
    assert (await get(ada, If_None_Match='"other"')).status_code == 200


async def test_head_says_the_same_without_the_bytes(platform: Platform, ada: httpx.AsyncClient) -> None:
    """All headers of GET but those of the moment; the archive is not asked."""
    head = await ada.head(f"/photos/{PHOTO_ID}/original")
    assert (head.status_code, head.content, platform.archive.longest_read) == (200, b"", 0)
    whole = (await get(ada)).headers
    ignored = {"x-request-id"}
    assert {k: v for k, v in head.headers.items() if k not in ignored} == {
        k: v for k, v in whole.items() if k not in ignored
    }
    assert (await ada.head(f"/photos/{PHOTO_ID}/original", headers={"If-None-Match": ETAG})).status_code == 304


@pytest.mark.parametrize(("hours", "held", "seconds"), [(0, False, 604_800), (167, False, 3600), (300, True, 604_800)])
async def test_caches_keep_it_no_longer_than_the_platform(
    platform: Platform, ada: httpx.AsyncClient, hours: int, held: object, seconds: int
) -> None:
    """Private, immutable, until the photo's end; and another customer of the same browser is not served from it."""
    put(platform, ada, stored(held=bool(held), archived_at=NOON - timedelta(hours=hours)))
    headers = (await get(ada)).headers
    assert headers["Cache-Control"] == f"private, max-age={seconds}, immutable"
    assert headers["Vary"] == "Authorization, Cookie"


THUMB = CONTENT[:20_000]


@pytest.fixture
async def seen(platform: Platform, ada: httpx.AsyncClient) -> httpx.AsyncClient:
    """Give Ada's client, who has looked at her thumb: it is in memory now."""
    put(platform, ada, stored(location=ArchiveLocation(SHARD, 512, len(THUMB))), kind="thumb")
    assert (await get(ada, "thumb")).content == THUMB
    assert platform.archive.reads == 1
    return ada


async def test_a_thumb_is_read_from_the_archive_once(platform: Platform, seen: httpx.AsyncClient) -> None:
    """Also in ranges, and with all that is said about it; a photo that is large is read each time."""
    first = await get(seen, "thumb")
    assert (first.status_code, first.content) == (200, THUMB)
    assert first.headers["Content-Length"] == str(len(THUMB))
    part = await get(seen, "thumb", Range="bytes=5-9")
    assert (part.status_code, part.content) == (206, THUMB[5:10])
    assert part.headers["Content-Range"] == f"bytes 5-9/{len(THUMB)}"
    assert platform.archive.reads == 1
    await get(seen)
    reads = platform.archive.reads
    await get(seen)
    assert platform.archive.reads == 2 * reads - 1


async def test_what_is_remembered_is_shown_to_nobody_else(platform: Platform, seen: httpx.AsyncClient) -> None:
    """Whose it is was asked this time, too."""
    async with platform.client() as grace:
        await sign_up(grace, "grace@example.org")
        assert (await get(grace, "thumb")).status_code == 404
        grace.headers.pop("Authorization")
        assert (await get(grace, "thumb")).status_code == 401


async def test_what_is_remembered_is_gone_with_the_photo(platform: Platform, seen: httpx.AsyncClient) -> None:
    """410 from the moment on in which it expires, however lately it was looked at."""
    platform.gallery.expired.add((UUID(seen.headers["X-Customer"]), PHOTO_ID))
    assert (await get(seen, "thumb")).status_code == 410
    assert (await get(seen, "thumb", Range="bytes=0-0")).status_code == 410
    assert (await get(seen, "thumb", If_None_Match=ETAG)).status_code == 410


async def test_what_is_remembered_needs_a_session(platform: Platform, seen: httpx.AsyncClient) -> None:
    """One that was ended or is over shows nothing, though its token was good a moment ago."""
    platform.clock.advance(hours=2)
    assert (await get(seen, "thumb")).status_code == 401
    platform.clock.advance(hours=-2)
    assert (await get(seen, "thumb")).status_code == 200
    assert (await seen.delete("/session")).status_code == 204
    assert (await get(seen, "thumb")).status_code == 401


async def test_a_thumb_in_a_newer_shard_is_another(platform: Platform, seen: httpx.AsyncClient) -> None:
    """What is remembered is what lies at a place; a photo that was sent again lies elsewhere."""
    platform.archive.files["/photos/archive/b.tar"] = b"\1" * 30_000
    put(platform, seen, stored(location=ArchiveLocation("/photos/archive/b.tar", 0, 20_000)), kind="thumb")
    assert (await get(seen, "thumb")).content == b"\1" * 20_000


async def test_what_is_remembered_is_bounded_and_forgotten() -> None:
    """In bytes, by the operator's setting, and in time: what is erased is soon in nobody's memory."""
    archive = FakeArchive()
    archive.files[SHARD] = CONTENT
    places = [ArchiveLocation(SHARD, start, 1000) for start in range(0, 4000, 1000)]
    reading = ArchiveReading(archive, 2000, forget_seconds=0.05)
    for place in (*places, *places[2:]):
        assert await reading.whole(place) == CONTENT[place.offset :][:1000]
    assert archive.reads == 4
    await reading.whole(places[0])
    assert archive.reads == 5
    await asyncio.sleep(0.1)
    await reading.whole(places[0])
    assert archive.reads == 6
    nothing = ArchiveReading(archive, 0)
    for _ in range(2):
        await nothing.whole(places[0])
    assert archive.reads == 8


async def test_an_expired_photo_is_gone(platform: Platform, ada: httpx.AsyncClient) -> None:
    """410, as it was there; another customer learns not even that."""
    platform.gallery.expired.add((UUID(ada.headers["X-Customer"]), PHOTO_ID))
    assert (await get(ada)).status_code == 410
    async with platform.client() as grace:
        await sign_up(grace, "grace@example.org")
        assert (await get(grace)).status_code == 404


async def test_a_photo_that_moves_while_it_is_asked_for_is_found(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Its shard may be removed between the look-up and the read: it is looked up once more."""
    put(platform, ada, stored("/photos/archive/removed.tar"), stored())
    assert (await get(ada)).content == CONTENT


async def test_a_photo_that_the_archive_does_not_hold_is_the_servers_fault(
    platform: Platform, ada: httpx.AsyncClient
) -> None:
    """503: the index and the archive disagree, which the reconciliation reports; nothing is sent as a photo."""
    platform.archive.files.clear()
    answer = await get(ada)
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_an_id_may_be_written_otherwise(ada: httpx.AsyncClient) -> None:
    """As the description says: a UUID, which has more than one form."""
    for form in (str(PHOTO_ID).upper(), PHOTO_ID.hex, f"urn:uuid:{PHOTO_ID}"):
        assert (await ada.get(f"/photos/{form}/original")).content == CONTENT


@pytest.mark.parametrize("path", [f"{PHOTO_ID}/large", "nonsense/thumb", f"{PHOTO_ID}/"])
async def test_other_addresses_are_no_renditions(ada: httpx.AsyncClient, path: str) -> None:
    """An unknown kind or id is a problem, not a failure."""
    answer = await ada.get(f"/photos/{path}", follow_redirects=False)
    assert answer.status_code in {404, 422}
    assert answer.headers["Content-Type"] == "application/problem+json"
