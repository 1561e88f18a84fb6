"""A selection as one ZIP: whole, in order, with every photo's bytes, or visibly cut off."""

import io
import threading
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4
from zlib import crc32

import httpx
import pytest
from stream_zip import ZipIntegrityError
from tests.support.serving import eventually
from tests.support.web import NOON, FakeArchive, Platform, serving, sign_up

from photo_pipeline.api import downloads, zipping
from photo_pipeline.api.routes import archives
from photo_pipeline.api.zipping import MISSING, PIECE_BYTES, PhotoZip
from photo_pipeline.domain.gallery import Absence
from photo_pipeline.domain.ledger import ArchiveLocation
from photo_pipeline.domain.selection import Chosen, ChosenPhoto

pytestmark = pytest.mark.anyio

SHARDS = ("/photos/archive/a.tar", "/photos/archive/b.tar")


def archived(archive: FakeArchive, content: bytes, shard: str = SHARDS[0], **changes: object) -> ChosenPhoto:
    """A photo at the end of a shard."""
    file = archive.files.get(shard, b"") + b"\0" * 512
    archive.files[shard] = file + content
    values: dict[str, object] = {
        "photo_id": uuid4(),
        "filename": "a.jpg",
        "content_type": "image/jpeg",
        "taken_at": None,
        "taken_at_offset": None,
        "uploaded_at": NOON,
        "location": ArchiveLocation(shard, len(file), len(content)),
        "crc32": crc32(content),
    }
    return ChosenPhoto(**{**values, **changes})  # type: ignore[arg-type] # the keys are the fields


def put(platform: Platform, *photos: ChosenPhoto) -> dict[str, list[str]]:
    """Let the gallery find these; what asks for them."""
    platform.selection.choices |= {photo.photo_id: [photo] for photo in photos}
    return {"photo_ids": [str(photo.photo_id) for photo in photos]}


def opened(answer: httpx.Response) -> zipfile.ZipFile:
    """The ZIP of an answer, every byte of which was checked."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Length"] == str(len(answer.content))
    found = zipfile.ZipFile(io.BytesIO(answer.content))
    assert found.testzip() is None
    return found


async def places_taken(platform: Platform, count: int) -> bool:
    """Whether so many downloads are under way; an answer is read before its place is given back."""
    return bool(platform.app.state.services.downloads._places.total() == count)


async def test_every_byte_comes_back(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Stored as it is, in the archive's order, each shard opened once, never more than a piece read at a time."""
    contents = [bytes([n]) * (PIECE_BYTES + n) for n in range(3)] + [b"", b"small"]
    photos = [archived(platform.archive, content, SHARDS[n % 2]) for n, content in enumerate(contents)]
    answer = await ada.post("/photos/archive", json=put(platform, *photos[::-1]))
    found = opened(answer)
    order = [0, 2, 4, 1, 3]
    assert [found.read(name) for name in found.namelist()] == [contents[n] for n in order]
    assert {entry.compress_type for entry in found.infolist()} == {zipfile.ZIP_STORED}
    assert found.namelist() == ["a.jpg", "a (2).jpg", "a (3).jpg", "a (4).jpg", "a (5).jpg"]
    assert platform.archive.opened == list(SHARDS)
    assert platform.archive.longest_read == PIECE_BYTES
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="photos-2026-05-04.zip"')


async def test_what_a_member_says_stands_before_it(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Length and checksum are in front: whoever unpacks what is still coming needs nothing from its end."""
    answer = await ada.post("/photos/archive", json=put(platform, archived(platform.archive, b"photo")))
    flags, crc, size = (int.from_bytes(answer.content[at : at + n], "little") for at, n in ((6, 2), (14, 4), (18, 4)))
    assert (flags & 8, crc, size) == (0, crc32(b"photo"), 5)


async def test_names_and_times_are_those_of_the_photos(platform: Platform, ada: httpx.AsyncClient) -> None:
    """In UTF-8; when it was taken, on the camera's clock; a time that a ZIP cannot tell is the nearest that it can."""
    put_in = [
        archived(platform.archive, b"1", filename="Größe 日本.heic", content_type="image/heic"),
        archived(platform.archive, b"2", filename="../a.html", taken_at=datetime(2024, 2, 3, 4, 5, 6)),  # noqa: DTZ001 - the camera's
        archived(platform.archive, b"3", taken_at=datetime(2024, 2, 3, 4, 5, 6), taken_at_offset="+05:30"),  # noqa: DTZ001 - as above
        archived(platform.archive, b"4", taken_at=datetime(1904, 1, 1)),  # noqa: DTZ001 - as above
        archived(platform.archive, b"5", filename=None, taken_at=datetime(9999, 1, 1), taken_at_offset="-11:00"),  # noqa: DTZ001 - as above
    ]
    found = opened(await ada.post("/photos/archive", json=put(platform, *put_in)))
    entries = [(entry.filename, entry.date_time) for entry in found.infolist()]
    assert entries == [
        ("Größe 日本.heic", (2026, 5, 4, 12, 0, 0)),
        ("_a.html.jpeg", (2024, 2, 3, 4, 5, 6)),
        ("a.jpg", (2024, 2, 3, 4, 5, 6)),
        ("a (2).jpg", (1980, 1, 1, 0, 0, 0)),
        (f"{put_in[4].photo_id}.jpeg", (2037, 12, 31, 0, 0, 0)),
    ]
    assert found.read("Größe 日本.heic") == b"1"


async def test_what_is_not_there_is_named(platform: Platform, ada: httpx.AsyncClient) -> None:
    """In a file of the ZIP, each with its reason; where nothing is left there is no ZIP, but 404."""
    photo = archived(platform.archive, b"photo")
    expired, binned, nobodys = uuid4(), uuid4(), uuid4()
    platform.selection.absent |= {expired: Absence.EXPIRED, binned: Absence.BINNED}
    asked = put(platform, photo)["photo_ids"] + [str(photo_id) for photo_id in (expired, binned, nobodys)]
    found = opened(await ada.post("/photos/archive", json={"photo_ids": asked}))
    assert found.namelist() == ["a.jpg", MISSING]
    told = found.read(MISSING).decode()
    assert f"{expired} has expired" in told
    assert f"{binned} is in the bin" in told
    assert f"{nobodys} is none of your photos" in told
    assert (await ada.post("/photos/archive", json={"photo_ids": asked[1:]})).status_code == 404


async def test_a_page_sends_a_form(platform: Platform, ada: httpx.AsyncClient) -> None:
    """So that a browser saves what comes, however much it is; both ways are checked alike."""
    body = put(platform, archived(platform.archive, b"1"), archived(platform.archive, b"2"))
    assert opened(await ada.post("/photos/archive", data={**body, "kind": "web"})).namelist() == ["a.jpg", "a (2).jpg"]
    for wrong in ({"kind": "web"}, {"photo_ids": "x"}, {**body, "kind": "thumb"}, {**body, "other": "x"}):
        assert (await ada.post("/photos/archive", data=wrong)).status_code == 422
        assert (await ada.post("/photos/archive", json=wrong)).status_code == 422
    plain = {"Content-Type": "text/plain"}
    assert (await ada.post("/photos/archive", content=b"x", headers=plain)).status_code == 415
    many = {"photo_ids": [str(UUID(int=n)) for n in range(5001)]}
    assert (await ada.post("/photos/archive", json=many)).status_code == 422
    assert (await ada.post("/photos/archive", data=many)).status_code == 422


async def test_a_photo_that_moves_is_found_again(platform: Platform, ada: httpx.AsyncClient) -> None:
    """In the middle of it, too: the bytes are the same wherever they lie."""
    content = b"x" * (2 * PIECE_BYTES) + b"end"
    first = archived(platform.archive, content)
    moved = replace(archived(platform.archive, content, SHARDS[1]), photo_id=first.photo_id)
    del platform.archive.files[SHARDS[0]]
    platform.selection.choices[first.photo_id] = [first, moved]
    found = opened(await ada.post("/photos/archive", json={"photo_ids": [str(first.photo_id)]}))
    assert found.read("a.jpg") == content


@pytest.mark.parametrize("trouble", ["gone", "damaged", "another"])
async def test_a_zip_that_came_whole_is_whole(tmp_path: Path, trouble: str) -> None:
    """A photo that goes, or is not what was archived, when others are sent already: the connection ends first.

    The next ZIP is one without it, and says so.
    """
    async with (
        serving(tmp_path) as (platform, url),
        httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) as ada,
    ):
        await sign_up(ada)
        photos = [archived(platform.archive, bytes([n]) * PIECE_BYTES, f"/{n}.tar") for n in range(4)]
        body = put(platform, *photos)
        if trouble == "damaged":
            platform.archive.files["/2.tar"] = platform.archive.files["/2.tar"].replace(b"\2", b"\3", 1)
        else:
            del platform.archive.files["/2.tar"]
            again = archived(platform.archive, b"else", "/9.tar", photo_id=photos[2].photo_id)
            platform.selection.choices[photos[2].photo_id] = [photos[2]] + [again] * (trouble == "another")
        with pytest.raises(httpx.RemoteProtocolError):
            await ada.post("/photos/archive", json=body)
        found = opened(await ada.post("/photos/archive", json=body))
        assert found.namelist() == ["a.jpg", "a (2).jpg", "a (3).jpg", MISSING]
        assert f"{photos[2].photo_id} cannot be read just now" in found.read(MISSING).decode()
        await eventually(lambda: places_taken(platform, 0))


async def test_what_fails_at_once_is_said(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Where the first photo cannot be read there is still an answer to give, and the place is free again."""
    photo = archived(platform.archive, b"photo")
    platform.archive.files.clear()
    answer = await ada.post("/photos/archive", json=put(platform, photo))
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert (await ada.post("/photos/archive", json=put(platform, photo))).status_code == 503
    assert platform.app.state.services.downloads._places.total() == 0


async def test_a_zip_is_laid_out_in_its_place_and_in_a_thread(
    platform: Platform, ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes long for many photos begins once there is a place for it, and keeps nobody else waiting."""
    seen: list[tuple[int, bool]] = []

    def lay_out(chosen: Chosen, now: datetime) -> PhotoZip:
        places = platform.app.state.services.downloads._places.total()
        seen.append((places, threading.current_thread() is threading.main_thread()))
        return PhotoZip(chosen, now)

    monkeypatch.setattr(archives, "PhotoZip", lay_out)
    opened(await ada.post("/photos/archive", json=put(platform, archived(platform.archive, b"photo"))))
    assert seen == [(1, False)]


async def test_each_has_so_many_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One customer's third download is 429, and everybody's next 503; who goes away leaves their place."""
    monkeypatch.setattr(downloads, "IN_ALL", 3)
    async with serving(tmp_path) as (platform, url):
        clients = [httpx.AsyncClient(base_url=f"{url}/api/v1", trust_env=False) for _ in range(3)]
        for number, client in enumerate(clients):
            await sign_up(client, f"{number}@example.org")
        body = put(platform, *(archived(platform.archive, b"x" * PIECE_BYTES, f"/{n}.tar") for n in range(64)))
        slow: list[AsyncIterator[bytes]] = []

        async def begin(client: httpx.AsyncClient) -> int:
            """Read the first bytes and no more."""
            request = client.build_request("POST", "/photos/archive", json=body)
            answer = await client.send(request, stream=True)
            slow.append(answer.aiter_raw(1))
            if answer.status_code == 200:
                await anext(slow[-1])
            return answer.status_code

        assert [await begin(clients[0]) for _ in range(3)] == [200, 200, 429]
        assert [await begin(clients[1]) for _ in range(1)] == [200]
        assert await begin(clients[2]) == 503
        await clients[0].aclose()
        await eventually(lambda: places_taken(platform, 1))
        assert await begin(clients[2]) == 200
        for client in clients[1:]:
            await client.aclose()


def test_five_thousand_photos_are_counted_before_the_first_is_read() -> None:
    """Length and Zip64 are known beforehand; nothing is read for that, and little is kept."""
    archive = FakeArchive()
    photos = [
        ChosenPhoto(
            UUID(int=n), "frame.jpg", "image/jpeg", None, None, NOON, ArchiveLocation("/a.tar", 0, 2**20), crc32(b"")
        )
        for n in range(5000)
    ]
    zipped = PhotoZip(Chosen(photos, {}), datetime(2026, 5, 4, tzinfo=UTC))
    assert zipped.length > 5000 * 2**20 > 2**32
    assert archive.reads == 0


def test_a_zip_that_is_too_long_for_32_bits_has_64(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is announced is what comes, to the byte, with every position in 64 bits; here they are of little content."""
    archive = FakeArchive()
    photos = [archived(archive, bytes([n]) * 1000) for n in range(129)]
    short = PhotoZip(Chosen(photos, {}), NOON)
    monkeypatch.setattr(zipping, "_ZIP64_FROM", short.length)
    zipped = PhotoZip(Chosen(photos, {}), NOON)
    content = b"".join(zipped.pieces(archive, lambda _: None, lambda _: None))
    assert len(content) == zipped.length > short.length
    found = zipfile.ZipFile(io.BytesIO(content))
    assert (found.testzip(), len(found.namelist())) == (None, 129)
    end = content.rindex(b"PK\x06\x06")
    entries, length, start = (int.from_bytes(content[end + at : end + at + 8], "little") for at in (32, 40, 48))
    assert (entries, start + length) == (129, end)


def test_a_photo_that_is_another_by_its_bytes_is_told() -> None:
    """The checksum that stands before it is checked."""
    archive = FakeArchive()
    photo = replace(archived(archive, b"photo"), crc32=1)
    with pytest.raises(ZipIntegrityError):
        list(PhotoZip(Chosen([photo], {}), NOON).pieces(archive, lambda _: None, lambda _: None))
