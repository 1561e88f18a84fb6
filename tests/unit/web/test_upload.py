"""Sending photos: every file ends as a receipt or as a reason, and nothing is accepted before Kafka has it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from tests.support.images import encoded, png_claiming, scene, truncated
from tests.support.signing import believing
from tests.support.web import API, NOON, Platform, running, sign_up, web_settings

from photo_pipeline.api import uploading
from photo_pipeline.domain.events import OutboundRecord, Record, parse_record
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.photo import MAX_PHOTO_BYTES, RecordCoordinates, Source, photo_id_for, sha256_hex
from photo_pipeline.domain.proof import is_proven

pytestmark = pytest.mark.anyio

TEXT = b"This is no photo, whatever its name says."


def photo(seed: int = 0) -> bytes:
    """A small JPEG."""
    return encoded(scene(64, 48, seed), SniffedFormat.JPEG)


def part(name: str, data: bytes, content_type: str = "image/jpeg") -> tuple[str, tuple[str, bytes, str]]:
    """One file of a form."""
    return ("files", (name, data, content_type))


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem that the answer is."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    return found


@pytest.fixture
async def ada(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client that sends Ada's token."""
    async with platform.client() as client:
        client.headers["X-Customer"] = str(await sign_up(client))
        yield client


async def test_receipts_come_in_the_order_of_the_files(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Each accepted file has a receipt, in order; the token says the same as the receipt beside it."""
    photos = [photo(seed) for seed in range(3)]
    answer = await ada.post("/photos", files=[part(f"{n}.jpg", data) for n, data in enumerate(photos)])
    assert answer.status_code == 202, answer.text
    receipts = answer.json()["receipts"]
    assert answer.json()["rejected"] == []
    assert [receipt["filename"] for receipt in receipts] == ["0.jpg", "1.jpg", "2.jpg"]
    assert [receipt["sha256"] for receipt in receipts] == [sha256_hex(data) for data in photos]
    tokens = platform.app.state.services.tokens
    for receipt, offset in zip(receipts, range(3), strict=True):
        verified = tokens.verify_receipt(receipt["token"])
        assert verified.coordinates == RecordCoordinates("photos.uploaded", 0, offset)
        assert str(verified.photo_id) == receipt["photo_id"]
        assert receipt["offset"] == offset
        assert receipt["links"]["photo"] == f"/api/v1/photos/{receipt['photo_id']}"


async def test_a_record_follows_the_kafka_contract(platform: Platform, ada: httpx.AsyncClient) -> None:
    """What is written is what the ingest reads: the reader's own check of the contract finds every attribute."""
    data = photo()
    await ada.post("/photos", files=[part("C:\\fakepath\\Größe 漢.jpg", data, "text/html")])
    [sent] = platform.log.records
    event = parse_record(as_read(sent))
    customer_id = UUID(ada.headers["X-Customer"])
    assert (event.customer_id, event.source, event.data) == (customer_id, Source.UPLOAD, data)
    assert event.photo_id == photo_id_for(customer_id, sha256_hex(data))
    assert event.filename == "Größe 漢.jpg"
    assert event.content_type == "image/jpeg"
    assert (sent.topic, event.origin, event.sent_at) == ("photos.uploaded", "/api/v1/photos", NOON)
    assert is_proven(as_read(sent), believing(platform.app.state.services.tokens), {})


def as_read(sent: OutboundRecord) -> Record:
    """A written record as a consumer gets it."""
    assert sent.value is not None
    return Record(RecordCoordinates(sent.topic, 0, 0), NOON, sent.key, sent.value, sent.headers)


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (TEXT, 415, "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", 415, "not_an_image"),
        (b"%PDF-1.7", 415, "not_an_image"),
        (png_claiming(30_000, 30_000), 422, "too_many_pixels"),
        (photo()[:30], 422, "truncated"),
        (truncated(encoded(scene(300, 200), "heif"), 0.6), 422, "truncated"),
        (photo().replace(b"\xff\xc0", b"\xff\xc3"), 415, "unsupported"),
        (photo() + b"\0" * MAX_PHOTO_BYTES, 413, "too_large"),
    ],
    ids=["text", "svg", "pdf", "bomb", "truncated", "cut-heic", "lossless", "large"],
)
async def test_one_unusable_file_is_a_problem_with_its_reason(
    platform: Platform, ada: httpx.AsyncClient, data: bytes, status: int, reason: str
) -> None:
    """The bytes decide, not the name; nothing of it reaches Kafka."""
    found = problem(await ada.post("/photos", files=[part("photo.jpg", data)]), status)
    assert found["type"] == "urn:photo-pipeline:problem:not_accepted"
    [refused] = found["rejected"]
    assert refused["reason"] == reason
    assert platform.log.records == []


async def test_an_empty_file_is_refused(ada: httpx.AsyncClient) -> None:
    """A file without bytes is named as such."""
    found = problem(await ada.post("/photos", files=[part("empty.jpg", b"")]), 422)
    assert found["rejected"] == [{"filename": "empty.jpg", "reason": "empty", "detail": "The file is empty."}]


async def test_a_photo_of_exactly_the_limit_is_accepted(platform: Platform, ada: httpx.AsyncClient) -> None:
    """32 MiB are allowed; one byte more is not."""
    padded = photo().ljust(MAX_PHOTO_BYTES, b"\0")
    assert (await ada.post("/photos", files=[part("a.jpg", padded)])).status_code == 202
    problem(await ada.post("/photos", files=[part("a.jpg", padded + b"\0")]), 413)
    assert [len(record.value or b"") for record in platform.log.records] == [MAX_PHOTO_BYTES]


async def test_good_files_pass_beside_bad_ones(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Where one file is accepted the answer is 202, and every other file is listed with its reason, in order."""
    answer = await ada.post(
        "/photos", files=[part("a.txt", TEXT), part("b.jpg", photo()), part("c.jpg", b""), part("d.jpg", photo(1))]
    )
    assert answer.status_code == 202
    assert [receipt["filename"] for receipt in answer.json()["receipts"]] == ["b.jpg", "d.jpg"]
    assert [(r["filename"], r["reason"]) for r in answer.json()["rejected"]] == [
        ("a.txt", "not_an_image"),
        ("c.jpg", "empty"),
    ]
    assert len(platform.log.records) == 2


async def test_bad_files_of_several_kinds_are_one_problem(ada: httpx.AsyncClient) -> None:
    """No single status fits them all, so it is 422; the list has each reason."""
    found = problem(await ada.post("/photos", files=[part("a.txt", TEXT), part("b.jpg", b"")]), 422)
    assert [refused["reason"] for refused in found["rejected"]] == ["not_an_image", "empty"]


async def test_nothing_is_accepted_without_kafka(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Without an acknowledgement there is no receipt: 503, and when to try again."""
    platform.log.away = True
    answer = await ada.post("/photos", files=[part("a.jpg", photo()), part("b.jpg", photo(1))])
    found = problem(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0
    assert {refused["reason"] for refused in found["rejected"]} == {"not_acknowledged"}


async def test_what_kafka_acknowledged_before_it_went_away_keeps_its_receipt(
    platform: Platform, ada: httpx.AsyncClient
) -> None:
    """The acknowledged photos are accepted, the others can be sent again by their reason."""
    platform.log.refuse_after = 1
    answer = await ada.post("/photos", files=[part(f"{n}.jpg", photo(n)) for n in range(3)])
    assert answer.status_code == 202
    assert [receipt["filename"] for receipt in answer.json()["receipts"]] == ["0.jpg"]
    assert [(r["filename"], r["reason"]) for r in answer.json()["rejected"]] == [
        ("1.jpg", "not_acknowledged"),
        ("2.jpg", "not_acknowledged"),
    ]


async def test_a_slow_kafka_costs_no_receipt(
    platform: Platform, ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request is answered before a balancer gives it up: receipts for what Kafka has, the rest may come again."""
    monkeypatch.setattr(uploading, "WAITING_SECONDS", 1e-9)
    answer = await ada.post("/photos", files=[part(f"{n}.jpg", photo(n)) for n in range(8)])
    assert answer.status_code == 202
    assert [receipt["filename"] for receipt in answer.json()["receipts"]] == ["0.jpg"]
    assert {refused["reason"] for refused in answer.json()["rejected"]} == {"busy"}
    assert len(platform.log.records) == 1


async def test_uploads_need_no_database(platform: Platform, ada: httpx.AsyncClient) -> None:
    """With PostgreSQL away, who is logged in can send photos."""
    platform.customers.away = True
    assert (await ada.post("/photos", files=[part("a.jpg", photo())])).status_code == 202
    assert (await ada.get("/me")).status_code == 503


async def test_only_fifty_files_are_looked_at(platform: Platform, ada: httpx.AsyncClient) -> None:
    """The first fifty are accepted; that there were more is said."""
    answer = await ada.post("/photos", files=[part(f"{n}.jpg", photo(n % 3)) for n in range(52)])
    assert answer.status_code == 202
    assert len(answer.json()["receipts"]) == 50
    assert [refused["reason"] for refused in answer.json()["rejected"]] == ["too_many_files"]
    assert len(platform.log.records) == 50


@pytest.mark.parametrize(
    ("headers", "body", "status", "slug"),
    [
        ({"Content-Type": "image/jpeg"}, photo(), 415, "not_multipart"),
        ({}, b"", 415, "not_multipart"),
        ({"Content-Type": "multipart/form-data"}, b"--b--", 415, "not_multipart"),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"", 422, "not_accepted"),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"nonsense", 422, "not_accepted"),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"--b--\r\n", 422, "no_files"),
    ],
)
async def test_bodies_that_hold_no_files_are_problems(
    ada: httpx.AsyncClient, headers: dict[str, str], body: bytes, status: int, slug: str
) -> None:
    """Other media types are 415, what cannot be read is 422; each says how to do it right."""
    found = problem(await ada.post("/photos", headers=headers, content=body), status)
    assert found["type"] == f"urn:photo-pipeline:problem:{slug}"


async def test_another_form_field_is_no_upload(ada: httpx.AsyncClient) -> None:
    """Files of other fields are not taken; the problem names the right field."""
    found = problem(await ada.post("/photos", files=[("file", ("a.jpg", photo()))]), 422)
    assert "files" in str(found["detail"])


async def test_a_body_cut_off_within_a_file_is_no_photo(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Files that were complete before the cut keep their receipts; the cut one is refused as truncated."""
    request = ada.build_request("POST", "/photos", files=[part("a.jpg", photo()), part("b.jpg", photo(1))])
    body = request.read()[:-200]
    headers = {"Content-Type": request.headers["Content-Type"]}
    answer = await ada.post("/photos", headers=headers, content=body)
    assert answer.status_code == 202, answer.text
    assert [receipt["filename"] for receipt in answer.json()["receipts"]] == ["a.jpg"]
    assert [(r["filename"], r["reason"]) for r in answer.json()["rejected"]] == [("b.jpg", "truncated")]
    assert len(platform.log.records) == 1


async def test_too_large_a_request_is_refused_unread(ada: httpx.AsyncClient) -> None:
    """A Content-Length beyond all files together is refused at once."""

    async def endless() -> AsyncIterator[bytes]:
        yield b""
        pytest.fail("the body was read")

    headers = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": str(2 * 10**9)}
    problem(await ada.post("/photos", headers=headers, content=endless()), 413)


async def test_without_a_token_the_body_is_not_read(platform: Platform) -> None:
    """Strangers cannot make the server take in 32 MiB."""

    async def endless() -> AsyncIterator[bytes]:
        yield b""
        pytest.fail("the body was read")

    async with platform.client() as stranger:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = await stranger.post("/photos", headers=headers, content=endless())
    assert problem(answer, 401)["type"] == "urn:photo-pipeline:problem:not_logged_in"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_full_instance_asks_to_come_back(tmp_path: Path) -> None:
    """When the bytes in flight stay at their limit, senders are told 503 with Retry-After, not left hanging."""
    settings = web_settings(tmp_path, in_flight_bytes=1000, acknowledge_seconds=0.01)
    async with running(settings) as platform, platform.client() as client:
        await sign_up(client)
        async with platform.app.state.services.budget.reserve(1000):
            answer = await client.post("/photos", files=[part("a.jpg", photo())])
        assert problem(answer, 503)["rejected"][0]["reason"] == "busy"
        assert answer.headers["Retry-After"]
        assert (await client.post("/photos", files=[part("a.jpg", photo())])).status_code == 202


async def test_others_are_served_while_a_large_photo_is_checked(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Hashing 32 MiB does not stop the event loop: other requests are answered before it is done."""
    padded = photo().ljust(MAX_PHOTO_BYTES, b"\0")
    upload = asyncio.create_task(ada.post("/photos", files=[part("a.jpg", padded)]))
    answered = 0
    async with httpx.AsyncClient(transport=httpx.ASGITransport(platform.app), base_url=API) as other:
        while not upload.done():
            assert (await other.get("http://testserver/healthz")).status_code == 200
            answered += 1
            await asyncio.sleep(0.001)
    assert (await upload).status_code == 202
    assert answered > 10


async def test_what_happens_is_counted(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Metrics tell accepted photos from refused ones, by reason, and requests by route and status."""
    await ada.post("/photos", files=[part("a.jpg", photo()), part("b.txt", TEXT)])
    metrics = (await ada.get("http://testserver/metrics")).text
    assert "photos_accepted_total 1.0" in metrics
    assert 'photos_refused_total{reason="not_an_image"} 1.0' in metrics
    assert 'http_request_seconds_count{method="POST",route="/api/v1/photos",status="202"} 1.0' in metrics
    assert "photo_bytes_in_flight 0.0" in metrics
