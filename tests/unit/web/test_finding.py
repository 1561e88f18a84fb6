"""Finding photos among many: what can be asked for, page by page, and how many there are of each month."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import httpx
import pytest
from tests.support.web import NOON, Platform, sign_up
from tests.unit.web.test_gallery import gallery_photo

from photo_pipeline.domain.events import PhotoEvent, origin_of
from photo_pipeline.domain.finding import PhotoFilter
from photo_pipeline.domain.photo import Source
from photo_pipeline.web.buckets import Buckets, Rate

pytestmark = pytest.mark.anyio

DEVICE = UUID("11111111-2222-3333-4444-555555555555")


@pytest.fixture
async def ada(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client that sends the token of somebody with five photos, one of them in the bin."""
    async with platform.client() as client:
        customer_id = await sign_up(client)
        photos = [
            gallery_photo(0, filename="Beach.HEIC", device_id=DEVICE),
            gallery_photo(1, filename="garden.jpg", format="jpeg", source=Source.UPLOAD, camera="Acme Two"),
            gallery_photo(2, filename="beach 2.jpg", format="jpeg", taken_at=_at(2025, 3, 31)),
            gallery_photo(3, filename=None, taken_at=_at(2025, 3, 1), camera=None),
            gallery_photo(4, filename="beach 3.jpg", binned_at=NOON),
        ]
        platform.gallery.processed += [(customer_id, photo) for photo in photos]
        yield client


def _at(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 10, tzinfo=UTC).replace(tzinfo=None)


async def names(client: httpx.AsyncClient, **query: str) -> list[str | None]:
    """What a search finds."""
    answer = (await client.get("/photos", params={"order": "taken", **query})).raise_for_status().json()
    assert answer["next_cursor"] is None
    return [photo["filename"] for photo in answer["photos"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"name": "BEACH"}, ["Beach.HEIC", "beach 2.jpg"]),
        ({"name": "beach", "format": "jpeg"}, ["beach 2.jpg"]),
        ({"source": "upload"}, ["garden.jpg"]),
        ({"camera": "Acme Two"}, ["garden.jpg"]),
        ({"device": str(DEVICE)}, ["Beach.HEIC"]),
        ({"from": "2025-03-01", "until": "2025-03-31"}, ["beach 2.jpg", None]),
        ({"until": "2025-03-30"}, [None]),
        ({"from": "2026-01-01"}, ["garden.jpg", "Beach.HEIC"]),
        ({"name": "nowhere"}, []),
        ({"until": "9999-12-31", "camera": "Acme Two"}, ["garden.jpg"]),
    ],
)
async def test_photos_are_found_by_what_they_are(
    ada: httpx.AsyncClient, query: dict[str, str], expected: list[str | None]
) -> None:
    """By part of the name in any letters, source, camera, device, format and days, all together; not in the bin."""
    assert await names(ada, **query) == expected


async def test_a_search_goes_on_where_it_stopped_looking(platform: Platform, ada: httpx.AsyncClient) -> None:
    """A page may be short, or empty, and have a cursor all the same; from page to page each is found once."""
    platform.finder.looked_at = 2
    found: list[str] = []
    query = {"order": "taken", "name": "beach", "limit": "1"}
    pages = 0
    while True:
        page = (await ada.get("/photos", params=query)).json()
        found += [photo["filename"] for photo in page["photos"]]
        pages += 1
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert (found, pages) == (["Beach.HEIC", "beach 2.jpg"], 3)


@pytest.mark.parametrize(
    "query",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"source": "fax"},
        {"device": "door"},
        {"camera": "x" * 101},
        {"format": "docx"},
        {"from": "0"},
        {"from": "0000-01-01"},
        {"until": "2026-02-30"},
        {"from": "10000-01-01"},
        {"from": "-0001-01-01"},
        {"until": "2025-02-30"},
        {"until": "2025-02-03T00:00:00"},
        {"name": "a", "status": "binned"},
        {"name": "a", "status": "rejected"},
    ],
)
async def test_searches_that_make_no_sense_are_problems(ada: httpx.AsyncClient, query: dict[str, str]) -> None:
    """422, with what is wrong; nothing that was asked for is left out in silence."""
    answer = await ada.get("/photos", params=query)
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]


async def test_months_are_counted(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Newest first, by the order of the list, of what fits; those without photos are left out."""
    taken = (await ada.get("/photos/timeline", params={"order": "taken"})).json()
    assert taken == {
        "months": [{"begins": "2026-05-01", "photos": 2}, {"begins": "2025-03-01", "photos": 2}],
        "complete": True,
    }
    uploaded = (await ada.get("/photos/timeline", params={"name": "beach"})).json()
    assert uploaded["months"] == [{"begins": "2026-05-01", "photos": 2}]
    assert platform.finder.timelines[-1][1] == PhotoFilter(name="beach")
    assert (await ada.get("/photos/timeline", params={"order": "size"})).status_code == 422


async def test_what_there_is_to_ask_for_is_told(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Values with their counts, devices by name; a device that is none of the caller's has none."""
    device = (await ada.post("/devices", json={"name": "Front door"})).raise_for_status().json()["device_id"]
    customer_id, photo = platform.gallery.processed[0]
    platform.gallery.processed[0] = (customer_id, replace(photo, device_id=UUID(device)))
    strange = gallery_photo(device_id=DEVICE)
    platform.gallery.processed.append((customer_id, strange))
    found = (await ada.get("/photos/choices")).raise_for_status().json()
    assert {each["device_id"]: each["name"] for each in found["devices"]} == {device: "Front door", str(DEVICE): None}
    assert found["cameras"] == [{"value": "Acme One", "photos": 3}, {"value": "Acme Two", "photos": 1}]
    assert [each["value"] for each in found["sources"]] == ["stream", "upload"]
    assert {each["value"] for each in found["formats"]} == {"heif", "jpeg"}


async def test_what_is_counted_anew_has_a_pace(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Nobody keeps the database counting all that they have: then 429, for them and that alone, for a moment."""
    now = [0.0]
    slow = Buckets[tuple[UUID, str]](Rate(per_second=0.5, burst=2.0), lambda: now[0], 10)
    object.__setattr__(platform.app.state.services, "counted", slow)
    paths = ("/photos/timeline", "/photos/choices", "/devices")
    for path in paths:
        answers = [await ada.get(path) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[-1].headers["Retry-After"] == "2"
        assert answers[-1].json()["type"].endswith("too_many_requests")
    assert len(platform.finder.timelines) == 2
    async with platform.client() as grace:
        await sign_up(grace, "grace@example.org")
        assert (await grace.get(paths[0])).status_code == 200
    now[0] = 2.0
    assert [(await ada.get(path)).status_code for path in paths] == [200] * 3


async def test_a_photo_says_which_device_sent_it(ada: httpx.AsyncClient) -> None:
    """By its id; null where it was uploaded."""
    shown = (await ada.get("/photos")).json()["photos"]
    assert [photo["device_id"] for photo in shown] == [str(DEVICE), None, None, None]


def test_a_day_is_as_long_as_the_calendar_has_it() -> None:
    """From midnight to midnight, with the last day; the calendar's own end is none."""
    wanted = PhotoFilter(first_day=date(2025, 3, 1), last_day=date(2025, 3, 31))
    assert wanted.since == datetime(2025, 3, 1, tzinfo=UTC)
    assert wanted.before == datetime(2025, 4, 1, tzinfo=UTC)
    assert PhotoFilter(last_day=date.max).before is None
    assert PhotoFilter(name="e\u0301te\u0301").part_of_name == "\u00e9t\u00e9"


@pytest.mark.parametrize(
    ("source", "origin", "expected"),
    [
        (Source.STREAM, origin_of(DEVICE), DEVICE),
        (Source.STREAM, "/stream", None),
        (Source.STREAM, "/devices/door", None),
        (Source.STREAM, f"https://elsewhere.example{origin_of(DEVICE)}", DEVICE),
        (Source.UPLOAD, origin_of(DEVICE), DEVICE),
    ],
)
def test_a_record_says_which_device_it_comes_from(source: Source, origin: str, expected: UUID | None) -> None:
    """By its ``ce_source`` alone, whatever address that is of: a photo's device is its record's."""
    event = PhotoEvent("1", source, origin, uuid4(), uuid4(), "0" * 64, None, None, None, b"x")
    assert event.device_id == expected
