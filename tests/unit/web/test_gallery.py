"""Seeing what became of photos: lists, single photos, receipts and devices, each customer's own only."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from joserfc.jwk import OKPKey
from tests.support.web import NOON, Platform, sign_up

from photo_pipeline.api.photo_bodies import as_json, photo_body
from photo_pipeline.api.schemas import PhotoView, RenditionView
from photo_pipeline.domain.customers import DeviceActivity, LastPhoto, SentLately, sent_lately
from photo_pipeline.domain.gallery import (
    GalleryPhoto,
    GalleryRendition,
    PhotoStatus,
    ReceiptState,
    ReceiptStatus,
    RejectedPhoto,
)
from photo_pipeline.domain.photo import Receipt, RecordCoordinates, RenditionKind, Source, photo_id_for

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ada(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client that sends Ada's token."""
    async with platform.client() as client:
        client.headers["X-Customer"] = str(await sign_up(client))
        yield client


@pytest.fixture
async def grace(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client that sends another customer's token."""
    async with platform.client() as client:
        client.headers["X-Customer"] = str(await sign_up(client, "grace@example.org"))
        yield client


def customer(client: httpx.AsyncClient) -> UUID:
    """Whose client it is."""
    return UUID(client.headers["X-Customer"])


def test_photos_are_as_they_are_described() -> None:
    """What is put into JSON without the models is, to the letter, what they would make of it."""
    photos = [gallery_photo(), gallery_photo(taken_at=None, held=True), gallery_photo(status=PhotoStatus.EXPIRED)]
    for body in map(photo_body, [*photos, gallery_photo(renditions=[], archived_at=None, filename=None)]):
        assert PhotoView.model_validate(body).model_dump_json().encode() == as_json(body).body
        assert body.keys() == PhotoView.model_fields.keys()
        for rendition in body["renditions"].values():
            assert rendition.keys() == RenditionView.model_fields.keys()


def gallery_photo(minutes: int = 0, **changes: object) -> GalleryPhoto:
    """A photo in the gallery, uploaded some minutes before noon."""
    values: dict[str, object] = {
        "photo_id": uuid4(),
        "status": PhotoStatus.PROCESSED,
        "sha256": "ab" * 32,
        "source": Source.STREAM,
        "filename": "a.heic",
        "content_type": "image/heic",
        "format": "heif",
        "width": 40,
        "height": 30,
        "bytes": 5000,
        "camera": "Acme One",
        "taken_at": NOON.replace(tzinfo=None),
        "taken_at_offset": None,
        "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
        "dominant_color": "#102030",
        "uploaded_at": NOON - timedelta(minutes=minutes),
        "processed_at": NOON,
        "expired_at": None,
        "archived_at": NOON,
        "held": False,
        "renditions": [GalleryRendition(RenditionKind.THUMB, "image/jpeg", 32, 24, 900, "0a0b0c0d-384")],
    }
    return GalleryPhoto(**{**values, **changes})  # type: ignore[arg-type] # the keys are the fields


def rejected_photo(offset: int, **changes: object) -> RejectedPhoto:
    """A record that could not become a photo."""
    values: dict[str, object] = {
        "coordinates": RecordCoordinates("photos.uploaded", 0, offset),
        "photo_id": uuid4(),
        "reason": "corrupt",
        "source": Source.UPLOAD,
        "filename": "broken.jpg",
        "bytes": 10,
        "accepted_at": NOON,
        "processed_at": NOON,
    }
    return RejectedPhoto(**{**values, **changes})  # type: ignore[arg-type] # the keys are the fields


async def test_a_photo_is_shown_with_all_that_a_page_needs(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Size, placeholder, addresses that change with the content, and until when it is kept."""
    photo = gallery_photo()
    platform.gallery.processed.append((customer(ada), photo))
    answer = await ada.get("/photos")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    [shown] = answer.json()["photos"]
    expected = {
        "photo_id": str(photo.photo_id),
        "status": "processed",
        "source": "stream",
        "width": 40,
        "height": 30,
        "taken_at": "2026-05-04T12:00:00",
        "taken_at_offset": None,
        "dominant_color": "#102030",
        "kept_until": "2026-05-11T12:00:00Z",
        "held": False,
    }
    assert {name: shown[name] for name in expected} == expected
    assert shown["renditions"]["thumb"]["url"] == f"/api/v1/photos/{photo.photo_id}/thumb?v=0a0b0c0d-384"
    assert (await ada.get(f"/photos/{photo.photo_id}")).json() == shown


async def test_a_held_photo_has_no_end(platform: Platform, ada: httpx.AsyncClient) -> None:
    """While a hold lasts nobody can say until when the photo is kept."""
    platform.gallery.processed.append((customer(ada), gallery_photo(held=True)))
    [shown] = (await ada.get("/photos")).json()["photos"]
    assert (shown["held"], shown["kept_until"]) == (True, None)


async def test_pages_go_through_everything_once(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Newest first, no photo twice, none left out, also where several have the same time; the last has no cursor."""
    photos = [gallery_photo(minutes=n // 3) for n in range(10)]
    platform.gallery.processed += [(customer(ada), photo) for photo in photos]
    seen: list[str] = []
    cursor: str | None = None
    sizes = []
    while True:
        page = (await ada.get("/photos", params={"limit": 4, **({"cursor": cursor} if cursor else {})})).json()
        seen += [photo["photo_id"] for photo in page["photos"]]
        sizes.append(len(page["photos"]))
        cursor = page["next_cursor"]
        if cursor is None:
            break
    expected = sorted(photos, key=lambda photo: (photo.uploaded_at, str(photo.photo_id)), reverse=True)
    assert seen == [str(photo.photo_id) for photo in expected]
    assert sizes == [4, 4, 2]


async def test_photos_are_listed_by_time_taken(platform: Platform, ada: httpx.AsyncClient) -> None:
    """The camera's local time decides, or else the upload's; a cursor of one order is none of the other."""
    taken = [datetime(2026, 5, day, tzinfo=UTC).replace(tzinfo=None) for day in (1, 3, 2)]
    photos = [gallery_photo(minutes=n, taken_at=moment) for n, moment in enumerate([*taken, None])]
    platform.gallery.processed += [(customer(ada), photo) for photo in photos]
    query = {"order": "taken", "limit": "2"}
    first = (await ada.get("/photos", params=query)).json()
    second = (await ada.get("/photos", params={**query, "cursor": first["next_cursor"]})).json()
    shown = [photo["taken_at"] for page in (first, second) for photo in page["photos"]]
    assert shown == [None, "2026-05-03T00:00:00", "2026-05-02T00:00:00", "2026-05-01T00:00:00"]
    assert second["next_cursor"] is None
    other = await ada.get("/photos", params={"order": "uploaded", "cursor": first["next_cursor"]})
    assert other.status_code == 422


async def test_a_burst_is_in_order_by_fraction_then_name(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Photos of one second stand by their fractions, those without by name: page by page, and as the page is told."""
    second = NOON.replace(tzinfo=None)
    told = [("b.jpg", 0), ("a.jpg", 250_000), ("a.jpg", 0), ("c.jpg", 0), ("d.jpg", 125)]
    for name, fraction in told:
        photo = gallery_photo(filename=name, taken_at=second.replace(microsecond=fraction))
        platform.gallery.processed.append((customer(ada), photo))
    shown: list[tuple[str, str]] = []
    query = {"order": "taken", "limit": "2"}
    while True:
        page = (await ada.get("/photos", params=query)).json()
        shown += [(photo["filename"], photo["taken_at"].removeprefix(second.isoformat())) for photo in page["photos"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert shown == [("a.jpg", ".250000"), ("d.jpg", ".000125"), ("c.jpg", ""), ("b.jpg", ""), ("a.jpg", "")]


async def test_a_full_last_page_is_the_last(platform: Platform, ada: httpx.AsyncClient) -> None:
    """No cursor leads to an empty page."""
    platform.gallery.processed += [(customer(ada), gallery_photo(n)) for n in range(4)]
    assert (await ada.get("/photos", params={"limit": 4})).json()["next_cursor"] is None


async def test_rejected_photos_come_with_a_sentence(platform: Platform, ada: httpx.AsyncClient) -> None:
    """They have a list of their own, paged too, with a reason for programs and one for people."""
    platform.gallery.refused += [(customer(ada), rejected_photo(n)) for n in range(3)]
    first = (await ada.get("/photos", params={"status": "rejected", "limit": 2})).json()
    rest = (await ada.get("/photos", params={"status": "rejected", "cursor": first["next_cursor"]})).json()
    assert [photo["record"] for photo in first["photos"] + rest["photos"]] == [
        f"photos.uploaded-0-{n}" for n in (2, 1, 0)
    ]
    assert rest["next_cursor"] is None
    assert first["photos"][0]["sentence"] == "The photo is damaged and could not be opened."
    assert (await ada.get("/photos")).json()["photos"] == []


async def test_a_rejected_photo_is_found_by_its_id(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Its status, its reason and the sentence are there for the sender."""
    photo = rejected_photo(1, reason="a_reason_of_tomorrow")
    platform.gallery.refused.append((customer(ada), photo))
    answer = (await ada.get(f"/photos/{photo.photo_id}")).json()
    assert (answer["status"], answer["reason"]) == ("rejected", "a_reason_of_tomorrow")
    assert answer["sentence"] == "The photo could not be used."


async def test_an_expired_photo_is_told_from_one_that_never_was(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Its row says expired, without renditions; an unknown id is 404."""
    photo = gallery_photo(status=PhotoStatus.EXPIRED, expired_at=NOON, archived_at=None, renditions=[], filename=None)
    platform.gallery.processed.append((customer(ada), photo))
    answer = (await ada.get(f"/photos/{photo.photo_id}")).json()
    assert (answer["status"], answer["renditions"], answer["kept_until"]) == ("expired", {}, None)
    assert (await ada.get(f"/photos/{uuid4()}")).status_code == 404


async def test_another_customers_photos_do_not_exist(
    platform: Platform, ada: httpx.AsyncClient, grace: httpx.AsyncClient
) -> None:
    """Grace's answers about Ada's photos are those about ids that were never given out, word for word."""
    photo, refused = gallery_photo(), rejected_photo(1)
    platform.gallery.processed.append((customer(ada), photo))
    platform.gallery.refused.append((customer(ada), refused))
    assert (await grace.get("/photos")).json()["photos"] == []
    assert (await grace.get("/photos", params={"status": "rejected"})).json()["photos"] == []
    for path in ("", "/original", "/web", "/thumb"):
        unknown = (await grace.get(f"/photos/{uuid4()}{path}")).json()
        for hers in (photo.photo_id, refused.photo_id):
            answer = await grace.get(f"/photos/{hers}{path}")
            assert answer.status_code == 404
            assert [answer.json()[name] for name in ("type", "detail")] == [
                unknown[name] for name in ("type", "detail")
            ]


@pytest.mark.parametrize(
    "query",
    [
        {"cursor": "nonsense"},
        {"limit": 0},
        {"limit": 201},
        {"status": "expired"},
        {"cursor": "x" * 600},
        {"limit": "a"},
    ],
)
async def test_queries_that_make_no_sense_are_problems(ada: httpx.AsyncClient, query: dict[str, str]) -> None:
    """They are 422 and say what is wrong."""
    answer = await ada.get("/photos", params=query)
    assert answer.status_code == 422
    assert answer.json()["detail"]


def receipt_for(platform: Platform, customer_id: UUID, offset: int) -> tuple[Receipt, str]:
    """A receipt and its token."""
    sha256 = f"{offset:064x}"
    at = RecordCoordinates("photos.uploaded", 0, offset)
    receipt = Receipt(photo_id_for(customer_id, sha256), sha256, at, NOON)
    return receipt, platform.app.state.services.tokens.sign_receipt(receipt)


async def test_a_receipt_tells_what_became_of_its_photo(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Pending until the ledger has the offset, then its outcome; a rejection comes with its sentence."""
    receipt, token = receipt_for(platform, customer(ada), 7)
    assert (await ada.get(f"/receipts/{token}")).json()["status"] == "pending"
    for state in (ReceiptState.PROCESSED, ReceiptState.DUPLICATE, ReceiptState.EXPIRED):
        platform.gallery.statuses[receipt.coordinates] = ReceiptStatus(state, None, NOON)
        answer = (await ada.get(f"/receipts/{token}")).json()
        assert (answer["status"], answer["photo_id"]) == (state.value, str(receipt.photo_id))
    platform.gallery.statuses[receipt.coordinates] = ReceiptStatus(ReceiptState.REJECTED, "truncated", NOON)
    answer = (await ada.get(f"/receipts/{token}")).json()
    assert answer["sentence"] == "The photo is cut off: part of the file is missing."


async def test_receipts_can_be_asked_about_together(
    platform: Platform, ada: httpx.AsyncClient, grace: httpx.AsyncClient
) -> None:
    """The answers come in order; what is no receipt of the caller's is null, and the others are still answered."""
    first, first_token = receipt_for(platform, customer(ada), 1)
    _, second_token = receipt_for(platform, customer(ada), 2)
    _, foreign_token = receipt_for(platform, customer(grace), 3)
    platform.gallery.statuses[first.coordinates] = ReceiptStatus(ReceiptState.PROCESSED, None, NOON)
    tokens = [second_token, foreign_token, "nonsense", first_token, first_token]
    found = (await ada.post("/receipts", json={"tokens": tokens})).json()["receipts"]
    assert [None if status is None else status["status"] for status in found] == [
        "pending",
        None,
        None,
        "processed",
        "processed",
    ]


async def test_another_customers_receipt_is_no_receipt(
    platform: Platform, ada: httpx.AsyncClient, grace: httpx.AsyncClient
) -> None:
    """Whoever finds a receipt learns nothing from it here; a forged one looks the same."""
    _, token = receipt_for(platform, customer(ada), 1)
    stolen, forged = await grace.get(f"/receipts/{token}"), await grace.get("/receipts/forged")
    assert stolen.status_code == forged.status_code == 404
    assert stolen.json()["detail"] == forged.json()["detail"]


async def test_devices_are_made_listed_and_revoked(
    platform: Platform, ada: httpx.AsyncClient, grace: httpx.AsyncClient
) -> None:
    """The token is shown once and names the device and its customer; nobody else sees or revokes it."""
    made = (await ada.post("/devices", json={"name": "Front door"})).json()
    identity = platform.app.state.services.tokens.verify_device(made["token"])
    assert (str(identity.device_id), identity.customer_id) == (made["device_id"], customer(ada))
    assert (await ada.get("/devices")).json() == {
        "devices": [
            {
                "device_id": made["device_id"],
                "name": "Front door",
                "created_at": made["created_at"],
                "signs": False,
                "last_seen_at": None,
                "last_hour": {"photos": 0, "seconds": 3600},
                "last_day": {"photos": 0, "seconds": 86400},
                "last_photo": None,
            }
        ]
    }
    assert (await grace.get("/devices")).json() == {"devices": []}
    assert (await grace.delete(f"/devices/{made['device_id']}")).status_code == 404
    assert (await ada.delete(f"/devices/{made['device_id']}")).status_code == 204
    assert (await ada.delete(f"/devices/{made['device_id']}")).status_code == 404
    assert (await ada.get("/devices")).json() == {"devices": []}


async def test_a_device_tells_what_it_does(platform: Platform, ada: httpx.AsyncClient) -> None:
    """When it was seen, how much it sends within how long, and its newest photo."""
    device = platform.customers.add_device(customer(ada), uuid4(), "door", 10)
    minutes, day = timedelta(minutes=17), timedelta(days=1)
    last = LastPhoto(UUID(int=7), NOON)
    doing = DeviceActivity(device, NOON, SentLately(1000, minutes), SentLately(1000, minutes), last)
    platform.customers.active[device.device_id] = replace(doing, last_day=SentLately(999, day))
    (told,) = (await ada.get("/devices")).json()["devices"]
    assert told["last_seen_at"] == "2026-05-04T12:00:00Z"
    assert told["last_hour"] == {"photos": 1000, "seconds": 17 * 60}
    assert told["last_day"] == {"photos": 999, "seconds": 86400}
    thumb = f"/api/v1/photos/{UUID(int=7)}/thumb"
    assert told["last_photo"] == {"photo_id": str(UUID(int=7)), "accepted_at": "2026-05-04T12:00:00Z", "thumb": thumb}


def test_much_is_told_of_less_than_was_asked_about() -> None:
    """Where all photos that are looked at are young, how far back they go; never nothing."""
    hour, second = timedelta(hours=1), timedelta(seconds=1)
    assert sent_lately(7, None, NOON, hour) == SentLately(7, hour)
    assert sent_lately(1000, NOON - 30 * second, NOON, hour) == SentLately(1000, 30 * second)
    assert sent_lately(998, NOON - hour, NOON, hour) == SentLately(998, hour)
    assert sent_lately(1000, NOON + second, NOON, hour) == SentLately(1000, second)


async def test_a_device_with_a_key_of_its_own(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Its public key is kept, whatever else a JWK of it says; a private key, or what is none, is refused."""
    key = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "EdDSA"}, private=True, auto_kid=True)
    public, private = key.as_dict(private=False), key.as_dict(private=True)
    made = (await ada.post("/devices", json={"name": "door", "public_key": public})).json()
    assert made["signs"]
    (kept,) = platform.customers.devices(customer(ada))
    assert kept.device.public_key == public["x"]
    for wrong in (private, public | {"crv": "X25519"}, public | {"x": "short"}, {"kty": "RSA"}, "key"):
        assert (await ada.post("/devices", json={"name": "door", "public_key": wrong})).status_code == 422


async def test_devices_are_limited(platform: Platform, ada: httpx.AsyncClient) -> None:
    """After a hundred, one has to go before another comes."""
    for _ in range(100):
        platform.customers.add_device(customer(ada), uuid4(), "x", 100)
    assert (await ada.post("/devices", json={"name": "one more"})).status_code == 409


@pytest.mark.parametrize("path", ["/photos", "/me", "/devices", f"/photos/{UUID(int=7)}", "/receipts/x"])
async def test_strangers_see_nothing(platform: Platform, path: str) -> None:
    """Everything about photos and people needs a session."""
    async with platform.client() as stranger:
        assert (await stranger.get(path)).status_code == 401


async def test_without_the_database_the_gallery_says_when_to_come_back(
    platform: Platform, ada: httpx.AsyncClient
) -> None:
    """A database that is away is 503 with Retry-After, and names no host."""
    platform.customers.away = True
    answer = await ada.get("/devices")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert answer.json()["type"] == "urn:photo-pipeline:problem:postgresql_unavailable"
    assert "fishing" not in answer.text
