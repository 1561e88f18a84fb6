"""A camera of a customer: pushes frames to the stream application, one per request or many over one WebSocket."""

from __future__ import annotations

import json
import time
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from local_stack.demo.customer import Receipt, Refusal, send
from local_stack.demo.errors import NotUpError, RequestRefusedError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

    from local_stack.demo.corpus import PhotoFile

SUBPROTOCOL = Subprotocol("photo-stream.v1")
REQUEST_SECONDS = 60.0
TRIES = 6
PAUSE_SECONDS = 2.0
MAX_ANSWER_BYTES = 1024 * 1024
FRAME_IS_NO_PHOTO = (
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)


Answers = tuple[list[Receipt], list[Refusal]]


class Camera:
    """One device.

    Args:
        url: The stream application.
        token: The device's, from the upload API.
        trusted: Whose certificates to take; the system's authorities' where left out.
    """

    def __init__(self, url: str, token: str, trusted: ssl.SSLContext | None = None) -> None:
        self._url = url
        self._trusted = trusted
        self._headers = {"Authorization": f"Bearer {token}"}

    def post(self, frames: Iterable[PhotoFile], answered: Callable[[], object]) -> Answers:
        """Send one request per frame; return the receipts, and the frames that are no photos.

        Raises:
            RequestRefusedError: Something else is wrong than the frame.
        """
        receipts: list[Receipt] = []
        refused: list[Refusal] = []
        with httpx.Client(
            base_url=f"{self._url}/api/v1",
            headers=self._headers,
            timeout=REQUEST_SECONDS,
            trust_env=False,
            verify=self._trusted or True,
        ) as client:
            for frame in frames:
                answer = send(client, "POST", "/frames", content=frame.data, params={"filename": frame.name})
                if answer.status_code in FRAME_IS_NO_PHOTO:
                    refused.append(Refusal(frame.name, _reason(answer.json()), answer.json()["detail"]))
                elif answer.is_error:
                    raise RequestRefusedError(f"POST /frames ({frame.name})", answer.status_code, answer.text)
                else:
                    receipts.append(Receipt.of(answer.json()))
                answered()
        return receipts, refused

    def stream(self, frames: Iterable[PhotoFile], answered: Callable[[], object]) -> Answers:
        """Send all frames over one WebSocket, not waiting for one's answer before the next.

        Raises:
            RequestRefusedError: A frame was put off too often.
            NotUpError: The connection broke.
        """
        address = f"ws{self._url.removeprefix('http')}/api/v1/stream"
        try:
            with connect(
                address,
                additional_headers=self._headers,
                subprotocols=[SUBPROTOCOL],
                max_size=MAX_ANSWER_BYTES,
                proxy=None,
                ssl=self._trusted,
            ) as socket:
                return _Window(socket, answered).send_all(frames)
        except (WebSocketException, OSError) as error:
            raise NotUpError(f"the stream application at {address} broke off ({error})") from error


class _Window:
    """Keeps as much on its way as the server allows, and notes what comes back."""

    def __init__(self, socket: ClientConnection, answered: Callable[[], object]) -> None:
        hello = json.loads(socket.recv(REQUEST_SECONDS))
        self._socket = socket
        self._answered = answered
        self._max_frames = int(hello["window"]["frames"])
        self._max_bytes = int(hello["window"]["bytes"])
        self._sent = 0
        self._waiting: dict[int, tuple[PhotoFile, int]] = {}
        self._again: deque[tuple[PhotoFile, int]] = deque()
        self._receipts: list[Receipt] = []
        self._refused: list[Refusal] = []

    def send_all(self, frames: Iterable[PhotoFile]) -> Answers:
        """Send the frames and wait for every acknowledgement."""
        for frame in frames:
            self._send(frame, 1)
        while self._waiting or self._again:
            if self._again:
                time.sleep(PAUSE_SECONDS)
                self._send(*self._again.popleft())
            else:
                self._receive()
        return self._receipts, self._refused

    def _send(self, frame: PhotoFile, attempt: int) -> None:
        while self._waiting and not self._has_room(len(frame.data)):
            self._receive()
        self._socket.send(json.dumps({"filename": frame.name}))
        self._socket.send(frame.data)
        self._sent += 1
        self._waiting[self._sent] = (frame, attempt)

    def _has_room(self, size: int) -> bool:
        on_the_way = sum(len(frame.data) for frame, _ in self._waiting.values())
        return len(self._waiting) < self._max_frames and on_the_way + size <= self._max_bytes

    def _receive(self) -> None:
        answer: dict[str, Any] = json.loads(self._socket.recv(REQUEST_SECONDS))
        frame, attempt = self._waiting.pop(answer["seq"])
        error = answer.get("error")
        if error is not None and error["retry"]:
            if attempt == TRIES:
                raise RequestRefusedError(f"the frame {frame.name}", 503, error["detail"])
            self._again.append((frame, attempt + 1))
            return
        if error is None:
            self._receipts.append(Receipt.of(answer["receipt"]))
        else:
            self._refused.append(Refusal(frame.name, error["reason"], error["detail"]))
        self._answered()


def _reason(problem: dict[str, Any]) -> str:
    return str(problem.get("reason") or problem["type"].rpartition(":")[2])
