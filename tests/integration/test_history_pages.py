"""What happened long ago costs nothing: every statement reads the same pages on a short past and on a long one.

Pages are PostgreSQL's own count, of the plans that it really ran for the adapters' functions; no time is taken.
``make bench-history`` does the same on a past of twenty million records.
"""

from collections.abc import Iterator

import pytest
from tests.history.pasts import Pasts, pasts
from tests.history.questions import QUESTIONS
from tests.support.databases import Server, superuser_of

from local_stack import Endpoints, Stack

RECORDS = 400_000
"""Twenty times the short past: loaded in seconds, and far more than twice of anything that grows."""


@pytest.fixture(scope="module")
def both(stack: Endpoints, test_stack: Stack) -> Iterator[Pasts]:
    """Give a ledger of twenty days, and one of ninety days that are five times as busy."""
    with pasts(Server(stack, superuser_of(test_stack)), RECORDS) as found:
        yield found


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_long_past_costs_no_more(both: Pasts, question: str) -> None:
    """Within twice the pages, or linear in what is asked for; what nobody has heard of has not been counted."""
    found = both.compare(question)
    assert found.short.statements, found
    assert found.long.statements, found
    assert found.holds, found
