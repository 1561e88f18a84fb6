"""Pushes images as a camera does, in one request without end, and reads the answers beside it. Needs Python alone.

Usage: PHOTO_STREAM_URL=http://... PHOTO_DEVICE_TOKEN=... python push_feed.py [--every SECONDS] FILE...
"""
# ruff: noqa: INP001, T201 - a script, and it talks to whoever runs it

import argparse
import json
import os
import sys
import time
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

BOUNDARY = "frame"


class Feed:
    """One request whose body is written part by part. The answers are read in a thread of their own."""

    def __init__(self, url: str, token: str) -> None:
        address = urlsplit(url)
        kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
        self._connection = kind(address.netloc)
        self._connection.putrequest("POST", "/api/v1/feed")
        self._connection.putheader("Authorization", f"Bearer {token}")
        self._connection.putheader("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self._connection.putheader("Transfer-Encoding", "chunked")
        self._connection.endheaders()
        # From here on the bare socket: the connection would close itself once it has read the answer's head.
        self._socket = self._connection.sock
        self._names: list[str] = []
        self._end: dict[str, Any] = {"reason": "broken off", "accepted": 0, "refused": 0}
        self._listener = Thread(target=self._listen, daemon=True)
        self._listener.start()
        self._write(f"--{BOUNDARY}\r\n".encode())

    def push(self, image: bytes, name: str) -> None:
        """Send one image. The boundary behind it says that it is whole."""
        self._names.append(name)
        clean = name.translate({ord(char): None for char in '"\\\r\n'})
        head = f'Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename="{clean}"\r\n\r\n'
        self._write(head.encode() + image + f"\r\n--{BOUNDARY}\r\n".encode())

    def close(self) -> dict[str, Any]:
        """End the feed; what the server says at its end."""
        self._socket.sendall(b"0\r\n\r\n")
        self._listener.join()
        self._connection.close()
        return self._end

    def _write(self, data: bytes) -> None:
        self._socket.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _listen(self) -> None:
        try:
            response = HTTPResponse(self._socket, method="POST")
            response.begin()
            if response.status == 200:  # noqa: PLR2004 - the only status that is good
                self._hear(response)
            else:
                self._end["reason"] = f"refused with status {response.status}: {response.read().decode()}"
        except (OSError, HTTPException) as error:
            self._end["reason"] = f"the connection broke: {error}"

    def _hear(self, response: HTTPResponse) -> None:
        for line in response:
            answer = json.loads(line)
            if answer["type"] == "end":
                self._end = answer
            elif answer["type"] == "ack":
                name = self._names[answer["seq"] - 1]
                receipt = answer.get("receipt")
                said = answer["error"]["detail"] if receipt is None else f"photo {receipt['photo_id']} is safe"
                print(f"{name}: {said}", flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Push images as a camera's feed.")
    parser.add_argument("--every", type=float, default=0, metavar="SECONDS", help="pause between two images")
    parser.add_argument("files", type=Path, nargs="+")
    options = parser.parse_args()
    try:
        url, token = os.environ["PHOTO_STREAM_URL"], os.environ["PHOTO_DEVICE_TOKEN"]
    except KeyError as error:
        parser.error(f"set {error.args[0]}")
    try:
        feed = Feed(url, token)
        for file in options.files:
            feed.push(file.read_bytes(), file.name)
            time.sleep(options.every)
        end = feed.close()
    except OSError as error:
        sys.exit(f"the feed broke off: {error}")
    print(f"{end['accepted']} accepted, {end['refused']} refused")
    if end["reason"] != "complete":
        sys.exit(f"the feed ended: {end['reason']}")


if __name__ == "__main__":
    main()
