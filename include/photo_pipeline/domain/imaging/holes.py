"""Compressed pixels that were never written: a file made at its full size and filled in part is zeros in between.

Arithmetic and Huffman decoders take zeros for code words and deliver a picture; so they do with the ones of an erased
block of flash. Compressed data hardly ever has so many of them in a row, and where it can (raw pixels, alpha, a flat
JPEG whose tables make it so), nothing is said. HEVC never has three zeros in a row (ITU-T H.265, 7.4.2).
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from photo_pipeline.domain.imaging import jpeg_markers, media_extents, png_chunks
from photo_pipeline.domain.imaging.values import Header, ImageRejected, SniffedFormat
from photo_pipeline.domain.outcomes import RejectReason

_BLOCK = 4096
"""Of a file system."""
_HOLES = (bytes(_BLOCK), b"\xff" * _BLOCK)
_HEVC_HOLES = (bytes(64), _HOLES[1])
"""More zeros than a length and the filling around it have."""
_SAMPLES = 4
"""How many bytes of each hole are looked at first."""
_CODED_ITEMS = frozenset({b"hvc1", b"av01"})
_PIXEL_CHUNKS = frozenset({b"VP8 ", b"VP8L"})


def refuse_holes(data: bytes, header: Header) -> None:
    """Raise ``ImageRejected`` (``CORRUPT``) where compressed pixels are not what was once written."""
    if header.format is SniffedFormat.PNG and not png_chunks.pixels_are_sound(data):
        raise ImageRejected(RejectReason.CORRUPT, "the png file's pixels do not fit their checksum")
    pieces = _PIECES.get(header.format)
    holes = _HEVC_HOLES if header.format is SniffedFormat.HEIF else _HOLES
    # Most files have no such run at all.
    for hole in holes:
        if pieces and _holds(data, hole) and any(data.find(hole, start, end) >= 0 for start, end in pieces(data)):
            said = f"the {header.format} file has a hole: {len(hole)} bytes {hole[:1].hex()} in its pixels"
            raise ImageRejected(RejectReason.CORRUPT, said)


def _holds(data: bytes, hole: bytes) -> bool:
    """Whether the hole is anywhere: if so, some neighbours of a thin sample are its bytes, too."""
    return hole[:_SAMPLES] in data[:: len(hole) // _SAMPLES] and hole in data


def _webp(data: bytes) -> Iterator[tuple[int, int]]:
    at = 12
    while at + 8 <= len(data):
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        if data[at : at + 4] in _PIXEL_CHUNKS:
            yield at + 8, end
        at = end + end % 2


def _items(data: bytes) -> Iterator[tuple[int, int]]:
    kinds = media_extents.item_types(data)
    return ((e.start, e.end) for e in media_extents.extents(data) if kinds.get(e.item) in _CODED_ITEMS)


_PIECES: Mapping[SniffedFormat, Callable[[bytes], Iterator[tuple[int, int]]]] = MappingProxyType(
    {
        SniffedFormat.JPEG: jpeg_markers.scan_without_zeros,
        SniffedFormat.WEBP: _webp,
        SniffedFormat.AVIF: _items,
        SniffedFormat.HEIF: _items,
    }
)
"""Where each format keeps compressed pixels."""
