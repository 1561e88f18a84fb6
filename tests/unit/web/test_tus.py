"""Resumable uploads by tus 1.0: whatever the pieces, the photo is whole or it is none; safe means that Kafka has it."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect
from tests.support.images import png_claiming
from tests.support.serving import eventually
from tests.support.tus import OCTETS, TUS, begin, metadata, offset_of, photo, problem, send, silent_after
from tests.support.web import NOON, Platform, running, sign_up, web_settings

from photo_pipeline.adapters.upload_directory import UploadDirectory, UploadDirectoryError
from photo_pipeline.adapters.volumes import DiskOf
from photo_pipeline.api.tus import turns
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.gallery import GalleryPhoto, PhotoStatus
from photo_pipeline.domain.photo import MAX_PHOTO_BYTES, photo_id_for, sha256_hex

pytestmark = pytest.mark.anyio


async def test_an_upload_in_pieces_ends_with_the_receipt(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Each piece is acknowledged with the next offset; the answer to the last one has the receipt's token."""
    data = photo()
    url = await begin(ada, len(data), **{"Upload-Metadata": metadata(filename="a.jpg", sha256=sha256_hex(data))})
    first = await send(ada, url, 0, data[:100])
    assert (first.status_code, first.headers["Upload-Offset"], "Photo-Receipt" in first.headers) == (204, "100", False)
    assert platform.log.records == []
    last = await send(ada, url, 100, data[100:])
    assert (last.status_code, last.headers["Upload-Offset"]) == (204, str(len(data)))
    [record] = platform.log.records
    assert record.value == data
    shown = (await ada.get(url)).json()
    assert (shown["receipt"]["token"], shown["receipt"]["filename"]) == (last.headers["Photo-Receipt"], "a.jpg")
    assert shown["receipt"]["sha256"] == sha256_hex(data)


async def test_a_client_that_lost_the_last_answer_gets_the_same_receipt(
    platform: Platform, ada: httpx.AsyncClient
) -> None:
    """HEAD, and sending nothing more at the end, tell the receipt again; Kafka gets the photo once."""
    data = photo()
    url = await begin(ada, len(data))
    token = (await send(ada, url, 0, data)).headers["Photo-Receipt"]
    head = await ada.head(url, headers=TUS)
    again = await send(ada, url, len(data), b"")
    assert (head.headers["Photo-Receipt"], again.headers["Photo-Receipt"]) == (token, token)
    assert head.headers["Upload-Offset"] == head.headers["Upload-Length"] == str(len(data))
    assert problem(await send(ada, url, 0, data), 409)["type"].endswith("upload_offset")
    assert problem(await send(ada, url, len(data), b"x"), 413)["type"].endswith("too_many_bytes")
    assert len(platform.log.records) == 1


async def test_while_kafka_is_away_all_is_kept_but_the_last_byte(platform: Platform, ada: httpx.AsyncClient) -> None:
    """503 says when to try again; the offset stays below the length, so every tus client goes on by itself."""
    data = photo()
    url = await begin(ada, len(data))
    platform.log.away = True
    answer = await send(ada, url, 0, data)
    assert problem(answer, 503)["reason"] == "not_acknowledged"
    assert answer.headers["Retry-After"]
    assert await offset_of(ada, url) == len(data) - 1
    platform.log.away = False
    assert "Photo-Receipt" in (await send(ada, url, len(data) - 1, data[-1:])).headers
    assert [record.value for record in platform.log.records] == [data]


async def test_what_is_no_photo_is_refused_for_good(platform: Platform, ada: httpx.AsyncClient) -> None:
    """With the reasons of the plain upload; the upload is forgotten, and nothing reaches Kafka."""
    for data, status, reason in (
        (b"hello", 415, "not_an_image"),
        (png_claiming(30_000, 30_000), 422, "too_many_pixels"),
    ):
        url = await begin(ada, len(data))
        found = problem(await send(ada, url, 0, data), status)
        assert (found["reason"], found["detail"].endswith(".")) == (reason, True)
        assert (await ada.head(url, headers=TUS)).status_code == 404
    assert platform.log.records == []


async def test_a_large_file_that_is_no_photo_is_refused_after_its_first_bytes(
    platform: Platform, ada: httpx.AsyncClient
) -> None:
    """Its sender need not send all of it to learn that."""
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(4):
            sent += 1
            yield b"no photo" * 8192

    url = await begin(ada, MAX_PHOTO_BYTES)
    answer = await ada.patch(url, content=body(), headers={**OCTETS, "Upload-Offset": "0"})
    assert problem(answer, 415)["reason"] == "not_an_image"
    assert sent == 4  # drained, so that a browser reads the answer, but 28 MiB were never asked for
    assert (await ada.head(url, headers=TUS)).status_code == 404


async def test_other_bytes_than_promised_are_not_accepted(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Where the metadata has the whole file's sha256, it is compared before Kafka gets the photo."""
    data = photo()
    url = await begin(ada, len(data), **{"Upload-Metadata": metadata(sha256=sha256_hex(b"another"))})
    assert problem(await send(ada, url, 0, data), 422)["reason"] == "sha256_mismatch"
    assert platform.log.records == []


@pytest.mark.parametrize("algorithm", ["sha256", "sha1"])
async def test_a_piece_with_a_wrong_checksum_is_not_kept(ada: httpx.AsyncClient, algorithm: str) -> None:
    """460, and the offset stays; with the right one the same piece is taken."""
    data = photo()
    url = await begin(ada, len(data))
    digest = base64.b64encode(hashlib.new(algorithm, data[:200]).digest()).decode()
    wrong = await send(ada, url, 0, data[1:201], **{"Upload-Checksum": f"{algorithm} {digest}"})
    assert problem(wrong, 460)["type"].endswith("checksum_mismatch")
    assert await offset_of(ada, url) == 0
    right = await send(ada, url, 0, data[:200], **{"Upload-Checksum": f"{algorithm} {digest}"})
    assert (right.status_code, right.headers["Upload-Offset"]) == (204, "200")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Length": "ten"}, 400),
        ({}, 400),
        ({"Upload-Length": "-1"}, 400),
        ({"Upload-Length": "0"}, 422),
        ({"Upload-Length": str(MAX_PHOTO_BYTES + 1)}, 413),
        ({"Upload-Length": "10", "Upload-Metadata": "filename ???"}, 400),
        ({"Upload-Length": "10", "Upload-Metadata": "a YQ==,a YQ=="}, 400),
        ({"Upload-Length": "10", "Upload-Metadata": "a " + "A" * 5000}, 400),
        ({"Upload-Length": "10", "Upload-Checksum": "md5 YQ=="}, 400),
    ],
)
async def test_malformed_creations_are_problems(ada: httpx.AsyncClient, headers: dict[str, str], status: int) -> None:
    """Each with its status, none with a new upload."""
    answer = await ada.post("/uploads", headers={**TUS, **headers})
    problem(answer, status)
    assert "Location" not in answer.headers


async def test_another_version_of_the_protocol_is_refused(ada: httpx.AsyncClient) -> None:
    """412 names the version that is spoken; asking what is spoken needs no version and no session."""
    answer = await ada.post("/uploads", headers={"Tus-Resumable": "0.2.2", "Upload-Length": "10"})
    problem(answer, 412)
    assert answer.headers["Tus-Version"] == "1.0.0"
    del ada.headers["Authorization"]
    options = await ada.options("/uploads")
    assert options.status_code == 204
    assert options.headers["Tus-Max-Size"] == str(MAX_PHOTO_BYTES)
    assert set(options.headers["Tus-Extension"].split(",")) >= {"creation", "checksum", "expiration", "termination"}


async def test_an_upload_is_its_customers_alone(platform: Platform, ada: httpx.AsyncClient) -> None:
    """For anybody else it does not exist, whatever they ask; without a session nothing does."""
    url = await begin(ada, 1000)
    async with platform.client() as grace:
        await sign_up(grace, "grace@example.org")
        probes = [
            await grace.head(url, headers=TUS),
            await grace.get(url),
            await send(grace, url, 0, b"x"),
            await grace.delete(url, headers=TUS),
        ]
        assert [probe.status_code for probe in probes] == [404] * 4
        del grace.headers["Authorization"]
        assert (await grace.head(url, headers=TUS)).status_code == 401
        assert (await grace.post("/uploads", headers={**TUS, "Upload-Length": "9"})).status_code == 401
    assert await offset_of(ada, url) == 0
    for odd in (str(uuid4()), "no-id", "..%2f..%2fetc"):
        assert (await ada.head(f"http://testserver/api/v1/uploads/{odd}", headers=TUS)).status_code == 404


async def test_a_wrong_offset_or_media_type_changes_nothing(ada: httpx.AsyncClient) -> None:
    """409 says where the upload is; 415 what to send."""
    url = await begin(ada, 1000)
    await send(ada, url, 0, photo()[:10])
    answer = await send(ada, url, 5, b"x")
    problem(answer, 409)
    assert answer.headers["Upload-Offset"] == "10"
    problem(await send(ada, url, 10, b"x", **{"Content-Type": "text/plain"}), 415)
    problem(await ada.patch(url, content=b"x", headers=OCTETS), 400)
    problem(await send(ada, url, 10, b"x" * 991), 413)
    assert await offset_of(ada, url) == 10


async def test_two_requests_do_not_interleave(
    platform: Platform, ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one adds to an upload another is told 423, also one that asks where to go on; what the first sent stays."""
    monkeypatch.setattr(turns, "TRY_SECONDS", 0.0)
    data = photo()
    url = await begin(ada, len(data))
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield data[:50]
        reached.set()
        await go_on.wait()
        yield data[50:]

    first = asyncio.create_task(ada.patch(url, content=slowly(), headers={**OCTETS, "Upload-Offset": "0"}))
    await reached.wait()
    asked = await ada.head(url, headers=TUS)
    for answer in (await send(ada, url, 0, data), await ada.delete(url, headers=TUS)):
        problem(answer, 423)
        assert answer.headers["Retry-After"]
    assert (asked.status_code, asked.headers["Retry-After"]) == (423, "1")
    go_on.set()
    assert "Photo-Receipt" in (await first).headers
    assert [record.value for record in platform.log.records] == [data]


async def test_a_connection_that_falls_silent_frees_its_upload(tmp_path: Path) -> None:
    """408 after the time allowed; what had come is kept, and the sender goes on."""
    data = photo()

    async with running(web_settings(tmp_path, upload_idle_seconds=0.05)) as platform, platform.client() as ada:
        await sign_up(ada)
        url = await begin(ada, len(data))
        problem(await ada.patch(url, content=silent_after(data[:70]), headers={**OCTETS, "Upload-Offset": "0"}), 408)
        assert await offset_of(ada, url) == 70
        assert "Photo-Receipt" in (await send(ada, url, 70, data[70:])).headers


async def test_an_upload_goes_on_at_another_instance(tmp_path: Path) -> None:
    """Instances share the directory and nothing else; the receipt, too, is told by any of them."""
    data, shared = photo(), tmp_path / "shared"
    settings = web_settings(tmp_path, upload_dir=shared)
    async with running(settings) as one, one.client() as ada:
        await sign_up(ada)
        url = await begin(ada, len(data))
        await send(ada, url, 0, data[:333])
    async with running(settings) as two, two.client(Authorization=ada.headers["Authorization"]) as again:
        assert await offset_of(again, url) == 333
        token = (await send(again, url, 333, data[333:])).headers["Photo-Receipt"]
        assert [record.value for record in two.log.records] == [data]
    async with running(settings) as three, three.client(Authorization=ada.headers["Authorization"]) as later:
        assert (await later.head(url, headers=TUS)).headers["Photo-Receipt"] == token


async def test_how_full_the_disk_is_is_told_to_the_ledger(platform: Platform) -> None:
    """From the start on, by a name that says which disk; a disk that does not say raises the error for it."""
    noted = platform.volumes.noted

    async def is_noted() -> bool:
        return bool(noted)

    await eventually(is_noted)
    ((name, space),) = noted.items()
    assert name.endswith(f"({platform.settings.upload_dir})")
    assert 0 < space.free <= space.total
    with pytest.raises(ServerUnavailableError):
        DiskOf(platform.settings.upload_dir / "gone").space()


async def test_what_nobody_finishes_expires(platform: Platform, ada: httpx.AsyncClient) -> None:
    """After 24 hours an upload is gone, finished or not, and a sweep leaves no file of it; younger ones stay."""
    data = photo()
    old, done = await begin(ada, 1000), await begin(ada, len(data))
    await send(ada, done, 0, data)
    assert (await ada.head(old, headers=TUS)).headers["Upload-Expires"] == "Tue, 05 May 2026 12:00:00 GMT"
    platform.clock.advance(hours=24)
    assert (await ada.get("/me")).status_code == 401
    async with platform.client() as grace:
        await sign_up(grace, "grace@example.org")
        young = await begin(grace, 1000)
        assert await platform.app.state.services.uploads.sweep() == 2
        assert await offset_of(grace, young) == 0
    left = [path for path in platform.settings.upload_dir.rglob("*") if path.is_file()]
    assert {path.suffix for path in left} == {".json", ".part"}
    assert len(left) == 2


async def test_networks_that_let_neither_patch_nor_delete_through(platform: Platform, ada: httpx.AsyncClient) -> None:
    """``X-HTTP-Method-Override`` on a POST does the same."""
    data = photo()
    url = await begin(ada, len(data))
    patch = {**OCTETS, "X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0"}
    assert "Photo-Receipt" in (await ada.post(url, content=data, headers=patch)).headers
    assert (await ada.post(url, headers={**TUS, "X-HTTP-Method-Override": "DELETE"})).status_code == 204
    problem(await ada.post(url, headers={**TUS, "X-HTTP-Method-Override": "PUT"}), 400)


async def test_a_failing_disk_is_a_server_that_is_away(platform: Platform, ada: httpx.AsyncClient) -> None:
    """503 with ``Retry-After``; the path stays in the log."""
    url = await begin(ada, 1000)
    root = platform.settings.upload_dir
    (root / "open").rename(root / "away")
    (root / "open").touch()
    answer = await ada.post("/uploads", headers={**TUS, "Upload-Length": "10"})
    assert problem(answer, 503)["type"].endswith("storage_unavailable")
    assert str(root) not in answer.text
    problem(await send(ada, url, 0, b"x"), 503)


async def test_whoever_has_a_photo_already_need_not_send_it(platform: Platform) -> None:
    """A hash is known to the customer whose gallery has it, until the photo has expired, and to nobody else."""
    sha256 = sha256_hex(photo())
    async with platform.client() as ada, platform.client() as grace:
        customer_id = await sign_up(ada)
        await sign_up(grace, "grace@example.org")
        unknown = {"known": False, "photo_id": None, "filename": None, "kept_until": None}
        assert (await ada.get(f"/uploads/known/{sha256}")).json() == unknown
        there = in_gallery(photo_id_for(customer_id, sha256))
        platform.gallery.processed.append((customer_id, there))
        found = (await ada.get(f"/uploads/known/{sha256}")).json()
        assert (found["known"], found["kept_until"]) == (True, "2026-05-11T12:00:00Z")
        assert (await grace.get(f"/uploads/known/{sha256}")).json() == unknown
        platform.gallery.processed[:] = [(customer_id, replace(there, status=PhotoStatus.EXPIRED))]
        assert (await ada.get(f"/uploads/known/{sha256}")).json() == unknown
        problem(await ada.get("/uploads/known/abc"), 422)


def in_gallery(photo_id: UUID) -> GalleryPhoto:
    """A processed photo of which only what the answer needs is filled in."""
    nothing: dict[str, Any] = dict.fromkeys((field.name for field in fields(GalleryPhoto)), None)
    return GalleryPhoto(
        **{**nothing, "photo_id": photo_id, "status": PhotoStatus.PROCESSED, "archived_at": NOON, "held": False}
    )


def test_a_directory_that_cannot_be_used_is_named_at_the_start(tmp_path: Path) -> None:
    """One line with the variable to change."""
    (tmp_path / "file").touch()
    with pytest.raises(UploadDirectoryError, match=r"PHOTO_UPLOAD_DIR=.*/file/uploads: "):
        UploadDirectory(tmp_path / "file" / "uploads")


steps = st.lists(
    st.tuples(
        st.sampled_from(["piece", "cut", "checksum", "wrong checksum", "wrong offset", "kafka away", "ask"]),
        st.integers(1, 400),
    ),
    max_size=12,
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(taken=steps, seed=st.integers(0, 2**16))
async def test_whatever_happens_on_the_way_the_same_bytes_arrive(
    platform: Platform, ada: httpx.AsyncClient, taken: list[tuple[str, int]], seed: int
) -> None:
    """Any split of the bytes, with conflicts, cuts and outages in between: one record, the photo's bytes exactly."""
    data = photo(seed)
    platform.log.records.clear()
    url = await begin(ada, len(data))
    for kind, size in taken:
        offset = await offset_of(ada, url)
        if offset < len(data):
            await step(platform, ada, url, kind, data, slice(offset, offset + size))
    while (offset := await offset_of(ada, url)) < len(data):
        answer = await send(ada, url, offset, data[offset : offset + 500])
        assert answer.status_code == 204, answer.text
    assert [record.value for record in platform.log.records] == [data]


async def step(platform: Platform, client: httpx.AsyncClient, url: str, kind: str, data: bytes, part: slice) -> None:
    """Do one thing to an upload that goes on at the part's start."""
    if kind == "cut":
        await cut_off(client, url, part.start, data[part])
    elif kind == "wrong offset":
        assert (await send(client, url, part.start + 1, data[part])).status_code == 409
    elif kind in {"checksum", "wrong checksum"}:
        hashed = data[part] if kind == "checksum" else b"?"
        checksum = base64.b64encode(hashlib.sha256(hashed).digest()).decode()
        answer = await send(client, url, part.start, data[part], **{"Upload-Checksum": f"sha256 {checksum}"})
        assert answer.status_code == (204 if kind == "checksum" else 460)
    elif kind == "ask":
        await client.get(url)
    else:
        platform.log.away = kind == "kafka away"
        ends = part.stop >= len(data)
        answer = await send(client, url, part.start, data[part])
        assert answer.status_code == (503 if platform.log.away and ends else 204)
        platform.log.away = False


async def cut_off(client: httpx.AsyncClient, url: str, offset: int, data: bytes) -> None:
    """Send bytes and break the connection before the end of the request: what came is kept, short of the last byte."""

    async def body() -> AsyncIterator[bytes]:
        yield data
        raise ClientDisconnect  # what the framework makes of a connection that ends

    length = int((await client.head(url, headers=TUS)).headers["Upload-Length"])
    with pytest.raises(AssertionError):  # nobody is there to be answered, which the test client did not expect
        await client.patch(url, content=body(), headers={**OCTETS, "Upload-Offset": str(offset)})
    assert await offset_of(client, url) == min(offset + len(data), length - 1)
