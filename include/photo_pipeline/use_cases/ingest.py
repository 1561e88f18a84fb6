"""Ingest: plan slices in the ledger, then process each one exactly once.

A slice is read from Kafka by its planned range, its photos are processed and streamed into one shard, and a single
transaction makes shard, photos, records and progress visible. Killed at any instruction and run again, the same rows
come out: what an unfinished attempt left on HDFS has the attempt in its name, no row names it, and the sweep removes
it.
"""

import logging
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass, field

from photo_pipeline.domain.errors import LogCutError, PhotoErasedError, ServerUnavailableError
from photo_pipeline.domain.lanes import ONE_LANE, Lanes
from photo_pipeline.domain.ledger import Lease, PlannedSlice, ShardFile, SliceSummary
from photo_pipeline.domain.logs import changes, troubles
from photo_pipeline.domain.proof import ProofRules
from photo_pipeline.ports.archive import Archive
from photo_pipeline.ports.images import ImageProcessor
from photo_pipeline.ports.ingest import IngestLedger
from photo_pipeline.ports.photo_log import PhotoLogReader
from photo_pipeline.use_cases.lease_keeper import LeaseKeeper
from photo_pipeline.use_cases.reading_ahead import Ahead
from photo_pipeline.use_cases.shard_staging import StagedShard
from photo_pipeline.use_cases.slice_reading import AbsentRange, ReadRecord, parsed, read_slice, weight_of
from photo_pipeline.use_cases.slice_senders import from_known_senders
from photo_pipeline.use_cases.slice_work import SliceWork
from photo_pipeline.use_cases.time_budget import TimeBudget

logger = logging.getLogger(__name__)

READ_AHEAD_BYTES = 16 * 1024 * 1024
"""Of records that were read and checked, and wait for the work on those before them."""
OVERTIME = 0.5
"""Of a slice's time: so long what is in flight may take when it is over, before it is left to the next slice."""


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """What bounds a slice, and the memory and the time that processing it takes.

    Attributes:
        slice_max_records: planned at most.
        slice_max_bytes: read at most, and one photo more.
        in_flight_bytes: of photos that are being worked on, and of what becomes of them.
        lease_seconds: after which a slice is free again if its worker says nothing.
        slice_seconds: after which nothing more is begun: the slice commits what there is.
        lanes: which partitions wait for each other.
    """

    slice_max_records: int
    slice_max_bytes: int
    in_flight_bytes: int
    lease_seconds: float
    slice_seconds: float
    lanes: Lanes = ONE_LANE


@dataclass(frozen=True, slots=True)
class IngestPorts:
    """The outside world, as the ingest needs it."""

    ledger: IngestLedger
    log: PhotoLogReader
    archive: Archive
    images: ImageProcessor
    archive_root: str
    monotonic: Callable[[], float]
    proofs: ProofRules = field(default_factory=ProofRules)


def plan_micro_batch(
    ledger: IngestLedger, log: PhotoLogReader, topics: Collection[str], limits: IngestLimits, owner: str
) -> Sequence[PlannedSlice]:
    """Plan what waits in Kafka, and reserve it and whatever dead workers left to ``owner`` (one run of the DAG).

    What was planned first comes first, and of what is planned now the bulk lane's slices come last. They are one run's
    at a time: another that begins meanwhile has none to wait for.
    What Kafka has is held against what the ledger knows first: a topic that was made anew is another log, and a log
    that was cut is left alone.
    """
    # In this order: progress only grows, so a log that seems to end below it was cut.
    known = ledger.logs()
    watermarks = log.watermarks(topics)
    ledger.follow(changes(known, watermarks))
    for trouble in troubles(ledger.logs(), watermarks):
        logger.warning("%s %s", trouble.log, trouble.text)
    planned = ledger.plan(watermarks, limits.slice_max_records, owner, limits.lease_seconds, limits.lanes)
    logger.info("planned slices=%d records<=%d owner=%s", len(planned), sum(s.end - s.start for s in planned), owner)
    return planned


def process_slice(slice_id: int, owner: str, ports: IngestPorts, limits: IngestLimits) -> SliceSummary:
    """Bring one slice to its end, or find that it is there already.

    Raises:
        SliceBusyError: when another owner works on it.
        SliceVoidError: when its log has ended.
        LeaseLostError: when another attempt took it over meanwhile; nothing of this one is visible.
        LogChangedError: when Kafka has another log in its place by now; nothing of that was read for this slice.
        PhotoErasedError: when a photo was erased while it was being processed; the next attempt leaves it out.
        LogCutError: when the log was cut; nothing of it is planned any more.
        ServerUnavailableError: when a server is away; the slice is given back for the next attempt.
    """
    lease = ports.ledger.lease(slice_id, owner, limits.lease_seconds)
    if lease is None:
        return ports.ledger.summary(slice_id)
    try:
        with LeaseKeeper(ports.ledger, lease, limits.lease_seconds) as keeper:
            summary = _process_leased(lease, ports, limits, keeper)
    except LogCutError:
        ports.ledger.note_cut(lease.slice.log)
        _give_back(ports.ledger, lease)
        raise
    except Exception:
        _give_back(ports.ledger, lease)
        raise
    _report_progress(ports.log, summary)
    return summary


def _process_leased(lease: Lease, ports: IngestPorts, limits: IngestLimits, keeper: LeaseKeeper) -> SliceSummary:
    time = TimeBudget(ports.monotonic, limits.slice_seconds)
    shard = StagedShard(ports.archive, ports.archive_root, lease)
    work = SliceWork(lease, ports.images, shard, limits.in_flight_bytes, time)
    with Ahead(_believed(lease, ports, limits), weight_of, READ_AHEAD_BYTES) as items:
        for item in items:
            keeper.check()
            work.add(item)
            if time.is_spent or work.is_stuck:
                break
    ports.log.confirm(lease.slice.log)
    commit = work.finish(TimeBudget(ports.monotonic, limits.slice_seconds * OVERTIME))
    keeper.check()
    try:
        return ports.ledger.commit(commit)
    except PhotoErasedError:
        _discard(ports.archive, commit.shard)
        raise


def _believed(
    lease: Lease, ports: IngestPorts, limits: IngestLimits
) -> Generator[ReadRecord | AbsentRange, None, None]:
    """What is read of the slice. Nobody else holds what it is made of, so that closing it ends the reading at once."""
    read = read_slice(ports.log, lease.slice, limits.slice_max_bytes)
    return from_known_senders(parsed(read), ports.ledger, ports.proofs)


def _discard(archive: Archive, shard: ShardFile | None) -> None:
    """Nothing of it was committed, and what was erased must not wait for the sweep."""
    if shard is not None:
        archive.delete(shard.path)


def _give_back(ledger: IngestLedger, lease: Lease) -> None:
    """Best effort, while an error is already on its way: an unreturned lease runs out by itself."""
    try:
        ledger.release(lease)
    except ServerUnavailableError as error:
        logger.warning("slice=%d not given back: %s", lease.slice.slice_id, error)


def _report_progress(log: PhotoLogReader, summary: SliceSummary) -> None:
    """For lag monitoring only, so a failure is worth a line and no more."""
    try:
        log.report_progress({summary.log.topic_partition: summary.end})
    except ServerUnavailableError as error:
        logger.warning("consumer group not committed for %s: %s", summary.log, error)
