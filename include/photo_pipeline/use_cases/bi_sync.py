"""BI sync: outcomes from PostgreSQL into the search index, in the order in which they were committed.

A run reads every row that a transaction in ``[watermark, horizon)`` changed last. The horizon is the oldest transaction
that is still open, so a row that commits late has an id at or above it and is read by a later run; nothing is lost, and
what is read twice is the same document in the same version.

A full run fills a new generation of the index beside the one that analysts see, counts it, and shows it in one step. So
documents of a past that the database has lost, whose versions would win over the rows', are left behind.

A document that the index refuses is noted and tried again by every run; it holds nothing up.

A customer's new name is in all of their documents: a run first has these count as changed, so many in one transaction.

Months of which the ledger keeps nothing any more are removed once they are old enough.

Reading and sending go on at the same time: while pages are on their way, the next one is read. They are settled in the
order in which they were read, so the watermark never passes a page that the index does not have.
"""

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from photo_pipeline.domain.accounts import STEP
from photo_pipeline.domain.documents import (
    CommitPosition,
    Document,
    IndexReport,
    RefusedDocument,
    SyncProgress,
    document_of,
    index_month,
)
from photo_pipeline.domain.errors import (
    DocumentsRefusedError,
    GenerationRefusedError,
    IndexIncompleteError,
    SyncConflictError,
    WatermarkAheadError,
)
from photo_pipeline.ports.bi_sync import OutcomeSource, RefusedRegister, Renamings, SearchIndex, SyncState
from photo_pipeline.ports.clock import Clock

PAGE_ROWS = 1000
IN_FLIGHT = 2
"""Pages on their way to the index at a time: one is being stored while another is put into bytes or its answer read."""
RENAMED_STEPS = 100
"""In one run: what is new does not wait for customers with very many outcomes, whose next ones have the next run."""
NAMED = 3
REFUSED_PERCENT = 1
"""What a new generation may lack of its documents without being measured by the one that analysts see."""


SETTLED_WITHIN = timedelta(days=31)
"""An outcome is settled so long after its acceptance, at the most; a document is of the month of its acceptance."""


@dataclass(frozen=True, slots=True)
class SyncPorts:
    """The outside world, as the sync needs it.

    Attributes:
        source: the outcomes.
        state: how far the generation follows that analysts see.
        rebuild: how far a generation is that is being filled.
        refused: what the index did not take.
        renamings: who has another name since the last run.
        index: Elasticsearch.
        clock: the time.
        keep: how long documents stay at least, after their month is over.
    """

    source: OutcomeSource
    state: SyncState
    rebuild: Callable[[int], SyncState]
    refused: RefusedRegister
    renamings: Renamings
    index: SearchIndex
    clock: Clock
    keep: timedelta = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class SyncSummary:
    """What a run came to.

    Attributes:
        documents: stored in the index by this run.
        conflicts: that were there already in a newer version.
        watermark: the transaction that the next run starts from.
        lag_seconds: the longest that something committed can have waited for this run; unknown in the first run.
        full: whether that was made anew.
        forgotten: months that were removed.
    """

    documents: int
    conflicts: int
    watermark: int
    lag_seconds: float | None
    full: bool
    forgotten: int = 0


def sync_outcomes(
    ports: SyncPorts, *, full: bool = False, resume: bool = False, page_rows: int = PAGE_ROWS
) -> SyncSummary:
    """Bring the search index up to date. Killed at any point and run again, the same documents come out.

    Args:
        ports: the servers.
        full: make the index anew. An index that has vanished, or is of an older form, is made anew unasked.
        resume: go on with the full run that was cut off, where there is one.
        page_rows: how many rows a page has. One page more than may be in flight is held in memory.

    Raises:
        DocumentsRefusedError: at the end, when there are documents that the index did not take.
        GenerationRefusedError: when a new generation would show less than analysts see, for what it did not take.
        IndexIncompleteError: when a new generation does not count what it should; analysts keep the one they see.
        SyncConflictError: when another run is at work.
        WatermarkAheadError: when the database was restored from a dump.
        AliasTakenError, IndexNotPreparedError, SearchRequestError, ServerUnavailableError: as the ports say; progress
            is kept.
    """
    _follow_names(ports.renamings)
    progress = ports.state.load()
    started = ports.clock.now()
    horizon = ports.source.horizon()
    _refuse_dump(ports.source, horizon)
    full = full or _is_to_be_made_anew(ports, progress)
    if full:
        run = _rebuild(ports, progress, horizon, page_rows, resume=resume)
    else:
        run = _follow(ports, progress, horizon, page_rows)
    ports.index.refresh()
    ports.state.advance(run.seen or progress, SyncProgress(horizon, started, run.documents))
    forgotten = _forget_months(ports, started)
    _retry_refused(ports, run, page_rows)
    lag = None if progress.synced_at is None else (ports.clock.now() - progress.synced_at).total_seconds()
    return SyncSummary(run.indexed, run.conflicts, horizon, lag, full, forgotten)


@dataclass(slots=True)
class _Run:
    """What a run has done so far.

    Attributes:
        documents: sent to this generation, ever.
        hidden: the generation that is written to, where analysts do not see it yet.
        seen: the progress that the run left last.
    """

    documents: int
    hidden: int | None = None
    seen: SyncProgress | None = None
    indexed: int = 0
    conflicts: int = 0

    def add(self, report: IndexReport) -> None:
        self.indexed += report.indexed
        self.conflicts += report.conflicts


def _follow_names(renamings: Renamings) -> None:
    for _ in range(RENAMED_STEPS):
        if not renamings.follow(STEP):
            break


def _is_to_be_made_anew(ports: SyncPorts, progress: SyncProgress) -> bool:
    return progress.documents > 0 and (_has_vanished(ports) or ports.index.is_outdated())


def _has_vanished(ports: SyncPorts) -> bool:
    """Whether nothing is left of what was sent. The set-up makes an empty index where there is none."""
    if ports.index.generation() == 0:
        return True
    return ports.index.is_empty() and ports.refused.count() == 0 and ports.source.oldest() is not None


def _forget_months(ports: SyncPorts, now: datetime) -> int:
    """No clock alone removes a month: the ledger must have dropped all that was accepted in it, by more than one."""
    oldest = ports.source.oldest()
    if oldest is None:
        return 0
    kept = min(now - ports.keep, oldest - SETTLED_WITHIN)
    return len(ports.index.forget(index_month(kept)))


def _refuse_dump(source: OutcomeSource, horizon: int) -> None:
    """Rows of another database's count of transactions would never be read."""
    ahead = source.ahead()
    if ahead is not None:
        raise WatermarkAheadError(ahead, horizon)


def _follow(ports: SyncPorts, progress: SyncProgress, horizon: int, page_rows: int) -> _Run:
    if progress.watermark > horizon:
        raise WatermarkAheadError(progress.watermark, horizon)
    run = _Run(progress.documents)
    run.seen = _send_pages(ports, run, ports.state, progress, horizon, page_rows)
    return run


def _rebuild(ports: SyncPorts, seen: SyncProgress, horizon: int, page_rows: int, *, resume: bool) -> _Run:
    """Fill the next generation, and let analysts see it once it counts what it should."""
    generation = ports.index.generation() + 1
    run = _Run(0, generation)
    state = ports.rebuild(generation)
    progress = state.load()
    if not resume or not 0 < progress.watermark <= horizon:
        ports.index.clear(generation)
        ports.refused.clear()
        progress = _advance(state, progress, SyncProgress(0, None, 0))
    run.documents = progress.documents
    progress = _send_pages(ports, run, state, progress, horizon, page_rows)
    # Whatever comes now, the next try begins anew: sent again, the last page would not mend what does not count.
    _advance(state, progress, SyncProgress(0, None, 0))
    _verify(ports, generation, horizon)
    if ports.state.load().watermark != seen.watermark:
        # What another run has sent meanwhile lies in the generation that would go, and behind its watermark.
        raise SyncConflictError(seen.watermark)
    ports.index.publish(generation)
    run.hidden = None
    return run


def _verify(ports: SyncPorts, generation: int, horizon: int) -> None:
    """Rows that change meanwhile leave the horizon behind, and rows that come are above it: hence two bounds.

    A few refused documents are noted and tried again. Many say that it is the index that is not as it should be, as
    before ``platform_setup`` has run, or at the server's limit of shards.
    """
    stored, refused = ports.index.count(generation), ports.refused.count()
    least, most = ports.source.count(horizon), ports.source.count()
    if not least <= stored + refused <= most:
        raise IndexIncompleteError(stored + refused, least, most)
    if 100 * refused > REFUSED_PERCENT * most and stored < ports.index.count():
        first = ports.refused.page(ports.refused.months()[0], "", NAMED)
        raise GenerationRefusedError(refused, most, [f"{each.document_id}: {each.reason}" for each in first])


@dataclass(frozen=True, slots=True)
class _Page:
    """Documents that were read together; the last one's place in commit order is ``position``."""

    documents: Sequence[Document]
    position: CommitPosition


def _send_pages(
    ports: SyncPorts, run: _Run, state: SyncState, progress: SyncProgress, horizon: int, page_rows: int
) -> SyncProgress:
    def read(after: CommitPosition) -> _Page:
        rows = ports.source.page(after, horizon, page_rows)
        return _Page([document_of(row) for row in rows], rows[-1].position if rows else after)

    def write(page: _Page) -> IndexReport:
        return ports.index.write(page.documents, run.hidden)

    with closing(_overlapped(read, write, CommitPosition(progress.watermark))) as answered:
        for page, report in answered:
            _note(ports, run, report)
            run.documents += len(page.documents)
            # Rows of this transaction may follow, so the next run has to read it again from its first.
            sent = replace(progress, watermark=page.position.xid, documents=run.documents)
            progress = _advance(state, progress, sent)
    return progress


def _overlapped(
    read: Callable[[CommitPosition], _Page], write: Callable[[_Page], IndexReport], begin: CommitPosition
) -> Generator[tuple[_Page, IndexReport]]:
    """Pages and what became of them, in the order in which they were read; nothing is under way when it ends.

    What fails ends it before any later page is told of. The next page is sent before an answer is told of, so that the
    index stores while that is settled.
    """
    under_way: deque[tuple[_Page, Future[IndexReport]]] = deque()
    told: list[tuple[_Page, IndexReport]] = []
    with ThreadPoolExecutor(1, "bi-read") as reader, ThreadPoolExecutor(IN_FLIGHT, "bi-write") as writers:
        page = read(begin)
        while page.documents:
            under_way.append((page, writers.submit(write, page)))
            reading = reader.submit(read, page.position)
            yield from told
            told = [_answered(under_way)] if len(under_way) == IN_FLIGHT else []
            page = reading.result()
        yield from told
        while under_way:
            yield _answered(under_way)


def _answered(under_way: "deque[tuple[_Page, Future[IndexReport]]]") -> tuple[_Page, IndexReport]:
    page, writing = under_way.popleft()
    return page, writing.result()


def _note(ports: SyncPorts, run: _Run, report: IndexReport) -> None:
    run.add(report)
    if report.refused:
        ports.refused.note(report.refused)


def _retry_refused(ports: SyncPorts, run: _Run, page_rows: int) -> None:
    """Try again what was refused, a month until it refuses a whole page; red while anything is left.

    Raises:
        DocumentsRefusedError: when the index did not take something.
    """
    left: list[RefusedDocument] = []
    for month in ports.refused.months():
        after = ""
        while page := ports.refused.page(month, after, page_rows):
            after = page[-1].document_id
            rows = ports.source.named([each.document_id for each in page])
            report = ports.index.write([document_of(row) for row in rows], run.hidden)
            _note(ports, run, report)
            still = {each.document_id for each in report.refused}
            ports.refused.settle([each for each in page if each.document_id not in still])
            left += report.refused
            if len(still) == len(page):
                break
    if left:
        raise DocumentsRefusedError(
            ports.refused.count(), [f"{each.document_id}: {each.reason}" for each in left[:NAMED]]
        )


def _advance(state: SyncState, seen: SyncProgress, to: SyncProgress) -> SyncProgress:
    state.advance(seen, to)
    return to
