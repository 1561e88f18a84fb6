"""What a photo is likely to cost, by its header: for who comes first, never for what becomes of it."""

from collections.abc import Mapping
from types import MappingProxyType

from photo_pipeline.domain.imaging.values import Header, SniffedFormat

SECONDS_PER_PHOTO = 0.02
"""Of one core, whatever its size: reading, hashing, encoding two small pictures, archiving them."""
SECONDS_PER_MEGAPIXEL = 0.004
"""Of a JPEG in one scan, which is decoded at a reduced size: 12 megapixels take 55 ms in all."""
PER_SCAN = 0.5
"""A scan more of a JPEG costs this part of the first one: less where a camera made it, more where an attacker did."""
_TIMES_A_JPEG: Mapping[SniffedFormat, float] = MappingProxyType(
    {
        SniffedFormat.JPEG: 1,
        SniffedFormat.PNG: 8,
        SniffedFormat.WEBP: 7,
        SniffedFormat.GIF: 6,
        SniffedFormat.TIFF: 8,
        SniffedFormat.BMP: 5,
        SniffedFormat.AVIF: 8,
        SniffedFormat.HEIF: 10,
    }
)
"""Measured on photographs of 12 megapixels (docs/adr/0201), rounded."""
_MEGA = 1_000_000


def decode_seconds(header: Header) -> float:
    """Seconds of one core, on a machine like the one that these figures were measured on."""
    scans = 1 + PER_SCAN * (header.scans - 1)
    return SECONDS_PER_PHOTO + header.pixels / _MEGA * SECONDS_PER_MEGAPIXEL * _TIMES_A_JPEG[header.format] * scans
