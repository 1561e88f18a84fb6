"""A client that costs little, so many connections that each ask for one thing after another; what processes cost."""

import asyncio
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

TICKS = os.sysconf("SC_CLK_TCK")
_LENGTH = b"content-length:"


def cpu_seconds(pid: int) -> float:
    """User and system time of a process, all its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_megabytes(pid: int) -> float:
    """The most memory that a process has had (proc_pid_status(5))."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def ask(url: str, paths: Iterable[str], headers: dict[str, str], *, connections: int, expected: int) -> int:
    """Ask for every path, over so many connections; how many bytes of bodies came.

    Raises:
        SystemExit: when an answer is not the expected one.
    """
    host = urlsplit(url)
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": host.netloc, **headers}.items())
    waiting = iter(list(paths))

    async def all_together() -> int:
        connected = [
            _connection(host.hostname or "", host.port or 0, waiting, lines, expected) for _ in range(connections)
        ]
        return sum(await asyncio.gather(*connected))

    return asyncio.run(all_together())


async def _connection(host: str, port: int, paths: Iterator[str], lines: str, expected: int) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    size = 0
    for path in paths:
        writer.write(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        status, length = int(head[9:12]), _length(head)
        body = await reader.readexactly(length)
        if status != expected:
            raise SystemExit(f"GET {path}: {status}, not {expected}: {body[:300]!r}")
        size += length
    writer.close()
    return size


def _length(head: bytes) -> int:
    lines = (line for line in head.lower().split(b"\r\n") if line.startswith(_LENGTH))
    return int(next(lines, b":0").partition(b":")[2])
