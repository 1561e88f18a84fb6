"""A GIF's blocks (GIF89a), as far as finding its end needs them."""

from photo_pipeline.domain.imaging.values import ImageRejected
from photo_pipeline.domain.outcomes import RejectReason

_MAX_STEPS = 400_000
"""Of 255 bytes each, as encoders write them: more than the largest photo has."""
_HEADER = 13
_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_HAS_COLOURS, _COLOUR_BITS = 0x80, 0x07


def has_end(data: bytes) -> bool:
    """Whether the trailer is there.

    Raises:
        ImageRejected: ``TRUNCATED`` where a block goes on beyond the end of the data.
    """
    try:
        return _walk(data)
    except IndexError:
        raise ImageRejected(RejectReason.TRUNCATED, "the gif file ends within a block") from None


def _walk(data: bytes) -> bool:
    at = _HEADER + _colours(data[10])
    steps = 0
    while at < len(data) and steps < _MAX_STEPS:
        kind = data[at]
        if kind == _IMAGE:
            at += 11 + _colours(data[at + 9])
        elif kind == _EXTENSION:
            at += 2
        else:
            return kind == _TRAILER or at < len(data.rstrip(b"\0"))
        while length := data[at]:
            at, steps = at + 1 + length, steps + 1
            if steps >= _MAX_STEPS:
                return True
        at += 1
    return at < len(data)


def _colours(packed: int) -> int:
    """How many bytes the table of colours takes that these flags announce."""
    return 3 * 2 ** ((packed & _COLOUR_BITS) + 1) if packed & _HAS_COLOURS else 0
