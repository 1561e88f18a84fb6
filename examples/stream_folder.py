"""Streams the images of a folder over one WebSocket connection, and goes on where it was when that is lost.

Usage: PHOTO_STREAM_URL=http://... PHOTO_DEVICE_TOKEN=... python stream_folder.py FOLDER

An image is done when its answer has come: a receipt, or an error that says it is no good. Images whose answer is
missing when the connection breaks are sent again; the same image twice is the same photo, so that is always safe.
"""
# ruff: noqa: INP001, T201 - a script, and it talks to whoever runs it

import asyncio
import json
import os
import sys
from collections import deque
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

SUBPROTOCOL = "photo-stream.v1"
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif", ".heic", ".heif"}
PAUSE_SECONDS = 2.0


class Sender:
    """Sends images and keeps each until its answer has come."""

    def __init__(self, images: list[Path]) -> None:
        self._waiting = deque(images)
        self._on_the_way: dict[int, Path] = {}
        self.accepted = 0
        self.refused = 0

    @property
    def is_done(self) -> bool:
        """Whether every image has its answer."""
        return not self._waiting and not self._on_the_way

    async def talk(self, stream: ClientConnection) -> None:
        """Send and listen until all images are answered or the connection ends."""
        # The numbers begin anew with each connection; what was on the way is sent again, first.
        self._waiting.extendleft(reversed(self._on_the_way.values()))
        self._on_the_way.clear()
        hello = json.loads(await stream.recv())
        sent = 0
        while not self.is_done:
            while self._waiting and len(self._on_the_way) < hello["window"]["frames"]:
                sent += 1
                await self._send(stream, sent)
            await self._hear(json.loads(await stream.recv()))

    async def _send(self, stream: ClientConnection, seq: int) -> None:
        image = self._waiting.popleft()
        self._on_the_way[seq] = image
        await stream.send(json.dumps({"filename": image.name}))
        await stream.send(await asyncio.to_thread(image.read_bytes))

    async def _hear(self, answer: dict[str, Any]) -> None:
        image = self._on_the_way.pop(answer["seq"])
        if "receipt" in answer:
            receipt = answer["receipt"]
            self.accepted += 1
            print(f"{image.name}: photo {receipt['photo_id']} is safe at {receipt['partition']}/{receipt['offset']}")
        elif answer["error"]["retry"]:
            self._waiting.append(image)
            await asyncio.sleep(answer["error"].get("retry_after", PAUSE_SECONDS))
        else:
            self.refused += 1
            print(f"{image.name}: {answer['error']['detail']}")


async def stream_all(url: str, token: str, images: list[Path]) -> Sender:
    """Send all images, over as many connections as it takes."""
    sender = Sender(images)
    address = url.replace("http", "ws", 1) + "/api/v1/stream"
    headers = {"Authorization": f"Bearer {token}"}
    while not sender.is_done:
        try:
            async with connect(address, subprotocols=[SUBPROTOCOL], additional_headers=headers) as stream:  # type: ignore[list-item] # a Subprotocol is a string
                await sender.talk(stream)
        except (ConnectionClosed, OSError) as error:
            if isinstance(error, ConnectionClosed) and error.rcvd is not None and error.rcvd.code in {1009, 3000}:
                sys.exit(f"the server ended the connection: {error.rcvd.reason}")
            print(f"the connection was lost ({error}); trying again", file=sys.stderr)
            await asyncio.sleep(PAUSE_SECONDS)
        except InvalidStatus as error:
            sys.exit(f"the server refused the connection with status {error.response.status_code}")
    return sender


def main() -> None:
    """Read the command line."""
    try:
        url, token = os.environ["PHOTO_STREAM_URL"], os.environ["PHOTO_DEVICE_TOKEN"]
        folder = Path(sys.argv[1])
    except (KeyError, IndexError):
        sys.exit("usage: PHOTO_STREAM_URL=http://... PHOTO_DEVICE_TOKEN=... python stream_folder.py FOLDER")
    images = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not images:
        sys.exit(f"there are no images in {folder}")
    sender = asyncio.run(stream_all(url, token, images))
    print(f"{sender.accepted} accepted, {sender.refused} refused")


if __name__ == "__main__":
    main()
