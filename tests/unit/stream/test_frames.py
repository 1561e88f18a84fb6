"""One frame per request: a receipt once Kafka has it, a clear reason otherwise."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from tests.support.images import encoded, scene
from tests.support.signing import believing
from tests.support.stream import StreamPlatform, serving
from tests.support.web import NOON

from photo_pipeline.domain.events import Record, parse_record
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.photo import MAX_PHOTO_BYTES, RecordCoordinates, Source, photo_id_for
from photo_pipeline.domain.proof import is_proven

pytestmark = pytest.mark.anyio

FRAMES = "/api/v1/frames"


def photo(seed: int = 0) -> bytes:
    """A small JPEG."""
    return encoded(scene(64, 48, seed), SniffedFormat.JPEG)


def padded(size: int) -> bytes:
    """A PNG of that many bytes: decoders ignore what follows its end."""
    image = encoded(scene(64, 48), SniffedFormat.PNG)
    return image + bytes(size - len(image))


async def test_a_frame_gets_a_receipt_and_becomes_an_event(platform: StreamPlatform) -> None:
    """The receipt names the photo; the record is an event that the pipeline believes, from this device."""
    device = platform.device()
    data = photo()
    async with platform.client(platform.device_token(device)) as client:
        answer = await client.post(FRAMES, content=data, headers={"X-Filename": "Haust%C3%BCr.jpg"})
    assert answer.status_code == 202, answer.text
    receipt = answer.json()
    sha256 = hashlib.sha256(data).hexdigest()
    assert receipt["sha256"] == sha256
    assert UUID(receipt["photo_id"]) == photo_id_for(platform.customer_id, sha256)
    assert (receipt["topic"], receipt["partition"], receipt["offset"]) == ("photos.streamed", 0, 0)
    signed = platform.tokens.verify_receipt(receipt["token"])
    assert signed.coordinates == RecordCoordinates("photos.streamed", 0, 0)
    assert receipt["status_url"] == f"http://testserver/api/v1/receipts/{receipt['token']}"
    (record,) = platform.log.records
    read = Record(signed.coordinates, NOON, record.key, record.value or b"", record.headers)
    event = parse_record(read)
    assert is_proven(read, believing(platform.tokens), {})
    assert (event.source, event.customer_id, event.data) == (Source.STREAM, platform.customer_id, data)
    assert (event.filename, event.content_type) == ("Haustür.jpg", "image/jpeg")
    assert event.origin == f"/devices/{device.device_id}"


async def test_a_customer_may_push_in_person(platform: StreamPlatform) -> None:
    """An access token of the upload API does as well, and its name comes from the query."""
    async with platform.client(platform.session_token()) as client:
        answer = await client.post(FRAMES, content=photo(), params={"filename": "a/b/c.jpg"})
    assert answer.status_code == 202, answer.text
    headers = dict(platform.log.records[0].headers)
    assert (headers["ce_source"], headers["ce_filename"]) == (b"/stream", b"c.jpg")


async def test_a_form_with_one_file_is_a_frame(platform: StreamPlatform) -> None:
    """Cameras that can only send forms are welcome."""
    async with platform.client(platform.device_token()) as client:
        answer = await client.post(FRAMES, files={"file": ("door.jpg", photo())})
        several = await client.post(FRAMES, files=[("file", ("1.jpg", photo())), ("file", ("2.jpg", photo(1)))])
        none = await client.post(FRAMES, files={"text": (None, "no file")})
        too_large = await client.post(FRAMES, files={"file": ("large.png", padded(MAX_PHOTO_BYTES + 1))})
    assert answer.status_code == 202, answer.text
    assert dict(platform.log.records[0].headers)["ce_filename"] == b"door.jpg"
    assert [refused.status_code for refused in (several, none, too_large)] == [422, 422, 413]
    assert len(platform.log.records) == 1


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 422, "empty"),
        (b"just some text in a file named .jpg", 415, "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "not_an_image"),
        (photo()[:20], 422, "truncated"),
        (padded(MAX_PHOTO_BYTES + 1), 413, "too_large"),
    ],
)
async def test_what_is_no_photo_is_refused_with_its_reason(
    platform: StreamPlatform, body: bytes, status: int, reason: str
) -> None:
    """The bytes decide, whatever Content-Type says, and nothing reaches Kafka."""
    async with platform.client(platform.device_token()) as client:
        answer = await client.post(FRAMES, content=body, headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["reason"] == reason
    assert platform.log.records == []


async def test_a_large_frame_without_a_length_is_cut_off(platform: StreamPlatform) -> None:
    """A chunked body that goes on beyond the limit is refused as well."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(34):
            yield padded(1024 * 1024)

    async with platform.client(platform.device_token()) as client:
        answer = await client.post(FRAMES, content=endless())
    assert (answer.status_code, answer.json()["reason"]) == (413, "too_large")


async def test_the_largest_photo_is_taken(platform: StreamPlatform) -> None:
    """Exactly 32 MiB."""
    async with platform.client(platform.device_token()) as client:
        answer = await client.post(FRAMES, content=padded(MAX_PHOTO_BYTES))
    assert answer.status_code == 202, answer.text


async def test_nothing_is_accepted_while_kafka_is_away(platform: StreamPlatform) -> None:
    """503 with Retry-After, and not ready; afterwards all is well by itself."""
    async with platform.client(platform.device_token()) as client:
        platform.log.away = True
        refused = await client.post(FRAMES, content=photo())
        unready = await client.get("/readyz")
        platform.log.away = False
        accepted = await client.post(FRAMES, content=photo())
    assert (refused.status_code, refused.json()["reason"]) == (503, "not_acknowledged")
    assert int(refused.headers["Retry-After"]) > 0
    assert unready.status_code == 503
    assert accepted.status_code == 202


async def test_too_many_bytes_at_once_are_told_to_come_back(tmp_path: Path) -> None:
    """The budget of bytes in flight is kept: who finds no room in time is told busy."""
    limits = {"in_flight_bytes": 40_000, "acknowledge_seconds": 0.2}
    async with serving(tmp_path, limits) as platform, platform.client(platform.device_token()) as client:
        platform.log.gate.clear()
        first = asyncio.create_task(client.post(FRAMES, content=padded(30_000)))
        await platform.log.until_waiting(1)
        second = await client.post(FRAMES, content=padded(30_001))
        platform.log.gate.set()
        assert (await first).status_code == 202
    assert (second.status_code, second.json()["reason"]) == (503, "busy")


async def test_a_device_that_is_too_fast_is_told_to_wait(tmp_path: Path) -> None:
    """429 that says how long; another device goes on."""
    async with serving(tmp_path, frames_per_second=0.4, frames_burst=1) as platform:
        async with platform.client(platform.device_token()) as client:
            assert (await client.post(FRAMES, content=photo(1))).status_code == 202
            refused = await client.post(FRAMES, content=photo(2))
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "3")
        assert refused.json()["type"] == "urn:photo-pipeline:problem:too_fast"
        async with platform.client(platform.device_token()) as client:
            assert (await client.post(FRAMES, content=photo(2))).status_code == 202


async def test_a_body_that_stalls_is_given_up(tmp_path: Path) -> None:
    """A sender who stops in the middle gets 408 and holds nothing."""
    async with serving(tmp_path, stall_seconds=0.1) as platform:
        address = urlsplit(platform.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        token = platform.device_token()
        head = f"POST {FRAMES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 1000\r\n\r\n"
        writer.write(head.encode() + photo()[:10])
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"urn:photo-pipeline:problem:body_stalled" in answer


class TestWhoMayPush:
    """A signed token in date, of a device that was not revoked."""

    async def test_nobody_without_a_token(self, platform: StreamPlatform) -> None:
        """401 that names the scheme."""
        async with platform.client() as client:
            answer = await client.post(FRAMES, content=photo())
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert answer.headers["Content-Type"] == "application/problem+json"

    async def test_a_token_can_be_tried_first(self, platform: StreamPlatform) -> None:
        """Whose it is and what it allows; nothing for one that is no good."""
        device = platform.device()
        async with platform.client(platform.device_token(device)) as client:
            answer = (await client.get("/api/v1/sender")).json()
        assert (answer["customer_id"], answer["device_id"]) == (str(platform.customer_id), str(device.device_id))
        assert answer["rate"]["frames_per_second"] == 100
        async with platform.client("nonsense") as client:
            assert (await client.get("/api/v1/sender")).status_code == 401

    async def test_nobody_with_a_token_that_is_no_good(self, platform: StreamPlatform, tmp_path: Path) -> None:
        """Nonsense, another's signature, a receipt, and tokens at their end are all refused alike."""
        folder = tmp_path / "other"
        folder.mkdir()
        async with serving(folder) as other:
            forged = other.device_token()
        async with platform.client(platform.device_token()) as client:
            receipt = (await client.post(FRAMES, content=photo())).json()["token"]
        old_device, old_session = platform.device_token(), platform.session_token()
        platform.clock.advance(days=366)
        for token in ("nonsense", forged, receipt, old_device, old_session):
            async with platform.client(token) as client:
                answer = await client.post(FRAMES, content=photo())
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')

    async def test_no_device_that_was_revoked(self, platform: StreamPlatform) -> None:
        """A device that the database knows as revoked is refused."""
        device = platform.device()
        del platform.customers.registered[device.device_id]
        async with platform.client(platform.device_token(device)) as client:
            answer = await client.post(FRAMES, content=photo())
        assert (answer.status_code, answer.json()["detail"]) == (401, "This device was revoked.")

    async def test_devices_go_on_while_the_database_is_away(self, platform: StreamPlatform) -> None:
        """Taking photos needs Kafka alone."""
        platform.customers.away = True
        async with platform.client(platform.device_token()) as client:
            assert (await client.post(FRAMES, content=photo())).status_code == 202

    @pytest.mark.parametrize(
        ("origin", "status"),
        [
            ("http://testserver", 202),  # the upload API's pages
            ("own", 202),
            ("http://evil.example", 403),
            ("null", 403),
            (None, 403),
        ],
    )
    async def test_a_cookie_only_from_own_pages(
        self, platform: StreamPlatform, origin: str | None, status: int
    ) -> None:
        """A browser's cookie counts only where its page is this platform's."""
        headers = {"Cookie": f"photo_session={platform.session_token()}"}
        if origin is not None:
            headers["Origin"] = platform.url if origin == "own" else origin
        async with platform.client() as client:
            answer = await client.post(FRAMES, content=photo(), headers=headers)
        assert answer.status_code == status

    async def test_a_device_of_another_customer_stays_theirs(self, platform: StreamPlatform) -> None:
        """Whose photo it is, the token says and nothing else."""
        token = platform.device_token()
        first = platform.customer_id
        platform.customer_id = UUID(int=4711)
        async with platform.client(token) as client:
            await client.post(FRAMES, content=photo(), headers={"ce_subject": str(platform.customer_id)})
        assert dict(platform.log.records[0].headers)["ce_subject"] == str(first).encode()


class TestOperation:
    """What operators and readers see."""

    async def test_health_metrics_and_description(self, platform: StreamPlatform) -> None:
        """Live, ready, measured and described, the long connection included."""
        async with platform.client(platform.device_token()) as client:
            await client.post(FRAMES, content=photo())
            await client.post(FRAMES, content=b"text")
            assert (await client.get("/healthz")).json() == {"status": "ok"}
            assert (await client.get("/readyz")).status_code == 200
            metrics = (await client.get("/metrics")).text
            document = (await client.get("/openapi.json")).json()
        assert "photos_accepted_total 1.0" in metrics
        assert 'photos_refused_total{reason="not_an_image"} 1.0' in metrics
        assert "stream_connections 0.0" in metrics
        assert "WS /api/v1/stream" in document["info"]["description"]
        assert {"Hello", "Acknowledgement", "Problem"} <= set(document["components"]["schemas"])
        assert "202" in document["paths"][FRAMES]["post"]["responses"]

    async def test_the_page_names_the_addresses_in_use(self, platform: StreamPlatform) -> None:
        """Examples can be copied as they are; nothing is loaded from elsewhere, and scripts are not allowed inline."""
        async with platform.client() as client:
            page = await client.get("/")
            style = await client.get("/static/style.css")
            odd = await client.get("/", headers={"Host": "<script>"})
        assert f"curl -fsS {platform.url}/api/v1/frames" in page.text
        assert platform.url.replace("http", "ws") + "/api/v1/stream" in page.text
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        assert style.headers["Content-Type"].startswith("text/css")
        assert "<script>" not in odd.text

    async def test_its_pages_are_the_gallerys(self, platform: StreamPlatform) -> None:
        """The same header and style, links to the gallery's pages, and a way out that goes there and nowhere else."""
        async with platform.client() as client:
            pages = [await client.get(path) for path in ("/", "/camera")]
            style = await client.get("/static/site.css")
        assert style.status_code == 200
        for page in pages:
            assert re.search(r'<link rel="stylesheet" href="/assets/site-[0-9A-Z]{8}\.css">', page.text)
            for path in ("/", "/devices", "/account"):
                assert f'href="http://testserver{path}"' in page.text
            assert '<form method="post" action="http://testserver/leave">' in page.text
            # Without it the form's Origin is null, and the upload API does not take it (Fetch).
            assert '<meta name="referrer" content="strict-origin">' in page.text
            policy = page.headers["Content-Security-Policy"]
            assert "form-action 'self' http://testserver;" in policy
        assert 'href="/camera" aria-current="page"' in pages[1].text

    async def test_the_description_is_shown_without_anybody_elses_server(self, platform: StreamPlatform) -> None:
        """Everything that the page at /docs names is served here."""
        async with platform.client() as client:
            page = await client.get("/docs")
            named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
            found = [(await client.get(address)).status_code for address in named]
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
        assert len(named) > 2
        assert all(address.startswith("/") for address in named)
        assert set(found) == {200}

    async def test_an_unknown_path_is_a_problem(self, platform: StreamPlatform) -> None:
        """404 in the same shape as everything else."""
        async with platform.client() as client:
            answer = await client.get("/nowhere")
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


async def test_a_session_that_ended_is_refused(platform: StreamPlatform) -> None:
    """An access token is good for as long as it says."""
    token = platform.session_token()
    platform.clock.moment += timedelta(hours=1, seconds=10)
    async with platform.client(token) as client:
        assert (await client.post(FRAMES, content=photo())).status_code == 401
