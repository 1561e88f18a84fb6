"""The stream application from outside: a device's photos reach its customer's gallery, whichever way they were sent."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.support.images import encoded, scene
from tests.support.stream_process import stream_process
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from local_stack import Endpoints
from photo_pipeline.domain.imaging import SniffedFormat

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
PATIENCE = 120.0
"""Seconds after which a photo that is not in the gallery counts as lost."""


class Customer:
    """A customer of this test, with a device, at the shell."""

    def __init__(self, stack: Endpoints, stream_url: str, api: httpx.Client) -> None:
        self._environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PHOTO_API_URL": stack.api_url,
            "PHOTO_STREAM_URL": stream_url,
            "KAFKA_BOOTSTRAP_SERVERS": stack.kafka_bootstrap_servers,
            "PHOTO_EMAIL": f"{uuid4()}@example.org",
            "PHOTO_PASSWORD": "correct horse battery",
        }
        self.token = self.run("make_device.sh", "front door").strip()
        self._environment["PHOTO_DEVICE_TOKEN"] = self.token
        self.api = api
        logged_in = self.api.post("/session", json=self._log_in).raise_for_status()
        self.api.cookies.clear()
        self.api.headers["Authorization"] = f"Bearer {logged_in.json()['access_token']}"

    @property
    def _log_in(self) -> dict[str, str]:
        return {"email": self._environment["PHOTO_EMAIL"], "password": self._environment["PHOTO_PASSWORD"]}

    def run(self, example: str, *arguments: str) -> str:
        """Run an example as its README says; what it printed."""
        interpreter = [sys.executable] if example.endswith(".py") else []
        command = [*interpreter, str(EXAMPLES / example), *arguments]
        done = subprocess.run(  # noqa: S603 - the project's own examples
            command, env=self._environment, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def gallery(self) -> list[dict[str, Any]]:
        """The customer's processed photos."""
        photos: list[dict[str, Any]] = self.api.get("/photos").raise_for_status().json()["photos"]
        return photos


@pytest.fixture(scope="module")
def stream_url(full_stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the stream application as it is in this checkout, which hears of a revocation soon."""
    log = tmp_path_factory.mktemp("stream") / "stream.log"
    with stream_process(full_stack, log, device_fresh_seconds="0.5") as url:
        yield url


@pytest.fixture
def customer(full_stack: Endpoints, stream_url: str) -> Iterator[Customer]:
    """Give a customer who has just signed up."""
    with closing(httpx.Client(base_url=f"{full_stack.api_url}/api/v1", timeout=30, trust_env=False)) as api:
        yield Customer(full_stack, stream_url, api)


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something becomes true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.5)


def test_photos_sent_in_every_way_arrive_in_the_gallery(customer: Customer, tmp_path: Path) -> None:
    """With every example, and so in every way that there is: each photo is there, byte for byte, as streamed."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    files = {}
    for number in range(13):
        path = folder / f"Bild {number}.jpg"
        path.write_bytes(encoded(scene(320, 240, seed=uuid4().int), SniffedFormat.JPEG))
        files[path] = sha256(path.read_bytes()).hexdigest()
    single, straight, *feed = sorted(files)[:6]
    customer.run("push_frames.sh", str(single))
    key = tmp_path / "key.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(key)], check=True)  # noqa: S603, S607 - as in examples/README.md
    device = customer.run("make_device.sh", "straight", str(key)).strip()
    signed = ("--device", device, "--key", str(key))
    customer.run("kafka_producer.py", "--customer", customer.run("customer_id.sh").strip(), *signed, str(straight))
    said = customer.run("push_feed.sh", *map(str, feed[:2]))
    assert [json.loads(line)["type"] for line in said.splitlines()] == ["hello", "ack", "ack", "end"]
    assert "2 accepted, 0 refused" in customer.run("push_feed.py", *map(str, feed[2:]))
    said = customer.run("stream_folder.py", str(folder))
    assert "13 accepted, 0 refused" in said
    eventually(lambda: len(customer.gallery()) == len(files))
    photos = customer.gallery()
    assert {photo["sha256"] for photo in photos} == set(files.values())
    assert {photo["source"] for photo in photos} == {"stream"}
    assert {photo["filename"] for photo in photos} == {path.name for path in files}
    original = customer.api.get(f"/photos/{photos[0]['photo_id']}/original").raise_for_status().content
    assert sha256(original).hexdigest() == photos[0]["sha256"]


def test_a_receipt_of_the_stream_is_good_at_the_upload_api(customer: Customer, stream_url: str) -> None:
    """The status that the receipt points to becomes processed."""
    photo = encoded(scene(320, 240, seed=uuid4().int), SniffedFormat.JPEG)
    headers = {"Authorization": f"Bearer {customer.token}"}
    answer = httpx.post(f"{stream_url}/api/v1/frames", content=photo, headers=headers, trust_env=False)
    assert answer.status_code == 202, answer.text
    url = answer.json()["status_url"]
    eventually(lambda: customer.api.get(url).raise_for_status().json()["status"] == "processed")


def test_a_revoked_device_may_not_push(customer: Customer, stream_url: str) -> None:
    """Its open connections end, also while nothing is sent, and its token is refused, though signed and in date."""
    headers = {"Authorization": f"Bearer {customer.token}"}
    with stream(stream_url, customer.token) as idle, stream(stream_url, customer.token) as busy:
        for connection in (idle, busy):
            assert json.loads(connection.recv(PATIENCE))["type"] == "hello"
        (device,) = customer.api.get("/devices").raise_for_status().json()["devices"]
        customer.api.delete(f"/devices/{device['device_id']}").raise_for_status()
        photo = encoded(scene(320, 240, seed=uuid4().int), SniffedFormat.JPEG)
        with pytest.raises(ConnectionClosed) as closed:
            push_without_end(busy, photo)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (3000, "This device was revoked.")
        with pytest.raises(ConnectionClosed):
            idle.recv(PATIENCE)
    answer = httpx.post(f"{stream_url}/api/v1/frames", content=b"x", headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["detail"]) == (401, "This device was revoked.")


def stream(stream_url: str, token: str) -> ClientConnection:
    """A long connection."""
    address = stream_url.replace("http", "ws", 1) + "/api/v1/stream"
    return connect(address, additional_headers={"Authorization": f"Bearer {token}"}, proxy=None)


def push_without_end(connection: ClientConnection, photo: bytes) -> None:
    """Send the same photo again and again, until the connection ends."""
    while True:
        connection.send(photo)
        connection.recv(PATIENCE)
