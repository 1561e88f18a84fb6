"""What a question is."""

from collections.abc import Callable, Sized

from tests.history.world import History

Put = Callable[[], int]
"""Asks, and tells how much was asked for."""
Prepare = Callable[[History], Put]


def one(ask: Callable[[], object]) -> Put:
    """A question about one thing, however long its answer."""

    def put() -> int:
        ask()
        return 1

    return put


def each(ask: Callable[[], Sized]) -> Put:
    """A question that has to read as much as it answers."""
    return lambda: max(1, len(ask()))
