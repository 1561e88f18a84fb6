"""One long connection: frames come in, each is answered, and no more is read than may wait for its answer.

The protocol, over a WebSocket with the subprotocol ``photo-stream.v1``: the server says ``hello``; the sender sends
each image as one binary message, before which a text message may describe it; the server answers each with an ``ack``
that carries its number and a receipt or an error.
"""

import asyncio
import logging
from dataclasses import dataclass

from fastapi import WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ValidationError
from starlette.types import Message

from photo_pipeline.stream.limits import SlowDownError
from photo_pipeline.stream.schemas import (
    Acknowledgement,
    FrameDescription,
    FrameError,
    FrameReceipt,
    Hello,
    SenderView,
)
from photo_pipeline.stream.senders import Sender
from photo_pipeline.stream.services import Services
from photo_pipeline.stream.standing import FAILED, NORMAL, NOT_A_DESCRIPTION, End, Standing, first_of
from photo_pipeline.stream.window import Window
from photo_pipeline.web.acceptance import PhotoRefusedError

MAX_DESCRIPTION_LENGTH = 8192
_DISCONNECT = "websocket.disconnect"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Frame:
    seq: int
    filename: str | None
    data: bytes

    async def read(self) -> bytes:
        return self.data


class Conversation:
    """Serves one sender until either side ends it.

    Args:
        websocket: accepted already.
        sender: who opened it.
        services: of the application.
    """

    def __init__(self, websocket: WebSocket, sender: Sender, services: Services) -> None:
        self._websocket = websocket
        self._sender = sender
        self._services = services
        self._public_url = services.settings.web.public_url
        limits = services.settings.stream
        self._standing = Standing(sender, services)
        self._window = Window(limits.window_frames, limits.window_bytes)
        self._is_gone = False

    async def run(self) -> None:
        """Serve. However it ends, frames that are under way are finished first: each gets its answer if it can."""
        view = SenderView.of(self._sender, self._services.settings.stream)
        await self._say(Hello(**view.model_dump()))
        try:
            async with asyncio.TaskGroup() as answers:
                end = await first_of(self._read(answers), self._standing.until_lost())
        except* Exception:
            logger.exception("a stream of customer %s failed", self._sender.customer_id)
            end = FAILED
        await self._close(end)

    async def _read(self, answers: asyncio.TaskGroup) -> End:
        seq = 0
        description: FrameDescription | None = None
        while True:
            await self._window.opened()
            message = await self._websocket.receive()
            if message["type"] == _DISCONNECT:
                self._is_gone = True
                return NORMAL
            data: bytes | None = message.get("bytes")
            if data is None:
                if description is not None:
                    self._count(message)
                try:
                    description = _described(message.get("text") or "")
                except ValueError:
                    return NOT_A_DESCRIPTION
                await asyncio.sleep(0)  # others' turn: what has arrived already is received without waiting
                continue
            if (end := await self._standing.lost()) is not None:
                return end
            seq += 1
            self._window.enter(len(data))
            filename = None if description is None else description.filename
            answers.create_task(self._answer(_Frame(seq, filename, data)))
            description = None

    def _count(self, message: Message) -> None:
        """A description after another is no frame's: it counts as a frame itself."""
        try:
            self._services.frames.count(self._sender, len(message.get("text") or ""))
        except SlowDownError:
            self._standing.refused()

    async def _answer(self, frame: _Frame) -> None:
        size = len(frame.data)
        try:
            signed = await self._services.frames.accept(self._sender, frame.filename, size, frame.read)
        except PhotoRefusedError as error:
            answer = Acknowledgement(seq=frame.seq, error=FrameError.of(error))
        except SlowDownError as error:
            answer = Acknowledgement(seq=frame.seq, error=FrameError.too_fast(error))
            self._standing.refused()
        else:
            answer = Acknowledgement(seq=frame.seq, receipt=FrameReceipt.of(signed, self._public_url))
            self._standing.accepted()
        await self._say(answer)
        # After the answer: a sender that does not read its answers is not read from either.
        self._window.leave(size)

    async def _say(self, message: BaseModel) -> None:
        if self._is_gone:
            return
        try:
            await self._websocket.send_text(message.model_dump_json(exclude_none=True))
        except (WebSocketDisconnect, RuntimeError):  # starlette's two ways to say that the other side is gone
            self._is_gone = True

    async def _close(self, end: End) -> None:
        if self._is_gone:
            return
        try:
            await self._websocket.close(end.code, end.reason)
        except (WebSocketDisconnect, RuntimeError):  # as above
            self._is_gone = True


def _described(text: str) -> FrameDescription:
    """What a text message says of the next frame.

    Raises:
        ValueError: when it is something else.
    """
    if len(text) > MAX_DESCRIPTION_LENGTH:
        raise ValueError("too long")
    try:
        return FrameDescription.model_validate_json(text)
    except ValidationError as error:
        raise ValueError("not a description") from error
