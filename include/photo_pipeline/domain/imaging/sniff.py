"""Which format bytes are in, by their magic numbers alone: names and declared types are hearsay."""

from photo_pipeline.domain.imaging.values import SniffedFormat

SNIFF_BYTES = 64 * 1024
"""No more than this is looked at, so a caller may stop reading there."""

_PREFIXES = (
    (b"\xff\xd8\xff", SniffedFormat.JPEG),
    (b"\x89PNG\r\n\x1a\n", SniffedFormat.PNG),
    (b"GIF87a", SniffedFormat.GIF),
    (b"GIF89a", SniffedFormat.GIF),
    (b"II*\0", SniffedFormat.TIFF),
    (b"MM\0*", SniffedFormat.TIFF),
    (b"II+\0", SniffedFormat.TIFF),  # BigTIFF
    (b"MM\0+", SniffedFormat.TIFF),
)
_CANON_RAW = b"CR"
"""A Canon raw file is laid out as TIFF and marked at byte 8; what TIFF readers find in it is a preview."""
_BMP_HEADER_SIZES = frozenset({12, 40, 52, 56, 64, 108, 124})
"""Sizes of the second header (BITMAPCOREHEADER to BITMAPV5HEADER): "BM" alone begins many a text."""
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1"}
)


def sniff(head: bytes) -> SniffedFormat | None:
    """The format of a file that begins with these bytes, or ``None`` for one that is not supported."""
    head = head[:SNIFF_BYTES]
    for prefix, found in _PREFIXES:
        if head.startswith(prefix):
            return None if found is SniffedFormat.TIFF and head[8:10] == _CANON_RAW else found
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return SniffedFormat.WEBP
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return SniffedFormat.BMP
    if head[4:8] == b"ftyp":
        return _sniff_brands(head)
    return None


def _sniff_brands(head: bytes) -> SniffedFormat | None:
    """ISO base media files tell by their brands (ISO/IEC 14496-12, 4.3): the major one, then the compatible ones."""
    size = int.from_bytes(head[:4], "big")
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, min(size, len(head)) - 3, 4))}
    if brands & _AVIF_BRANDS:
        return SniffedFormat.AVIF
    return SniffedFormat.HEIF if brands & _HEIF_BRANDS else None
