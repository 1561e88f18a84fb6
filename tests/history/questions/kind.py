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


def in_every_month(prepare: Prepare) -> Prepare:
    """A question without a time looks into every month that is kept: fourteen and a few in a long past."""

    def months(history: History) -> Put:
        put = prepare(history)
        kept = int(history.one("SELECT count(*) FROM pg_inherits WHERE inhparent = 'ledger_record'::regclass"))
        return lambda: max(kept, put())

    return months
