"""A JPEG's markers (ITU-T T.81, annex B): frame, scans and end. Entropy-coded data is passed over, never decoded."""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from photo_pipeline.domain.imaging.values import ImageRejected
from photo_pipeline.domain.outcomes import RejectReason

MAX_SCANS = 100
"""A progressive picture has some ten. Each goes over every coefficient, so a small file of many takes minutes."""
END_OF_IMAGE = b"\xff\xd9"

_MAX_SEGMENTS = 4096
"""A profile or metadata of megabytes takes some hundred segments of 64 KiB."""
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")
"""Restart markers belong to their scan; a zero says that the byte before it is data."""
_STANDALONE = frozenset({0x01, 0xD8})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_DECODED = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})
"""Sequential and progressive; neither lossless nor hierarchical."""
_TABLES, _START_OF_SCAN, _END = 0xC4, 0xDA, 0xD9
_TABLE_HEAD = 17
"""Of a Huffman table: its number, and how many code words there are of each length."""
_SAMPLE_BITS = 8
_COEFFICIENTS = 64


@dataclass(frozen=True, slots=True)
class Frame:
    """What a frame header says.

    Attributes:
        width: pixels.
        height: pixels.
        components: their ids.
        progressive: each scan brings a part of the coefficients.
        decodable: of a process and a depth that libjpeg is built for, with its height in the header.
        end: where the data after the header goes on.
    """

    width: int
    height: int
    components: bytes
    progressive: bool
    decodable: bool
    end: int


@dataclass(frozen=True, slots=True)
class Scans:
    """What follows a frame header.

    Attributes:
        ended: the end marker is there.
        several: the decoder must hold every coefficient of the full size.
        count: how many there are.
        complete: every coefficient of every component has its last bit; looked into only where there are several.
    """

    ended: bool
    several: bool
    complete: bool = True
    count: int = 1


@dataclass(frozen=True, slots=True)
class _Scan:
    """Which coefficients of which components a scan brings, down to which bit."""

    components: bytes
    first: int
    last: int
    low_bit: int


def read_frame(data: bytes) -> Frame:
    """The frame header; bytes between segments are skipped, as decoders do.

    Raises:
        ImageRejected: where there is none.
        struct.error: where the data ends within it.
    """
    seen = 0
    for marker, at in _markers(data, 2):
        seen += 1
        if marker in _FRAMES:
            return _frame(data, at, marker)
        if marker == _START_OF_SCAN:
            raise ImageRejected(RejectReason.CORRUPT, "a jpeg scan begins before any frame header")
    if seen >= _MAX_SEGMENTS:
        raise ImageRejected(RejectReason.CORRUPT, f"no jpeg frame header in {_MAX_SEGMENTS} segments")
    raise ImageRejected(RejectReason.TRUNCATED, "the jpeg file ends before its frame header")


def read_scans(data: bytes, frame: Frame) -> Scans:
    """Look at what follows the frame header, without decoding it.

    Raises:
        ImageRejected: where there is no scan, a component has none, or there are more than ``MAX_SCANS``.
        struct.error: where the data ends within a header.
    """
    scans: list[_Scan] = []
    ended = False
    for marker, at in _markers(data, frame.end):
        if marker == _START_OF_SCAN:
            scans.append(_scan(data, at))
            if len(scans) == 1 and not _is_one_of_several(scans[0], frame):
                return Scans(data.rfind(END_OF_IMAGE, at) >= 0, several=False)
            if len(scans) > MAX_SCANS:
                raise ImageRejected(RejectReason.UNSUPPORTED, f"a jpeg of more than {MAX_SCANS} scans")
        ended = marker == _END
    _require_components(frame, scans)
    return Scans(ended, several=True, complete=_are_complete(frame, scans), count=len(scans))


def scan_without_zeros(data: bytes) -> Iterator[tuple[int, int]]:
    """Where the only scan lies, if its code words make a run of zeros impossible.

    Zeros are the first code word of every table. Only where those mean "as the block before" and "nothing more in this
    block" can a picture go on so: a flat one, with tables of its own. In a progressive one zeros may be numbers' bits.
    """
    frame = read_frame(data)
    if frame.progressive:
        return
    first_words = [word for marker, at in _markers(data, 2) if marker == _TABLES for word in _first_words(data, at)]
    for marker, at in _markers(data, frame.end):
        if marker == _START_OF_SCAN:
            if any(first_words):
                yield at, len(data) if (end := data.find(END_OF_IMAGE, at)) < 0 else end
            return


def _first_words(data: bytes, at: int) -> Iterator[int]:
    """What the code word of zeros means, for each table of a DHT segment."""
    (length,) = struct.unpack_from(">H", data, at)
    place, end = at + 2, at + length
    while place + _TABLE_HEAD < end:
        yield data[place + _TABLE_HEAD]
        place += _TABLE_HEAD + sum(data[place + 1 : place + _TABLE_HEAD])


def _markers(data: bytes, at: int) -> Iterator[tuple[int, int]]:
    """Each marker up to the end marker, with where its segment begins."""
    for _ in range(_MAX_SEGMENTS):
        found = _MARKER.search(data, at)
        if found is None:
            return
        marker, at = data[found.start(1)], found.end()
        yield marker, at
        if marker == _END:
            return
        if marker not in _STANDALONE:
            (length,) = struct.unpack_from(">H", data, at)
            at += length


def _frame(data: bytes, at: int, marker: int) -> Frame:
    length, bits, height, width, count = struct.unpack_from(">HBHHB", data, at)
    if not count or length != 8 + 3 * count:
        raise ImageRejected(RejectReason.CORRUPT, f"a jpeg frame header of {length} bytes for {count} components")
    components = data[at + 8 : at + 8 + 3 * count : 3]
    decodable = marker in _DECODED and bits == _SAMPLE_BITS and height > 0
    return Frame(width, height, components, marker in _PROGRESSIVE, decodable, at + length)


def _scan(data: bytes, at: int) -> _Scan:
    (count,) = struct.unpack_from(">B", data, at + 2)
    first, last, bits = struct.unpack_from(">BBB", data, at + 3 + 2 * count)
    return _Scan(data[at + 3 : at + 3 + 2 * count : 2], first, last, bits & 0xF)


def _is_one_of_several(scan: _Scan, frame: Frame) -> bool:
    return frame.progressive or len(scan.components) < len(frame.components)


def _require_components(frame: Frame, scans: Sequence[_Scan]) -> None:
    if not set(frame.components) <= {component for scan in scans for component in scan.components}:
        raise ImageRejected(RejectReason.TRUNCATED, "the jpeg file ends before every component has had a scan")


def _are_complete(frame: Frame, scans: Sequence[_Scan]) -> bool:
    done = {
        (component, coefficient)
        for scan in scans
        if scan.low_bit == 0 or not frame.progressive
        for component in scan.components
        for coefficient in (range(scan.first, scan.last + 1) if frame.progressive else range(_COEFFICIENTS))
    }
    return len(done) >= len(set(frame.components)) * _COEFFICIENTS
