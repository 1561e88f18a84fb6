"""The box structure of AVIF and HEIF files (ISO/IEC 14496-12): where boxes lie, and what describes the picture."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_MAX_BOXES = 4096
"""Per container. Real files have some dozens; this bounds the time that a made-up one can take."""
_FULL_BOX_EXTRA = 4
_FIXED_FIELDS = struct.Struct(">I4s")
_PROPERTIES = (b"meta", b"iprp", b"ipco")


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its type and where its content lies. ``end`` is past the data where the file is cut off."""

    kind: bytes
    start: int
    end: int


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes of ``data[start:end]`` in order; stops at the first that makes no sense."""
    at = start
    for _ in range(_MAX_BOXES):
        if at + _FIXED_FIELDS.size > end:
            return
        size, kind = _FIXED_FIELDS.unpack_from(data, at)
        content = at + _FIXED_FIELDS.size
        if size == 1:
            if content + 8 > end:
                return
            size = int.from_bytes(data[content : content + 8], "big")
            content += 8
        box_end = end if size == 0 else at + size
        if box_end < content:
            return
        yield Box(kind, content, box_end)
        at = box_end


def image_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of the largest image item, by its ``ispe`` property (ISO/IEC 23008-12, 6.5.3).

    Tiles, thumbnails and masks are never larger than the picture they belong to.
    """
    sizes = [_spatial_extent(data, box) for box in descend(data, (*_PROPERTIES, b"ispe"))]
    known = [size for size in sizes if size is not None]
    return max(known, key=lambda size: size[0] * size[1]) if known else None


def coded_colour(data: bytes) -> tuple[int, int] | None:
    """Colour primaries and transfer characteristics by their numbers in ITU-T H.273, where the file gives them."""
    for box in descend(data, (*_PROPERTIES, b"colr")):
        if data[box.start : box.start + 4] == b"nclx" and box.end <= len(data):
            primaries, transfer = struct.unpack_from(">HH", data, box.start + 4)
            return primaries, transfer
    return None


def descend(data: bytes, path: tuple[bytes, ...]) -> Iterator[Box]:
    """Every box at that path of types, from the top of the file."""
    level = [Box(b"", 0, len(data))]
    for kind in path:
        level = [
            found
            for outer in level
            for found in boxes(data, outer.start, min(outer.end, len(data)))
            if found.kind == kind
        ]
        if kind == b"meta":
            level = [Box(box.kind, box.start + _FULL_BOX_EXTRA, box.end) for box in level]
    yield from level


def _spatial_extent(data: bytes, box: Box) -> tuple[int, int] | None:
    content = data[box.start + _FULL_BOX_EXTRA : min(box.end, len(data))]
    return struct.unpack_from(">II", content) if len(content) >= 8 else None  # noqa: PLR2004 - two 32-bit numbers
