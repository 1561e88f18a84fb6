"""A JPEG without its end marker, or with one that comes too early: are pixels missing?

libjpeg fills what is missing with grey, and Pillow does not say so. But what follows the last pixel has no influence on
the picture, so the file is decoded with several endings: where they show, pixels are missing.
"""

from collections.abc import Callable

from PIL import ImageFile

from photo_pipeline.domain.imaging.jpeg_markers import END_OF_IMAGE, read_frame, read_scans
from photo_pipeline.domain.imaging.values import ImageRejected
from photo_pipeline.domain.outcomes import RejectReason

_RESTARTS = tuple(bytes((0xFF, 0xD0 + number)) for number in range(8))
"""Whichever restart marker the decoder waits for, it finds it, and takes what follows for pixels."""
_NOISE = (b"", *(b"".join(marker + filler * 40 for marker in (b"", *_RESTARTS)) for filler in (b"\x55", b"\xb6")))
_START_OF_SCAN = b"\xff\xda"
_CORNER = 8
_FILLED_IN = frozenset({127, 128})
"""Grey, of any mode: ink counts the other way."""
_HALF_A_MARK = b"\xff"
_FILLING = 16
"""So many zeros are no pixels: a file that was made at its full size and filled in part goes on in zeros."""


def with_end(data: bytes, pixels: Callable[[bytes], ImageFile.ImageFile]) -> bytes:
    """The file with an end marker.

    Args:
        data: a JPEG without one.
        pixels: decodes a file.

    Raises:
        ImageRejected: ``TRUNCATED`` where pixels are missing, too.
    """
    begun = _without_filling(data.removesuffix(_HALF_A_MARK))
    if not read_scans(begun, read_frame(begun)).complete:
        raise ImageRejected(RejectReason.TRUNCATED, "the jpeg file ends before its last scan")
    _require_pixels(begun, pixels)
    return begun + END_OF_IMAGE


def is_filled_in(data: bytes) -> bool:
    """Whether zeros stand before the last end marker: what was there never came, of whatever it was a part."""
    return data[: data.rfind(END_OF_IMAGE)].endswith(bytes(_FILLING))


def _without_filling(data: bytes) -> bytes:
    begun = data.rstrip(b"\0")
    return begun if len(data) - len(begun) >= _FILLING else data


def _require_pixels(begun: bytes, pixels: Callable[[bytes], ImageFile.ImageFile]) -> None:
    if len({_seen(begun, noise, pixels) for noise in _NOISE}) > 1:
        raise ImageRejected(RejectReason.TRUNCATED, "the jpeg file ends before its last pixel")


def refuse_grey_rest(data: bytes, image: ImageFile.ImageFile, pixels: Callable[[bytes], ImageFile.ImageFile]) -> None:
    """Raise ``ImageRejected`` (``TRUNCATED``) where the last pixels are the decoder's own, before an end marker.

    Only a picture whose last corner has the very grey that libjpeg fills in is decoded again, and a progressive one
    that lacks a scan, which is no fault in itself: where its last one is whole, it was made like this.
    """
    corner = image.crop((max(0, image.width - _CORNER), image.height - 1, image.width, image.height))
    frame = read_frame(data)
    if not set(corner.tobytes()) <= _FILLED_IN and read_scans(data, frame).complete:
        return
    end = data.find(END_OF_IMAGE, data.find(_START_OF_SCAN, frame.end))
    if end >= 0:
        _require_pixels(_without_filling(data[:end]) if frame.progressive else data[:end], pixels)


def _seen(data: bytes, noise: bytes, pixels: Callable[[bytes], ImageFile.ImageFile]) -> bytes:
    try:
        return pixels(data + noise + END_OF_IMAGE).tobytes()
    except (OSError, ValueError, SyntaxError):
        return noise
