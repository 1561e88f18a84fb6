"""Questions that come at the same time, answered together."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

Question = TypeVar("Question", bound=Hashable)
Answer = TypeVar("Answer")

PATIENCE_SECONDS = 0.05
"""After so long without an answer the next call begins beside the one before: it may be one that never ends."""
MOST = 200
"""Questions in one call."""


class Gathering(Generic[Question, Answer]):
    """Asks with one call for all that have come while the call before was under way.

    A call begins after each of its questions has come, so an answer is never older than its question. Whoever comes
    alone does not wait.

    Args:
        call: answers questions in their order. It bounds how many of its calls run at a time.
    """

    def __init__(self, call: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]]) -> None:
        self._call = call
        self._waiting: dict[Question, asyncio.Future[Answer]] = {}
        self._calls: set[asyncio.Task[None]] = set()
        self._gathering: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> Answer:
        """The answer to one question.

        Raises:
            Exception: what the call raises, to all whose question was in it.
        """
        future = self._waiting.get(question)
        if future is None:
            future = self._waiting[question] = asyncio.get_running_loop().create_future()
        if self._gathering is None:
            self._gathering = asyncio.create_task(self._gather())
        # Others may wait for the same answer, and go on waiting where one goes away.
        return await asyncio.shield(future)

    async def _gather(self) -> None:
        try:
            while self._waiting:
                batch = {question: self._waiting.pop(question) for question in list(self._waiting)[:MOST]}
                call = asyncio.create_task(self._answer(batch))
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)
                await asyncio.wait({call}, timeout=PATIENCE_SECONDS)
        finally:
            self._gathering = None

    async def _answer(self, batch: dict[Question, asyncio.Future[Answer]]) -> None:
        try:
            answers = list(zip(batch.values(), await self._call(list(batch)), strict=True))
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            for future in batch.values():
                future.set_exception(error)
                future.exception()  # seen, also where nobody waits any more
            return
        for future, answer in answers:
            future.set_result(answer)
