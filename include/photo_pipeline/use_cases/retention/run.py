"""A run of the retention, from the clocks to the record of what it did."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from photo_pipeline.domain.accounts import STEP
from photo_pipeline.domain.clocks import agreed_time
from photo_pipeline.domain.errors import (
    ClaimLostError,
    ClocksApartError,
    MassRemovalError,
    RetentionIncompleteError,
    ServerUnavailableError,
    TooFewClocksError,
)
from photo_pipeline.domain.removal import Look, Removal, RemovedThing, RunEnding
from photo_pipeline.domain.retention import RetentionPolicy
from photo_pipeline.use_cases.retention.bounds import Bounds, bounds_of
from photo_pipeline.use_cases.retention.marks import mark_shards
from photo_pipeline.use_cases.retention.months import drop_month, make_months
from photo_pipeline.use_cases.retention.retire import ShardRetirement
from photo_pipeline.use_cases.retention.run_values import RetentionPorts, RetentionSummary
from photo_pipeline.use_cases.sweep import SweepPorts, sweep_archive

logger = logging.getLogger(__name__)

BATCH_ROWS = 5000


def run_retention(
    ports: RetentionPorts, policy: RetentionPolicy | None = None, name: str = "by hand"
) -> RetentionSummary:
    """Mark what will be due, remove what is. Asked again, there is nothing left to do.

    Args:
        ports: the outside world.
        policy: how long things stay, and what bounds a run.
        name: the run's; tried again under the same name, a permit that it has used is still its own.

    Raises:
        ClocksApartError: when clocks differ: nothing was removed.
        MassRemovalError: when more is due than an outage explains: nothing was removed.
        RetentionIncompleteError: when shards could not be dealt with; everything else was done.
        ServerUnavailableError: when a server is away.
    """
    policy = policy or RetentionPolicy()
    summary = RetentionSummary()
    failures = _finish_closing(ports)
    look = look_at_the_clocks(ports, policy, name)
    make_months(ports, look, summary)
    with _stops_on_record(ports, look, summary):
        failures += mark_shards(ports, look, policy, summary)
        bounds = bounds_of(ports, look, policy)
    _blank(ports, look, bounds, summary)
    failures += _retire_due(ports, look, bounds, summary)
    failures += _sweep(ports, look, policy, summary)
    failures += drop_month(ports, look, policy, summary)
    ports.book.end(look.run_id, RunEnding(None, look.now if bounds.leaves_nothing else None, summary.figures()))
    logger.info("retention now=%s %s failures=%d", look.now.isoformat(), summary, len(failures))
    for failure in failures:
        logger.error("%s", failure)
    if failures:
        raise RetentionIncompleteError(failures)
    return summary


def _finish_closing(ports: RetentionPorts) -> list[str]:
    """What accounts with very much in them had left when their customers went. That is no matter of time.

    What is wrong with one account must not keep the shards.
    """
    try:
        while ports.ledger.close_some(STEP):
            pass
    except ServerUnavailableError as error:
        _require_servers(ports)
        return [f"a closed account: {error}"]
    return []


def look_at_the_clocks(ports: RetentionPorts, policy: RetentionPolicy, name: str) -> Look:
    """Begin a run, at the time on which the clocks agree.

    Raises:
        ClocksApartError, TooFewClocksError: when there is no such time; it is on record then.
    """
    readings = ports.clocks.readings()
    try:
        now = agreed_time(readings, policy.tolerance)
    except (ClocksApartError, TooFewClocksError) as error:
        run_id = ports.book.begin(name, readings, None)
        ports.book.end(run_id, RunEnding(str(error), None, {}))
        raise
    return Look(ports.book.begin(name, readings, now), name, now)


@contextmanager
def _stops_on_record(ports: RetentionPorts, look: Look, summary: RetentionSummary) -> Iterator[None]:
    try:
        yield
    except MassRemovalError as error:
        ports.book.end(look.run_id, RunEnding(str(error), None, summary.figures()))
        raise


def _blank(ports: RetentionPorts, look: Look, bounds: Bounds, summary: RetentionSummary) -> None:
    """Rows need no mark: what is due was due, or nearly, when a run looked an hour ago or longer."""
    before = bounds.rows_before
    if before is None:
        return
    summary.blanked = _in_batches(
        ports, look, Removal.RECORDS, before, lambda limit: ports.ledger.blank_rejected(before, limit)
    )
    summary.forgotten = _in_batches(
        ports, look, Removal.ENTRIES, before, lambda limit: ports.ledger.forget_published(before, limit)
    )


def _in_batches(ports: RetentionPorts, look: Look, what: Removal, before: datetime, step: Callable[[int], int]) -> int:
    total = 0
    while done := step(BATCH_ROWS):
        total += done
    if total:
        why = f"older than {before:%Y-%m-%d %H:%M} UTC"
        ports.book.record(look.run_id, [RemovedThing(what, f"run {look.run_id}", total, 0, why)], look.now)
    return total


def _retire_due(ports: RetentionPorts, look: Look, bounds: Bounds, summary: RetentionSummary) -> list[str]:
    """Deal with every due shard; what is wrong with one must not keep the others."""
    failures: list[str] = []
    for shard_id in bounds.due:
        try:
            failures += ShardRetirement(ports, look, bounds.by, summary).run(shard_id)
        except ClaimLostError as error:
            logger.warning("%s", error)
        except ServerUnavailableError as error:
            _require_servers(ports)
            failures.append(f"shard {shard_id}: {error}")
    return failures


def _require_servers(ports: RetentionPorts) -> None:
    """Tell an outage, which ends the run, from trouble with one shard's blocks.

    Raises:
        ServerUnavailableError: when a server does not answer now.
    """
    ports.clocks.readings()
    ports.archive.length(ports.archive_root)


def _sweep(ports: RetentionPorts, look: Look, policy: RetentionPolicy, summary: RetentionSummary) -> Sequence[str]:
    swept = sweep_archive(SweepPorts(ports.index, ports.archive, ports.book, ports.archive_root), look, policy)
    summary.swept, summary.swept_folders, summary.foreign = swept.files, swept.folders, swept.foreign
    summary.noted = swept.noted
    return swept.failures
