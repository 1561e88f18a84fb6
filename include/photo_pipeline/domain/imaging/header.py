"""An image's size from its header, and whether all of it is there. Nothing is decoded, and little time is spent.

The bytes come from strangers and this runs inside the web applications, so it is plain Python with a bound on every
loop rather than a decoder library.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from photo_pipeline.domain.imaging.boxes import image_size
from photo_pipeline.domain.imaging.completeness import has_end
from photo_pipeline.domain.imaging.jpeg_markers import read_frame, read_scans
from photo_pipeline.domain.imaging.media_extents import is_cut_off, item_types
from photo_pipeline.domain.imaging.sniff import sniff
from photo_pipeline.domain.imaging.tiff_directory import first_directory
from photo_pipeline.domain.imaging.tiff_jpeg import JPEG_COMPRESSIONS, most_scans
from photo_pipeline.domain.imaging.values import Header, ImageLimits, ImageRejected, SniffedFormat
from photo_pipeline.domain.outcomes import RejectReason

_BMP_CORE_HEADER = 12

_TIFF_NEW_SUBFILE_TYPE, _TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_DNG_VERSION = 254, 256, 257, 50706
_TIFF_REDUCED = 1
_TIFF_COMPRESSION = 259
_TIFF_TILE = (322, 323)
_TIFF_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 6, 7, 8, 32771, 32773, 32809, 32946, 34676, 34677, 34925, 50000})
"""What the libtiff here is built with: neither JPEG 2000, nor WebP, nor JPEG XL."""
_OTHER_CODECS = frozenset({b"av01", b"avc1", b"evc1", b"j2k1", b"jpeg", b"mski", b"unci", b"vvc1"})


def read_header(data: bytes, limits: ImageLimits) -> Header:
    """Format and size as stored, without decoding.

    Args:
        data: the whole file.
        limits: how large the image may be.

    Raises:
        ImageRejected: ``EMPTY``, ``NOT_AN_IMAGE``, ``TRUNCATED``, ``CORRUPT``, ``UNSUPPORTED`` or
            ``TOO_MANY_PIXELS``.
    """
    if not data:
        raise ImageRejected(RejectReason.EMPTY, "no bytes at all")
    found = sniff(data)
    if found is None:
        raise ImageRejected(RejectReason.NOT_AN_IMAGE, "the first bytes are of no supported format")
    try:
        header = _READERS[found](data)
        end_missing = header.end_missing or not has_end(data, found)
    except (struct.error, IndexError):
        raise ImageRejected(RejectReason.TRUNCATED, f"the {found} file ends within its header") from None
    if header.width < 1 or header.height < 1:
        raise ImageRejected(RejectReason.CORRUPT, f"the header says {header.width} x {header.height} pixels")
    limits.check(header)
    return replace(header, end_missing=end_missing)


def _jpeg(data: bytes) -> Header:
    frame = read_frame(data)
    if not frame.decodable:
        raise ImageRejected(RejectReason.UNSUPPORTED, "a jpeg of a process or depth that no decoder here knows")
    scans = read_scans(data, frame)
    return Header(
        SniffedFormat.JPEG,
        frame.width,
        frame.height,
        multi_scan=scans.several,
        end_missing=not scans.ended,
        scans=scans.count,
    )


def _png(data: bytes) -> Header:
    kind, width, height = struct.unpack_from(">4sII", data, 12)
    if kind == b"CgBI":
        raise ImageRejected(RejectReason.UNSUPPORTED, "a png in the form that only Apple's programs read")
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
    wanted = {_TIFF_NEW_SUBFILE_TYPE, _TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_COMPRESSION, _TIFF_DNG_VERSION, *_TIFF_TILE}
    tags = first_directory(data, wanted)
    if _TIFF_DNG_VERSION in tags or tags.get(_TIFF_NEW_SUBFILE_TYPE, 0) & _TIFF_REDUCED:
        raise ImageRejected(RejectReason.NOT_AN_IMAGE, "a camera's raw file: its first picture is only a preview")
    if tags.get(_TIFF_COMPRESSION, 1) not in _TIFF_COMPRESSIONS:
        raise ImageRejected(RejectReason.UNSUPPORTED, f"a tiff of compression {tags[_TIFF_COMPRESSION]}")
    tile_width, tile_height = (tags.get(tag, 0) for tag in _TIFF_TILE)
    return Header(
        SniffedFormat.TIFF,
        tags.get(_TIFF_WIDTH, 0),
        tags.get(_TIFF_HEIGHT, 0),
        scans=most_scans(data) if tags.get(_TIFF_COMPRESSION) in JPEG_COMPRESSIONS else 1,
        piece_pixels=tile_width * tile_height,
    )


def _iso_media(found: SniffedFormat) -> Callable[[bytes], Header]:
    def read(data: bytes) -> Header:
        size = image_size(data)
        if size is None:
            reason = RejectReason.TRUNCATED if is_cut_off(data) else RejectReason.CORRUPT
            raise ImageRejected(reason, f"the {found} file names no picture")
        if found is SniffedFormat.HEIF:
            _require_hevc(set(item_types(data).values()))
        return Header(found, *size)

    return read


def _require_hevc(kinds: set[bytes]) -> None:
    """HEIF is a box for pictures of any codec."""
    others = kinds & _OTHER_CODECS
    if others and b"hvc1" not in kinds:
        raise ImageRejected(RejectReason.UNSUPPORTED, f"a heif of {b', '.join(sorted(others)).decode()}")


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
