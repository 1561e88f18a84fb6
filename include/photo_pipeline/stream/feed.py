"""A camera's feed: one request whose body never has to end, each of its parts a frame, answered line by line.

The answer begins with the body's first bytes and goes on beside it, as newline-delimited JSON: ``hello``, an ``ack``
for each part, ``end``. Cameras that never read it are served all the same: answers beyond a bound are dropped and
counted, while a full window holds back the body.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from http import HTTPStatus

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.domain.photo import MAX_PHOTO_BYTES
from photo_pipeline.stream.deps import no_place
from photo_pipeline.stream.feed_parts import BrokenPart, feed_parts
from photo_pipeline.stream.limits import SlowDownError
from photo_pipeline.stream.schemas import (
    Acknowledgement,
    FeedEnd,
    FrameError,
    FrameReceipt,
    Hello,
    SenderView,
    Skipped,
)
from photo_pipeline.stream.senders import Sender
from photo_pipeline.stream.services import Services
from photo_pipeline.stream.standing import FAILED, NORMAL, End, Standing, first_of
from photo_pipeline.stream.window import TooManyConnectionsError, Window
from photo_pipeline.web.acceptance import PhotoRefusedError
from photo_pipeline.web.bodies import BodyStalledError
from photo_pipeline.web.multipart import FilePart
from photo_pipeline.web.problems import ProblemError, respond

NDJSON = "application/x-ndjson"
UNREAD_ANSWERS = 256
"""So many answers may wait for a sender to read them."""
FAREWELL_SECONDS = 5.0
"""How long the last answers may take to go out."""

logger = logging.getLogger(__name__)


class FeedResponse(Response):
    """Reads the feed and answers it at the same time.

    Starlette's own streaming response looks for the sender's leaving by reading what they send, so it cannot be used.

    Args:
        request: the feed.
        boundary: between its parts.
        sender: who it is.
        services: of the application.
    """

    media_type = NDJSON

    def __init__(self, request: Request, boundary: bytes, sender: Sender, services: Services) -> None:
        # The body may not be at its end when the answer is, so the connection is good for nothing afterwards.
        super().__init__(headers={"Connection": "close", "X-Accel-Buffering": "no"})
        del self.headers["Content-Length"]
        self._request = request
        self._boundary = boundary
        self._sender = sender
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the feed, or refuse it with a problem."""
        sender = self._sender
        try:
            with self._services.places.place(sender.customer_id, sender.device_id):
                feed = Feed(self._request, self._boundary, sender, self._services)
                await feed.begun()
                await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": self.raw_headers})
                await self._serve(feed, send)
        except TooManyConnectionsError as error:
            await respond(scope, no_place(error))(scope, receive, send)
        except BodyStalledError as error:
            problem = ProblemError(HTTPStatus.REQUEST_TIMEOUT, error.slug, error.detail)
            await respond(scope, problem)(scope, receive, send)

    async def _serve(self, feed: "Feed", send: Send) -> None:
        saying = asyncio.create_task(_say(feed.answers, send))
        try:
            await feed.run()
            async with asyncio.timeout(FAREWELL_SECONDS):
                await saying
        except TimeoutError:
            raise ClientDisconnect from None  # they are there, but do not read
        finally:
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)


async def _say(answers: "Answers", send: Send) -> None:
    async with aclosing(answers.lines()) as lines:
        async for line in lines:
            await send({"type": "http.response.body", "body": line, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class Answers:
    """What is still to be said to a sender who may not listen."""

    def __init__(self, limit: int = UNREAD_ANSWERS) -> None:
        self._limit = limit
        self._waiting: deque[BaseModel] = deque()
        self._skipped = 0
        self._is_closed = False
        self._has_news = asyncio.Event()

    def put(self, answer: BaseModel) -> None:
        """Say this, in place of the oldest answer where too many wait."""
        if len(self._waiting) >= self._limit:
            self._waiting.popleft()
            self._skipped += 1
        self._waiting.append(answer)
        self._has_news.set()

    def close(self) -> None:
        """Nothing more comes."""
        self._is_closed = True
        self._has_news.set()

    async def lines(self) -> AsyncGenerator[bytes]:
        """Each answer as a line of JSON, until it is closed and all are out."""
        while True:
            while self._waiting or self._skipped:
                yield _line(self._next())
            if self._is_closed:
                return
            self._has_news.clear()
            await self._has_news.wait()

    def _next(self) -> BaseModel:
        if self._skipped:
            skipped, self._skipped = Skipped(answers=self._skipped), 0
            return skipped
        return self._waiting.popleft()


class Feed:
    """One feed, read until either side ends it.

    Args:
        request: whose body it is.
        boundary: between its parts.
        sender: who it is.
        services: of the application.

    Attributes:
        answers: to be said while it runs; closed at its end.
    """

    def __init__(self, request: Request, boundary: bytes, sender: Sender, services: Services) -> None:
        limits = services.settings.stream
        self.answers = Answers()
        self._sender = sender
        self._services = services
        self._standing = Standing(sender, services)
        self._window = Window(limits.window_frames, limits.window_bytes)
        self._body = request.stream()
        self._parts = feed_parts(self._chunks(), boundary, MAX_PHOTO_BYTES)
        self._first: bytes | None = None
        self._accepted = 0
        self._refused = 0

    async def begun(self) -> None:
        """Wait for the first bytes: a sender that asks whether to go on (``Expect``) is told so before any answer.

        Raises:
            BodyStalledError: when none come.
        """
        self._first = await anext(self._body, b"")

    async def run(self) -> None:
        """Read it. However it ends, parts that had arrived are finished first and each gets its answer."""
        view = SenderView.of(self._sender, self._services.settings.stream)
        self.answers.put(Hello(**view.model_dump()))
        try:
            async with asyncio.TaskGroup() as answers, aclosing(self._parts):
                end = await first_of(self._read(answers), self._standing.until_lost())
        except* Exception:
            logger.exception("a feed of customer %s failed", self._sender.customer_id)
            end = FAILED
        self.answers.put(FeedEnd(reason=end.slug, detail=end.reason, accepted=self._accepted, refused=self._refused))
        self.answers.close()

    async def _chunks(self) -> AsyncGenerator[bytes]:
        if self._first:
            yield self._first
        async for chunk in self._body:
            yield chunk

    async def _read(self, answers: asyncio.TaskGroup) -> End:
        seq = 0
        while True:
            await self._window.opened()
            try:
                part = await anext(self._parts)
            except StopAsyncIteration:
                return NORMAL
            except ClientDisconnect:
                return End(NORMAL.code, "gone", "The connection broke.")
            except BodyStalledError as error:
                return End(NORMAL.code, "stalled", error.detail)
            seq += 1
            if (end := await self._standing.lost()) is not None:
                if isinstance(part, FilePart):
                    part.close()
                return end
            if isinstance(part, FilePart) and not part.too_large:
                self._window.enter(part.size)
                answers.create_task(self._answer(seq, part))
            else:
                self._refuse(seq, self._unreadable(part))

    async def _answer(self, seq: int, part: FilePart) -> None:
        try:
            signed = await self._services.frames.accept(self._sender, part.filename or None, part.size, part.read)
        except PhotoRefusedError as error:
            self._refuse(seq, FrameError.of(error))
        except SlowDownError as error:
            self._refuse(seq, FrameError.too_fast(error))
        else:
            receipt = FrameReceipt.of(signed, self._services.settings.web.public_url)
            self._accepted += 1
            self._standing.accepted()
            self.answers.put(Acknowledgement(seq=seq, receipt=receipt))
        finally:
            part.close()
            self._window.leave(part.size)

    def _unreadable(self, part: FilePart | BrokenPart) -> FrameError:
        if isinstance(part, FilePart):
            detail = f"more than {MAX_PHOTO_BYTES} bytes"
            return FrameError.of(self._services.frames.refuse(RejectReason.TOO_LARGE, detail))
        return FrameError(reason="broken_part", detail=part.detail, retry=False)

    def _refuse(self, seq: int, error: FrameError) -> None:
        self._refused += 1
        self._standing.refused()
        self.answers.put(Acknowledgement(seq=seq, error=error))


def _line(answer: BaseModel) -> bytes:
    return answer.model_dump_json(exclude_none=True).encode() + b"\n"
