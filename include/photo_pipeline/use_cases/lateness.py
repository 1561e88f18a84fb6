"""What is later than it was promised, logs with which something is wrong, and what is not as it usually is.

Looked for in the ledger and in Kafka, not in Airflow's runs: a run that never begins has no deadline to miss; the photo
that waits for it does (ADR 0160).
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from photo_pipeline.domain.clocks import apart, sentence
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.figures import LedgerFigures, WaitingRange, came_since, sync_delay, waiting_ranges
from photo_pipeline.domain.health import PACE, Backlog, Unwell, behind, room_left, unusual, volumes_left
from photo_pipeline.domain.logs import LogTrouble, Marks, troubles
from photo_pipeline.domain.notices import Condition
from photo_pipeline.domain.photo import TopicPartition
from photo_pipeline.domain.retention import KEEP, LATEST, TOLERANCE
from photo_pipeline.ports.clock import Clock, ClockWitnesses
from photo_pipeline.ports.figures import AppendTimes, FigureSource
from photo_pipeline.ports.health import ArchiveRoom, HealthFigures
from photo_pipeline.ports.photo_log import PhotoLogReader

logger = logging.getLogger(__name__)

RUNBOOK = "docs/operations.md"
BLANKED_WITHIN = timedelta(hours=3)
"""What a closed account has left: two runs of the retention may fail."""

Waits = Mapping[TopicPartition, tuple[WaitingRange, datetime]]
"""What waits in each partition, and since when."""


@dataclass(frozen=True, slots=True)
class LateAfter:
    """How long things may take, and how far clocks may differ, before somebody is told."""

    ingest: timedelta
    sync: timedelta
    clocks: timedelta = TOLERANCE


@dataclass(frozen=True, slots=True)
class LatenessPorts:
    """Where it is looked for."""

    figures: FigureSource
    reader: PhotoLogReader
    ages: AppendTimes
    clock: Clock
    clocks: ClockWitnesses
    health: HealthFigures
    room: ArchiveRoom
    incoming: Sequence[str]


def late(ports: LatenessPorts, after: LateAfter) -> list[Condition]:
    """All that is late at this time.

    Raises:
        ServerUnavailableError: when Kafka or the database is away: then nobody knows.
    """
    now = ports.clock.now()
    figures = ports.figures.ledger()
    # In this order: progress only grows, so a log that seems to end below it was cut.
    known = [each for each in ports.figures.logs() if each.log.topic in ports.incoming]
    marks = ports.reader.watermarks(ports.incoming)
    waiting = _waiting(ports, marks, now)
    found = (
        _ingest(waiting, now, after.ingest),
        _sync(figures, after.sync),
        _retention(figures),
        _stopped(figures),
        _closing(figures),
        _clocks(ports, after.clocks),
    )
    wrong = (_log(trouble) for trouble in troubles(known, marks))
    unwell = (Condition(each.subject, _sentence(each)) for each in _unwell(ports, marks, waiting, now))
    return [*wrong, *(condition for condition in found if condition is not None), *unwell]


def _waiting(ports: LatenessPorts, marks: Marks, now: datetime) -> Waits:
    waiting = {where: found for where, found in waiting_ranges(ports.figures.logs(), marks).items() if found}
    times = ports.ages.of({where: found.start for where, found in waiting.items()}, now)
    return {where: (found, times[where]) for where, found in waiting.items() if where in times}


def _unwell(ports: LatenessPorts, marks: Marks, waiting: Waits, now: datetime) -> Iterator[Unwell]:
    health = ports.health.health()
    yield from unusual(health)
    if waiting:
        came = came_since(marks, ports.ages.first_since(marks, now - PACE))
        records = sum(found.records for found, _ in waiting.values())
        yield from behind(Backlog(records, sum(came.values()), min(at for _, at in waiting.values())), health)
    yield from volumes_left(health.volumes)
    try:
        yield from room_left(ports.room.room(), health)
    except ServerUnavailableError as error:
        logger.warning("HDFS was not asked for its room: %s", error)


def _sentence(each: Unwell) -> str:
    return f"{each.text}. See {RUNBOOK}#{each.topic}"


def _log(trouble: LogTrouble) -> Condition:
    """Not late, but at once: what was accepted may be lost, or is not read."""
    return Condition(f"log {trouble.log}", f"{trouble.log} {trouble.text}. See {RUNBOOK}#photologbroken")


def _ingest(waiting: Waits, now: datetime, after: timedelta) -> Condition | None:
    if not waiting:
        return None
    where = min(waiting, key=lambda each: waiting[each][1])
    oldest, since = waiting[where]
    if now - since <= after:
        return None
    records = sum(found.records for found, _ in waiting.values())
    return Condition(
        "ingest",
        f"{records} photos wait in Kafka, the oldest since {since:%Y-%m-%d %H:%M} UTC at {where} offset "
        f"{oldest.start}. See {RUNBOOK}#photoingestlate",
    )


def _sync(figures: LedgerFigures, after: timedelta) -> Condition | None:
    delay = sync_delay(figures.sync, figures.now)
    if delay <= after.total_seconds():
        return None
    return Condition(
        "bi_sync",
        f"the search index is {delay / 60:.0f} minutes behind the ledger. See {RUNBOOK}#photosyncdelayed",
    )


def _retention(figures: LedgerFigures) -> Condition | None:
    expiring = [each.oldest_committed_at for kind, each in figures.archive.items() if kind != "hold"]
    if not expiring or figures.now - min(expiring) <= KEEP + LATEST:
        return None
    return Condition(
        "retention",
        f"a shard of {min(expiring):%Y-%m-%d %H:%M} UTC is still there, longer than 168 h + 2 h. "
        f"See {RUNBOOK}#photoretentionlate",
    )


def _stopped(figures: LedgerFigures) -> Condition | None:
    if figures.retention is None or figures.retention.stopped is None:
        return None
    return Condition(
        "retention_stopped",
        f"the retention has stopped: {figures.retention.stopped}. See {RUNBOOK}#photoretentionstopped",
    )


def _closing(figures: LedgerFigures) -> Condition | None:
    if figures.closed_at is None or figures.now - figures.closed_at <= BLANKED_WITHIN:
        return None
    return Condition(
        "closing",
        f"an account that was closed at {figures.closed_at:%Y-%m-%d %H:%M} UTC is not blanked yet, which each run of "
        f"the retention does first. See {RUNBOOK}#photoretentionlate",
    )


def _clocks(ports: LatenessPorts, tolerance: timedelta) -> Condition | None:
    """A machine that does not answer is told of elsewhere, and must not keep the rest from being told."""
    try:
        readings = ports.clocks.readings()
    except ServerUnavailableError as error:
        logger.warning("the clocks were not compared: %s", error)
        return None
    if apart(readings) <= tolerance:
        return None
    return Condition("clocks", f"clocks are apart: {sentence(readings)}. See {RUNBOOK}#photoclocksapart")
