"""Whether a file that failed to decode is cut off rather than damaged: formats end in ways that can be recognised."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from photo_pipeline.domain.imaging import boxes
from photo_pipeline.domain.imaging.values import SniffedFormat

_TAIL_BYTES = 64 * 1024
"""Some programs add data after a picture's end; more than this is rare."""
_GIF_TRAILER = b";"


def looks_cut_off(data: bytes, found: SniffedFormat) -> bool:
    """Whether the end of the file is missing, as far as its format lets one see."""
    check = _CHECKS.get(found)
    return check is not None and check(data)


def _declares_more(at: int, extra: int) -> Callable[[bytes], bool]:
    """For formats whose little-endian length field at ``at`` counts the file less ``extra`` bytes."""

    def check(data: bytes) -> bool:
        return len(data) < at + 4 or int.from_bytes(data[at : at + 4], "little") + extra > len(data)

    return check


_CHECKS: Mapping[SniffedFormat, Callable[[bytes], bool]] = MappingProxyType(
    {
        SniffedFormat.JPEG: lambda data: b"\xff\xd9" not in data[-_TAIL_BYTES:],
        SniffedFormat.PNG: lambda data: b"IEND" not in data[-_TAIL_BYTES:],
        SniffedFormat.GIF: lambda data: not data.rstrip(b"\0").endswith(_GIF_TRAILER),
        SniffedFormat.WEBP: _declares_more(4, 8),
        SniffedFormat.BMP: _declares_more(2, 0),
        SniffedFormat.AVIF: boxes.is_cut_off,
        SniffedFormat.HEIF: boxes.is_cut_off,
    }
)
