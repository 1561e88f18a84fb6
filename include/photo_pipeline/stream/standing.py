"""Whether a sender may go on: a long connection outlives what its opening proved, also while nothing comes."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass

from photo_pipeline.stream.senders import Sender
from photo_pipeline.stream.services import Services


@dataclass(frozen=True, slots=True)
class End:
    """Why a connection ends.

    Attributes:
        code: of the WebSocket: RFC 6455, 7.4, and the registry that it began.
        slug: the same for a feed.
        reason: for people.
    """

    code: int
    slug: str
    reason: str = ""


NORMAL = End(1000, "complete")
NOT_A_DESCRIPTION = End(
    1008, "not_a_description", "A text message must be a JSON object that describes the next frame."
)
FAILED = End(1011, "internal_error", "Something went wrong here.")
TOO_MANY_REFUSED = End(1013, "too_many_refused", "Too many frames in a row were refused. Please come back later.")
SESSION_ENDED = End(3000, "session_ended", "The session has ended.")
REVOKED = End(3000, "revoked", "This device was revoked.")


class Standing:
    """The standing of one sender on one connection.

    Args:
        sender: who opened it.
        services: of the application.
    """

    def __init__(self, sender: Sender, services: Services) -> None:
        self._sender = sender
        self._services = services
        self._patience = services.settings.stream.slow_downs
        self._refused = 0
        self._insists = asyncio.Event()

    async def lost(self) -> End | None:
        """Why the next frame is not to be taken, or nothing. Quick: asked for each frame."""
        sender = self._sender
        if not self._services.senders.is_current(sender):
            return SESSION_ENDED
        ended = self._services.ended_sessions
        if sender.session_id is not None and await ended.has_ended(sender.session_id, sender.customer_id):
            return SESSION_ENDED
        if sender.device is not None and not await self._services.devices.is_active(sender.device):
            return REVOKED
        return None

    async def until_lost(self) -> End:
        """Wait until the sender may not go on; frames may come meanwhile or not."""
        settings = self._services.settings.stream
        while True:
            try:
                async with asyncio.timeout(settings.device_fresh_seconds / 2):
                    await self._insists.wait()
            except TimeoutError:
                if self._sender.device is not None:
                    await self._services.devices.is_still_active(self._sender.device)
                if (end := await self.lost()) is not None:
                    return end
            else:
                return TOO_MANY_REFUSED

    def accepted(self) -> None:
        """A frame was fine."""
        self._refused = 0

    def refused(self) -> None:
        """A frame came too early, or was no good where that cannot be told to its sender."""
        self._refused += 1
        if self._refused >= self._patience:
            self._insists.set()


async def first_of(*ways: Coroutine[None, None, End]) -> End:
    """How the first of these ends; the others are given up."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task in done).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
