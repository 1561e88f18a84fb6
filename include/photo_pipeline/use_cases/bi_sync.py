"""BI sync: outcomes from PostgreSQL into the search index, in the order in which they were committed.

A run reads every row that a transaction in ``[watermark, horizon)`` changed last. The horizon is the oldest transaction
that is still open, so a row that commits late has an id at or above it and is read by a later run; nothing is lost, and
what is read twice is the same document in the same version.
"""

from dataclasses import dataclass, replace

from photo_pipeline.domain.documents import CommitPosition, IndexReport, SyncProgress, document_of
from photo_pipeline.domain.errors import WatermarkAheadError
from photo_pipeline.ports.bi_sync import OutcomeSource, SearchIndex, SyncState
from photo_pipeline.ports.clock import Clock

PAGE_ROWS = 1000


@dataclass(frozen=True, slots=True)
class SyncPorts:
    """The outside world, as the sync needs it."""

    source: OutcomeSource
    state: SyncState
    index: SearchIndex
    clock: Clock


@dataclass(frozen=True, slots=True)
class SyncSummary:
    """What a run came to.

    Attributes:
        documents: stored in the index by this run.
        conflicts: that were there already in a newer version.
        watermark: the transaction that the next run starts from.
        lag_seconds: the longest that something committed can have waited for this run; unknown in the first run.
        full: whether everything was sent again.
    """

    documents: int
    conflicts: int
    watermark: int
    lag_seconds: float | None
    full: bool


def sync_outcomes(ports: SyncPorts, *, full: bool = False, page_rows: int = PAGE_ROWS) -> SyncSummary:
    """Bring the search index up to date. Killed at any point and run again, the same documents come out.

    Args:
        ports: the servers.
        full: send everything again. Starts over, so a retry of such a run goes on faster without it.
        page_rows: how many rows are held in memory at a time.

    Raises:
        SyncConflictError: when another run is at work.
        WatermarkAheadError: when the database was restored from a dump.
        IndexingFailedError, AliasTakenError, IndexNotPreparedError, ServerUnavailableError: as the ports say; progress
            is kept.
    """
    progress = ports.state.load()
    before = progress.synced_at
    started = ports.clock.now()
    horizon = ports.source.horizon()
    # An index that has vanished is filled again without anybody's asking.
    full = full or (progress.documents > 0 and ports.index.is_empty())
    if full:
        progress = _advance(ports.state, progress, replace(progress, watermark=0))
    if progress.watermark > horizon:
        raise WatermarkAheadError(progress.watermark, horizon)
    progress, report = _send_pages(ports, progress, horizon, page_rows)
    ports.index.refresh()
    _advance(ports.state, progress, replace(progress, watermark=horizon, synced_at=started))
    lag = None if before is None else (ports.clock.now() - before).total_seconds()
    return SyncSummary(report.indexed, report.conflicts, horizon, lag, full)


def _send_pages(
    ports: SyncPorts, progress: SyncProgress, horizon: int, page_rows: int
) -> tuple[SyncProgress, IndexReport]:
    position = CommitPosition(progress.watermark)
    indexed = conflicts = 0
    while rows := ports.source.page(position, horizon, page_rows):
        report = ports.index.write([document_of(row) for row in rows])
        indexed += report.indexed
        conflicts += report.conflicts
        position = rows[-1].position
        # Rows of this transaction may follow, so the next run has to read it again from its first.
        sent = replace(progress, watermark=position.xid, documents=progress.documents + len(rows))
        progress = _advance(ports.state, progress, sent)
    return progress, IndexReport(indexed, conflicts)


def _advance(state: SyncState, seen: SyncProgress, to: SyncProgress) -> SyncProgress:
    state.advance(seen, to)
    return to
