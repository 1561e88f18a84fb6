"""Reads one frame from a request's body without holding it in memory while a slow sender takes their time."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from urllib.parse import unquote

from starlette.requests import Request

from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.domain.photo import MAX_PHOTO_BYTES
from photo_pipeline.web.multipart import (
    BodyTooLargeError,
    FilePart,
    MalformedMultipartError,
    boundary_of,
    bounded,
    file_parts,
)

FORM_OVERHEAD = 64 * 1024
"""What a multipart form adds to its file, generously."""
DRAIN_BYTES = 2 * MAX_PHOTO_BYTES
"""Of a body that is refused, this much is read and thrown away, so that a sender who writes first reads the answer."""


class FrameTooLargeError(PhotoPipelineError):
    """More bytes than a photo may have."""


class NotOneFileError(PhotoPipelineError):
    """A form with no file, with several, or that is broken. The message is for the sender."""


class Receiving:
    """The body of one request, on its way in.

    Args:
        request: whose body it is.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._ended = False

    async def frame(self) -> FilePart:
        """The one image of the body, spooled to disk where it is large. Close it after use.

        Raises:
            FrameTooLargeError: when it is larger than a photo may be.
            NotOneFileError: when a form does not hold exactly one file.
        """
        boundary = boundary_of(self._request.headers.get("Content-Type", ""))
        limit = MAX_PHOTO_BYTES + (0 if boundary is None else FORM_OVERHEAD)
        try:
            async with aclosing(self._body(limit)) as body:
                part = await (self._plain(body) if boundary is None else self._from_form(body, boundary))
        except BodyTooLargeError:
            part = None
        except MalformedMultipartError as error:
            raise NotOneFileError(str(error)) from None
        if part is None or part.too_large:
            await self._drain()
            raise FrameTooLargeError(f"more than {MAX_PHOTO_BYTES} bytes")
        return part

    async def _plain(self, body: AsyncGenerator[bytes]) -> FilePart:
        part = FilePart("", "")
        try:
            async for chunk in body:
                await part.write(chunk, MAX_PHOTO_BYTES)
        except BaseException:
            part.close()
            raise
        return part

    async def _from_form(self, body: AsyncGenerator[bytes], boundary: bytes) -> FilePart:
        found: list[FilePart] = []
        try:
            async with aclosing(file_parts(body, boundary, MAX_PHOTO_BYTES)) as parts:
                async for part in parts:
                    found.append(part)  # noqa: PERF401 - what came before an error is closed, too
            if len(found) == 1 and found[0].complete:
                return found.pop()
        finally:
            for part in found:
                part.close()
        raise NotOneFileError("A form must hold exactly one whole file.")

    async def _body(self, limit: int) -> AsyncGenerator[bytes]:
        if int(self._request.headers.get("Content-Length", 0)) > limit:
            raise BodyTooLargeError(limit)
        async with aclosing(bounded(self._chunks(), limit)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _chunks(self) -> AsyncGenerator[bytes]:
        async for chunk in self._request.stream():
            yield chunk
        self._ended = True

    async def _drain(self) -> None:
        if self._ended:
            return
        size = 0
        async for chunk in self._chunks():
            size += len(chunk)
            if size >= DRAIN_BYTES:
                return


def filename_of(request: Request) -> str | None:
    """The file's name as the request says it: in the query, or percent-encoded UTF-8 in ``X-Filename``."""
    return request.query_params.get("filename") or unquote(request.headers.get("X-Filename", "")) or None
