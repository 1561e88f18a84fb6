"""A WebP's chunks (RFC 9649, 2.3): whether they are all there, and the file with the padding that its decoder wants.

A chunk of odd length is followed by a byte that counts nowhere else. Some programs leave it out at the end, or do not
count it in the file's length; libwebp refuses both, and browsers show the picture.
"""

import struct
from collections.abc import Iterator

_MAX_CHUNKS = 100_000
_RIFF_HEADER, _FIRST_CHUNK = 8, 12


def is_cut_off(data: bytes) -> bool:
    """Whether a chunk, or what the length at the start counts, goes on past the end, by more than a padding."""
    *_, (_, last) = _chunks(data)
    return last > len(data) or _end(data) > len(data) + 1


def padded(data: bytes) -> bytes:
    """The file with every chunk padded, and with its true length."""
    body = b"".join(data[start:end] + b"\0" * (end % 2) for start, end in _chunks(data))
    return data[:4] + struct.pack("<I", 4 + len(body)) + data[8:12] + body


def _end(data: bytes) -> int:
    return _RIFF_HEADER + int(struct.unpack_from("<I", data, 4)[0])


def _chunks(data: bytes) -> Iterator[tuple[int, int]]:
    """Where each chunk begins and ends, without padding; the first one, at least, whatever the file's length is."""
    at = _FIRST_CHUNK
    for _ in range(_MAX_CHUNKS):
        end = at + 8 + struct.unpack_from("<I", data, at + 4)[0]
        yield at, end
        at = end + end % 2
        if at + 8 > min(len(data), _end(data)):
            return
