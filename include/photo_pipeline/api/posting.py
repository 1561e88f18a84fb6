"""Mail that is sent behind an answer: who asks waits for no mail server, and learns nothing by how long it takes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus

from anyio import CapacityLimiter, to_thread
from prometheus_client import CollectorRegistry, Counter

from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.mail import Mail, MailRefusedError
from photo_pipeline.ports.mail import Mailer
from photo_pipeline.web.problems import ProblemError, unavailable

MOST_WAITING = 100
"""Mails that wait for the server at a time; beyond that nobody is promised one."""
MOST_AT_ALL = 2 * MOST_WAITING
"""Also of those that nobody asked for: that a password was replaced. Beyond that they are given up."""
AT_ONCE = 2
PAUSES = (5.0, 30.0, 120.0)
"""Seconds before each further try. After the last one the mail is given up: its customer may ask for another."""
FAREWELL_SECONDS = 5.0
"""So long the end of the application waits for what is on its way."""

logger = logging.getLogger(__name__)


async def _nothing() -> None:
    pass


class Posting:
    """Sends mail, where there is a server for it. In memory: what an instance has not sent when it ends is lost.

    Args:
        mailer: takes it; ``None`` where the operator has named none.
        pause: waits for so many seconds.
        registry: where mails are counted.
    """

    def __init__(
        self, mailer: Mailer | None, pause: Callable[[float], Awaitable[None]], registry: CollectorRegistry
    ) -> None:
        self._mailer = mailer
        self._pause = pause
        self._threads = CapacityLimiter(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._sent = Counter("mails", "Mails to customers, by what became of them", ["outcome"], registry=registry)

    @property
    def is_set_up(self) -> bool:
        """Whether there is a server for it."""
        return self._mailer is not None

    def require(self) -> None:
        """Let somebody ask for a mail.

        Raises:
            ProblemError: 503 where none can be sent, or not now.
        """
        if self._mailer is None:
            detail = "This site sends no mail. Its operator can set that up, with PHOTO_MAIL_HOST."
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "no_mail", detail)
        if len(self._tasks) >= MOST_WAITING:
            raise unavailable("mail_is_late", "Many mails are waiting to be sent. Please try again later.")

    def post(
        self, write: Callable[[], Awaitable[Mail | None]], unsent: Callable[[], Awaitable[None]] = _nothing
    ) -> None:
        """Write a mail, where there is one to write, and send it; nobody waits for either.

        ``unsent`` is done where the mail was given up.
        """
        if self._mailer is None:
            return
        if len(self._tasks) >= MOST_AT_ALL:
            self._give_up("too many wait")
            return
        task = asyncio.create_task(self._post(self._mailer, write, unsent))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait for what is on its way, for a moment, and give up the rest."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=FAREWELL_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _post(
        self, mailer: Mailer, write: Callable[[], Awaitable[Mail | None]], unsent: Callable[[], Awaitable[None]]
    ) -> None:
        try:
            mail = await write()
            if mail is not None:
                await self._deliver(mailer, mail)
                self._sent.labels("sent").inc()
        except (ServerUnavailableError, MailRefusedError) as error:
            self._give_up(error)
            with suppress(ServerUnavailableError):
                await unsent()

    def _give_up(self, why: object) -> None:
        self._sent.labels("given_up").inc()
        logger.warning("a mail to a customer is given up: %s", why)

    async def _deliver(self, mailer: Mailer, mail: Mail) -> None:
        for pause in PAUSES:
            try:
                await to_thread.run_sync(mailer.send, mail, limiter=self._threads)
            except ServerUnavailableError as error:
                logger.warning("the mail server did not take a mail, and is tried again in %g s: %s", pause, error)
                await self._pause(pause)
            else:
                return
        await to_thread.run_sync(mailer.send, mail, limiter=self._threads)
