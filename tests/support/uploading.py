"""Steady uploads through HTTP, as customers make them, with every answer kept."""

import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx
from tests.support.images import encoded, scene

from local_stack.services.asking import NO_AUTHORITIES
from photo_pipeline.domain.imaging import SniffedFormat

PASSWORD = "correct horse battery"
REQUEST_SECONDS = 60.0


def signed_in(url: str, timeout: float = REQUEST_SECONDS) -> httpx.Client:
    """A client of the API as a customer who has just signed up."""
    client = httpx.Client(base_url=f"{url}/api/v1", timeout=timeout, verify=NO_AUTHORITIES, trust_env=False)
    account = {"email": f"{uuid4()}@example.org", "password": PASSWORD}
    client.post("/customers", json={**account, "display_name": "A. Customer"}).raise_for_status()
    token = client.post("/session", json=account).raise_for_status().json()["access_token"]
    client.cookies.clear()
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def photo(seed: int) -> bytes:
    """A small JPEG that differs from those of other seeds."""
    return encoded(scene(64, 48, seed), SniffedFormat.JPEG)


def upload(client: httpx.Client, data: bytes) -> httpx.Response:
    """Send one photo."""
    return client.post("/photos", files=[("files", ("a.jpg", data))])


@dataclass
class SteadyUploads:
    """Some customers who each send one photo after the other until the block ends.

    Attributes:
        url: where they send them.
        clients: how many customers.
        pause: seconds between two photos of one customer.
        receipts: what they got.
        failures: what went wrong instead, in words.
    """

    url: str
    clients: int = 2
    pause: float = 0.1
    receipts: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        for client in [signed_in(self.url) for _ in range(self.clients)]:
            thread = threading.Thread(target=self._run, args=(client,))
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def go_on(self, photos: int, seconds: float = 60) -> None:
        """Return when so many more have been accepted."""
        wanted, deadline = len(self.receipts) + photos, time.monotonic() + seconds
        while len(self.receipts) < wanted:
            assert time.monotonic() < deadline, f"{len(self.receipts)} receipts, failures {self.failures[-5:]}"
            time.sleep(0.1)

    def _run(self, client: httpx.Client) -> None:
        with closing(client):
            while not self._ended.wait(self.pause):
                try:
                    answer = upload(client, photo(uuid4().int % 2**32))
                    answer.raise_for_status()
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                else:
                    self.receipts += answer.json()["receipts"]
