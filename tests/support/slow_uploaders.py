"""Many senders on slow lines, in a process of their own: ``slow_uploaders.py URL AUTHORIZATION SENDERS PIECES BYTES``.

Prints the status of each upload. A receipt for other bytes than those sent ends it with an error.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from hashlib import sha256
from io import BytesIO

import httpx
from PIL import Image

PAUSE_SECONDS = 0.5
TRIES = 5
CONTENT_TYPE = "multipart/form-data; boundary=slow"
OPENING = b'--slow\r\nContent-Disposition: form-data; name="files"; filename="slow.jpg"\r\n\r\n'
CLOSING = b"\r\n--slow--\r\n"


def photo(number: int, length: int) -> bytes:
    """A JPEG with a tail that makes it this sender's own."""
    file = BytesIO()
    Image.new("RGB", (640, 480), "teal").save(file, "JPEG")
    return file.getvalue().ljust(length - 16, b"\0") + f"{number:016d}".encode()


async def send(client: httpx.AsyncClient, data: bytes, pieces: int) -> int:
    """Upload a photo piece by piece; again where the answer asks for that, as on a busy machine."""
    size = len(data) // pieces

    async def body() -> AsyncIterator[bytes]:
        yield OPENING
        for piece in range(pieces):
            yield data[piece * size : (piece + 1) * size]
            await asyncio.sleep(PAUSE_SECONDS)
        yield CLOSING

    for _ in range(TRIES):
        answer = await client.post("/api/v1/photos", content=body(), headers={"Content-Type": CONTENT_TYPE})
        if "Retry-After" not in answer.headers:
            break
    if answer.is_success and answer.json()["receipts"][0]["sha256"] != sha256(data).hexdigest():
        raise AssertionError("the receipt is for other bytes")
    return answer.status_code


async def main(url: str, authorization: str, senders: int, pieces: int, piece_bytes: int) -> None:
    """Let all of them send at once."""
    limits = httpx.Limits(max_connections=senders)
    headers = {"Authorization": authorization}
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=120, trust_env=False) as client:
        sent = [send(client, photo(number, pieces * piece_bytes), pieces) for number in range(senders)]
        print(*await asyncio.gather(*sent))  # noqa: T201 - a script


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])))
