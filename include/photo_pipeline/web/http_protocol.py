"""uvicorn's HTTP protocol with bounds: ``uvicorn --http photo_pipeline.web.http_protocol:BoundedHttp``.

uvicorn's own reads a head of any size for as long as somebody sends it, answers any number of requests that were sent
at once, and waits without end for a client that is silent or does not read. None of that needs a log-in.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from photo_pipeline.web.problems import ProblemError, respond, unavailable
from photo_pipeline.web.server_limits import limits_in
from photo_pipeline.web.unread_answers import UnreadAnswer

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

MAX_HEADERS = 1000
PIPELINED = 16
"""Requests that may wait behind the one that is being answered. Browsers send none; a flood would cost memory."""
SOCKET_HEADERS, SOCKET_LINE = 128, 8190
"""What the library that reads WebSockets takes of a head, and says nothing about where there is more."""
LINGER_SECONDS = 5.0
"""A refused sender is read on for so long, unheard: one that writes first would otherwise lose the answer."""
REST_SECONDS = 30.0
"""So long what is left of a body may still come after its answer, unheard."""


class BoundedHttp(HttpToolsProtocol):
    """One connection. Heads and their time, pipelined requests, connections and unread answers are bounded."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits_in(app_state)
        self._refusal: ProblemError | None = None
        self._refused = False
        self._reads_head = True
        self._chunk = _Chunk()
        self._head_size = self._head_count = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._unread = UnreadAnswer(self.loop)
        self.idle_since = self.loop.time()

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return not self.pipeline and (self.cycle is None or self.cycle.response_complete)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin, where there is room."""
        super().connection_made(transport)
        if self._makes_room():
            self._expect(self._limits.head_seconds)
        else:
            self._refuse(unavailable("too_many_connections", "There are too many connections just now."))

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._expect(None)
        self._unread.is_read()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, as long as it leads somewhere."""
        if self._refused or self.transport.is_closing():
            return
        self._chunk.begin(len(data))
        super().data_received(data)
        if self._refused or self.transport.is_closing():
            return
        if self._chunk.fruitless > self._limits.head_bytes:
            self._refuse(_head_too_large(self._limits.head_bytes))
        elif self.is_idle and self._deadline is None:
            self._expect(self._limits.head_seconds if self._reads_head else REST_SECONDS)

    def on_message_begin(self) -> None:
        """Another request."""
        self._chunk.message_began()
        if len(self.pipeline) >= PIPELINED:
            self._give_up(ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "pipelined", "Too many requests at once."))
        self._reads_head = True
        self._head_size = self._head_count = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Part of the request's target."""
        self._add_to_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer behind a body in pieces."""
        self._head_count += 1
        self._add_to_head(len(name) + len(value) + len(": \r\n"))
        if self._reads_head:  # trailers are no headers: whoever checked those has not seen these
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there: its time no longer runs."""
        self._reads_head = False
        self._chunk.came_to_something()
        self._expect(None)
        if self.parser.should_upgrade() and self._should_upgrade():
            self._check_upgrade()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        self._chunk.came_to_something()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """All of the request is there: what comes next is another's head."""
        self._reads_head = True
        self._chunk.came_to_something()
        self._expect(None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Answered."""
        self.idle_since = self.loop.time()
        super().on_response_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over; what is bounded from now on is the other protocol's affair."""
        self._expect(None)
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        """The client reads more slowly than it is answered."""
        super().pause_writing()
        if self.scope is None or self.scope.get("path") not in self._limits.unread:
            self._unread.waits(self.transport, self._limits.answer_stall_seconds)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        self._unread.is_read()

    def send_400_response(self, msg: str) -> None:
        """What cannot be read, or was given up while it was."""
        self._refuse(self._refusal or ProblemError(HTTPStatus.BAD_REQUEST, "not_http", msg))

    def _add_to_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > self._limits.head_bytes or self._head_count > MAX_HEADERS:
            self._give_up(_head_too_large(self._limits.head_bytes))

    def _check_upgrade(self) -> None:
        target = len(self.parser.get_method()) + len(self.url) + len("  HTTP/1.1")
        lines = [target, *(len(name) + len(value) + len(": ") for name, value in self.headers)]
        if max(lines) > SOCKET_LINE or len(self.headers) > SOCKET_HEADERS:
            self._give_up(_head_too_large(SOCKET_LINE))

    def _give_up(self, problem: ProblemError) -> None:
        """Leave the parser, which takes any exception for an error of its own and has it answered by the above."""
        self._refusal = problem
        raise problem

    def _makes_room(self) -> bool:
        """Whether there is room for this connection, or the one that has been idle for longest can make some."""
        if len(self.connections) <= self._limits.connections:
            return True
        idle = [
            other
            for other in self.connections
            if isinstance(other, BoundedHttp)
            and other is not self
            and other.is_idle
            and not other.transport.is_closing()
        ]
        if not idle:
            return False
        min(idle, key=lambda other: other.idle_since).transport.close()
        return True

    def _expect(self, seconds: float | None) -> None:
        """Have something come within so many seconds, or nothing any more."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._is_late)

    def _is_late(self) -> None:
        self._deadline = None
        if self._reads_head and self._chunk.fruitless and self.is_idle:
            detail = f"The request's head was not complete within {self._limits.head_seconds:g} seconds."
            self._refuse(ProblemError(HTTPStatus.REQUEST_TIMEOUT, "head_too_slow", detail))
        else:
            self.transport.close()

    def _refuse(self, problem: ProblemError) -> None:
        """Answer and close. Within another answer nothing can be said: it would pass for part of that."""
        self._refused = True
        self._expect(None)
        if not self.is_idle or not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write(self._as_bytes(problem))
        self.transport.write_eof()
        self._deadline = self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def _as_bytes(self, problem: ProblemError) -> bytes:
        answer = respond({}, problem)
        lines = [f"HTTP/1.1 {problem.status.value} {problem.status.phrase}".encode()]
        headers = [*self.server_state.default_headers, *answer.raw_headers, (b"connection", b"close")]
        lines += [name + b": " + value for name, value in headers]
        return b"\r\n".join([*lines, b"", bytes(answer.body)])


class _Chunk:
    """How many bytes have come to nothing yet: neither a complete head nor part of a body."""

    def __init__(self) -> None:
        self.fruitless = 0
        self._size = 0
        self._is_fresh = True

    def begin(self, size: int) -> None:
        """More bytes, unparsed so far."""
        self.fruitless += size
        self._size = size
        self._is_fresh = True

    def message_began(self) -> None:
        """A head begins. Where in these bytes is not known, unless it is the first thing in them."""
        self.fruitless = self._size if self._is_fresh else 0

    def came_to_something(self) -> None:
        """What was read up to here is accounted for."""
        self.fruitless = 0
        self._is_fresh = False


def _head_too_large(limit: int) -> ProblemError:
    detail = f"The request's head has more than {limit} bytes, or too many headers."
    return ProblemError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", detail)
