"""A TIFF file's first directory (TIFF 6.0, section 2, and BigTIFF): the few tags that are asked for, nothing else."""

import struct
from collections.abc import Collection
from dataclasses import dataclass

_BIG_TIFF = 43
_INTEGER_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""Field types BYTE, SHORT, LONG and LONG8, by their numbers, as struct codes."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """How wide the fields of a directory are."""

    order: str
    first: str
    first_at: int
    count: str
    entry_size: int
    value_at: int


def first_directory(data: bytes, wanted: Collection[int]) -> dict[int, int]:
    """The first value of each wanted tag that is there and an integer.

    Raises:
        struct.error: where the data ends before the directory does.
    """
    layout = _layout(data)
    (at,) = struct.unpack_from(layout.order + layout.first, data, layout.first_at)
    if at > len(data):
        raise struct.error
    (entries,) = struct.unpack_from(layout.order + layout.count, data, at)
    at += struct.calcsize(layout.order + layout.count)
    tags: dict[int, int] = {}
    for _ in range(min(entries, 0xFFFF)):
        tag, kind = struct.unpack_from(layout.order + "HH", data, at)
        if tag in wanted and kind in _INTEGER_TYPES:
            (tags[tag],) = struct.unpack_from(layout.order + _INTEGER_TYPES[kind], data, at + layout.value_at)
        at += layout.entry_size
    return tags


def _layout(data: bytes) -> _Layout:
    order = "<" if data[:2] == b"II" else ">"
    (version,) = struct.unpack_from(order + "H", data, 2)
    if version == _BIG_TIFF:
        return _Layout(order, "Q", 8, "Q", 20, 12)
    return _Layout(order, "I", 4, "H", 12, 8)
