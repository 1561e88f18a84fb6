"""The same question, put to a short past and to a long one."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from tests.history.questions import QUESTIONS
from tests.history.shape import SMALL, Shape
from tests.history.verdict import Comparison, cost_of
from tests.history.world import History, history
from tests.support.databases import Server


@dataclass(frozen=True, slots=True)
class Pasts:
    """Two databases that differ in how much has happened."""

    short: History
    long: History

    def compare(self, question: str) -> Comparison:
        """Put it to both, each in the state in which earlier questions have left it."""
        prepare = QUESTIONS[question]
        return Comparison(cost_of(prepare, self.short), cost_of(prepare, self.long))


@contextmanager
def pasts(server: Server, records: int) -> Iterator[Pasts]:
    """A short past, and one of so many records; both are dropped at the end."""
    with ExitStack() as stack:
        short, long = (stack.enter_context(history(server, Shape(size))) for size in (SMALL, records))
        yield Pasts(short, long)
