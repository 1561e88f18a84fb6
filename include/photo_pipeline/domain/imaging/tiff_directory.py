"""A TIFF file's directories (TIFF 6.0, section 2, and BigTIFF): the few tags that are asked for, nothing else."""

import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import add

_BIG_TIFF = 43
_INTEGER_TYPES = {1: "B", 3: "H", 4: "I", 7: "B", 16: "Q"}
"""Field types BYTE, SHORT, LONG, UNDEFINED and LONG8, by their numbers, as struct codes."""
_MAX_PAGES = 256
_MAX_PIECES = 500_000
_MAX_ENTRIES = 512
"""Of one directory, which real ones come nowhere near."""
_MAX_VALUES = 70_000
"""Of one tag: strips of one row each, in the highest picture that is taken."""
STRIPS, TILES = (273, 279), (324, 325)
"""Tags of where the pieces of a picture begin, and how many bytes each has."""
_TABLES = (320, 347)
"""Tags of what no pixel can be read without: the map of colours, and the tables of JPEG in TIFF."""

Tags = Mapping[int, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Layout:
    """How wide the fields of a file are.

    Attributes:
        order: of bytes, as struct has it.
        offset: struct code of a place in the file, which is also the width of a directory's values.
        first_at: where the place of the first directory is.
        count: struct code of the number of entries.
        entry_size: bytes of an entry.
        value_at: where in an entry its value is.
    """

    order: str
    offset: str
    first_at: int
    count: str
    entry_size: int
    value_at: int

    @classmethod
    def of(cls, data: bytes) -> "Layout":
        """From a file's first bytes."""
        order = "<" if data[:2] == b"II" else ">"
        (version,) = struct.unpack_from(order + "H", data, 2)
        if version == _BIG_TIFF:
            return cls(order, "Q", 8, "Q", 20, 12)
        return cls(order, "I", 4, "H", 12, 8)


def first_directory(data: bytes, wanted: Collection[int]) -> dict[int, int]:
    """The first value of each wanted tag that is there and an integer.

    Raises:
        struct.error: where the data ends before the directory does.
    """
    return {tag: values[0] for tag, values in first_page(data, wanted).items() if values}


def first_page(data: bytes, wanted: Collection[int]) -> Tags:
    """All values of each wanted tag of the first directory. Raises as ``first_directory`` does."""
    return next(_directories(data, wanted))


def first_entries(data: bytes) -> Mapping[int, bytes]:
    """The first directory's entries as they are stored, by their tags. Raises as ``first_directory`` does."""
    layout = Layout.of(data)
    (at,) = struct.unpack_from(layout.order + layout.offset, data, layout.first_at)
    (count,) = struct.unpack_from(layout.order + layout.count, data, at)
    at += struct.calcsize(layout.order + layout.count)
    places = range(at, at + min(count, _MAX_ENTRIES) * layout.entry_size, layout.entry_size)
    entries = [data[place : place + layout.entry_size] for place in places]
    return {struct.unpack_from(layout.order + "H", entry)[0]: entry for entry in entries}


def is_cut_off(data: bytes) -> bool:
    """Whether a directory, or a piece of any page's picture, goes on past the end of the data."""
    try:
        return any(end > len(data) for end in islice(_piece_ends(data), _MAX_PIECES))
    except struct.error:
        return True


def _piece_ends(data: bytes) -> Iterator[int]:
    """Where each strip and each tile of each page ends."""
    for tags in _directories(data, {*STRIPS, *TILES, *_TABLES}):
        for offsets, sizes in (STRIPS, TILES):
            yield from map(add, tags.get(offsets, ()), tags.get(sizes, ()))


def _directories(data: bytes, wanted: Collection[int]) -> Iterator[Tags]:
    layout = Layout.of(data)
    (at,) = struct.unpack_from(layout.order + layout.offset, data, layout.first_at)
    seen: set[int] = set()
    while at and at not in seen and len(seen) < _MAX_PAGES:
        seen.add(at)
        if at > len(data):
            raise struct.error
        tags, at = _directory(data, at, layout, wanted)
        yield tags
    if not seen:
        yield {}


def _directory(data: bytes, at: int, layout: Layout, wanted: Collection[int]) -> tuple[Tags, int]:
    (entries,) = struct.unpack_from(layout.order + layout.count, data, at)
    at += struct.calcsize(layout.order + layout.count)
    tags: dict[int, Sequence[int]] = {}
    for entry in range(at, at + min(entries, _MAX_ENTRIES) * layout.entry_size, layout.entry_size):
        tag, kind = struct.unpack_from(layout.order + "HH", data, entry)
        if tag in wanted and tag not in tags and kind in _INTEGER_TYPES:
            tags[tag] = _values(data, entry, layout, _INTEGER_TYPES[kind])
    (following,) = struct.unpack_from(layout.order + layout.offset, data, at + entries * layout.entry_size)
    return tags, following


def _values(data: bytes, entry: int, layout: Layout, code: str) -> Sequence[int]:
    (count,) = struct.unpack_from(layout.order + layout.offset, data, entry + 4)
    at = entry + layout.value_at
    count = min(count, _MAX_VALUES)
    if count * struct.calcsize(code) > struct.calcsize(layout.offset):
        (at,) = struct.unpack_from(layout.order + layout.offset, data, at)
    return struct.unpack_from(f"{layout.order}{count}{code}", data, min(at, len(data)))
