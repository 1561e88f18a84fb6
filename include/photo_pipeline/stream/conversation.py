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

from photo_pipeline.domain.photo import MAX_PHOTO_BYTES
from photo_pipeline.stream.schemas import (
    Acknowledgement,
    FrameDescription,
    FrameError,
    FrameReceipt,
    Hello,
    WindowView,
)
from photo_pipeline.stream.senders import Sender
from photo_pipeline.stream.services import Services
from photo_pipeline.stream.window import Window
from photo_pipeline.web.acceptance import PhotoRefusedError

MAX_DESCRIPTION_LENGTH = 8192
_DISCONNECT = "websocket.disconnect"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class End:
    """Why a connection ends. Codes are those of RFC 6455, 7.4, and of the registry that it began."""

    code: int
    reason: str = ""


NORMAL = End(1000)
NOT_A_DESCRIPTION = End(1008, "A text message must be a JSON object that describes the next frame.")
FAILED = End(1011, "Something went wrong here.")
SESSION_ENDED = End(3000, "The session has ended.")
REVOKED = End(3000, "This device was revoked.")


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
        self._offer = WindowView(frames=limits.window_frames, bytes=limits.window_bytes)
        self._window = Window(limits.window_frames, limits.window_bytes)
        self._is_gone = False

    async def run(self) -> None:
        """Serve. However it ends, frames that are under way are finished first: each gets its answer if it can."""
        await self._say(self._hello())
        try:
            async with asyncio.TaskGroup() as answers:
                end = await self._read(answers)
        except* Exception:
            logger.exception("a stream of customer %s failed", self._sender.customer_id)
            end = FAILED
        await self._close(end)

    def _hello(self) -> Hello:
        device = self._sender.device
        return Hello(
            customer_id=self._sender.customer_id,
            device_id=None if device is None else device.device_id,
            max_frame_bytes=MAX_PHOTO_BYTES,
            window=self._offer,
        )

    async def _read(self, answers: asyncio.TaskGroup) -> End:
        seq, description = 0, FrameDescription()
        while True:
            await self._window.opened()
            message = await self._websocket.receive()
            if message["type"] == _DISCONNECT:
                self._is_gone = True
                return NORMAL
            data: bytes | None = message.get("bytes")
            if data is None:
                try:
                    description = _described(message.get("text") or "")
                except ValueError:
                    return NOT_A_DESCRIPTION
                continue
            if (end := await self._unwelcome()) is not None:
                return end
            seq += 1
            self._window.enter(len(data))
            answers.create_task(self._answer(_Frame(seq, description.filename, data)))
            description = FrameDescription()

    async def _unwelcome(self) -> End | None:
        """Whether the sender may go on: a long connection outlives what its opening proved."""
        sender = self._sender
        if not self._services.senders.is_current(sender):
            return SESSION_ENDED
        if sender.device is not None and not await self._services.devices.is_active(sender.device):
            return REVOKED
        return None

    async def _answer(self, frame: _Frame) -> None:
        size = len(frame.data)
        try:
            signed = await self._services.frames.accept(self._sender, frame.filename, size, frame.read)
            answer = Acknowledgement(seq=frame.seq, receipt=FrameReceipt.of(signed, self._public_url))
        except PhotoRefusedError as error:
            answer = Acknowledgement(seq=frame.seq, error=FrameError.of(error))
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
