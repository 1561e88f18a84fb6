"""What a pool and its worker processes say to each other, over pipes.

One message is a frame: a fixed header (magic, length of the JSON part, lengths of two blobs), a JSON object, two blobs.
A request is ``{}`` with the photo as its first blob. A reply is ``{"ready": …}``, ``{"done": metadata, …}`` with the
two renditions, or ``{"rejected": reason, "detail": …}``. Lengths are bounded, so that a decoder that was taken over
cannot make its parent allocate without end.
"""

import json
import os
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import BufferedReader
from itertools import pairwise
from typing import Any

from photo_pipeline.domain.imaging import ImageLimits, ImageMetadata, ProcessedImage, Rendition, SniffedFormat
from photo_pipeline.domain.photo import RenditionKind

_HEADER = struct.Struct(">4sIII")
_MAGIC = b"PHO1"
_MAX_JSON_BYTES = 64 * 1024
_MAX_BLOB_BYTES = 256 * 1024 * 1024


class BrokenFrameError(ValueError):
    """Bytes that are no frame: the other side is not what it should be."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"not a frame of the image worker protocol: {detail}")


@dataclass(frozen=True, slots=True)
class Frame:
    """One message."""

    head: Mapping[str, Any]
    first: bytes = b""
    second: bytes = b""

    def parts(self) -> tuple[bytes, bytes, bytes]:
        """The bytes to write, in order; the blobs are not copied."""
        head = json.dumps(self.head).encode()
        return _HEADER.pack(_MAGIC, len(head), len(self.first), len(self.second)) + head, self.first, self.second


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
        head_length, first_length, second_length = _lengths(self._buffer)
        first_at = _HEADER.size + head_length
        second_at = first_at + first_length
        end = second_at + second_length
        with memoryview(self._buffer) as view:
            parts = [bytes(view[start:stop]) for start, stop in pairwise((_HEADER.size, first_at, second_at, end))]
        del self._buffer[:end]
        return Frame(_json_object(parts[0]), parts[1], parts[2])


def read_frame(stream: BufferedReader) -> Frame | None:
    """Read one frame, each blob straight to where it stays; ``None`` where the other side has closed the stream."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    lengths = _lengths(header)
    head, first, second = (stream.read(length) for length in lengths)
    return None if len(second) < lengths[-1] or len(first) < lengths[1] else Frame(_json_object(head), first, second)


def _lengths(header: bytes | bytearray) -> tuple[int, int, int]:
    """Of a frame's three parts."""
    magic, head, first, second = _HEADER.unpack_from(header)
    if magic != _MAGIC:
        raise BrokenFrameError("wrong first bytes")
    if head > _MAX_JSON_BYTES or max(first, second) > _MAX_BLOB_BYTES:
        raise BrokenFrameError(f"parts of {head}, {first} and {second} bytes")
    return head, first, second


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
        "web": (image.web.width, image.web.height),
        "thumb": (image.thumb.width, image.thumb.height),
        "resident_bytes": resident_bytes,
    }
    return Frame(head, image.web.data, image.thumb.data)


def processed_image(frame: Frame) -> ProcessedImage:
    """The inverse of ``done``.

    Raises:
        BrokenFrameError: where a part is missing or of the wrong type.
    """
    try:
        fields = dict(frame.head["done"])
        fields |= {"format": SniffedFormat(fields["format"]), "warnings": tuple(fields["warnings"])}
        web_width, web_height = frame.head["web"]
        thumb_width, thumb_height = frame.head["thumb"]
        return ProcessedImage(
            ImageMetadata(**fields),
            Rendition(RenditionKind.WEB, frame.first, web_width, web_height),
            Rendition(RenditionKind.THUMB, frame.second, thumb_width, thumb_height),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenFrameError(f"reply without {error}") from error
