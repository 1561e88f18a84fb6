"""Whether all is well, in sentences. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from photo_pipeline.domain.health import Backlog, LedgerHealth, Unwell, behind, unusual
from photo_pipeline.domain.logs import LogTrouble
from photo_pipeline.domain.photos_page import DagState, OpenNotice, Overview, Waiting
from photo_pipeline.domain.retention import KEEP, LATEST
from photo_pipeline.operations.panels import Away
from photo_pipeline.operations.text import age, number, plural

LATE = timedelta(minutes=10)
"""A photo usually waits for seconds, and two minutes where Airflow missed an event."""
VERY_LATE = timedelta(hours=1)
SYNC_LATE = timedelta(minutes=30)
"""The search index is synced every five minutes."""
CHECK_LATE = timedelta(hours=2, minutes=30)
"""The reconciliation runs every hour."""
LOGS = 4
"""So many broken logs are named: a topic that was made anew breaks one for each of its partitions."""
HOLD_KIND = "hold"
WATCH = "photo_watch"
WATCH_LATE = timedelta(minutes=20)
"""It looks every five minutes."""
WATCHED = {"clocks": True, "disk": False, "retention_stopped": True}
"""What only the watch sees, for it asks other machines, by the first word of its subject; whether that is serious."""
MEANINGS = {
    "PostgreSQL": "What became of photos cannot be shown, and none is processed meanwhile. None is lost.",
    "Kafka": "No photo is accepted meanwhile: senders are told to come back.",
    "Elasticsearch": "Analysts see no figures meanwhile; photos are processed all the same.",
}
"""What it means that a server is away."""


class Level(IntEnum):
    """How bad something is."""

    GOOD = 0
    ATTENTION = 1
    TROUBLE = 2


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that is not as it should be, and what it means."""

    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known when the page is made."""

    overview: Overview | Away
    waiting: Sequence[Waiting] | Away
    documents: int | Away
    dags: Sequence[DagState] | Away
    logs: Sequence[LogTrouble] = ()
    health: LedgerHealth | Away | None = None


def concerns(seen: Seen, now: datetime) -> list[Concern]:
    """All that is wrong, the worst first."""
    found = [*_servers(seen), *_logs(seen.logs), *_waiting(seen.waiting, now), *_dags(seen.dags, now), *_unwell(seen)]
    if not isinstance(seen.overview, Away):
        found += [*_ledger(seen.overview, now), *_archive(seen.overview, now), *_checks(seen.overview, now)]
        found += _watched(seen.overview.notices)
    return sorted(found, key=lambda concern: -concern.level)


def verdict(found: Sequence[Concern]) -> Level:
    """The worst of it."""
    return max((concern.level for concern in found), default=Level.GOOD)


def _servers(seen: Seen) -> Iterator[Concern]:
    parts = (seen.overview, seen.waiting, seen.documents, seen.dags, seen.health)
    for server in dict.fromkeys(part.server for part in parts if isinstance(part, Away)):
        yield Concern(Level.TROUBLE, f"{server} does not answer. {MEANINGS.get(server, '')}".rstrip())


def _logs(logs: Sequence[LogTrouble]) -> Iterator[Concern]:
    for trouble in logs[:LOGS]:
        yield Concern(Level.TROUBLE, f"{trouble.log} {trouble.text}.")
    if len(logs) > LOGS:
        yield Concern(
            Level.TROUBLE, f"The same goes for {plural(len(logs) - LOGS, 'more log')}; photo_reconcile names them."
        )


def _waiting(waiting: Sequence[Waiting] | Away, now: datetime) -> Iterator[Concern]:
    times = [] if isinstance(waiting, Away) else [one.oldest_at for one in waiting if one.oldest_at is not None]
    if not times or now - min(times) < LATE:
        return
    level = Level.TROUBLE if now - min(times) >= VERY_LATE else Level.ATTENTION
    yield Concern(level, f"A photo has been waiting in Kafka for {age(now - min(times))}. Look at photo_ingest.")


def _dags(dags: Sequence[DagState] | Away, now: datetime) -> Iterator[Concern]:
    """What somebody starts by hand, they look after themselves."""
    for dag in () if isinstance(dags, Away) else dags:
        if dag.paused:
            yield Concern(Level.ATTENTION, f"{dag.dag_id} is paused.")
        elif dag.dag_id == WATCH and dag.ended_at is not None and now - dag.ended_at >= WATCH_LATE:
            text = (
                f"{WATCH} has not looked for {age(now - dag.ended_at)}: clocks, disks and what is late are not known."
            )
            yield Concern(Level.ATTENTION, text)
        if dag.failed_by_itself:
            yield Concern(Level.ATTENTION, f"The last run of {dag.dag_id} failed. Its red task's last line says why.")


def _unwell(seen: Seen) -> Iterator[Concern]:
    if seen.health is None or isinstance(seen.health, Away):
        return
    found: list[Unwell] = list(unusual(seen.health))
    if not isinstance(seen.waiting, Away):
        found += behind(_backlog(seen.waiting), seen.health)
    for each in found:
        yield Concern(Level.TROUBLE if each.serious else Level.ATTENTION, f"{each.text}.")


def _backlog(waiting: Sequence[Waiting]) -> Backlog:
    times = [each.oldest_at for each in waiting if each.oldest_at is not None]
    records, came = sum(each.records for each in waiting), sum(each.came for each in waiting)
    return Backlog(records, came, min(times, default=None))


def _watched(notices: Sequence[OpenNotice]) -> Iterator[Concern]:
    for each in notices:
        serious = WATCHED.get(each.subject.partition(" ")[0])
        if serious is not None:
            text = each.summary.partition(" See ")[0]
            yield Concern(Level.TROUBLE if serious else Level.ATTENTION, text[:1].upper() + text[1:])


def _ledger(overview: Overview, now: datetime) -> Iterator[Concern]:
    stuck = [one for one in overview.open_slices if now - one.planned_at >= LATE]
    if stuck:
        oldest = min(one.planned_at for one in stuck)
        yield Concern(
            Level.ATTENTION,
            f"{plural(len(stuck), 'slice')} not finished since they were planned {age(now - oldest)} ago.",
        )
    flow = overview.flow
    if flow.outbox_oldest_at is not None and now - flow.outbox_oldest_at >= LATE:
        waited = age(now - flow.outbox_oldest_at)
        yield Concern(Level.ATTENTION, f"{number(flow.outbox)} outbox entries wait, the oldest for {waited}.")
    if flow.synced_at is not None and now - flow.synced_at >= SYNC_LATE:
        yield Concern(Level.ATTENTION, f"The search index was last synced {age(now - flow.synced_at)} ago.")


def _archive(overview: Overview, now: datetime) -> Iterator[Concern]:
    overdue = [day for day in overview.archive if day.kind != HOLD_KIND and now >= day.first_at + KEEP + LATEST]
    if overdue:
        oldest = min(day.day for day in overdue)
        yield Concern(
            Level.TROUBLE, f"Shards of {oldest:%Y-%m-%d} should be gone by now. Look at photo_archive_retention."
        )


def _checks(overview: Overview, now: datetime) -> Iterator[Concern]:
    last = overview.reconciliation
    if last is None:
        return
    found = sum(check.found for check in last.checks)
    if found:
        yield Concern(Level.TROUBLE, f"The last reconciliation left {plural(found, 'finding')}. They are listed below.")
    newest = max(check.checked_at for check in last.checks)
    if now - newest >= CHECK_LATE:
        yield Concern(Level.ATTENTION, f"Nothing has been reconciled for {age(now - newest)}.")
