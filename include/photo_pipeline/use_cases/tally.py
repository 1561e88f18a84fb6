"""Counts what was committed, so that what a day came to is known long after its records are gone.

A slice is counted once, in a transaction that says so of it: by itself, killed or tried again, by one run or by two.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, timedelta

from photo_pipeline.ports.clock import Clock
from photo_pipeline.ports.tally import Tally

logger = logging.getLogger(__name__)

SLICES = 100
"""In one transaction."""
MOST_SLICES = 20_000
"""In one run; the next one goes on. A run of all that an old ledger holds is no longer than its time limit."""
COMPARED = timedelta(days=60)
"""So long after their acceptance the search index is compared with sums of customers, at the most."""


@dataclass(frozen=True, slots=True)
class TallyPorts:
    """What counting needs."""

    tally: Tally
    clock: Clock


@dataclass(frozen=True, slots=True)
class TallySummary:
    """What a run came to.

    Attributes:
        slices: that were added to their days.
        changes: of records since their commit that were added.
    """

    slices: int
    changes: int


def count_outcomes(ports: TallyPorts) -> TallySummary:
    """Count what is not counted. Asked again, there is nothing left to do.

    Raises:
        ServerUnavailableError: when PostgreSQL is away.
    """
    slices = _in_steps(lambda: ports.tally.count(SLICES), MOST_SLICES)
    changes = ports.tally.gather()
    ports.tally.forget((ports.clock.now().astimezone(UTC) - COMPARED).date())
    return TallySummary(slices, changes)


def _in_steps(step: Callable[[], int], most: int) -> int:
    total = 0
    while total < most and (done := step()):
        total += done
    return total
