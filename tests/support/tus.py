"""Uploads by tus 1.0 from a client's side, and what an upload directory holds."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from tests.support.images import encoded, scene

from photo_pipeline.domain.imaging import SniffedFormat

TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}


def photo(seed: int = 0) -> bytes:
    """A small JPEG."""
    return encoded(scene(64, 48, seed), SniffedFormat.JPEG)


def metadata(**values: str) -> str:
    """``Upload-Metadata``."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


async def begin(client: httpx.AsyncClient, length: int, **headers: str) -> str:
    """Begin an upload; returns its address."""
    answer = await client.post("/uploads", headers={**TUS, "Upload-Length": str(length), **headers})
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "0"), answer.text
    location: str = answer.headers["Location"]
    return f"http://testserver{location}"


async def send(client: httpx.AsyncClient, url: str, offset: int, data: bytes, **headers: str) -> httpx.Response:
    """Send one piece."""
    return await client.patch(url, content=data, headers={**OCTETS, "Upload-Offset": str(offset), **headers})


async def offset_of(client: httpx.AsyncClient, url: str) -> int:
    """Where to go on."""
    answer = await client.head(url, headers=TUS)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    return int(answer.headers["Upload-Offset"])


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem that the answer is; it names the protocol's version, as every answer does."""
    assert answer.status_code == status, answer.text
    assert (answer.headers["Content-Type"], answer.headers["Tus-Resumable"]) == ("application/problem+json", "1.0.0")
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    return found


async def silent_after(data: bytes) -> AsyncIterator[bytes]:
    """A body that stops after these bytes, while its sender stays connected."""
    yield data
    await asyncio.Event().wait()


def left_in(upload_dir: Path) -> list[str]:
    """The kinds of files that unfinished uploads have left, by their suffixes."""
    return sorted(path.suffix for path in (upload_dir / "open").rglob("*") if path.is_file())
