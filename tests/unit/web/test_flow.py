"""The budget of bytes in flight: never exceeded, given out in order, never lost."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photo_pipeline.web.flow import BusyError, InFlightBytes

pytestmark = pytest.mark.anyio


async def test_a_full_budget_refuses_after_a_wait() -> None:
    """Who finds no room in time is told so, and what was reserved stays so."""
    budget = InFlightBytes(100, 0.01)
    async with budget.reserve(80):
        with pytest.raises(BusyError):
            async with budget.reserve(21):
                pytest.fail("there was no room")
        assert budget.used == 80
    assert budget.used == 0


async def test_those_who_wait_are_served_in_order() -> None:
    """A small reservation does not overtake a large one, or large ones would never pass."""
    budget = InFlightBytes(100, 5)
    order: list[int] = []

    async def reserve(size: int) -> None:
        async with budget.reserve(size):
            order.append(size)

    async with budget.reserve(60):
        waiting = [asyncio.create_task(reserve(size)) for size in (90, 10, 20)]
        await asyncio.sleep(0)
        assert order == []
    await asyncio.gather(*waiting)
    assert order[0] == 90


async def test_more_than_the_budget_passes_alone() -> None:
    """A photo larger than the whole budget is not refused for ever: it waits until nothing else is in flight."""
    budget = InFlightBytes(100, 0.01)
    async with budget.reserve(1000):
        assert budget.used == 100
    async with budget.reserve(1):
        with pytest.raises(BusyError):
            async with budget.reserve(1000):
                pytest.fail("something else was in flight")


async def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    """A sender who goes away while waiting, or at the very moment of being admitted, holds no bytes."""
    budget = InFlightBytes(100, 5)

    async def reserve() -> None:
        async with budget.reserve(50):
            pytest.fail("it was cancelled before")

    async with AsyncExitStack() as held:
        await held.enter_async_context(budget.reserve(100))
        waiting = [asyncio.create_task(reserve()) for _ in range(2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.gather(waiting[0], return_exceptions=True)
    waiting[1].cancel()  # admitted by now, but not running yet
    await asyncio.gather(waiting[1], return_exceptions=True)
    assert budget.used == 0
    async with budget.reserve(100):
        assert budget.used == 100


@given(st.lists(st.integers(1, 150), max_size=30))
def test_the_limit_holds_whatever_is_reserved(sizes: list[int]) -> None:
    """However many reserve whatever sizes at once, all pass in the end and never more than the limit at a time."""

    async def scenario() -> int:
        budget = InFlightBytes(100, 5)
        most = 0

        async def reserve(size: int) -> None:
            nonlocal most
            async with budget.reserve(size):
                most = max(most, budget.used)
                await asyncio.sleep(0)

        await asyncio.gather(*(reserve(size) for size in sizes))
        assert budget.used == 0
        return most

    assert asyncio.run(scenario()) <= 100
