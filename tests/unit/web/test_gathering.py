"""Questions that are answered together: each after it was asked, and no one's trouble is another's."""

import asyncio
from collections.abc import Sequence

import pytest

from photo_pipeline.api import gathering
from photo_pipeline.api.gathering import Gathering

pytestmark = pytest.mark.anyio


class Database:
    """Doubles numbers, each call when it is let go."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.gates: list[asyncio.Future[None]] = []
        self._news = asyncio.Event()

    async def double(self, numbers: Sequence[int]) -> Sequence[int]:
        """Answer once this call's gate is open."""
        self.calls.append(list(numbers))
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gates.append(gate)
        self._news.set()
        await gate
        return [2 * number for number in numbers]

    async def called(self, times: int) -> None:
        """Wait until it was asked so many times."""
        async with asyncio.timeout(5):
            while len(self.calls) < times:
                self._news.clear()
                await self._news.wait()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No call counts as slow."""
    monkeypatch.setattr(gathering, "PATIENCE_SECONDS", 60.0)


def ask(questions: Gathering[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    """Somebody for each number."""
    return [asyncio.create_task(questions.ask(number)) for number in numbers]


@pytest.mark.usefixtures("patient")
async def test_what_comes_during_a_call_is_asked_with_the_next() -> None:
    """One call for all of it, each question once; and never with a call that began before the question."""
    database = Database()
    questions = Gathering(database.double)
    first = ask(questions, 1)
    await database.called(1)
    later = ask(questions, 1, 2, 3, 2)
    await asyncio.sleep(0.01)
    assert database.calls == [[1]]
    database.gates[0].set_result(None)
    await database.called(2)
    assert database.calls == [[1], [1, 2, 3]]
    database.gates[1].set_result(None)
    assert [await task for task in (*first, *later)] == [2, 2, 4, 6, 4]


@pytest.mark.usefixtures("patient")
async def test_no_call_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is over goes with the one after."""
    monkeypatch.setattr(gathering, "MOST", 2)
    database = Database()
    tasks = ask(Gathering(database.double), 1, 2, 3)
    for number in range(2):
        await database.called(number + 1)
        database.gates[number].set_result(None)
    assert [await task for task in tasks] == [2, 4, 6]
    assert database.calls == [[1, 2], [3]]


async def test_a_call_that_never_ends_holds_nobody_else_up() -> None:
    """As on a connection whose other end is gone: the next call begins beside it."""
    database = Database()
    questions = Gathering(database.double)
    hanging = ask(questions, 1)
    await database.called(1)
    later = ask(questions, 2)
    await database.called(2)
    database.gates[1].set_result(None)
    assert [await task for task in later] == [4]
    assert not hanging[0].done()
    database.gates[0].set_result(None)
    assert await hanging[0] == 2


@pytest.mark.usefixtures("patient")
async def test_an_error_is_for_those_who_asked_and_the_next_are_answered() -> None:
    """Nobody is left waiting."""

    async def fail(_: Sequence[int]) -> Sequence[int]:
        raise ConnectionError

    questions = Gathering[int, int](fail)
    for task in ask(questions, 1, 2):
        with pytest.raises(ConnectionError):
            await task
    with pytest.raises(ConnectionError):
        await questions.ask(1)


@pytest.mark.usefixtures("patient")
async def test_who_goes_away_takes_no_answer_along() -> None:
    """Another who waits for the same answer gets it."""
    database = Database()
    questions = Gathering(database.double)
    gone, stays = ask(questions, 1, 1)
    await database.called(1)
    gone.cancel()
    await asyncio.sleep(0)
    database.gates[0].set_result(None)
    assert await stays == 2
