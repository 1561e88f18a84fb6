"""Steady uploads and streaming from customers who keep what they got and try again where they got nothing."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from io import BytesIO
from random import Random
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx
from PIL import Image

from local_stack.services.asking import NO_AUTHORITIES

PASSWORD = "correct horse battery"
REQUEST_SECONDS = 30.0
TRIES = 20
REPEATED = 0.1
"""Share of photos that are sent a second time after they were accepted: duplicates."""
BROKEN = 0.05
"""Share of files that begin as a JPEG and end in the middle: they are accepted, and rejected later."""


@dataclass(frozen=True, slots=True)
class Held:
    """A receipt, with what it was given for.

    Attributes:
        topic, partition, offset: where Kafka has the record, as the receipt says.
        photo_id: as the receipt says.
        sha256: of what was sent, computed here.
        customer_id: whose it is.
        is_photo: whether it can be decoded.
        token: the receipt's own proof.
    """

    topic: str
    partition: int
    offset: int
    photo_id: str
    sha256: str
    customer_id: str
    is_photo: bool
    token: str


class Sender:
    """A customer with a session and a device.

    Args:
        api: address of the upload API.
        stream: address of the stream application.
    """

    def __init__(self, api: str, stream: str) -> None:
        self.http = httpx.Client(
            base_url=f"{api}/api/v1", timeout=REQUEST_SECONDS, verify=NO_AUTHORITIES, trust_env=False
        )
        account = {"email": f"{uuid4()}@example.org", "password": PASSWORD}
        customer = self.http.post("/customers", json={**account, "display_name": "Chaos"}).raise_for_status().json()
        self.customer_id = str(customer["customer_id"])
        self._token = self.http.post("/session", json=account).raise_for_status().json()["access_token"]
        self.http.cookies.clear()
        self.http.headers["Authorization"] = f"Bearer {self._token}"
        device = self.http.post("/devices", json={"name": "camera"}).raise_for_status().json()["token"]
        headers = {"Authorization": f"Bearer {device}"}
        self._frames = httpx.Client(
            base_url=f"{stream}/api/v1",
            headers=headers,
            timeout=REQUEST_SECONDS,
            verify=NO_AUTHORITIES,
            trust_env=False,
        )

    def upload(self, data: bytes) -> httpx.Response:
        """One photo through the upload API."""
        return self.http.post("/photos", files=[("files", ("chaos.jpg", data))])

    def stream(self, data: bytes) -> httpx.Response:
        """One photo through the stream application."""
        return self._frames.post("/frames", content=data, params={"filename": "chaos.jpg"})

    def close(self) -> None:
        """End the connections."""
        self.http.close()
        self._frames.close()


@dataclass
class Load:
    """Sends photos at a steady rate until the block ends.

    Attributes:
        uploader: sends through the upload API.
        camera: sends through the stream application.
        rate: photos per second of the uploader; the camera sends half as many.
        seed: makes the photos.
        held: every receipt.
        sent: sha256 of whatever was ever sent: an answer that got lost may have been "accepted".
        answers: how many requests ended how, by way and status.
        given_up: photos that were refused so often that their sender gave up.
    """

    uploader: Sender
    camera: Sender
    rate: float
    seed: int
    held: list[Held] = field(default_factory=list)
    sent: set[str] = field(default_factory=set)
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    given_up: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        for way, pause in (("upload", 1 / self.rate), ("stream", 2 / self.rate)):
            thread = threading.Thread(target=self._run, args=(way, pause), name=f"chaos-{way}")
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self, way: str, pause: float) -> None:
        random = Random(f"{self.seed} {way}")  # noqa: S311 - repeatable, not secret
        due = time.monotonic()
        while not self._ended.is_set():
            data, is_photo = _file(random)
            times = 2 if random.random() < REPEATED else 1
            for _ in range(times):
                self._send(way, data, is_photo=is_photo)
            due = max(due + pause, time.monotonic())
            self._ended.wait(due - time.monotonic())

    def _send(self, way: str, data: bytes, *, is_photo: bool) -> None:
        """Until it is accepted, as a customer's program does: what was refused is still the customer's to send."""
        sender = self.uploader if way == "upload" else self.camera
        digest = sha256(data).hexdigest()
        self.sent.add(digest)
        for _ in range(TRIES):
            answer = self._ask(way, sender, data)
            if answer is not None and answer.status_code == HTTPStatus.ACCEPTED:
                body = answer.json()
                for receipt in body["receipts"] if way == "upload" else [body]:
                    self.held.append(_held(receipt, digest, sender.customer_id, is_photo=is_photo))
                return
            if self._ended.wait(1.0):
                return
        self.given_up += 1

    def _ask(self, way: str, sender: Sender, data: bytes) -> httpx.Response | None:
        try:
            answer = sender.upload(data) if way == "upload" else sender.stream(data)
        except httpx.HTTPError as error:
            self.answers[way, type(error).__name__] += 1
            return None
        self.answers[way, str(answer.status_code)] += 1
        return answer


def _held(receipt: dict[str, Any], digest: str, customer_id: str, *, is_photo: bool) -> Held:
    return Held(
        topic=receipt["topic"],
        partition=receipt["partition"],
        offset=receipt["offset"],
        photo_id=receipt["photo_id"],
        sha256=digest,
        customer_id=customer_id,
        is_photo=is_photo,
        token=receipt["token"],
    )


def _file(random: Random) -> tuple[bytes, bool]:
    """A JPEG of 640 x 480 that nobody else has sent, or the first half of one."""
    dots = Image.frombytes("RGB", (16, 12), random.randbytes(16 * 12 * 3))
    file = BytesIO()
    dots.resize((640, 480), Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
    data = file.getvalue()
    if random.random() < BROKEN:
        return data[: len(data) // 2], False
    return data, True
