"""uvicorn's WebSocket protocol with bounds: ``uvicorn --ws photo_pipeline.web.websocket_protocol:BoundedWebSocket``.

uvicorn's own parses everything that has arrived before it looks whether anybody wants to read on, and answers pings and
gathers pieces of messages without counting them. Pieces of two bytes cost a hundred times what they bring.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from photo_pipeline.web.buckets import Bucket
from photo_pipeline.web.server_limits import limits_in
from photo_pipeline.web.unread_answers import UnreadAnswer

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
    from uvicorn.config import Config
    from uvicorn.server import ServerState

SMALL_BYTES = 1024
"""A frame of at least so many bytes pays for itself: the limits of bytes hold it."""
PIECE = 16 * 1024
"""So much is parsed before it is looked again whether to go on: what one connection may do at a time."""


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """One connection. Whoever sends small frames too fast, or does not read what is answered, is read more slowly."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits_in(app_state)
        self._small = Bucket(self._limits.small_frames, self.loop.time())
        self._unparsed = b""
        self._pause: asyncio.TimerHandle | None = None
        self._unread = UnreadAnswer(self.loop)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._unparsed = b""
        self._unread.is_read()
        if self._pause is not None:
            self._pause.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come, and parse it as far as may be."""
        self._unparsed += data
        self._go_on()

    async def receive(self) -> ASGIReceiveEvent:
        """The next message."""
        message = await super().receive()
        self._go_on()
        return message

    async def send(self, message: ASGISendEvent) -> None:
        """Say something."""
        await super().send(message)
        self._go_on()

    def pause_writing(self) -> None:
        """The client reads more slowly than it is answered."""
        super().pause_writing()
        self._unread.waits(self.transport, self._limits.answer_stall_seconds)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        self._unread.is_read()
        self._go_on()

    def handle_events(self) -> None:
        """Count what was parsed, then deal with it."""
        small = sum(isinstance(event, Frame) and len(event.data) < SMALL_BYTES for event in self.conn.events)
        super().handle_events()
        if small:
            self._count(small)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            # It is no request of a WebSocket after all. The library has an answer, which uvicorn does not send.
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    def _count(self, small: int) -> None:
        now = self.loop.time()
        self._small.wait_for(0, now)
        self._small.take(small)
        if (wait := self._small.wait_for(0, now)) > 0:
            self._pause = self.loop.call_later(wait, self._resume)

    def _resume(self) -> None:
        self._pause = None
        self._go_on()

    def _go_on(self) -> None:
        while self._unparsed and self._may_parse() and not self.transport.is_closing():
            piece, self._unparsed = self._unparsed[:PIECE], self._unparsed[PIECE:]
            super().data_received(piece)
        if self.transport.is_closing():
            self._unparsed = b""
            return
        if self._unparsed or not self._may_parse():
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def _may_parse(self) -> bool:
        opening = self.handshake_initiated and not self.handshake_complete
        held = self._pause is not None or self.read_paused or not self.writable.is_set()
        return not (opening or held)
