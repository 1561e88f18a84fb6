"""Tells pages what became of photos, as it is committed: one question to the database a second, however many listen."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from photo_pipeline.api.database import Database
from photo_pipeline.domain.errors import PhotoPipelineError, ServerUnavailableError
from photo_pipeline.domain.gallery import CustomerOutcome
from photo_pipeline.ports.gallery import OutcomeFeed

POLL_SECONDS = 1.0
AWAY_SECONDS = 5.0
PER_CUSTOMER = 8
"""A browser keeps six connections to a server; a page that is not looked at closes its own."""
IN_ALL = 2000
MOST_WAITING = 500
"""A listener that lets more outcomes wait is told to look for itself."""

logger = logging.getLogger(__name__)


class TooManyListenersError(PhotoPipelineError):
    """The customer, or everybody together, listens on as many connections as are allowed.

    Attributes:
        by_customer: whose limit it is.
    """

    def __init__(self, limit: int, *, by_customer: bool) -> None:
        self.by_customer = by_customer
        super().__init__(f"there are {limit} connections already")


class Listener:
    """One connection's outcomes that wait to be sent.

    Attributes:
        customer_id: whose outcomes.
        started: whether every outcome committed from now on will be told.
        lagged: whether some were dropped.
        closed: whether the application stops.
    """

    def __init__(self, customer_id: UUID) -> None:
        self.customer_id = customer_id
        self.started = False
        self.lagged = False
        self.closed = False
        self._waiting: list[CustomerOutcome] = []
        self._woken = asyncio.Event()

    def start(self, outcomes: Sequence[CustomerOutcome]) -> None:
        """The database was asked while this one listened; these are its outcomes."""
        if self.started and not outcomes:
            return
        self.started = True
        self._waiting += outcomes
        if len(self._waiting) > MOST_WAITING:
            self._waiting, self.lagged = [], True
        self.wake()

    def wake(self) -> None:
        """End the wait."""
        self._woken.set()

    def close(self) -> None:
        """The application stops."""
        self.closed = True
        self.wake()

    async def wait(self, seconds: float) -> None:
        """Wait for outcomes, or anything else to look after, for so long at most."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()

    def take(self) -> list[CustomerOutcome]:
        """What waits; afterwards nothing does."""
        taken, self._waiting = self._waiting, []
        return taken


class OutcomeHub:
    """Asks for outcomes while somebody listens, and hands each to whoever it concerns.

    Args:
        feed: the database.
        database: runs calls to it.
    """

    def __init__(self, feed: OutcomeFeed, database: Database) -> None:
        self._feed = feed
        self._database = database
        self._listeners: set[Listener] = set()
        self._asking: asyncio.Task[None] | None = None
        self._closed = False

    def join(self, customer_id: UUID) -> Listener:
        """Listen until ``leave``.

        Raises:
            TooManyListenersError: when there are enough.
        """
        if Counter(listener.customer_id for listener in self._listeners)[customer_id] >= PER_CUSTOMER:
            raise TooManyListenersError(PER_CUSTOMER, by_customer=True)
        if len(self._listeners) >= IN_ALL:
            raise TooManyListenersError(IN_ALL, by_customer=False)
        listener = Listener(customer_id)
        self._listeners.add(listener)
        if self._closed:
            listener.close()
        elif self._asking is None:
            self._asking = asyncio.create_task(self._ask_while_somebody_listens())
        return listener

    def leave(self, listener: Listener) -> None:
        """Listen no more."""
        self._listeners.discard(listener)

    def wake(self) -> None:
        """Have every connection look whether its session goes on."""
        for listener in self._listeners:
            listener.wake()

    def close(self) -> None:
        """End every connection: the application stops, and must not wait for them."""
        self._closed = True
        for listener in self._listeners:
            listener.close()
        if self._asking is not None:
            self._asking.cancel()

    async def _ask_while_somebody_listens(self) -> None:
        position: str | None = None
        try:
            while self._listeners:
                try:
                    position = await self._ask(position)
                    await asyncio.sleep(POLL_SECONDS)
                except ServerUnavailableError as error:
                    logger.warning("pages are not told of outcomes: %s", error)
                    await asyncio.sleep(AWAY_SECONDS)
        finally:
            self._asking = None

    async def _ask(self, position: str | None) -> str:
        asked = set(self._listeners)
        batch = await self._database.run(self._feed.since, position, {listener.customer_id for listener in asked})
        for listener in asked:
            own = [outcome for outcome in batch.outcomes if outcome.customer_id == listener.customer_id]
            listener.start(own)
        return batch.position
