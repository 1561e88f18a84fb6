"""A line between two network devices that can be slow, lossy or cut: what ``tc netem`` does, for kernels without it.

The kernel's own TCP is at both ends; this process carries the packets from one to the other, late, or not at all. A
packet that is dropped leaves no trace, as on a real line: nobody is refused, nothing is reset.
"""

import errno
import heapq
import os
import select
import struct
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

PACKET_BYTES = 65536
TCP = 6


@dataclass(frozen=True, slots=True)
class Weather:
    """What becomes of packets that get through.

    Attributes:
        delay: seconds that each is late, in each direction.
        loss: share that is dropped.
    """

    delay: float = 0.0
    loss: float = 0.0


FAIR = Weather()


@dataclass(frozen=True, slots=True)
class Tripwire:
    """Cuts the line at a word.

    Attributes:
        word: bytes in a packet that leaves the far end.
        port: of the server that it goes to.
        passes: whether that packet is the last that gets through, or the first that does not.
        ports: which servers can no longer be reached from then on.
    """

    word: bytes
    port: int
    passes: bool
    ports: frozenset[int]


@dataclass(order=True, slots=True)
class _Late:
    due: float
    number: int
    target: int = field(compare=False)
    packet: bytes = field(compare=False)


class Line:
    """Carries IPv4 packets between two TUN devices until it is closed.

    Args:
        near: descriptor of the device at the servers' end.
        far: descriptor of the one at the clients' end.
        seed: decides which packets are lost.
    """

    def __init__(self, near: int, far: int, seed: int = 1) -> None:
        self._other = {near: far, far: near}
        self._far = far
        self._random = Random(seed)  # noqa: S311 - repeatable, not secret
        self._lock = threading.Lock()
        self._weather = FAIR
        self._cut: frozenset[int] = frozenset()
        self._wire: Tripwire | None = None
        self._late: list[_Late] = []
        self._number = 0
        self._end, self._ended = os.pipe()
        self.tripped = threading.Event()
        """Set once the tripwire has cut the line."""
        self._thread = threading.Thread(target=self._carry, name="line", daemon=True)
        self._thread.start()

    def cut(self, ports: Collection[int]) -> None:
        """From now on nothing passes to or from these TCP ports, in either direction."""
        with self._lock:
            self._cut = self._cut | frozenset(ports)

    def cut_at(self, wire: Tripwire) -> None:
        """Cut it when a certain packet comes by."""
        with self._lock:
            self._wire = wire
            self.tripped.clear()

    def heal(self) -> None:
        """Everything passes again, as fast as it comes."""
        with self._lock:
            self._cut, self._weather, self._wire = frozenset(), FAIR, None

    def change(self, weather: Weather) -> None:
        """From now on what passes is late, or lost."""
        with self._lock:
            self._weather = weather

    def close(self) -> None:
        """Carry nothing any more; both devices vanish."""
        os.close(self._ended)
        self._thread.join()
        for descriptor in (self._end, *self._other):
            os.close(descriptor)

    def _carry(self) -> None:
        while True:
            wait = max(0.0, self._late[0].due - time.monotonic()) if self._late else None
            readable, _, _ = select.select([*self._other, self._end], [], [], wait)
            if self._end in readable:
                return
            for source in readable:
                self._take(source)
            while self._late and self._late[0].due <= time.monotonic():
                late = heapq.heappop(self._late)
                _send(late.target, late.packet)

    def _take(self, source: int) -> None:
        packet = _receive(source)
        with self._lock:
            passes, weather = self._passes(source, packet), self._weather
        if not passes:
            return
        target = self._other[source]
        if weather.delay:
            self._number += 1
            heapq.heappush(self._late, _Late(time.monotonic() + weather.delay, self._number, target, packet))
        else:
            _send(target, packet)

    def _passes(self, source: int, packet: bytes) -> bool:
        ports = tcp_ports(packet)
        if ports is None or self._cut.intersection(ports):
            return False
        wire = self._wire
        if wire and source == self._far and ports[1] == wire.port and wire.word in packet:
            self._cut, self._wire = self._cut | wire.ports, None
            self.tripped.set()
            return wire.passes
        return self._random.random() >= self._weather.loss


def tcp_ports(packet: bytes) -> tuple[int, int] | None:
    """Source and destination of a TCP packet; ``None`` for anything else."""
    if len(packet) < 40 or packet[0] >> 4 != 4 or packet[9] != TCP:
        return None
    source, destination = struct.unpack_from("!HH", packet, (packet[0] & 15) * 4)
    return source, destination


def _receive(source: int) -> bytes:
    try:
        return os.read(source, PACKET_BYTES)
    except BlockingIOError:
        return b""


def _send(target: int, packet: bytes) -> None:
    """What the device does not take is lost, as on any line."""
    with suppress(BlockingIOError):
        try:
            os.write(target, packet)
        except OSError as error:
            if error.errno not in {errno.EIO, errno.EINVAL}:  # the device is down, or its namespace is going away
                raise
