"""JPEG in TIFF (compressions 6 and 7): each strip or tile is a JPEG, and may be one of many scans."""

import re
from collections.abc import Iterator

from photo_pipeline.domain.imaging.jpeg_markers import MAX_SCANS
from photo_pipeline.domain.imaging.tiff_directory import STRIPS, TILES, first_page
from photo_pipeline.domain.imaging.values import ImageRejected
from photo_pipeline.domain.outcomes import RejectReason

JPEG_COMPRESSIONS = frozenset({6, 7})

_PROGRESSIVE_FRAME = re.compile(rb"\xff[\xc2\xca]\x00.\x08", re.DOTALL)
_START_OF_SCAN = b"\xff\xda"
_MOST_READ = 2
"""Times the file: pieces that lie upon each other are read so often at most. No program writes such files."""


def most_scans(data: bytes) -> int:
    """How many scans a piece of the first page has: 1 in all files but odd ones.

    Entropy-coded data holds no marker, so markers are counted without reading it.

    Raises:
        ImageRejected: where one has more than ``MAX_SCANS``, which the decoder does not read either.
        struct.error: where the data ends within the directory.
    """
    if _PROGRESSIVE_FRAME.search(data) is None:
        return 1
    most, read = 1, 0
    for start, end in _pieces(data):
        read += min(end, len(data)) - start
        if read > _MOST_READ * len(data):
            return MAX_SCANS
        most = max(most, data.count(_START_OF_SCAN, start, end))
    if most > MAX_SCANS:
        raise ImageRejected(RejectReason.UNSUPPORTED, f"a tiff of jpegs of more than {MAX_SCANS} scans")
    return most


def _pieces(data: bytes) -> Iterator[tuple[int, int]]:
    tags = first_page(data, {*STRIPS, *TILES})
    for offsets, sizes in (STRIPS, TILES):
        places = set(zip(tags.get(offsets, ()), tags.get(sizes, ()), strict=False))
        yield from ((start, start + size) for start, size in places if start < len(data))
