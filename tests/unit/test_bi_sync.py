"""``sync_outcomes`` against in-memory servers: what is sent, what is remembered, and what a crash leaves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photo_pipeline.domain.documents import CommitPosition, Document, IndexReport, OutcomeRow, SyncProgress
from photo_pipeline.domain.errors import ServerUnavailableError, SyncConflictError, WatermarkAheadError
from photo_pipeline.domain.photo import RecordCoordinates
from photo_pipeline.use_cases.bi_sync import SyncPorts, SyncSummary, sync_outcomes

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def outcome(offset: int, xid: int, version: int = 1, result: str = "processed") -> OutcomeRow:
    """A row of the view."""
    return OutcomeRow(
        coordinates=RecordCoordinates("photos.uploaded", 0, offset),
        updated_xid=xid,
        version=version,
        outcome=result,
        reject_reason=None,
        photo_id=UUID(int=offset),
        customer_id=UUID(int=1),
        customer_name="Ada",
        source="upload",
        bytes=10,
        format="jpeg",
        width=1,
        height=1,
        megapixels=None,
        camera=None,
        taken_at=None,
        taken_at_offset=None,
        uploaded_at=NOON,
        processed_at=NOON,
        expired_at=None,
        latency_ms=1,
    )


@dataclass
class Table:
    """Rows as PostgreSQL shows them: one per record, in commit order, below an open transaction."""

    rows: dict[RecordCoordinates, OutcomeRow] = field(default_factory=dict)
    open_from: int = 1000
    pages: list[int] = field(default_factory=list)

    def put(self, *rows: OutcomeRow) -> None:
        """Commit these rows."""
        self.rows |= {row.coordinates: row for row in rows}

    def horizon(self) -> int:
        """The oldest open transaction."""
        return self.open_from

    def page(self, after: CommitPosition, horizon: int, limit: int) -> Sequence[OutcomeRow]:
        """Keyset page."""
        waiting = [row for row in self.rows.values() if row.position > after and row.updated_xid < horizon]
        page = sorted(waiting, key=lambda row: row.position)[:limit]
        self.pages.append(len(page))
        return page


@dataclass
class State:
    """``bi_sync_state`` with its compare-and-set."""

    progress: SyncProgress = field(default_factory=lambda: SyncProgress(0, None, 0))

    def load(self) -> SyncProgress:
        """The progress."""
        return self.progress

    def advance(self, seen: SyncProgress, to: SyncProgress) -> None:
        """Replace the progress that was seen."""
        if seen.watermark != self.progress.watermark:
            raise SyncConflictError(seen.watermark)
        self.progress = to


@dataclass
class Index:
    """Elasticsearch with external versions, which can go away after some writes."""

    stored: dict[str, Document] = field(default_factory=dict)
    dies_after: int | None = None
    refreshed: int = 0

    def is_empty(self) -> bool:
        """No index."""
        return not self.stored

    def write(self, documents: Sequence[Document]) -> IndexReport:
        """``external_gte``."""
        if self.dies_after == 0:
            raise ServerUnavailableError("Elasticsearch", "gone")
        if self.dies_after is not None:
            self.dies_after -= 1
        newer = [
            d for d in documents if d.document_id in self.stored and self.stored[d.document_id].version > d.version
        ]
        self.stored |= {d.document_id: d for d in documents if d not in newer}
        return IndexReport(len(documents) - len(newer), len(newer))

    def refresh(self) -> None:
        """Count."""
        self.refreshed += 1


@dataclass
class Clock:
    """A minute passes at each look."""

    moments: Iterator[datetime] = field(default_factory=lambda: (NOON + timedelta(minutes=n) for n in range(1000)))

    def now(self) -> datetime:
        """The next moment."""
        return next(self.moments)


@dataclass
class World:
    """All four together."""

    table: Table = field(default_factory=Table)
    state: State = field(default_factory=State)
    index: Index = field(default_factory=Index)
    clock: Clock = field(default_factory=Clock)

    def sync(self, *, full: bool = False, page_rows: int = 2) -> SyncSummary:
        """One run."""
        ports = SyncPorts(self.table, self.state, self.index, self.clock)
        return sync_outcomes(ports, full=full, page_rows=page_rows)

    def versions(self) -> dict[str, int]:
        """What the index holds."""
        return {document_id: document.version for document_id, document in self.index.stored.items()}


def test_a_run_sends_what_changed_and_remembers_the_horizon() -> None:
    """Everything once, then nothing, then only what changed."""
    world = World()
    world.table.put(*(outcome(n, xid=10 + n // 3) for n in range(7)))
    assert world.sync() == SyncSummary(documents=7, conflicts=0, watermark=1000, lag_seconds=None, full=False)
    world.table.open_from = 1010
    world.table.put(outcome(3, xid=1005, version=2))
    second = world.sync()
    assert (second.documents, second.watermark) == (1, 1010)
    assert world.versions()["photos.uploaded-0-3"] == 2
    assert world.state.progress.documents == 8
    assert world.index.refreshed == 2


def test_what_a_still_open_transaction_may_have_changed_waits() -> None:
    """A row above the horizon is left for the run after its neighbours have ended."""
    world = World(table=Table(open_from=50))
    world.table.put(outcome(0, xid=49), outcome(1, xid=50), outcome(2, xid=51))
    assert world.sync().documents == 1
    world.table.open_from = 52
    assert world.sync().documents == 2


def test_pages_bound_what_is_held_in_memory() -> None:
    """No page is longer than asked for."""
    world = World()
    world.table.put(*(outcome(n, xid=10) for n in range(25)))
    world.sync(page_rows=10)
    assert world.table.pages == [10, 10, 5, 0]


def test_lag_is_the_time_since_the_last_complete_run() -> None:
    """Whatever was committed has waited no longer than since the previous run looked."""
    world = World()
    world.sync()
    assert world.sync().lag_seconds == 120


@given(dies_after=st.integers(0, 12), page_rows=st.integers(1, 4), per_transaction=st.integers(1, 5))
def test_a_run_that_dies_anywhere_is_completed_by_the_next(
    dies_after: int, page_rows: int, per_transaction: int
) -> None:
    """The same documents in the same versions as without the crash, and less to do than from the beginning."""
    rows = [outcome(n, xid=10 + n // per_transaction) for n in range(12)]
    world, undisturbed = World(index=Index(dies_after=dies_after)), World()
    for each in (world, undisturbed):
        each.table.put(*rows)
    undisturbed.sync()
    try:
        world.sync(page_rows=page_rows)
    except ServerUnavailableError:
        world.index.dies_after = None
        written = len(world.index.stored)
        again = world.sync(page_rows=page_rows)
        assert again.documents <= 12 - written + per_transaction
    assert world.index.stored == undisturbed.index.stored
    assert world.state.progress.watermark == 1000


def test_a_full_resync_sends_everything_and_can_be_taken_up_after_a_crash() -> None:
    """The reset is remembered, so the run after a crash goes on instead of skipping the rest."""
    world = World()
    world.table.put(*(outcome(n, xid=10 + n) for n in range(6)))
    world.sync()
    world.index = Index(dies_after=1)
    with pytest.raises(ServerUnavailableError):
        world.sync(full=True)
    world.index.dies_after = None
    world.sync()
    assert len(world.index.stored) == 6


def test_an_index_that_vanished_is_filled_again() -> None:
    """A lost search cluster heals by itself at the next run."""
    world = World()
    world.table.put(outcome(0, xid=10))
    world.sync()
    world.index = Index()
    assert world.sync().full
    assert len(world.index.stored) == 1


def test_an_older_state_never_replaces_a_newer_one() -> None:
    """A document that another run stored in a newer version counts as a conflict, and stays."""
    world = World()
    world.table.put(outcome(0, xid=10, version=2))
    world.sync()
    world.table.put(outcome(0, xid=10, version=1))
    assert world.sync(full=True).conflicts == 1
    assert world.versions() == {"photos.uploaded-0-0": 2}


def test_two_runs_at_once_do_not_undo_each_other() -> None:
    """When another run resets the watermark meanwhile, this one stops instead of writing over it."""

    class Resetting(Index):
        def refresh(self) -> None:
            world.state.progress = replace(world.state.progress, watermark=0)

    world = World(index=Resetting())
    world.table.put(outcome(0, xid=10))
    with pytest.raises(SyncConflictError):
        world.sync()
    assert world.state.progress.watermark == 0


def test_a_database_that_counts_from_anew_is_reported() -> None:
    """After a restore from a dump the ids start again: silence would lose every row until they catch up."""
    world = World()
    world.table.put(outcome(0, xid=10))
    world.sync()
    world.table.open_from = 20
    with pytest.raises(WatermarkAheadError, match="full resync"):
        world.sync()
    assert world.sync(full=True).watermark == 20
