"""Reads the files of a multipart body one after the other, as they arrive, without holding any of them in memory.

The format is RFC 7578 and the parser python-multipart's; what is added here is a limit per file that holds while it is
read, and that a file can be used before the next one has arrived.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile

from anyio import to_thread
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.web.dispositions import Disposition

SPOOL_MEMORY = 64 * 1024
"""Of each file under way, this much is kept in memory; more goes to a temporary file."""
MAX_PARTS = 200


class MalformedMultipartError(PhotoPipelineError):
    """The body is not what its Content-Type says.

    Attributes:
        reason: for programs.
    """

    reason = "malformed_multipart"


class BodyTooLargeError(MalformedMultipartError):
    """More bytes than all files together may have."""

    reason = "body_too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request has more than {limit} bytes.")


@dataclass(slots=True)
class FilePart:
    """One file of the body. Close it after use.

    Attributes:
        name: of the form field.
        filename: as the sender called it; empty where a form was sent without choosing a file.
        size: its length in bytes, also where it is too large.
        complete: false where the body ended within the file.
        too_large: its bytes were thrown away.
    """

    name: str
    filename: str
    size: int = 0
    complete: bool = False
    too_large: bool = False
    _spool: SpooledTemporaryFile[bytes] = field(default_factory=lambda: SpooledTemporaryFile(max_size=SPOOL_MEMORY))  # noqa: SIM115 - closed by close()

    async def write(self, data: bytes, limit: int) -> None:
        """Append, or drop everything once the file is larger than ``limit`` bytes."""
        self.size += len(data)
        if self.size > limit:
            self.too_large = True
            self.close()
        elif self.size > SPOOL_MEMORY:
            await to_thread.run_sync(self._spool.write, data)
        else:
            self._spool.write(data)

    async def read(self) -> bytes:
        """All of the file."""
        return await to_thread.run_sync(self._read)

    def close(self) -> None:
        """Free what it holds; twice is fine."""
        self._spool.close()

    def _read(self) -> bytes:
        self._spool.seek(0)
        return self._spool.read()


class PartHeader:
    """The header of the part under way, put together from what the parser calls with."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget the part before."""
        self._field = self._value = self._disposition = b""

    def callbacks(self) -> dict[str, object]:
        """What the parser is to call."""
        return {"on_header_field": self._add_field, "on_header_value": self._add_value, "on_header_end": self._end}

    def disposition(self) -> Disposition:
        """Its ``Content-Disposition``."""
        return Disposition(self._disposition)

    def _add_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field = self._value = b""


@dataclass(slots=True)
class _Events:
    """What the parser found in one chunk of the body, in order: a new file, bytes of it, or its end."""

    found: list[FilePart | bytes | None] = field(default_factory=list)
    parts: int = 0
    ended: bool = False
    _in_file: bool = False
    _header: PartHeader = field(default_factory=PartHeader)

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._part_begin,
            **self._header.callbacks(),
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._part_data,
            "on_part_end": self._part_end,
            "on_end": self._end,
        }

    def take(self) -> list[FilePart | bytes | None]:
        found, self.found = self.found, []
        return found

    def _part_begin(self) -> None:
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise FormParserError(f"more than {MAX_PARTS} parts")
        self._in_file = False
        self._header.begin()

    def _headers_finished(self) -> None:
        disposition = self._header.disposition()
        name, filename = disposition.name, disposition.filename
        if name is not None and filename is not None:
            self.found.append(FilePart(name, filename))
            self._in_file = True

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self.found.append(data[start:end])

    def _part_end(self) -> None:
        if self._in_file:
            self.found.append(None)

    def _end(self) -> None:
        self.ended = True


def boundary_of(content_type: str) -> bytes | None:
    """The boundary of a ``multipart/form-data`` body; ``None`` where the Content-Type says something else."""
    media_type, options = parse_options_header(content_type)
    return options.get(b"boundary") if media_type == b"multipart/form-data" else None


async def file_parts(body: AsyncIterator[bytes], boundary: bytes, max_bytes: int) -> AsyncGenerator[FilePart]:
    """The files of a body, each as soon as all of it has arrived.

    Args:
        body: the request's body in chunks.
        boundary: from ``boundary_of``.
        max_bytes: the largest file; a larger one comes out as ``too_large``, without its bytes.

    Raises:
        MalformedMultipartError: when the body cannot be read on. Files that came before are good.
    """
    events = _Events()
    part: FilePart | None = None
    try:
        async for event in _parsed(body, boundary, events):
            if isinstance(event, FilePart):
                part = event
            elif part is not None and event is not None:
                await part.write(event, max_bytes)
            elif part is not None:
                part.complete = True
                yield part
                part = None
        if part is not None:
            yield part
        elif not events.ended:
            raise MalformedMultipartError("The body ends before its closing boundary.")
    finally:
        if part is not None:
            part.close()


async def _parsed(
    body: AsyncIterator[bytes], boundary: bytes, events: _Events
) -> AsyncGenerator[FilePart | bytes | None]:
    try:
        parser = MultipartParser(boundary, events.callbacks())  # type: ignore[arg-type] # a TypedDict of its own
        async for chunk in body:
            parser.write(chunk)
            for event in events.take():
                yield event
    except FormParserError as error:
        raise MalformedMultipartError(f"The body is not well-formed: {error}") from error


async def bounded(body: AsyncIterator[bytes], limit: int) -> AsyncGenerator[bytes]:
    """The body, as long as it has at most ``limit`` bytes.

    Raises:
        BodyTooLargeError: when it has more.
    """
    size = 0
    async for chunk in body:
        size += len(chunk)
        if size > limit:
            raise BodyTooLargeError(limit)
        yield chunk
