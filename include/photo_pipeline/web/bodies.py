"""How long, how slow and how large a request's body may be: one answer for every route, given where bodies come in.

The limits are Apache's ``RequestReadTimeout``: a body may pause for a while, and after its first seconds it comes at
some rate at least. Only time spent waiting for the sender counts, so a slow server is nobody's fault.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from photo_pipeline.web.paths import below

DOCUMENT_BYTES = 512 * 1024
"""The largest JSON document: a hundred receipts' tokens, with room."""
STALLED = "body_stalled"
RATE_GRACE_SECONDS = 20.0
"""So long a body may take however little it brings."""


class BodyError(HTTPException):
    """A body that is read no further: the answer ends the connection.

    An ``HTTPException``, because FastAPI lets nothing else through where it reads a body.

    Attributes:
        slug: the kind of problem, for programs.
    """

    def __init__(self, status: HTTPStatus, slug: str, detail: str) -> None:
        self.slug = slug
        super().__init__(status, detail)


class BodyStalledError(BodyError):
    """The sender has stopped sending, or sends so slowly that it comes to the same."""

    def __init__(self, detail: str) -> None:
        super().__init__(HTTPStatus.REQUEST_TIMEOUT, STALLED, detail)


class DocumentTooLargeError(BodyError):
    """More bytes than any document of this application has."""

    def __init__(self, limit: int) -> None:
        detail = f"The request has more than {limit} bytes."
        super().__init__(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", detail)


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What a body may be.

    Attributes:
        idle_seconds: how long it may pause.
        bytes_per_second: how fast it comes at least, over all the time that was spent waiting for it; 0 for any rate.
        most_bytes: how many there may be; ``None`` where the route itself counts.
        answered_meanwhile: whether the route reads on after its answer has begun. Others only look whether somebody is
            still there, and are told then that nobody is.
    """

    idle_seconds: float
    bytes_per_second: float
    most_bytes: int | None = DOCUMENT_BYTES
    answered_meanwhile: bool = False


class BoundedBodies:
    """Ends requests whose body stalls, trickles or is too large: 408 or 413, whichever route it is.

    Args:
        app: what answers.
        limits: of all bodies.
        exceptions: other limits, by path; by all paths below it where it ends with a slash.
    """

    def __init__(self, app: ASGIApp, limits: BodyLimits, exceptions: Mapping[str, BodyLimits]) -> None:
        self._app = app
        self._limits = limits
        self._exceptions = dict(exceptions)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limits = next((own for path, own in self._exceptions.items() if below(scope["path"], path)), self._limits)
        body = _Body(limits, Headers(scope=scope).get("Content-Length", ""), receive, send)
        await self._app(scope, body.receive, body.send)


class _Body:
    """One body on its way in, and whether it is being answered."""

    def __init__(self, limits: BodyLimits, announced: str, receive: Receive, send: Send) -> None:
        self._limits = limits
        self._announced = int(announced) if announced.isdecimal() else 0
        self._receive = receive
        self._send = send
        self._size = 0
        self._waited = 0.0
        self._ended = False
        self._answered = False
        self._given_up = False

    async def send(self, message: Message) -> None:
        """Pass an answer on; after one to a body that was given up nothing can follow on the same connection."""
        if self._given_up and message["type"] == "http.response.start":
            MutableHeaders(scope=message)["Connection"] = "close"
        self._answered = True
        await self._send(message)

    async def receive(self) -> Message:
        """The next message; what comes after the body's end is waited for as long as it takes.

        Raises:
            BodyStalledError, DocumentTooLargeError: as they say.
        """
        if self._ended:
            return await self._receive()
        try:
            return await self._watched()
        except BodyError:
            self._given_up = True
            if self._answered and not self._limits.answered_meanwhile:
                return {"type": "http.disconnect"}
            raise

    async def _watched(self) -> Message:
        self._check_size(self._announced)
        message = await self._next()
        self._ended = not message.get("more_body", False)
        self._size += len(message.get("body", b""))
        self._check_size(self._size)
        if not self._ended:
            self._check_rate()
        return message

    async def _next(self) -> Message:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._limits.idle_seconds):
                return await self._receive()
        except TimeoutError:
            raise BodyStalledError(f"Nothing came for {self._limits.idle_seconds:g} seconds.") from None
        finally:
            self._waited += time.monotonic() - began

    def _check_size(self, size: int) -> None:
        limit = self._limits.most_bytes
        if limit is not None and size > limit:
            raise DocumentTooLargeError(limit)

    def _check_rate(self) -> None:
        rate = self._limits.bytes_per_second
        if rate and self._waited > RATE_GRACE_SECONDS + self._size / rate:
            raise BodyStalledError(f"The request comes at less than {rate:g} bytes per second.")
