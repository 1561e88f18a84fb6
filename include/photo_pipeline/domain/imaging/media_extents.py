"""Where an AVIF or HEIF file says that its data lies, against how long it is (ISO/IEC 14496-12, 8.11.3 and 8.7).

libheif fills the tiles that a file lacks with green and says nothing, so this is asked before any decoder is.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice, pairwise, repeat

from photo_pipeline.domain.imaging.boxes import Box, boxes, descend

_KNOWN_AT_TOP = frozenset(
    {b"ftyp", b"meta", b"mdat", b"moov", b"moof", b"mfra", b"free", b"skip", b"uuid", b"wide", b"pdin", b"mpvd"}
)
"""Some programs add bytes of their own behind the last box, which look like a box of any length."""
_PADDING = frozenset({b"free", b"skip", b"wide"})
_IN_FILE, _IN_META = 0, 1
"""Construction methods of an item. A third takes its bytes out of other items, which are looked at anyway."""
_MAX_EXTENTS = 100_000
_MAX_SAMPLES = 100_000
_MAX_TRACKS = 8
_LAST_NARROW_VERSION, _LAST_NARROW_ENTRY = 1, 2
"""Of the boxes that locate and that describe items: later versions count items in 32 bits."""
_TABLES = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


@dataclass(frozen=True, slots=True)
class Extent:
    """A piece of an item, by places in the file. An end at its start stands for all the rest."""

    item: int
    start: int
    end: int


def is_cut_off(data: bytes) -> bool:
    """Whether a box at the top level, an item or a film's picture goes on past the end of the data."""
    top = list(boxes(data, 0, len(data)))
    # Padding holds nothing, but what follows it is missing, which must not be the description of the picture.
    telling = _KNOWN_AT_TOP - (_PADDING if any(box.kind == b"meta" for box in top) else frozenset())
    if any(box.end > len(data) and box.kind in telling for box in top):
        return True
    try:
        return any(end > len(data) for end in chain((e.end for e in extents(data)), _sample_ends(data)))
    except (struct.error, IndexError):
        return True


class _Fields:
    """Reads big-endian numbers of any width, one after the other."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def number(self, width: int) -> int:
        """The next number, of so many bytes; of none, it is 0."""
        self._at += width
        if self._at > len(self._data):
            raise IndexError
        return int.from_bytes(self._data[self._at - width : self._at], "big")


def extents(data: bytes) -> Iterator[Extent]:
    """The pieces of every item that lie in this file.

    Raises:
        IndexError: where the data ends before their description does.
    """
    inside_meta = next((box.start for box in descend(data, (b"meta", b"idat"))), len(data))
    located = descend(data, (b"meta", b"iloc"))
    described = chain.from_iterable(_extents(_Fields(data, box.start), inside_meta) for box in located)
    return (extent for extent in islice(described, _MAX_EXTENTS) if extent is not None)


def item_types(data: bytes) -> dict[int, bytes]:
    """What each item is (``hvc1``, ``av01``, ``grid``, ``Exif``), by its number. There is one box that says so."""
    types = {}
    for described in islice(descend(data, (b"meta", b"iinf")), 1):
        version = data[described.start] if described.start < len(data) else 0
        entries = boxes(data, described.start + (6 if version == 0 else 8), min(described.end, len(data)))
        for entry in islice(entries, _MAX_EXTENTS):
            fields = _Fields(data, entry.start)
            wide = 2 if fields.number(4) >> 24 <= _LAST_NARROW_ENTRY else 4
            number, _ = fields.number(wide), fields.number(2)
            types[number] = fields.number(4).to_bytes(4, "big")
    return types


def _extents(fields: _Fields, inside_meta: int) -> Iterator[Extent | None]:
    """Each piece; ``None`` for one that lies in another file or is taken out of other items."""
    version = fields.number(4) >> 24
    widths = fields.number(2)
    offset_width, length_width, base_width, index_width = (widths >> shift & 0xF for shift in (12, 8, 4, 0))
    wide = 2 if version <= _LAST_NARROW_VERSION else 4
    for _ in range(fields.number(wide)):
        item = fields.number(wide)
        method = fields.number(2) & 0xF if version else _IN_FILE
        elsewhere = fields.number(2)
        base = fields.number(base_width) + (inside_meta if method == _IN_META else 0)
        for _ in range(fields.number(2)):
            fields.number(index_width if version else 0)
            start, length = base + fields.number(offset_width), fields.number(length_width)
            here = method in {_IN_FILE, _IN_META} and not elsewhere
            yield Extent(item, start, start + length) if here else None


def _sample_ends(data: bytes) -> Iterator[int]:
    """Where each chunk of each track ends, in the file."""
    tables = [
        {box.kind: box for box in boxes(data, table.start, min(table.end, len(data)))}
        for table in islice(descend(data, _TABLES), _MAX_TRACKS)
    ]
    for table in tables:
        if b"stsz" in table and b"stsc" in table:
            yield from _chunk_ends(data, table)


def _chunk_ends(data: bytes, table: Mapping[bytes, Box]) -> Iterator[int]:
    sizes = _sizes(_Fields(data, table[b"stsz"].start))
    for place, count in zip(
        _places(data, table), _samples_in_chunks(_Fields(data, table[b"stsc"].start)), strict=False
    ):
        yield place + sum(islice(sizes, count))


def _sizes(fields: _Fields) -> Iterator[int]:
    """The size of each sample: the same for all, or one by one."""
    fields.number(4)
    same, count = fields.number(4), min(fields.number(4), _MAX_SAMPLES)
    yield from (same or fields.number(4) for _ in range(count))


def _places(data: bytes, table: Mapping[bytes, Box]) -> Iterator[int]:
    """Where each chunk begins."""
    for kind, width in ((b"stco", 4), (b"co64", 8)):
        if kind in table:
            fields = _Fields(data, table[kind].start)
            fields.number(4)
            yield from (fields.number(width) for _ in range(min(fields.number(4), _MAX_SAMPLES)))


def _samples_in_chunks(fields: _Fields) -> Iterator[int]:
    """How many samples each chunk has: a run of equal chunks lasts until the next one's first, the last for ever."""
    fields.number(4)
    runs = [(fields.number(4), fields.number(4), fields.number(4)) for _ in range(min(fields.number(4), _MAX_SAMPLES))]
    for (first, samples, _), (following, _, _) in pairwise([*runs, (_MAX_SAMPLES, 0, 0)]):
        yield from repeat(samples, max(0, following - first))
