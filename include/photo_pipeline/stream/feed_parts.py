"""Cuts a body without end into its parts, as cameras push them: ``multipart/x-mixed-replace``, by RFC 2046, 5.1.

The parser is python-multipart's. What is added here: a part whose header is broken is passed over, and the next one is
found again.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from enum import Enum, auto

from python_multipart.exceptions import FormParserError, MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.web.multipart import FilePart, PartHeader

MEDIA_TYPE = "multipart/x-mixed-replace"


class NotAFeedError(PhotoPipelineError):
    """A Content-Type that is not a feed's. The message is for the sender."""


@dataclass(frozen=True, slots=True)
class BrokenPart:
    """A part that cannot be read.

    Attributes:
        detail: why not.
    """

    detail: str


@dataclass(frozen=True, slots=True)
class _Began:
    filename: str


class _Mark(Enum):
    PART_ENDED = auto()
    FEED_ENDED = auto()


_Event = _Began | BrokenPart | bytes | _Mark


def boundary_of(content_type: str) -> bytes:
    """What stands between the parts.

    Raises:
        NotAFeedError: when this is no feed, or does not say.
    """
    media_type, options = parse_options_header(content_type)
    if media_type != MEDIA_TYPE.encode():
        raise NotAFeedError(f"A feed is {MEDIA_TYPE}; boundary=...")
    boundary = options.get(b"boundary", b"")
    try:
        MultipartParser(boundary)
    except FormParserError as error:
        raise NotAFeedError(str(error)) from None
    if not boundary:
        raise NotAFeedError("The Content-Type does not say what the boundary is.")
    return boundary


async def feed_parts(
    body: AsyncIterator[bytes], boundary: bytes, max_bytes: int
) -> AsyncGenerator[FilePart | BrokenPart]:
    """The parts of a feed, each as soon as all of it has arrived, until the feed or its body ends.

    Args:
        body: in chunks.
        boundary: from ``boundary_of``.
        max_bytes: the largest part; a larger one comes out as ``too_large``, without its bytes.
    """
    scanner = _Scanner(boundary)
    assembly = _Assembly(max_bytes)
    try:
        async for chunk in body:
            for event in scanner.events(chunk):
                if event is _Mark.FEED_ENDED:
                    return
                if (part := await assembly.take(event)) is not None:
                    yield part
        if assembly.is_within_part:
            yield BrokenPart("The feed ends within this part.")
    finally:
        assembly.drop()


class _Assembly:
    """Makes parts of what the scanner finds."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._part: FilePart | None = None

    @property
    def is_within_part(self) -> bool:
        return self._part is not None

    async def take(self, event: "_Event") -> FilePart | BrokenPart | None:
        """The part that ends with this."""
        if isinstance(event, BrokenPart):
            self.drop()
            return event
        if isinstance(event, _Began):
            self._part = FilePart("", event.filename)
        elif isinstance(event, bytes) and self._part is not None:
            await self._part.write(event, self._max_bytes)
        elif self._part is not None:
            ended, self._part = self._part, None
            ended.complete = True
            return ended
        return None

    def drop(self) -> None:
        if self._part is not None:
            self._part.close()
            self._part = None


class _Scanner:
    """The parser, begun anew behind what it cannot read."""

    def __init__(self, boundary: bytes) -> None:
        self._boundary = boundary
        self._found: list[_Event] = []
        self._header = PartHeader()
        self._restart(b"\r\n")

    def events(self, data: bytes) -> list[_Event]:
        """What these bytes bring."""
        while data:
            try:
                self._parser.write(data)
            except MultipartParseError as error:
                self._found.append(BrokenPart(f"The part's header is broken: {error}."))
                data = data[error.offset :]
                self._restart(b"")
            else:
                break
        found, self._found = self._found, []
        return found

    def _restart(self, seen: bytes) -> None:
        """Go on as if within a part, which is passed over: what follows counts from the next boundary on."""
        callbacks = {
            "on_part_begin": self._part_begin,
            **self._header.callbacks(),
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }
        self._header.begin()
        known = len(self._found)
        self._parser = MultipartParser(self._boundary, callbacks)  # type: ignore[arg-type] # a TypedDict of its own
        self._parser.write(b"--" + self._boundary + b"\r\n\r\n" + seen)
        del self._found[known:]
        self._skips = True

    def _part_begin(self) -> None:
        self._skips = False
        self._header.begin()

    def _headers_finished(self) -> None:
        self._found.append(_Began(self._header.disposition().filename or ""))

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if not self._skips:
            self._found.append(data[start:end])

    def _part_end(self) -> None:
        if not self._skips:
            self._found.append(_Mark.PART_ENDED)

    def _end(self) -> None:
        self._found.append(_Mark.FEED_ENDED)
