"""What the page's template is given: rows of text, made of the servers' answers. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlencode

from photo_pipeline.domain.health import LedgerHealth
from photo_pipeline.domain.logs import LogTrouble, troubles
from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.domain.photo import TopicPartition
from photo_pipeline.domain.photos_page import (
    SLICES,
    ArchiveDay,
    DagState,
    OutcomeCount,
    Overview,
    Partition,
    Rejected,
    Slice,
    Waiting,
)
from photo_pipeline.domain.reprocess import ANY, Mode, may_end_otherwise
from photo_pipeline.domain.retention import KEEP, LATEST
from photo_pipeline.operations.charts import OUTCOMES, Chart, chart_of
from photo_pipeline.operations.health import HOLD_KIND, Concern, Level, Seen, concerns, verdict
from photo_pipeline.operations.panels import Away
from photo_pipeline.operations.text import NONE, age, moment, number, plural, size

Answer = TypeVar("Answer")

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)
QUARTER_DAY = timedelta(hours=6)
REPROCESS_MARGIN = timedelta(seconds=1)
"""The form's window is to the second and excludes its end."""

_VERDICTS = {
    Level.GOOD: ("good", "Healthy"),
    Level.ATTENTION: ("attention", "Needs attention"),
    Level.TROUBLE: ("trouble", "In trouble"),
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back from the servers."""

    overview: Overview | Away
    waiting: Mapping[TopicPartition, Waiting] | Away
    day: Sequence[OutcomeCount] | Away
    week: Sequence[OutcomeCount] | Away
    documents: int | Away
    dags: Sequence[DagState] | Away
    logs: Sequence[LogTrouble] | Away = ()
    health: LedgerHealth | Away | None = None


@dataclass(frozen=True, slots=True)
class LagRow:
    """How far behind a partition is."""

    name: str
    records: str
    bytes: str
    age: str
    next_offset: str
    moved: str
    late: bool


@dataclass(frozen=True, slots=True)
class SliceRow:
    """A slice as a line."""

    slice_id: int
    name: str
    state: str
    attempt: int
    outcomes: str
    shard: str
    shard_title: str
    took: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The slices that were planned together."""

    planned_at: str
    summary: str
    slices: tuple[SliceRow, ...]


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A rejected record as a line.

    ``topic`` tells later logs of it; ``again`` is the query of the reprocess form, empty where that cannot help.
    """

    where: str
    topic: str
    partition: int
    offset: int
    at: str
    reason: str
    sentence: str
    detail: str
    source: str
    size: str
    customer: str
    refed: str
    again: str


@dataclass(frozen=True, slots=True)
class ArchiveRow:
    """A day of the archive as a line."""

    day: str
    kind: str
    shards: str
    photos: str
    bytes: str
    expires: str
    left: str


@dataclass(frozen=True, slots=True)
class DagRow:
    """A DAG as a line."""

    dag_id: str
    state: str
    ended: str
    paused: bool


@dataclass(frozen=True, slots=True)
class PageView:
    """All of the page. A part is ``None`` where its server is away; ``away`` says why, by the part's name."""

    now: str
    level: str
    verdict: str
    concerns: Sequence[Concern]
    waiting: str
    oldest: str
    documents: str
    synced: str
    lag: Sequence[LagRow] | None
    day: Chart | None
    week: Chart | None
    batches: Sequence[Batch] | None
    rejected: Sequence[RejectedRow] | None
    archive: Sequence[ArchiveRow] | None
    archived: str
    overview: Overview | None
    dags: Sequence[DagRow] | None
    reasons: Sequence[tuple[str, str, str]]
    away: Mapping[str, Away] = field(default_factory=dict)


def page_view(answers: Answers, now: datetime) -> PageView:
    """The page at the ledger's time, or at ``now`` where the ledger is away."""
    overview = _there(answers.overview)
    now = now if overview is None else overview.now
    waiting = _there(answers.waiting)
    seen = Seen(
        answers.overview,
        answers.waiting if isinstance(answers.waiting, Away) else list(answers.waiting.values()),
        answers.documents,
        answers.dags,
        _troubles(answers, overview),
        answers.health,
    )
    found = concerns(seen, now)
    level, word = _VERDICTS[verdict(found)]
    dags = _there(answers.dags)
    return PageView(
        now=moment(now),
        level=level,
        verdict=word,
        concerns=found,
        waiting=NONE if waiting is None else number(sum(one.records for one in waiting.values())),
        oldest=_oldest(waiting, now),
        documents=NONE if isinstance(answers.documents, Away) else number(answers.documents),
        synced=_ago(None if overview is None else overview.flow.synced_at, now),
        lag=None if waiting is None else lag_rows([] if overview is None else overview.partitions, waiting, now),
        day=None if isinstance(answers.day, Away) else chart_of(answers.day, now, DAY, HOUR),
        week=None if isinstance(answers.week, Away) else chart_of(answers.week, now, WEEK, QUARTER_DAY),
        batches=None if overview is None else batches(overview.slices),
        rejected=None if overview is None else [rejected_row(row, now) for row in overview.rejected],
        archive=None if overview is None else [archive_row(day, now) for day in overview.archive],
        archived=NONE if overview is None else size(sum(day.bytes for day in overview.archive)),
        overview=overview,
        dags=None if dags is None else [_dag_row(dag, now) for dag in dags],
        reasons=[] if overview is None else _reasons(overview.reasons),
        away={name: part for name, part in _parts(answers).items() if isinstance(part, Away)},
    )


def lag_rows(partitions: Sequence[Partition], waiting: Mapping[TopicPartition, Waiting], now: datetime) -> list[LagRow]:
    """Every partition that Kafka has. Bytes are what its latest records suggest: Kafka does not tell a range's."""
    known = {partition.where: partition for partition in partitions}
    rows = []
    for where, lag in sorted(waiting.items()):
        partition = known.get(where)
        average = None if partition is None else partition.average_bytes
        waits = None if lag.oldest_at is None else now - lag.oldest_at
        rows.append(
            LagRow(
                name=str(where),
                records=number(lag.records),
                bytes=_estimate(lag.records, average),
                age=NONE if waits is None else age(waits),
                next_offset=NONE if partition is None else str(partition.next_offset),
                moved=NONE if partition is None else _ago(partition.updated_at, now),
                late=waits is not None and waits >= timedelta(minutes=10),
            )
        )
    return rows


def batches(slices: Sequence[Slice]) -> list[Batch]:
    """Slices by the plan that made them, the newest first: one transaction plans a micro-batch, so its time is one.

    The oldest one is left out where some of its slices may lie beyond those that were asked for.
    """
    planned: dict[datetime, list[Slice]] = {}
    for one in slices:
        planned.setdefault(one.planned_at, []).append(one)
    if len(slices) == SLICES and len(planned) > 1:
        del planned[min(planned)]
    return [
        Batch(moment(at), _batch_summary(members), tuple(slice_row(one) for one in members))
        for at, members in planned.items()
    ]


def slice_row(one: Slice) -> SliceRow:
    """A slice as a line."""
    shard = one.shard
    parts = "no shard: nothing to archive" if one.state == "committed" else NONE
    if shard is not None:
        parts = f"{plural(shard.photos, 'photo')}, {size(shard.length)}"
        parts += "" if shard.state == "live" else f", {shard.state}"
    took = NONE if one.committed_at is None else f"{(one.committed_at - one.planned_at).total_seconds():.1f} s"
    return SliceRow(
        slice_id=one.slice_id,
        name=f"{one.where} [{one.start}, {one.end})",
        state=one.state,
        attempt=one.attempt,
        outcomes=_outcomes(one.outcomes),
        shard=parts,
        shard_title="" if shard is None else shard.path,
        took=took,
    )


def rejected_row(row: Rejected, now: datetime) -> RejectedRow:
    """A rejected record as a line."""
    return RejectedRow(
        where=str(row.where),
        topic=row.where.topic_name,
        partition=row.where.partition,
        offset=row.where.offset,
        at=f"{moment(row.processed_at)} ({age(now - row.processed_at)} ago)",
        reason=row.reason,
        sentence=sentence_of(row.reason),
        detail=row.detail or "",
        source=row.source or NONE,
        size=size(row.bytes),
        customer=NONE if row.customer_id is None else str(row.customer_id),
        refed="" if row.refed_at is None else f"sent again {moment(row.refed_at)}",
        again=reprocess_query(row) if may_end_otherwise(row.reason) else "",
    )


def reprocess_query(row: Rejected) -> str:
    """The query of the reprocess form for this record and no other, in the second in which it was rejected."""
    start = row.processed_at.replace(microsecond=0)
    values = {
        "mode": Mode.DEAD_LETTERS.value,
        "from": start.isoformat(),
        "to": (start + REPROCESS_MARGIN).isoformat(),
        "customer_id": "" if row.customer_id is None else str(row.customer_id),
        "format": ANY,
        "reason": row.reason,
        "record": str(row.where),
    }
    return urlencode(values)


def archive_row(day: ArchiveDay, now: datetime) -> ArchiveRow:
    """A day of the archive as a line: its shards go one by one, from the first's time on."""
    if day.kind == HOLD_KIND:
        expires, left = "when its holds are lifted", NONE
    else:
        first, last = day.first_at + KEEP, day.last_at + KEEP + LATEST
        expires = f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"
        left = f"in {age(first - now)}" if first > now else "due now"
    return ArchiveRow(
        day=day.day.isoformat(),
        kind=day.kind,
        shards=number(day.shards),
        photos=number(day.photos),
        bytes=size(day.bytes),
        expires=expires,
        left=left,
    )


def sentence_of(reason: str) -> str:
    """A reason as a person would say it."""
    try:
        return RejectReason(reason).sentence
    except ValueError:
        return reason.replace("_", " ")


def _troubles(answers: Answers, overview: Overview | None) -> Sequence[LogTrouble]:
    """What is wrong with logs; while Kafka is away, what the ledger has noted of them."""
    if not isinstance(answers.logs, Away):
        return answers.logs
    return [] if overview is None else troubles(overview.logs, None)


def _parts(answers: Answers) -> dict[str, object]:
    return {
        "lag": answers.waiting,
        "day": answers.day,
        "week": answers.week,
        "ledger": answers.overview,
        "search": answers.documents,
        "dags": answers.dags,
    }


def _there(answer: Answer | Away) -> Answer | None:
    return None if isinstance(answer, Away) else answer


def _oldest(waiting: Mapping[TopicPartition, Waiting] | None, now: datetime) -> str:
    times = [one.oldest_at for one in (waiting or {}).values() if one.oldest_at is not None]
    return age(now - min(times)) if times else NONE


def _ago(at: datetime | None, now: datetime) -> str:
    return "never" if at is None else f"{age(now - at)} ago"


def _estimate(records: int, average: float | None) -> str:
    if not records:
        return size(0)
    return NONE if average is None else f"≈ {size(records * average)}"


def _outcomes(found: Mapping[str, int]) -> str:
    named = [f"{found[outcome]:,} {outcome}" for outcome in (*OUTCOMES, "absent") if found.get(outcome)]
    return ", ".join(named) or NONE


def _batch_summary(members: Sequence[Slice]) -> str:
    totals: dict[str, int] = {}
    for one in members:
        for outcome, records in one.outcomes.items():
            totals[outcome] = totals.get(outcome, 0) + records
    unfinished = sum(one.state not in {"committed", "void"} for one in members)
    waits = f", {unfinished} unfinished" if unfinished else ""
    return f"{plural(len(members), 'slice')}{waits}: {_outcomes(totals)}"


def _dag_row(dag: DagState, now: datetime) -> DagRow:
    state = "paused" if dag.paused else dag.last_state or "no run yet"
    return DagRow(dag.dag_id, state, NONE if dag.ended_at is None else _ago(dag.ended_at, now), dag.paused)


def _reasons(reasons: Mapping[str, int]) -> list[tuple[str, str, str]]:
    return [(reason, sentence_of(reason), number(records)) for reason, records in reasons.items()]
