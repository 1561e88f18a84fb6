"""A JPEG without its end marker: is only the mark missing, or pixels as well?

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
_CANNOT_TELL = b"\0\xff"
"""A file that was made at its full size and filled in part goes on in zeros, which are code words as well."""


def with_end(data: bytes, pixels: Callable[[bytes], ImageFile.ImageFile]) -> bytes:
    """The file with an end marker.

    Args:
        data: a JPEG without one.
        pixels: decodes a file.

    Raises:
        ImageRejected: ``TRUNCATED`` where pixels are missing, too.
    """
    begun = data.rstrip(_CANNOT_TELL)
    if not read_scans(begun, read_frame(begun)).complete or len({_seen(begun, noise, pixels) for noise in _NOISE}) > 1:
        raise ImageRejected(RejectReason.TRUNCATED, "the jpeg file ends before its last pixel")
    return begun + END_OF_IMAGE


def _seen(data: bytes, noise: bytes, pixels: Callable[[bytes], ImageFile.ImageFile]) -> bytes:
    try:
        return pixels(data + noise + END_OF_IMAGE).tobytes()
    except (OSError, ValueError, SyntaxError):
        return noise
