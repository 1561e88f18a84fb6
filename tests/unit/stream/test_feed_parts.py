"""Cutting a feed into parts: however it arrives, whatever is broken in it."""

from collections.abc import AsyncIterator
from contextlib import aclosing

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photo_pipeline.stream.feed_parts import BrokenPart, NotAFeedError, boundary_of, feed_parts

BOUNDARY = b"frame"
LIMIT = 1000
BROKEN = b"Bad Header\x00: x\r\n\r\nlost"


def feed(*parts: bytes, end: bytes = b"\r\n--frame--\r\n") -> bytes:
    """A feed of these parts, each with its header."""
    return b"--frame\r\n" + b"\r\n--frame\r\n".join(parts) + end


def part(data: bytes, header: bytes = b"Content-Type: image/jpeg\r\n") -> bytes:
    """A part."""
    return header + b"\r\n" + data


async def collect(body: bytes, sizes: list[int] | None = None) -> list[bytes | str]:
    """The parts of a body that arrives in chunks of these sizes: bytes, or why there are none."""

    async def chunks() -> AsyncIterator[bytes]:
        rest = body
        for size in sizes or []:
            yield rest[:size]
            rest = rest[size:]
        yield rest

    found: list[bytes | str] = []
    async for item in feed_parts(chunks(), BOUNDARY, LIMIT):
        if isinstance(item, BrokenPart):
            found.append("broken")
        elif item.too_large:
            found.append("too large")
        else:
            found.append(await item.read())
            item.close()
    return found


def parts_of(body: bytes, sizes: list[int] | None = None) -> list[bytes | str]:
    """The same, for tests that are not asynchronous."""
    return anyio.run(collect, body, sizes)


@given(
    items=st.lists(st.one_of(st.binary(max_size=300), st.none(), st.just(b"x" * 1001)), max_size=8),
    sizes=st.lists(st.integers(0, 60), max_size=60),
    preamble=st.sampled_from([b"", b"\r\n", b"a preamble\r\n", b"--frame"[:3] + b"\r\n"]),
)
def test_parts_come_out_as_they_went_in(items: list[bytes | None], sizes: list[int], preamble: bytes) -> None:
    """Whatever the chunks: whole parts in order, broken and too large ones in their place."""
    items = [item for item in items if item is None or b"--frame" not in item]
    body = preamble + feed(*(BROKEN if item is None else part(item) for item in items))
    if not items:
        body = preamble + b"--frame--\r\n"
    expected = ["broken" if item is None else "too large" if len(item) > LIMIT else item for item in items]
    assert parts_of(body, sizes) == expected


@pytest.mark.parametrize(
    "broken",
    [
        b"no colon\r\n\r\nx",
        b": no name\r\n\r\nx",
        b"X: y\rz\r\n\r\nx",
        b"X: " + b"y" * 10_000 + b"\r\n\r\nx",
        b"".join(b"X-%d: y\r\n" % number for number in range(100)) + b"\r\nx",
    ],
)
def test_a_broken_header_costs_one_part(broken: bytes) -> None:
    """The next part is found again."""
    assert parts_of(feed(part(b"one"), broken, part(b"two"))) == [b"one", "broken", b"two"]


def test_a_feed_that_breaks_off_within_a_part() -> None:
    """What came of it is no part."""
    assert parts_of(feed(part(b"one"), part(b"tw"), end=b"")) == [b"one", "broken"]


def test_a_feed_may_end_behind_a_boundary() -> None:
    """A sender that writes the boundary behind each image has nothing more to say."""
    assert parts_of(feed(part(b"one"), part(b"two"), end=b"\r\n--frame\r\n")) == [b"one", b"two"]


def test_nothing_behind_the_end() -> None:
    """What follows the closing boundary is not looked at."""
    assert parts_of(feed(part(b"one")) + feed(part(b"two"))) == [b"one"]


def test_a_part_may_have_a_name() -> None:
    """As the header says, in any case of its letters."""

    async def name() -> str:
        async def body() -> AsyncIterator[bytes]:
            yield feed(part(b"x", b'content-disposition: attachment; filename="door 1.jpg"\r\n'), part(b"y"))

        async with aclosing(feed_parts(body(), BOUNDARY, LIMIT)) as parts:
            item = await anext(parts)
        assert not isinstance(item, BrokenPart)
        item.close()
        return item.filename

    assert anyio.run(name) == "door 1.jpg"


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "image/jpeg",
        "multipart/form-data; boundary=x",
        "multipart/x-mixed-replace",
        f"multipart/x-mixed-replace;boundary={'x' * 300}",
    ],
)
def test_what_is_no_feed(content_type: str) -> None:
    """Another type, or no boundary that can be used."""
    with pytest.raises(NotAFeedError):
        boundary_of(content_type)


def test_the_boundary_may_be_quoted() -> None:
    """As RFC 2045 allows."""
    assert boundary_of('Multipart/X-Mixed-Replace; boundary="my frame"') == b"my frame"
