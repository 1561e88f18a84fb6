"""What was read of a short and of a long past, and whether the difference is allowed."""

from dataclasses import dataclass

from tests.history.pages import total
from tests.history.questions.kind import Prepare
from tests.history.world import History

TIMES = 2.0
"""So many times the pages may a long past cost."""
LOOKUP = 12
"""So many pages may each thing that is asked for cost, whatever the past: three indices of three or four levels and
their rows. (Where a short past's tables are of a page or two, they are read as a whole, and an index costs more.)"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Pages that an answer cost, for how much was asked, and in how many statements that were heard of."""

    pages: int
    asked: int
    statements: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """A question's cost on a short and on a long past."""

    short: Cost
    long: Cost

    @property
    def ratio(self) -> float:
        """How many times the pages."""
        return self.long.pages / max(1, self.short.pages)

    @property
    def ratio_of_each(self) -> float:
        """The same for each thing that was asked for."""
        return self.ratio * self.short.asked / self.long.asked

    @property
    def holds(self) -> bool:
        """The same pages, or linear in what is asked for."""
        return min(self.ratio, self.ratio_of_each) <= TIMES or self.long.pages <= LOOKUP * self.long.asked


def cost_of(prepare: Prepare, history: History) -> Cost:
    """Put the question."""
    put = prepare(history)
    with history.counter.counting() as statements:
        asked = put()
    return Cost(total(statements), asked, len(statements))
