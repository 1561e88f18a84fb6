"""The ledger against itself: contiguous, nothing lost, nothing forgotten, nothing contradictory."""

from datetime import timedelta

from photo_pipeline.domain.reconciliation import Detail, SliceCoverage, Status, partition_faults, slice_faults
from photo_pipeline.use_cases.reconcile.run import SEEN, CheckRun

OUTBOX_KEPT = timedelta(hours=160)
"""Published entries go after 168 hours; what was committed longer ago than this is not missed."""
FILLED_AT_ONCE = 10_000


def check_contiguity(run: CheckRun) -> Detail:
    """Invariant 2: every offset of ``[first, next_offset)`` has its record, and slices join without gap or overlap."""
    partitions = run.ports.ledger.partitions()
    for partition, state in partitions.items():
        for fault in partition_faults(state):
            run.findings.add(str(partition), fault, next_offset=state.next_offset, first_offset=state.first_offset)
    slices = run.ports.ledger.coverage(run.stretch)
    for slice_ in slices:
        faults = list(slice_faults(slice_))
        if faults:
            _add_slice(run, slice_, faults)
    return {"partitions": len(partitions), "slices": len(slices), SEEN: run.ports.ledger.slices_end(run.stretch)}


def _add_slice(run: CheckRun, slice_: SliceCoverage, faults: list[str]) -> None:
    holes = run.ports.ledger.missing_offsets(slice_)
    ranges = [f"[{start}, {end})" for start, end in holes[: run.limits.named]]
    lacking = f"; without record: {', '.join(ranges)}" if ranges else ""
    run.findings.add(
        f"{slice_.log} [{slice_.start}, {slice_.end})",
        "; ".join(faults) + lacking,
        slice_id=slice_.slice_id,
        missing=ranges,
    )


def check_losses(run: CheckRun) -> Detail:
    """What Kafka's retention deleted before it was read: it cannot be undone, and must not go unnoticed."""
    lost = run.ports.ledger.lost_ranges(run.now - run.limits.incident)
    for range_ in lost:
        run.findings.add(
            f"{range_.log} [{range_.start}, {range_.end})",
            f"{range_.records} records were deleted by Kafka before they were read",
            records=range_.records,
            found_at=range_.found_at.isoformat(),
        )
    return {"records": sum(range_.records for range_ in lost)}


def check_open_slices(run: CheckRun) -> Detail:
    """Slices that were planned and that nobody works on."""
    abandoned = run.ports.ledger.abandoned_slices(run.now - run.limits.max_wait)
    for slice_ in abandoned:
        run.findings.add(
            f"{slice_.log} [{slice_.start}, {slice_.end})",
            f"planned at {slice_.planned_at:%Y-%m-%d %H:%M} UTC and nobody works on it: see why photo_ingest fails",
            slice_id=slice_.slice_id,
            attempt=slice_.attempt,
        )
    return {"abandoned": len(abandoned)}


def check_outbox(run: CheckRun) -> Detail:
    """What Kafka was to hear of committed records: entries that are lacking are written, those that wait are told."""
    filled = run.ports.ledger.fill_outbox(run.selection, run.now - OUTBOX_KEPT, FILLED_AT_ONCE)
    for kind, coordinates in filled:
        problem = f"had no {kind} entry in the outbox; written, photo_ingest publishes it"
        run.findings.add(str(coordinates), problem, Status.REPAIRED, kind=kind)
    waiting = run.ports.ledger.waiting_outbox(run.now - run.limits.max_wait)
    for backlog in waiting:
        run.findings.add(
            f"outbox {backlog.kind}",
            f"{backlog.entries} entries wait since {backlog.oldest:%Y-%m-%d %H:%M} UTC: see why photo_ingest does not "
            "publish",
            entries=backlog.entries,
            oldest=backlog.oldest.isoformat(),
        )
    return {"filled": len(filled), "waiting": sum(backlog.entries for backlog in waiting)}


def check_photos(run: CheckRun) -> Detail:
    """A processed photo has its renditions in its shard, three at least; an expired one has none."""
    faults = run.ports.ledger.photo_faults(run.stretch, run.limits.page)
    for fault in faults:
        run.findings.add(f"photo {fault.photo_id}", fault.problem, shard_id=fault.shard_id)
    return {"faults": len(faults), SEEN: run.ports.ledger.shards_end(run.stretch)}
