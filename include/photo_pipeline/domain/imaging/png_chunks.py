"""A PNG's chunks (W3C PNG, 5.3): where it ends, and the file without the notes that a decoder trips over."""

import struct
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from photo_pipeline.domain.imaging.values import ImageRejected
from photo_pipeline.domain.outcomes import RejectReason

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_MAX_CHUNKS = 100_000
_AROUND = 12
"""Length, type and checksum."""
_LOWER_CASE = 0x20
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Of a pixel, by the type of colour."""
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of an interlaced picture (8.2): first column and row, steps across and down."""
_PIECE = 1 << 20
LOOKS = frozenset({b"tRNS", b"iCCP", b"sRGB", b"eXIf"})
"""What says how the picture looks, besides the critical chunks."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its type, and where it lies with all that is around it."""

    kind: bytes
    start: int
    end: int

    def content(self, data: bytes) -> bytes:
        """What is in it."""
        return data[self.start + 8 : self.end - 4]

    @property
    def is_critical(self) -> bool:
        """No decoder can do without it."""
        return not self.kind[0] & _LOWER_CASE


def chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks in order, the last one perhaps beyond the end of the data; stops at what is none."""
    at = len(SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        if not kind.isalpha():
            return
        yield Chunk(kind, at, at + length + _AROUND)
        if kind == b"IEND":
            return
        at += length + _AROUND


def has_end(data: bytes) -> bool:
    """Whether the end marker is there.

    Raises:
        ImageRejected: ``TRUNCATED`` where a chunk goes on beyond the end of the data.
    """
    for chunk in chunks(data):
        if chunk.kind == b"IEND":
            return chunk.end <= len(data)
        if chunk.end > len(data):
            raise ImageRejected(RejectReason.TRUNCATED, f"the png file ends within a chunk {chunk.kind.decode()}")
    return False


def pixels_are_sound(data: bytes) -> bool:
    """Whether all compressed pixels have the right checksum, which Pillow does not look at."""
    return all(_fits_checksum(data, chunk) for chunk in chunks(data) if chunk.kind == b"IDAT")


def rows_are_there(data: bytes) -> bool:
    """Whether as much is compressed as the header announces; Pillow shows what is missing as black."""
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    bits = depth * _SAMPLES.get(colour, 0)
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    sizes = [(-((left - width) // across), -((top - height) // down)) for left, top, across, down in passes]
    missing: int = sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns > 0)
    unpacking = zlib.decompressobj()
    for chunk in (chunk for chunk in chunks(data) if chunk.kind == b"IDAT"):
        packed = chunk.content(data)
        while packed and missing > 0:
            missing -= len(unpacking.decompress(packed, _PIECE))
            packed = unpacking.unconsumed_tail
    return missing <= 0


def without_notes(data: bytes, kinds: Collection[bytes]) -> bytes:
    """The same picture with no other notes than these, and of them only those that have the right checksum."""
    kept = [c for c in chunks(data) if c.is_critical or (c.kind in kinds and _fits_checksum(data, c))]
    return SIGNATURE + b"".join(data[chunk.start : chunk.end] for chunk in kept)


def _fits_checksum(data: bytes, chunk: Chunk) -> bool:
    if chunk.end > len(data):
        return False
    (checksum,) = struct.unpack_from(">I", data, chunk.end - 4)
    return bool(zlib.crc32(memoryview(data)[chunk.start + 4 : chunk.end - 4]) == checksum)
