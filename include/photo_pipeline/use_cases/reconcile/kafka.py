"""Kafka's offsets and settings against the ledger and the contract."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from photo_pipeline.domain.logs import KnownLog, LogState, LogTrouble, Marks, positions, troubles
from photo_pipeline.domain.photo import TopicPartition
from photo_pipeline.domain.reconciliation import Detail
from photo_pipeline.use_cases.reconcile.run import CheckRun

SETUP = "run platform_setup, it puts it right"


def check_topics(run: CheckRun) -> Detail:
    """Every setting that the contract names: retention, segments, timestamps, clean-up, sizes, replicas."""
    deviations = run.ports.topics.deviations()
    for deviation in deviations:
        found = "missing" if deviation.found is None else deviation.found
        run.findings.add(
            deviation.topic,
            f"{deviation.setting} is {found}, not {deviation.wanted}: {SETUP}",
            setting=deviation.setting,
            found=deviation.found,
            wanted=deviation.wanted,
        )
    return {"deviations": len(deviations)}


def check_offsets(run: CheckRun) -> Detail:
    """Whether Kafka has every log that the ledger reads, whole, and nothing of it was lost unread.

    What an operator has to settle about a log is found again in every run until that is done.
    """
    # In this order: progress only grows, and never beyond what Kafka had before.
    before = _logs(run)
    marks = _watermarks(run)
    after = {each.log: each.next_offset for each in _logs(run)}
    for trouble in troubles(before, marks):
        _add_trouble(run, trouble, marks)
    for each in before:
        found = marks.get(each.log.topic_partition)
        if found is None or each.state is not LogState.CURRENT or not each.log.may_be(found.topic_id):
            continue
        next_offset = after.get(each.log, each.next_offset)
        if next_offset < found.low:
            run.findings.add(
                str(each.log),
                f"Kafka has deleted [{next_offset}, {found.low}), which was never read",
                next_offset=next_offset,
                low=found.low,
                high=found.high,
            )
    return {"logs": len(before), "waiting": sum(_waiting(before, marks).values())}


def _add_trouble(run: CheckRun, trouble: LogTrouble, marks: Marks) -> None:
    found = marks.get(trouble.log.topic_partition)
    run.findings.add(
        str(trouble.log),
        trouble.text,
        kind=trouble.problem.value,
        unread=trouble.unread,
        next_offset=trouble.next_offset,
        topic_id=trouble.log.topic_id,
        high=None if found is None else found.high,
        topic_id_now=None if found is None else found.topic_id,
    )


def check_lag(run: CheckRun) -> Detail:
    """How old the oldest record is that waits: Kafka keeps it for 7 days only."""
    marks = _watermarks(run)
    known = _logs(run)
    starts = positions(known, marks)
    oldest: datetime | None = None
    for where in _waiting(known, marks):
        high, start = marks[where].high, max(starts[where], marks[where].low)
        appended_at = _append_time(run, where, start, high)
        if appended_at is None:
            continue
        oldest = appended_at if oldest is None else min(oldest, appended_at)
        age = run.now - appended_at
        if age > run.limits.max_lag:
            hours = age.total_seconds() / 3600
            run.findings.add(
                str(where),
                f"offset {start} has waited for {hours:.0f} hours of the 168 that Kafka keeps it: see why ingest lags",
                offset=start,
                appended_at=appended_at.isoformat(),
                hours=round(hours, 1),
                waiting=high - start,
            )
    return {"oldest": None if oldest is None else oldest.isoformat()}


def _logs(run: CheckRun) -> Sequence[KnownLog]:
    return [each for each in run.ports.ledger.logs() if each.log.topic in run.ports.incoming]


def _watermarks(run: CheckRun) -> Marks:
    """Of the topics that exist."""
    return run.ports.reader.watermarks(run.ports.incoming)


def _waiting(known: Sequence[KnownLog], marks: Marks) -> Mapping[TopicPartition, int]:
    """How many offsets wait to be read, where any do and may be."""
    waiting = {
        where: marks[where].high - max(start, marks[where].low) for where, start in positions(known, marks).items()
    }
    return {where: offsets for where, offsets in waiting.items() if offsets > 0}


def _append_time(run: CheckRun, partition: TopicPartition, start: int, end: int) -> datetime | None:
    """When Kafka took the first record of the range; ``None`` where the range holds none."""
    record = next(iter(run.ports.reader.read(partition, start, end)), None)
    return None if record is None else record.timestamp
