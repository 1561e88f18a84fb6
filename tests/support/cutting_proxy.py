"""A bad line: a TCP proxy that counts what a client sends, and cuts every connection when told to."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

_PIECE = 64 * 1024


class CuttingProxy:
    """Passes connections on to a server.

    Attributes:
        url: where to connect to instead.
        sent: bytes that clients have sent since the counting began.
        cuts: how often all connections were cut since.
    """

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (str(parts.hostname), int(parts.port or 80))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.sent = 0
        self.cuts = 0
        self._cut_at: list[int] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def count(self, cut_at: Sequence[int]) -> None:
        """Count from now on, and cut when so many bytes have been sent, once at each of these numbers."""
        with self._lock:
            self.sent, self.cuts, self._cut_at = 0, 0, sorted(cut_at)

    def close(self) -> None:
        """End everything."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            self._cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
            except OSError:
                return
            with self._lock:
                self._open |= {client, server}
            threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, counts: bool) -> None:  # noqa: FBT001 - a thread's arguments
        with suppress(OSError):
            while data := source.recv(_PIECE):
                target.sendall(data)
                if counts and self._is_cut(len(data)):
                    return
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        with self._lock:
            self._open -= {source, target}

    def _is_cut(self, size: int) -> bool:
        with self._lock:
            self.sent += size
            if not self._cut_at or self.sent < self._cut_at[0]:
                return False
            del self._cut_at[0]
            self.cuts += 1
            self._cut()
            return True

    def _cut(self) -> None:
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open.clear()


@contextmanager
def cutting_proxy(target: str) -> Iterator[CuttingProxy]:
    """A proxy before a server; it is gone at the end."""
    proxy = CuttingProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
