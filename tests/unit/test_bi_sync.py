"""``sync_outcomes`` against in-memory servers: what is sent, what is remembered, and what a crash leaves."""

import threading
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photo_pipeline.domain.accounts import STEP
from photo_pipeline.domain.documents import (
    CommitPosition,
    Document,
    IndexReport,
    OutcomeRow,
    RefusedDocument,
    SyncProgress,
)
from photo_pipeline.domain.errors import (
    DocumentsRefusedError,
    GenerationRefusedError,
    IndexIncompleteError,
    ServerUnavailableError,
    SyncConflictError,
    WatermarkAheadError,
)
from photo_pipeline.domain.photo import RecordCoordinates
from photo_pipeline.use_cases.bi_sync import IN_FLIGHT, RENAMED_STEPS, SyncPorts, SyncSummary, sync_outcomes

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
    renamed: list[OutcomeRow] = field(default_factory=list)

    def follow(self, records: int) -> bool:
        """One step of rows as they are from now on."""
        step, self.renamed = self.renamed[:records], self.renamed[records:]
        self.put(*step)
        return bool(step)

    def put(self, *rows: OutcomeRow) -> None:
        """Commit these rows."""
        self.rows |= {row.coordinates: row for row in rows}

    def horizon(self) -> int:
        """The oldest open transaction."""
        return self.open_from

    def ahead(self) -> int | None:
        """A row of another database's count."""
        return next((row.updated_xid for row in self.rows.values() if row.updated_xid > 10_000), None)

    def named(self, document_ids: Collection[str]) -> Sequence[OutcomeRow]:
        """By their names."""
        return [row for row in self.rows.values() if str(row.coordinates) in document_ids]

    def count(self, horizon: int | None = None) -> int:
        """Below the horizon, or all."""
        return sum(horizon is None or row.updated_xid < horizon for row in self.rows.values())

    def oldest(self) -> datetime | None:
        """See the port."""
        return min((row.processed_at for row in self.rows.values()), default=None)

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
class Refused:
    """``bi_refused``."""

    noted: dict[str, RefusedDocument] = field(default_factory=dict)

    def note(self, refused: Sequence[RefusedDocument]) -> None:
        """Remember."""
        self.noted |= {each.document_id: each for each in refused}

    def settle(self, refused: Collection[RefusedDocument]) -> None:
        """Forget."""
        for each in refused:
            del self.noted[each.document_id]

    def clear(self) -> None:
        """Forget all."""
        self.noted.clear()

    def months(self) -> Sequence[str]:
        """Of all."""
        return sorted({each.month for each in self.noted.values()})

    def page(self, month: str, after: str, limit: int) -> Sequence[RefusedDocument]:
        """Keyset page."""
        found = [each for name, each in sorted(self.noted.items()) if each.month == month and name > after]
        return found[:limit]

    def count(self) -> int:
        """All."""
        return len(self.noted)


@dataclass
class Index:
    """Elasticsearch with external versions, which can be away when the document of some record comes."""

    generations: dict[int, dict[str, Document]] = field(default_factory=dict)
    seen: int = 0
    dies_with: Collection[int] = ()
    refuses: set[str] = field(default_factory=set)
    loses: set[str] = field(default_factory=set)
    outdated: bool = False
    refreshed: int = 0

    @property
    def stored(self) -> dict[str, Document]:
        """What analysts see."""
        return self.generations.get(self.seen, {})

    def generation(self) -> int:
        """The one that analysts see."""
        return self.seen

    def is_empty(self) -> bool:
        """Of what analysts see."""
        return not self.stored

    def is_outdated(self) -> bool:
        """As told."""
        return self.outdated

    def clear(self, generation: int) -> None:
        """Remove one."""
        self.generations.pop(generation, None)

    def count(self, generation: int | None = None) -> int:
        """Of one, or of what analysts see."""
        return len(self.stored if generation is None else self.generations.get(generation, {}))

    def publish(self, generation: int) -> None:
        """One step."""
        self.generations = {generation: self.generations.get(generation, {})}
        self.seen = generation
        self.outdated = False

    def write(self, documents: Sequence[Document], generation: int | None = None) -> IndexReport:
        """``external_gte``."""
        if any(document.body["offset"] in self.dies_with for document in documents):
            raise ServerUnavailableError("Elasticsearch", "gone")
        target = generation or self.seen or 1
        if generation is None:
            self.seen = target
        stored = self.generations.setdefault(target, {})
        refused = [
            RefusedDocument(d.document_id, d.month, "blocked") for d in documents if d.document_id in self.refuses
        ]
        taken = [d for d in documents if d.document_id not in self.refuses | self.loses]
        newer = [d for d in taken if d.document_id in stored and stored[d.document_id].version > d.version]
        stored |= {d.document_id: d for d in taken if d not in newer}
        return IndexReport(len(taken) - len(newer), len(newer), refused)

    def forget(self, before: str) -> Sequence[str]:
        """Of what analysts see."""
        old = {name: each.month for name, each in self.stored.items() if each.month < before}
        for name in old:
            del self.generations[self.seen][name]
        return sorted(set(old.values()))

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
    rebuilds: dict[int, State] = field(default_factory=dict)
    refused: Refused = field(default_factory=Refused)

    def rebuild(self, generation: int) -> State:
        """Of one generation."""
        return self.rebuilds.setdefault(generation, State())

    def sync(self, *, full: bool = False, resume: bool = False, page_rows: int = 2) -> SyncSummary:
        """One run."""
        ports = SyncPorts(self.table, self.state, self.rebuild, self.refused, self.table, self.index, self.clock)
        return sync_outcomes(ports, full=full, resume=resume, page_rows=page_rows)

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


def test_a_new_name_is_in_the_same_run_for_so_many_outcomes() -> None:
    """They count as changed before the run looks what has; the next run goes on."""
    world = World()
    world.table.renamed = [outcome(0, xid=10, version=2)] * (RENAMED_STEPS * STEP) + [outcome(1, xid=1000)]
    assert world.sync().documents == 1
    world.table.open_from = 1001
    assert world.sync().documents == 1
    assert world.versions() == {"photos.uploaded-0-0": 2, "photos.uploaded-0-1": 1}


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


def test_a_page_is_read_while_others_are_on_their_way() -> None:
    """One more than are in flight, and no further: what waits in memory is bounded however slow the index is."""
    third = threading.Event()
    read_meanwhile: list[int] = []

    class Pages(Table):
        def page(self, after: CommitPosition, horizon: int, limit: int) -> Sequence[OutcomeRow]:
            found = super().page(after, horizon, limit)
            if len(self.pages) == IN_FLIGHT + 1:
                third.set()
            return found

    class Slow(Index):
        def write(self, documents: Sequence[Document], generation: int | None = None) -> IndexReport:
            assert third.wait(10)
            time.sleep(0.02)  # for a reader that knows no bound to go further
            read_meanwhile.append(len(world.table.pages))
            return super().write(documents, generation)

    world = World(table=Pages(), index=Slow())
    world.table.put(*(outcome(n, xid=10 + n) for n in range(20)))
    world.sync()
    assert read_meanwhile[0] == IN_FLIGHT + 1
    assert len(world.index.stored) == 20


def test_the_index_does_not_wait_until_an_answer_is_settled() -> None:
    """The next page is on its way by then."""
    third = threading.Event()

    class Counting(Index):
        def write(self, documents: Sequence[Document], generation: int | None = None) -> IndexReport:
            if documents[0].body["offset"] == 2 * IN_FLIGHT:
                third.set()
            return super().write(documents, generation)

    class Settling(State):
        def advance(self, seen: SyncProgress, to: SyncProgress) -> None:
            assert third.wait(10)
            super().advance(seen, to)

    world = World(state=Settling(), index=Counting())
    world.table.put(*(outcome(n, xid=10 + n) for n in range(20)))
    assert world.sync().documents == 20


def test_the_watermark_never_passes_a_page_that_the_index_does_not_have() -> None:
    """Also where the page behind it has arrived: the next run reads both again."""
    arrived = threading.Event()

    class Overtaking(Index):
        def write(self, documents: Sequence[Document], generation: int | None = None) -> IndexReport:
            if documents[0].body["offset"] == 0:
                assert arrived.wait(10)
                raise ServerUnavailableError("Elasticsearch", "gone")
            report = super().write(documents, generation)
            arrived.set()
            return report

    world = World(index=Overtaking())
    world.table.put(*(outcome(n, xid=10 + n) for n in range(4)))
    with pytest.raises(ServerUnavailableError):
        world.sync()
    assert len(world.index.stored) == 2
    assert world.state.progress == SyncProgress(0, None, 0)
    world.index = Index(world.index.generations, world.index.seen)
    assert world.sync().documents == 4


def test_a_run_that_fails_leaves_nothing_under_way() -> None:
    """What came after its end might write into a generation that the next run has begun anew."""
    ended: list[int] = []

    class Slow(Index):
        def write(self, documents: Sequence[Document], generation: int | None = None) -> IndexReport:
            time.sleep(0.01 * len(documents))
            try:
                return super().write(documents, generation)
            finally:
                ended.append(len(documents))

    world = World(index=Slow(dies_with={0}))
    world.table.put(*(outcome(n, xid=10 + n) for n in range(3)))
    with pytest.raises(ServerUnavailableError):
        world.sync(page_rows=1)
    before = len(ended)
    time.sleep(0.05)
    assert len(ended) == before
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("bi-")]


def test_lag_is_the_time_since_the_last_complete_run() -> None:
    """Whatever was committed has waited no longer than since the previous run looked."""
    world = World()
    world.sync()
    assert world.sync().lag_seconds == 120


@given(dies_with=st.integers(0, 12), page_rows=st.integers(1, 4), per_transaction=st.integers(1, 5))
def test_a_run_that_dies_anywhere_is_completed_by_the_next(
    dies_with: int, page_rows: int, per_transaction: int
) -> None:
    """The same documents in the same versions as without the crash, and less to do than from the beginning."""
    rows = [outcome(n, xid=10 + n // per_transaction) for n in range(12)]
    world, undisturbed = World(index=Index(dies_with={dies_with})), World()
    for each in (world, undisturbed):
        each.table.put(*rows)
    undisturbed.sync()
    try:
        world.sync(page_rows=page_rows)
    except ServerUnavailableError:
        world.index.dies_with = ()
        before = dies_with - dies_with % page_rows
        again = world.sync(page_rows=page_rows)
        assert again.documents <= 12 - before + per_transaction
    assert world.index.stored == undisturbed.index.stored
    assert world.state.progress.watermark == 1000


def test_a_full_run_that_was_cut_off_leaves_nothing_half() -> None:
    """Also where analysts saw nothing before: what is half is seen by nobody, and the next run begins it again."""
    world = World()
    world.table.put(*(outcome(n, xid=10 + n) for n in range(6)))
    world.sync()
    world.index = Index(dies_with=range(2, 6))
    with pytest.raises(ServerUnavailableError):
        world.sync(full=True)
    assert world.index.stored == {}
    world.index.dies_with = ()
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


def test_an_index_that_vanished_and_was_made_empty_again_is_filled_again() -> None:
    """The set-up makes one for the dashboards: that must not hide that there was another."""
    world = World()
    world.table.put(outcome(0, xid=10))
    world.sync()
    world.index = Index({1: {}}, 1)
    assert world.sync().full
    assert len(world.index.stored) == 1
    assert not world.sync().full


def test_an_older_state_never_replaces_a_newer_one() -> None:
    """A document that another run stored in a newer version counts as a conflict, and stays."""
    world = World()
    world.table.put(outcome(0, xid=10, version=2))
    world.sync()
    world.table.put(outcome(0, xid=1000, version=1))
    world.table.open_from = 2000
    assert world.sync().conflicts == 1
    assert world.versions() == {"photos.uploaded-0-0": 2}


def test_a_full_run_forgets_a_past_that_the_database_has_lost() -> None:
    """After a failover that lost commits, documents are ahead of rows: a new generation has the rows' versions only."""
    world = World()
    world.table.put(outcome(0, xid=10, version=3), outcome(1, xid=11))
    world.sync()
    world.table.rows.clear()
    world.table.put(outcome(0, xid=10))
    summary = world.sync(full=True)
    assert (world.index.seen, summary.full, summary.conflicts) == (2, True, 0)
    assert world.versions() == {"photos.uploaded-0-0": 1}
    assert world.index.generations.keys() == {2}


def test_a_generation_that_does_not_count_is_shown_to_nobody() -> None:
    """Documents that the server took and lost are noticed before analysts would miss them."""
    world = World()
    world.table.put(outcome(0, xid=10), outcome(1, xid=11))
    world.sync()
    world.index.loses = {"photos.uploaded-0-1"}
    with pytest.raises(IndexIncompleteError, match="has 1 documents, but the ledger 2 to 2"):
        world.sync(full=True)
    assert len(world.index.stored) == 2
    world.index.loses = set()
    world.sync(full=True)
    assert world.index.seen == 2


def test_a_generation_that_refuses_nearly_everything_is_shown_to_nobody() -> None:
    """As under the last release's template, or at the limit of shards: analysts keep what they see."""
    world = World()
    world.table.put(*(outcome(offset, xid=10 + offset) for offset in range(4)))
    world.sync()
    world.index.refuses = {f"photos.uploaded-0-{offset}" for offset in range(1, 4)}
    with pytest.raises(GenerationRefusedError, match=r"refuses 3 of 4 documents: analysts keep.*uploaded-0-1: blocked"):
        world.sync(full=True)
    assert (world.index.seen, len(world.index.stored)) == (1, 4)
    world.index.refuses = set()
    assert world.sync(full=True, resume=True).documents == 4
    assert (world.index.seen, len(world.index.stored)) == (2, 4)


def test_a_few_refused_documents_do_not_keep_a_generation_back() -> None:
    """They were refused by the one before, too, so that analysts see no less."""
    world = World()
    world.table.put(outcome(0, xid=10), outcome(1, xid=11))
    world.index.refuses = {"photos.uploaded-0-1"}
    with pytest.raises(DocumentsRefusedError):
        world.sync()
    with pytest.raises(DocumentsRefusedError):
        world.sync(full=True)
    assert (world.index.seen, len(world.index.stored)) == (2, 1)


def test_a_full_run_that_was_overtaken_shows_nothing() -> None:
    """What a plain run has sent meanwhile went to the generation that analysts see, and is not sent again."""

    class Overtaken(Index):
        def count(self, generation: int | None = None) -> int:
            world.table.put(outcome(1, xid=1500))
            world.table.open_from = 2000
            world.sync()
            return super().count(generation)

    world = World()
    world.table.put(outcome(0, xid=10))
    world.sync()
    world.index = Overtaken(world.index.generations, world.index.seen)
    with pytest.raises(SyncConflictError):
        world.sync(full=True)
    assert (world.index.seen, len(world.index.stored)) == (1, 2)


def test_a_full_run_that_was_cut_off_goes_on_where_it_was() -> None:
    """Its retry sends the rest; begun again by an operator, it starts over."""
    world = World()
    world.table.put(*(outcome(offset, xid=10 + offset) for offset in range(6)))
    world.sync()
    world.index.dies_with = range(4, 6)
    with pytest.raises(ServerUnavailableError):
        world.sync(full=True)
    world.index.dies_with = ()
    assert world.index.seen == 1
    assert world.sync(full=True, resume=True).documents == 3
    assert (world.index.seen, len(world.index.stored)) == (2, 6)
    assert world.sync(full=True).documents == 6


def test_a_retry_after_the_new_generation_was_shown_makes_another() -> None:
    """What was noted of the one that is shown says nothing of the next."""
    world = World()
    world.table.put(*(outcome(offset, xid=10 + offset) for offset in range(6)))
    world.sync()
    world.sync(full=True)
    world.rebuilds[2].progress = replace(world.rebuilds[2].progress, watermark=13, documents=4)
    world.sync(full=True, resume=True)
    assert (world.index.seen, len(world.index.stored)) == (3, 6)


def test_documents_of_an_older_form_are_made_anew() -> None:
    """After an upgrade that adds a field, without anybody's asking."""
    world = World()
    world.table.put(outcome(0, xid=10))
    world.sync()
    world.index.outdated = True
    assert world.sync().full
    assert not world.sync().full


def test_a_refused_document_holds_nothing_up() -> None:
    """It is noted and tried again by every run, which is red for it until the index takes it."""
    world = World()
    world.table.put(*(outcome(offset, xid=10 + offset) for offset in range(5)))
    world.index.refuses = {"photos.uploaded-0-1"}
    with pytest.raises(DocumentsRefusedError, match=r"refuses 1 documents.*photos\.uploaded-0-1: blocked"):
        world.sync()
    assert len(world.index.stored) == 4
    world.table.put(outcome(9, xid=1000))
    world.table.open_from = 2000
    with pytest.raises(DocumentsRefusedError):
        world.sync()
    assert len(world.index.stored) == 5
    world.index.refuses = set()
    assert world.sync().documents == 1
    assert len(world.index.stored) == 6
    assert world.refused.noted == {}


def test_a_refused_row_that_has_changed_is_sent_as_it_is_now() -> None:
    """Not as it was when it was refused; a row that is gone is forgotten."""
    world = World()
    world.table.put(outcome(0, xid=10), outcome(1, xid=11))
    world.index.refuses = {"photos.uploaded-0-0", "photos.uploaded-0-1"}
    with pytest.raises(DocumentsRefusedError):
        world.sync()
    world.index.refuses = set()
    world.table.put(outcome(0, xid=1500, version=4))
    del world.table.rows[RecordCoordinates("photos.uploaded", 0, 1)]
    world.sync()
    assert world.versions() == {"photos.uploaded-0-0": 4}
    assert world.refused.count() == 0


def test_rows_of_a_restored_dump_do_not_empty_the_index() -> None:
    """Their transactions are of another database's count, so that none of them would be read."""
    world = World()
    world.table.put(outcome(0, xid=10))
    world.sync()
    world.table.put(outcome(0, xid=20_000))
    with pytest.raises(WatermarkAheadError, match="20000"):
        world.sync(full=True)
    assert len(world.index.stored) == 1


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


def test_months_go_once_the_ledger_has_none_of_their_records_and_they_are_old_enough() -> None:
    """Neither alone removes any: not a clock that is ahead, and not a ledger that has just been dropped or restored."""
    world = World()
    old, young = outcome(1, 10), replace(outcome(2, 11), uploaded_at=NOON + timedelta(days=100), processed_at=NOON)
    world.table.put(old, replace(young, processed_at=NOON + timedelta(days=100)))
    assert world.sync().forgotten == 0
    world.clock.moments = iter(NOON + timedelta(days=800, minutes=n) for n in range(1000))
    assert world.sync().forgotten == 0, "its record is kept"
    del world.table.rows[old.coordinates]
    world.clock.moments = iter(NOON + timedelta(days=200, minutes=n) for n in range(1000))
    assert world.sync().forgotten == 0, "it is too young"
    world.clock.moments = iter(NOON + timedelta(days=800, minutes=n) for n in range(1000))
    assert world.sync().forgotten == 1
    assert [each.month for each in world.index.stored.values()] == ["2026.06"]


def test_an_empty_ledger_removes_no_month() -> None:
    """What looks like that is most likely a database that is not the right one."""
    world = World()
    world.table.put(outcome(1, 10))
    world.sync()
    world.table.rows.clear()
    world.clock.moments = iter(NOON + timedelta(days=800, minutes=n) for n in range(1000))
    assert world.sync().forgotten == 0
    assert world.index.stored
