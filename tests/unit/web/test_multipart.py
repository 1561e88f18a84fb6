"""Reading files from a multipart body: the same whatever the chunks, and bounded whatever the sender."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photo_pipeline.web.multipart import (
    MAX_PARTS,
    SPOOL_MEMORY,
    BodyTooLargeError,
    MalformedMultipartError,
    boundary_of,
    bounded,
    file_parts,
)

Seen = list[tuple[str, str, bytes | None, bool]]


def encoded(files: list[tuple[str, str, bytes]], fields: dict[str, str] | None = None) -> tuple[bytes, bytes]:
    """A body as httpx writes it, and its boundary."""
    request = httpx.Request(
        "POST", "http://x/", data=fields, files=[(name, (filename, data)) for name, filename, data in files]
    )
    boundary = boundary_of(request.headers["Content-Type"])
    assert boundary is not None
    return request.read(), boundary


async def chunked(body: bytes, sizes: list[int]) -> AsyncIterator[bytes]:
    """The body in chunks of these sizes, the last one repeated."""
    at = 0
    while at < len(body):
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        yield body[at : at + size]
        at += size


def read(body: bytes, boundary: bytes, sizes: list[int] | None = None, limit: int = 10_000_000) -> Seen:
    """What is found: field, filename, content (``None`` where too large), and whether it was complete."""

    async def collect() -> Seen:
        seen: Seen = []
        async for part in file_parts(chunked(body, sizes or [65536]), boundary, limit):
            content = None if part.too_large else await part.read()
            seen.append((part.name, part.filename, content, part.complete))
            part.close()
        return seen

    return asyncio.run(collect())


@given(
    st.lists(st.tuples(st.binary(max_size=400), st.text("abcé ü漢.", min_size=1)), min_size=1, max_size=4),
    st.lists(st.integers(1, 90), min_size=1, max_size=30),
)
def test_chunks_do_not_matter(files: list[tuple[bytes, str]], sizes: list[int]) -> None:
    """Every file comes out with its name and its bytes, in order, wherever the body was cut on its way."""
    body, boundary = encoded([("files", name, data) for data, name in files])
    assert read(body, boundary, sizes) == [("files", name, data, True) for data, name in files]


def test_a_file_may_hold_almost_a_boundary() -> None:
    """Bytes that look like the beginning of the end are still the file's."""
    data = b"\r\n--" + b"\r\n--boundar" * 1000
    body = b'--boundary\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n' + data
    body += b"\r\n--boundary--\r\n"
    assert read(body, b"boundary", [7]) == [("files", "a", data, True)]


def test_large_files_leave_memory() -> None:
    """A file beyond the spool's size goes to disk and comes back whole."""
    data = bytes(range(256)) * (SPOOL_MEMORY // 64)
    body, boundary = encoded([("files", "large", data), ("files", "small", b"x")])
    assert read(body, boundary) == [("files", "large", data, True), ("files", "small", b"x", True)]


def test_a_file_beyond_the_limit_is_thrown_away_while_it_is_read() -> None:
    """It is named as too large; the ones beside it are whole. At the limit exactly it passes."""
    body, boundary = encoded([("files", "a", b"1" * 100), ("files", "b", b"2" * 101), ("files", "c", b"3")])
    assert read(body, boundary, [10], limit=100) == [
        ("files", "a", b"1" * 100, True),
        ("files", "b", None, True),
        ("files", "c", b"3", True),
    ]


def test_fields_that_are_no_files_are_passed_over() -> None:
    """Only files come out."""
    body, boundary = encoded([("files", "a", b"1")], {"comment": "hello"})
    assert read(body, boundary) == [("files", "a", b"1", True)]


def test_a_body_that_ends_within_a_file_says_so() -> None:
    """The file comes out as incomplete, so that nobody takes half of it for all."""
    body, boundary = encoded([("files", "a", b"1" * 50), ("files", "b", b"2" * 50)])
    assert read(body[:-60], boundary)[0] == ("files", "a", b"1" * 50, True)
    assert [complete for *_, complete in read(body[:-60], boundary)] == [True, False]


@pytest.mark.parametrize("body", [b"", b"nonsense", b"--b\r\nX: y", b"--b\r\n\r\n\r\n", b"\r\n" * 5])
def test_what_is_no_multipart_is_malformed(body: bytes) -> None:
    """A body that does not end as it should is an error of the sender's."""
    with pytest.raises(MalformedMultipartError):
        read(body, b"b")


def test_parts_without_end_are_refused() -> None:
    """A million empty parts do not keep the server busy."""
    body, boundary = encoded([("files", "", b"")] * (MAX_PARTS + 1))
    with pytest.raises(MalformedMultipartError):
        read(body, boundary)


@given(st.binary(max_size=600))
def test_any_bytes_end_as_parts_or_as_malformed(noise: bytes) -> None:
    """Noise raises nothing else."""
    try:
        read(b"--b\r\n" + noise, b"b", [13])
    except MalformedMultipartError:
        return


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('Multipart/Form-Data; charset=utf-8; boundary="a b"', b"a b"),
        ("multipart/form-data", None),
        ("multipart/mixed; boundary=abc", None),
        ("image/jpeg", None),
        ("", None),
    ],
)
def test_only_form_data_has_a_boundary(content_type: str, boundary: bytes | None) -> None:
    """Other media types are told apart by their Content-Type."""
    assert boundary_of(content_type) == boundary


def test_the_whole_body_is_bounded() -> None:
    """Whoever sends more than all files together may have is stopped while sending."""

    async def collect(limit: int) -> bytes:
        return b"".join([chunk async for chunk in bounded(chunked(b"x" * 100, [9]), limit)])

    assert asyncio.run(collect(100)) == b"x" * 100
    with pytest.raises(BodyTooLargeError):
        asyncio.run(collect(99))


@pytest.mark.parametrize(
    ("parameters", "filename"),
    [
        (b"filename*=UTF-8''na%C3%AFve%20%F0%9F%93%B7.jpg", "na\u00efve \U0001f4f7.jpg"),
        (b"filename=\"naive.jpg\"; filename*=UTF-8''na%C3%AFve.jpg", "na\u00efve.jpg"),
        (b"filename*=utf-8'de'na%C3%AFve.jpg; filename=\"naive.jpg\"", "na\u00efve.jpg"),
        (b"FileName* = iso-8859-1'en'%A3.jpg", "\u00a3.jpg"),
        (b"filename=\"plain.jpg\"; filename*=UTF-8''%FF.jpg", "plain.jpg"),
        (b'filename="plain.jpg"; filename*=broken', "plain.jpg"),
        (b"filename=\"a; filename*=UTF-8''b.jpg\"", "a; filename*=UTF-8''b.jpg"),
        (b'filename="say %22cheese%22.jpg"', 'say "cheese".jpg'),
        (b'filename="50%25 %41 100%.jpg"', "50%25 %41 100%.jpg"),
        ('filename="gr\u00fc\u00dfe \\"x\\".jpg"'.encode(), 'gr\u00fc\u00dfe "x".jpg'),
        (b"filename=plain.jpg", "plain.jpg"),
    ],
)
def test_names_of_files_are_read_as_they_are_written(parameters: bytes, filename: str) -> None:
    """By RFC 8187, alone or beside the plain one; and as browsers escape quotes, which escape nothing else."""
    body = b'--b\r\nContent-Disposition: form-data; name="files"; ' + parameters + b"\r\n\r\nx\r\n--b--\r\n"
    assert read(body, b"b") == [("files", filename, b"x", True)]
