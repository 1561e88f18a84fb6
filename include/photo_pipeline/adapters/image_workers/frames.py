"""What a pool and its worker processes say to each other, over pipes.

One message is a frame: a fixed header (magic, length of the JSON part, lengths of three blobs), a JSON object, three
blobs. A request is ``{}`` with the photo as its first blob. A reply is ``{"ready": …}``, ``{"done": metadata, …}`` with
the renditions, or ``{"rejected": reason, "detail": …}``. Lengths are bounded, so that a decoder that was taken over
cannot make its parent allocate without end.
"""

import json
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BufferedReader
from itertools import accumulate, pairwise
from typing import Any

from photo_pipeline.domain.imaging import ImageLimits, ImageMetadata, ProcessedImage, Rendition, SniffedFormat
from photo_pipeline.domain.photo import RenditionKind

_BLOBS = 3
_HEADER = struct.Struct(f">4sI{_BLOBS}I")
_MAGIC = b"PHO2"
_MADE = (RenditionKind.WEB, RenditionKind.THUMB, RenditionKind.THUMB_2X)
_MAX_JSON_BYTES = 64 * 1024
_MAX_BLOB_BYTES = 256 * 1024 * 1024


class BrokenFrameError(ValueError):
    """Bytes that are no frame: the other side is not what it should be."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"not a frame of the image worker protocol: {detail}")


@dataclass(frozen=True, slots=True)
class Frame:
    """One message; blobs that are not given are empty."""

    head: Mapping[str, Any]
    blobs: Sequence[bytes] = ()

    def parts(self) -> Sequence[bytes]:
        """The bytes to write, in order; the blobs are not copied."""
        head = json.dumps(self.head).encode()
        lengths = [len(blob) for blob in self.blobs] + [0] * (_BLOBS - len(self.blobs))
        return [_HEADER.pack(_MAGIC, len(head), *lengths) + head, *self.blobs]


class FrameReader:
    """Puts frames together from whatever pieces arrive."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, piece: bytes) -> None:
        """Add what was read."""
        self._buffer += piece

    def wanted(self) -> int:
        """How many bytes are missing from the next frame, as far as is known; 0 where it is complete."""
        if len(self._buffer) < _HEADER.size:
            return _HEADER.size - len(self._buffer)
        return max(0, _HEADER.size + sum(_lengths(self._buffer)) - len(self._buffer))

    def take(self) -> Frame | None:
        """The next frame, or ``None`` while it is incomplete.

        Raises:
            BrokenFrameError: for bytes that are no frame.
        """
        if self.wanted():
            return None
        places = list(accumulate(_lengths(self._buffer), initial=_HEADER.size))
        with memoryview(self._buffer) as view:
            head, *blobs = [bytes(view[start:stop]) for start, stop in pairwise(places)]
        del self._buffer[: places[-1]]
        return Frame(_json_object(head), blobs)


def read_frame(stream: BufferedReader) -> Frame | None:
    """Read one frame, each blob straight to where it stays; ``None`` where the other side has closed the stream."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    lengths = _lengths(header)
    head, *blobs = [stream.read(length) for length in lengths]
    cut = any(len(blob) < length for blob, length in zip(blobs, lengths[1:], strict=True))
    return None if cut else Frame(_json_object(head), blobs)


def _lengths(header: bytes | bytearray) -> Sequence[int]:
    """Of a frame's parts: the JSON object, then the blobs."""
    magic, head, *blobs = _HEADER.unpack_from(header)
    if magic != _MAGIC:
        raise BrokenFrameError("wrong first bytes")
    if head > _MAX_JSON_BYTES or max(blobs) > _MAX_BLOB_BYTES:
        raise BrokenFrameError(f"parts of {', '.join(map(str, (head, *blobs)))} bytes")
    return head, *blobs


def write_frame(descriptor: int, frame: Frame) -> None:
    """Write one frame to a blocking descriptor."""
    for part in frame.parts():
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def _json_object(text: bytes) -> Mapping[str, Any]:
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise BrokenFrameError(str(error)) from error
    if not isinstance(parsed, dict):
        raise BrokenFrameError("the JSON part is no object")
    return parsed


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker is started with, as one command line argument.

    Attributes:
        parent_pid: the process that it must not outlive.
        memory_bytes: how much memory it may allocate above what it takes when idle.
        limits: how large an image may be.
    """

    parent_pid: int
    memory_bytes: int
    limits: ImageLimits

    def to_argument(self) -> str:
        """The settings as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_argument(cls, argument: str) -> "WorkerSettings":
        """The inverse of ``to_argument``."""
        fields = json.loads(argument)
        return cls(fields["parent_pid"], fields["memory_bytes"], ImageLimits(**fields["limits"]))


def done(image: ProcessedImage, resident_bytes: int) -> Frame:
    """The reply for a photo that was processed."""
    head = {
        "done": asdict(image.metadata),
        "sizes": [(made.width, made.height) for made in image.renditions],
        "resident_bytes": resident_bytes,
    }
    return Frame(head, [made.data for made in image.renditions])


def processed_image(frame: Frame) -> ProcessedImage:
    """The inverse of ``done``.

    Raises:
        BrokenFrameError: where a part is missing or of the wrong type.
    """
    try:
        fields = dict(frame.head["done"])
        fields |= {"format": SniffedFormat(fields["format"]), "warnings": tuple(fields["warnings"])}
        made = zip(_MADE, frame.blobs, frame.head["sizes"], strict=False)
        return ProcessedImage(
            ImageMetadata(**fields), *(Rendition(kind, data, width, height) for kind, data, (width, height) in made)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenFrameError(f"reply without {error}") from error
