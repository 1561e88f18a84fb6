"""The ledger's months: made ahead of time, so that every record finds its own, and dropped once their time is over."""

import logging
from collections.abc import Callable
from datetime import date

from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.months import end_of, wanted
from photo_pipeline.domain.removal import Look, Removal, RemovedThing
from photo_pipeline.domain.retention import RetentionPolicy
from photo_pipeline.use_cases.retention.run_values import RetentionPorts, RetentionSummary

logger = logging.getLogger(__name__)

MONTHS_PER_RUN = 12
"""Each keeps the tables' users waiting for a moment."""
BATCH = 5000
BATCHES = 40
MOST = BATCH * BATCHES
"""So many rows of slices, and of photos, go in one run; a month goes once all of its slices and photos are gone."""


def make_months(ports: RetentionPorts, look: Look, summary: RetentionSummary) -> None:
    """Make what lacks. Nothing waits for it: until then records go where those without a month go."""
    there = set(ports.months.there())
    missing = [month for month in wanted(look.now, ports.months.unsorted()) if month not in there]
    for month in missing[:MONTHS_PER_RUN]:
        try:
            ports.months.add(month)
        except ServerUnavailableError as error:
            logger.warning("month %s was not made, the next run tries again: %s", month.isoformat(), error)
            return
        summary.months += 1
        logger.info("made month=%s", month.isoformat())


def drop_month(ports: RetentionPorts, look: Look, policy: RetentionPolicy, summary: RetentionSummary) -> list[str]:
    """Drop the oldest month, if its time was over when a run looked an hour ago or longer; what keeps it, if anything.

    Its records are in the sums of their days and in the search index by then. Two clocks say how old it is: the
    database's, whose months these are, and Kafka's.
    """
    seen = ports.book.removed_until(look.now - policy.wait, look.now + policy.tolerance)
    month = ports.months.oldest()
    if month is None or seen is None or end_of(month) + policy.keep_ledger > min(look.now, seen):
        return []
    facts = ports.months.facts(month)
    obstacles = list(facts.obstacles(look.now - policy.keep_ledger))
    if obstacles:
        return [f"the ledger's month {month:%Y-%m} stays, as it {'; '.join(obstacles)}"]
    why = _why(month, policy)
    if not _emptied(ports, look, month, why):
        return []  # the next run goes on
    thing = RemovedThing(Removal.MONTHS, f"{month:%Y-%m}", facts.records, facts.bytes, why)
    ports.months.drop(month, look.run_id, thing, look.now)
    summary.dropped_months += 1
    logger.info("dropped month=%s records=%d", month.isoformat(), facts.records)
    return []


def _emptied(ports: RetentionPorts, look: Look, month: date, why: str) -> bool:
    """Whether nothing is left that hangs on the month's records. No photo outlasts them because there are many."""
    if _in_batches(lambda: ports.months.forget_slices(end_of(month), BATCH)) == MOST:
        return False
    photos = _in_batches(lambda: ports.months.forget_photos(end_of(month), BATCH))
    if photos:
        ports.book.record(look.run_id, [RemovedThing(Removal.PHOTOS, f"run {look.run_id}", photos, 0, why)], look.now)
    return photos < MOST


def _in_batches(step: Callable[[], int]) -> int:
    total = 0
    for _ in range(BATCHES):
        done = step()
        total += done
        if not done:
            break
    return total


def _why(month: date, policy: RetentionPolicy) -> str:
    return f"over for {policy.keep_ledger.days} days since {end_of(month):%Y-%m-%d}"
