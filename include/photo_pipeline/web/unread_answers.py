"""Ends a connection whose client does not read what it is answered."""

import asyncio


class UnreadAnswer:
    """The time that one connection's client has to read on."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._deadline: asyncio.TimerHandle | None = None

    def waits(self, transport: asyncio.Transport, seconds: float) -> None:
        """An answer waits: abort the connection unless it is read on within so many seconds."""
        self._deadline = self._loop.call_later(seconds, transport.abort)

    def is_read(self) -> None:
        """Nothing waits any more."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
