"""An image's size from its first bytes. Nothing is decoded, and whatever the bytes are, little time is spent.

The bytes come from strangers and this runs inside the web applications, so it is plain Python with a bound on every
loop rather than a decoder library.
"""

import re
import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType

from photo_pipeline.domain.imaging.boxes import image_size, is_cut_off
from photo_pipeline.domain.imaging.sniff import sniff
from photo_pipeline.domain.imaging.tiff_directory import first_directory
from photo_pipeline.domain.imaging.values import Header, ImageLimits, ImageRejected, SniffedFormat
from photo_pipeline.domain.outcomes import RejectReason

_MAX_JPEG_SEGMENTS = 4096
"""A profile or metadata of megabytes takes some hundred segments of 64 KiB."""
_JPEG_MARKER = re.compile(rb"\xff([\x01-\xfe])")
_JPEG_STANDALONE = frozenset({0x01, *range(0xD0, 0xDA)})
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_JPEG_START_OF_SCAN = 0xDA
_BMP_CORE_HEADER = 12

_TIFF_NEW_SUBFILE_TYPE, _TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_DNG_VERSION = 254, 256, 257, 50706
_TIFF_REDUCED = 1


def read_header(data: bytes, limits: ImageLimits) -> Header:
    """Format and size as stored, without decoding.

    Args:
        data: the whole file, or as much of its beginning as holds its header.
        limits: how large the image may be.

    Raises:
        ImageRejected: ``EMPTY``, ``NOT_AN_IMAGE``, ``TRUNCATED``, ``CORRUPT`` or ``TOO_MANY_PIXELS``.
    """
    if not data:
        raise ImageRejected(RejectReason.EMPTY, "no bytes at all")
    found = sniff(data)
    if found is None:
        raise ImageRejected(RejectReason.NOT_AN_IMAGE, "the first bytes are of no supported format")
    try:
        header = _READERS[found](data)
    except (struct.error, IndexError):
        raise ImageRejected(RejectReason.TRUNCATED, f"the {found} file ends within its header") from None
    if header.width < 1 or header.height < 1:
        raise ImageRejected(RejectReason.CORRUPT, f"the header says {header.width} x {header.height} pixels")
    limits.check(header)
    return header


def _jpeg(data: bytes) -> Header:
    """Markers up to the frame header (ITU-T T.81, annex B); bytes between segments are skipped, as decoders do."""
    at = 2
    for _ in range(_MAX_JPEG_SEGMENTS):
        found = _JPEG_MARKER.search(data, at)
        if found is None:
            raise ImageRejected(RejectReason.TRUNCATED, "the jpeg file ends before its frame header")
        marker, at = data[found.start(1)], found.end()
        if marker in _JPEG_STANDALONE:
            continue
        (length,) = struct.unpack_from(">H", data, at)
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 3)
            return Header(SniffedFormat.JPEG, width, height, multi_scan=marker in _JPEG_PROGRESSIVE)
        if marker == _JPEG_START_OF_SCAN:
            raise ImageRejected(RejectReason.CORRUPT, "a jpeg scan begins before any frame header")
        at += length
    raise ImageRejected(RejectReason.CORRUPT, f"no jpeg frame header in {_MAX_JPEG_SEGMENTS} segments")


def _png(data: bytes) -> Header:
    kind, width, height = struct.unpack_from(">4sII", data, 12)
    if kind != b"IHDR":
        raise ImageRejected(RejectReason.CORRUPT, "the png file does not begin with its header")
    return Header(SniffedFormat.PNG, width, height)


def _gif(data: bytes) -> Header:
    return Header(SniffedFormat.GIF, *struct.unpack_from("<HH", data, 6))


def _bmp(data: bytes) -> Header:
    (size,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if size == _BMP_CORE_HEADER else "<ii", data, 18)
    return Header(SniffedFormat.BMP, width, abs(height))


def _webp(data: bytes) -> Header:
    """RFC 9649: the canvas of the extended form, else the frame of the lossy or lossless one."""
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        _require(data, 30)
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (edge & 0x3FFF for edge in struct.unpack_from("<HH", data, 26))
    else:
        _require(data, 16)
        raise ImageRejected(RejectReason.CORRUPT, "the webp file holds no picture")
    return Header(SniffedFormat.WEBP, width, height)


def _require(data: bytes, length: int) -> None:
    if len(data) < length:
        raise IndexError


def _tiff(data: bytes) -> Header:
    tags = first_directory(data, {_TIFF_NEW_SUBFILE_TYPE, _TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_DNG_VERSION})
    if _TIFF_DNG_VERSION in tags or tags.get(_TIFF_NEW_SUBFILE_TYPE, 0) & _TIFF_REDUCED:
        raise ImageRejected(RejectReason.NOT_AN_IMAGE, "a camera's raw file: its first picture is only a preview")
    return Header(SniffedFormat.TIFF, tags.get(_TIFF_WIDTH, 0), tags.get(_TIFF_HEIGHT, 0))


def _iso_media(found: SniffedFormat) -> Callable[[bytes], Header]:
    def read(data: bytes) -> Header:
        size = image_size(data)
        if size is None:
            reason = RejectReason.TRUNCATED if is_cut_off(data) else RejectReason.CORRUPT
            raise ImageRejected(reason, f"the {found} file names no picture")
        return Header(found, *size)

    return read


_READERS: Mapping[SniffedFormat, Callable[[bytes], Header]] = MappingProxyType(
    {
        SniffedFormat.JPEG: _jpeg,
        SniffedFormat.PNG: _png,
        SniffedFormat.GIF: _gif,
        SniffedFormat.BMP: _bmp,
        SniffedFormat.WEBP: _webp,
        SniffedFormat.TIFF: _tiff,
        SniffedFormat.AVIF: _iso_media(SniffedFormat.AVIF),
        SniffedFormat.HEIF: _iso_media(SniffedFormat.HEIF),
    }
)
