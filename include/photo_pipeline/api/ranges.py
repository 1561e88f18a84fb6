"""Which bytes a request wants (RFC 9110, section 14)."""

import re
from dataclasses import dataclass

from photo_pipeline.domain.errors import PhotoPipelineError

_SINGLE = re.compile(r"bytes=\s*(?P<first>\d{0,19})-(?P<last>\d{0,19})\s*", re.ASCII)


class UnsatisfiableRangeError(PhotoPipelineError):
    """The range begins after the end."""


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes ``[start, end)``."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """Its number of bytes."""
        return self.end - self.start


def requested_range(header: str | None, length: int) -> ByteRange | None:
    """The range that a ``Range`` header asks for, of ``length`` bytes.

    ``None`` means all of it: no header, one that is not understood, or several ranges, which a server may ignore.

    Raises:
        UnsatisfiableRangeError: when there is no such byte.
    """
    match = None if header is None else _SINGLE.fullmatch(header)
    if match is None or not (match["first"] or match["last"]):
        return None
    if not match["first"]:  # the last n bytes
        count = min(int(match["last"]), length)
        if count == 0:
            raise UnsatisfiableRangeError
        return ByteRange(length - count, length)
    start = int(match["first"])
    end = min(int(match["last"]) + 1, length) if match["last"] else length
    if match["last"] and int(match["last"]) < start:
        return None
    if start >= length:
        raise UnsatisfiableRangeError
    return ByteRange(start, end)
