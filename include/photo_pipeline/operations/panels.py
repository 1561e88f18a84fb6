"""Asks each server in its own thread and for a limited time: one that is away costs its panel and nothing else."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from photo_pipeline.domain.errors import ServerUnavailableError

Answer = TypeVar("Answer")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Away:
    """A server that did not answer, in words for the panel."""

    server: str
    said: str


class Panel(Generic[Answer]):
    """One question, asked by one thread at a time however many people look at the page, and kept for a moment.

    Args:
        server: whom it is put to.
        ask: puts it; may raise ``ServerUnavailableError``.
        threads: runs it.
        patience: seconds that a page waits for the answer.
        keep: seconds for which an answer serves other pages.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        server: str,
        ask: Callable[[], Answer],
        threads: ThreadPoolExecutor,
        *,
        patience: float = 4.0,
        keep: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server = server
        self._ask = ask
        self._threads = threads
        self._patience = patience
        self._keep = keep
        self._clock = clock
        self._lock = Lock()
        self._asked: Future[Answer] | None = None
        self._stale_at = float("-inf")

    def start(self) -> "Future[Answer]":
        """Put the question, unless it is being put or was answered a moment ago."""
        with self._lock:
            asked = self._asked
            if asked is None or (asked.done() and self._clock() >= self._stale_at):
                asked = self._asked = self._threads.submit(self._ask)
                self._stale_at = self._clock() + self._keep
            return asked

    def answer(self) -> Answer | Away:
        """The answer, or that there is none. Never raises: the other panels are to be seen."""
        try:
            return self.start().result(timeout=self._patience)
        except ServerUnavailableError as error:
            return Away(error.server, str(error))
        except FutureTimeoutError:
            return Away(self._server, f"{self._server} did not answer within {self._patience:g} s")
        except Exception:
            logger.exception("the panel of %s failed", self._server)
            return Away(self._server, f"The question to {self._server} failed; the API server's log says why")
