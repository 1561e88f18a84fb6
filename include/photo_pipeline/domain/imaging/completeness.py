"""Whether a file is all there. Formats say how long they are, or mark their end; decoders often look at neither.

What each decoder passes in silence is in docs/adr/0185. Nothing is decoded here, and every loop is bounded, since the
web applications ask as well.
"""

import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType

from photo_pipeline.domain.imaging import gif_blocks, media_extents, png_chunks, riff_chunks, tiff_directory
from photo_pipeline.domain.imaging.values import ImageRejected, SniffedFormat
from photo_pipeline.domain.outcomes import RejectReason

_BMP_CORE_HEADER = 12
_BMP_UNCOMPRESSED = frozenset({0, 3, 6})
"""BI_RGB, BI_BITFIELDS and BI_ALPHABITFIELDS."""


def has_end(data: bytes, found: SniffedFormat) -> bool:
    """Whether the mark is there that ends such a file; true for formats that have none, and for JPEG.

    A JPEG's end is found with its scans (``jpeg_markers``).

    Raises:
        ImageRejected: ``TRUNCATED`` where the file's own lengths go beyond its end.
    """
    if found in _CUT_OFF and _CUT_OFF[found](data):
        raise ImageRejected(RejectReason.TRUNCATED, f"the {found} file is shorter than it says")
    return found not in _ENDED or _ENDED[found](data)


def _bmp_is_cut_off(data: bytes) -> bool:
    """By the size of its rows, as the file size in the header is often wrong. The last row's padding may be missing."""
    (begins, header) = struct.unpack_from("<II", data, 10)
    if header == _BMP_CORE_HEADER:
        width, height, _, depth = struct.unpack_from("<HHHH", data, 18)
        compression = size = 0
    else:
        width, height, _, depth, compression, size = struct.unpack_from("<iiHHII", data, 18)
    if compression not in _BMP_UNCOMPRESSED:
        return bool(begins + size > len(data))
    row = (abs(width) * depth + 31) // 32 * 4
    last_row = (abs(width) * depth + 7) // 8
    return bool(begins + row * (abs(height) - 1) + last_row > len(data))


_CUT_OFF: Mapping[SniffedFormat, Callable[[bytes], bool]] = MappingProxyType(
    {
        SniffedFormat.WEBP: riff_chunks.is_cut_off,
        SniffedFormat.BMP: _bmp_is_cut_off,
        SniffedFormat.TIFF: tiff_directory.is_cut_off,
        SniffedFormat.AVIF: media_extents.is_cut_off,
        SniffedFormat.HEIF: media_extents.is_cut_off,
    }
)
_ENDED: Mapping[SniffedFormat, Callable[[bytes], bool]] = MappingProxyType(
    {
        SniffedFormat.PNG: png_chunks.has_end,
        SniffedFormat.GIF: gif_blocks.has_end,
    }
)
