"""Which sessions their customers have ended, known without asking the database for every request."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from anyio import to_thread

from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.ports.clock import Clock
from photo_pipeline.ports.customers import SessionDirectory

FRESH_SECONDS = 5.0
"""How long after its end a session may still be good at another instance."""
ASK_SECONDS = 0.5
"""How long a request waits for a slow database before it is let through."""
RETRY_SECONDS = 5.0
"""After the database did not answer, no request waits for it for this long."""
OVERLAP = timedelta(minutes=1)
"""What was committed late by a transaction that began early is read again for this long."""

logger = logging.getLogger(__name__)


class EndedSessions:
    """Remembers the sessions that have ended, and reads at most every few seconds which ones are new.

    While the database is away, what is known goes on to hold and everybody else is let in: their tokens are signed and
    in date, and taking photos must not need the database. Whatever shows photos asks the database itself.

    Args:
        directory: the database.
        clock: where the time comes from.
        monotonic: seconds from a clock that never goes back.
    """

    def __init__(self, directory: SessionDirectory, clock: Clock, monotonic: Callable[[], float]) -> None:
        self._directory = directory
        self._clock = clock
        self._monotonic = monotonic
        self._forget_at: dict[UUID, datetime] = {}
        self._newest: datetime | None = None
        self._ask_again_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def has_ended(self, session_id: UUID, customer_id: UUID | None = None) -> bool:
        """Whether the session was ended, or all of its customer's, here or at another instance some seconds ago."""
        if self._monotonic() >= self._ask_again_at:
            await self._wait_for_news()
        return session_id in self._forget_at or customer_id in self._forget_at

    async def end(self, session_id: UUID, forget_at: datetime) -> None:
        """End a session, here at once.

        Raises:
            ServerUnavailableError: when other instances cannot hear of it.
        """
        self.note(session_id, forget_at)
        await to_thread.run_sync(self._directory.end, session_id, forget_at)

    def note(self, session_id: UUID, forget_at: datetime) -> None:
        """Of a session, or by the customer's id of all of a customer's, that has ended in the database already."""
        self._forget_at[session_id] = forget_at

    async def close(self) -> None:
        """Give up what is being asked."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _wait_for_news(self) -> None:
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        try:
            async with asyncio.timeout(ASK_SECONDS):
                await asyncio.shield(self._asking)  # others may wait for the same answer
        except TimeoutError:
            self._is_away("no answer in time")

    async def _ask(self) -> None:
        since = None if self._newest is None else self._newest - OVERLAP
        try:
            found = await to_thread.run_sync(self._directory.ended, since, abandon_on_cancel=True)
        except ServerUnavailableError as error:
            self._is_away(str(error))
            return
        finally:
            self._asking = None
        now = self._clock.now()
        known = self._forget_at | {session.session_id: session.forget_at for session in found}
        self._forget_at = {session_id: forget_at for session_id, forget_at in known.items() if forget_at > now}
        self._newest = max([session.ended_at for session in found], default=self._newest)
        self._ask_again_at = self._monotonic() + FRESH_SECONDS

    def _is_away(self, detail: str) -> None:
        self._ask_again_at = self._monotonic() + RETRY_SECONDS
        logger.warning("ended sessions are taken as last known: %s", detail)
