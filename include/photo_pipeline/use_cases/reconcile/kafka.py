"""Kafka's offsets and settings against the ledger and the contract."""

from collections.abc import Mapping
from datetime import datetime

from photo_pipeline.domain.ledger import Watermarks
from photo_pipeline.domain.photo import TopicPartition
from photo_pipeline.domain.reconciliation import Detail, PartitionState
from photo_pipeline.use_cases.reconcile.run import CheckRun

SETUP = "run platform_setup, it puts it right"
MISSING_TOPIC = "topic"


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
    """Whether what the ledger wants to read next is something that Kafka has, or will have."""
    # In this order: progress only grows, and never beyond what Kafka had before.
    before = _incoming(run)
    watermarks = _watermarks(run)
    after = _incoming(run)
    for partition, state in before.items():
        marks = watermarks.get(partition)
        if marks is None:
            run.findings.add(str(partition), f"the ledger is at {state.next_offset}, but Kafka has no such partition")
        elif state.next_offset > marks.high:
            run.findings.add(
                str(partition),
                f"the ledger is at {state.next_offset}, but Kafka ends at {marks.high}: the topic was made anew or cut",
                next_offset=state.next_offset,
                low=marks.low,
                high=marks.high,
            )
        elif after[partition].next_offset < marks.low:
            next_offset = after[partition].next_offset
            run.findings.add(
                str(partition),
                f"Kafka has deleted [{next_offset}, {marks.low}), which was never read",
                next_offset=next_offset,
                low=marks.low,
                high=marks.high,
            )
    return {"partitions": len(before), "waiting": sum(_waiting(before, watermarks).values())}


def check_lag(run: CheckRun) -> Detail:
    """How old the oldest record is that waits: Kafka keeps it for 7 days only."""
    watermarks = _watermarks(run)
    partitions = _incoming(run)
    oldest: datetime | None = None
    for partition in _waiting(partitions, watermarks):
        marks = watermarks[partition]
        start = max(partitions[partition].next_offset, marks.low)
        appended_at = _append_time(run, partition, start, marks.high)
        if appended_at is None:
            continue
        oldest = appended_at if oldest is None else min(oldest, appended_at)
        age = run.now - appended_at
        if age > run.limits.max_lag:
            hours = age.total_seconds() / 3600
            run.findings.add(
                str(partition),
                f"offset {start} has waited for {hours:.0f} hours of the 168 that Kafka keeps it: see why ingest lags",
                offset=start,
                appended_at=appended_at.isoformat(),
                hours=round(hours, 1),
                waiting=marks.high - start,
            )
    return {"oldest": None if oldest is None else oldest.isoformat()}


def _incoming(run: CheckRun) -> Mapping[TopicPartition, PartitionState]:
    found = run.ports.ledger.partitions()
    return {partition: state for partition, state in found.items() if partition.topic in run.ports.incoming}


def _watermarks(run: CheckRun) -> Mapping[TopicPartition, Watermarks]:
    """Of the topics that exist."""
    missing = {found.topic for found in run.ports.topics.deviations() if found.setting == MISSING_TOPIC}
    return run.ports.reader.watermarks([topic for topic in run.ports.incoming if topic not in missing])


def _waiting(
    partitions: Mapping[TopicPartition, PartitionState], watermarks: Mapping[TopicPartition, Watermarks]
) -> Mapping[TopicPartition, int]:
    """How many offsets wait, where any do."""
    waiting = {
        partition: watermarks[partition].high - max(state.next_offset, watermarks[partition].low)
        for partition, state in partitions.items()
        if partition in watermarks
    }
    return {partition: offsets for partition, offsets in waiting.items() if offsets > 0}


def _append_time(run: CheckRun, partition: TopicPartition, start: int, end: int) -> datetime | None:
    """When Kafka took the first record of the range; ``None`` where the range holds none."""
    record = next(iter(run.ports.reader.read(partition, start, end)), None)
    return None if record is None else record.timestamp
