"""The checks against in-memory servers: how samples go round, what is damage and what an outage, which races count."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photo_pipeline.domain.documents import Document, IndexReport, OutcomeRow, SyncProgress, document_of
from photo_pipeline.domain.errors import (
    ArchiveMemberError,
    ReconciliationFindingsError,
    ServerUnavailableError,
)
from photo_pipeline.domain.photo import RecordCoordinates, RenditionKind, sha256_hex
from photo_pipeline.domain.reconciliation import (
    CheckResult,
    EarlierCheck,
    Figures,
    MemberPosition,
    MemberRow,
    Scope,
    StoredDocument,
)
from photo_pipeline.use_cases.reconcile import ReconcileLimits, ReconcilePorts, run_checks, verdict
from photo_pipeline.use_cases.reconcile.archive import check_members
from photo_pipeline.use_cases.reconcile.run import Check
from photo_pipeline.use_cases.reconcile.search import check_search

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
LIMITS = ReconcileLimits(
    rotation=1,
    sample_members=4,
    sample_slices=4,
    named=100,
    max_lag=timedelta(days=5),
    max_wait=timedelta(hours=1),
    incident=timedelta(days=1),
    recent_days=2,
    search_days=2,
    page=3,
    max_deletions=10,
    keep_results=timedelta(days=90),
)


class Clock:
    """Always noon."""

    def now(self) -> datetime:
        """The time."""
        return NOW


@dataclass
class Log:
    """Results in memory; each call of ``begin`` is a new run's."""

    kept: dict[str, CheckResult] = field(default_factory=dict)

    def begin(self, run_id: str) -> int:
        """The turn."""
        return len(run_id)

    def earlier(self, check: str, run_id: str) -> EarlierCheck | None:
        """The newest result."""
        del run_id
        result = self.kept.get(check)
        return None if result is None else EarlierCheck(result.started_at, result.figures)

    def record(self, run_id: str, result: CheckResult) -> None:
        """Keep."""
        del run_id
        self.kept[result.check] = result

    def results(self, run_id: str) -> Sequence[CheckResult]:
        """All."""
        del run_id
        return list(self.kept.values())

    def forget(self, before: datetime) -> int:
        """Nothing is that old."""
        del before
        return 0


def run(check: Check, log: Log | None = None, limits: ReconcileLimits = LIMITS, **ports: object) -> CheckResult:
    """One run of one check on these servers; the others must not be asked."""
    names = [name for name in ReconcilePorts.__slots__ if name not in {"log", "clock"}]
    given_ports = cast("Any", dict.fromkeys(names) | ports)
    all_ports = ReconcilePorts(log=log or Log(), clock=Clock(), **given_ports)
    (result,) = run_checks("run", {"check": check}, all_ports, limits)
    return result


@dataclass
class Members:
    """Members of shards, and HDFS below them."""

    count: int
    content: dict[str, bytes] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    moved: set[int] = field(default_factory=set)
    reads: list[int] = field(default_factory=list)

    def members(self, after: MemberPosition, limit: int) -> Sequence[MemberRow]:
        """A page: one member per shard."""
        rows = [self.row(number) for number in range(1, self.count + 1)]
        key = (after.shard_id, after.offset)
        return [row for row in rows if (row.position.shard_id, row.position.offset) > key][:limit]

    def row(self, number: int) -> MemberRow:
        """What the index says of shard ``number``."""
        data = f"shard {number}".encode()
        return MemberRow(
            position=MemberPosition(number, 512),
            photo_id=UUID(int=number),
            kind=RenditionKind.ORIGINAL,
            path=f"/{number}",
            length=len(data),
            crc32=crc32(data),
            sha256=sha256_hex(data),
        )

    def is_indexed(self, member: MemberRow) -> bool:
        """Unless it moved."""
        return member.position.shard_id not in self.moved

    def read(self, path: str, offset: int, length: int) -> bytes:
        """The content, right unless said otherwise."""
        del offset, length
        if path in self.refused:
            raise ServerUnavailableError("HDFS", "no DataNode")
        number = int(path[1:])
        self.reads.append(number)
        if path in self.content and not self.content[path]:
            raise ArchiveMemberError(path, "there is no such file")
        return self.content.get(path, f"shard {number}".encode())

    def length(self, path: str) -> int | None:
        """The NameNode always answers."""
        return len(path)

    def run(self, log: Log | None = None, limits: ReconcileLimits = LIMITS) -> CheckResult:
        """One sample."""
        return run(check_members, log, limits, archive=self, archive_index=self)


class TestMembers:
    """Samples of members."""

    @given(count=st.integers(0, 20), sample=st.integers(1, 8), page=st.integers(1, 5))
    def test_all_are_read_in_turn(self, count: int, sample: int, page: int) -> None:
        """As many runs as it takes read every member, in order, none twice before all were read."""
        members, log = Members(count), Log()
        limits = replace(LIMITS, sample_members=sample, page=page)
        for _ in range(-(-count // sample)):
            members.run(log, limits)
        assert set(members.reads) == set(range(1, count + 1))
        assert members.reads[:count] == list(range(1, count + 1))

    def test_one_run_reads_none_twice(self) -> None:
        """A sample larger than all there is ends after one round."""
        members, log = Members(3), Log()
        limits = replace(LIMITS, sample_members=100)
        members.run(log, limits)
        members.run(log, limits)
        assert members.reads == [1, 2, 3, 1, 2, 3]

    def test_moved_meanwhile_is_no_finding(self) -> None:
        """A photo whose index has left the shard since it was asked."""
        assert Members(2, content={"/1": b""}, moved={1}).run().found == 0
        assert Members(2, content={"/1": b""}).run().found == 1

    def test_refused_block_is_damage(self) -> None:
        """Where others can be read, a member that cannot be is a finding."""
        result = Members(4, refused={"/2", "/3", "/4"}).run()
        assert [finding.subject.partition(" ")[0] for finding in result.findings] == ["/2", "/3", "/4"]

    def test_nothing_readable_is_an_outage(self) -> None:
        """Where none of several shards can be read, HDFS is away: an error, and no findings."""
        with pytest.raises(ServerUnavailableError):
            Members(4, refused={"/1", "/2", "/3", "/4"}).run()


def row(offset: int, version: int = 1, xid: int = 5) -> OutcomeRow:
    """A rejected outcome of today."""
    blank = dict.fromkeys(("photo_id", "customer_id", "customer_name", "format", "width", "height", "megapixels"))
    unknown: Any = {**blank, **dict.fromkeys(("camera", "taken_at", "taken_at_offset", "expired_at", "latency_ms"))}
    return OutcomeRow(
        coordinates=RecordCoordinates("t", 0, offset),
        updated_xid=xid,
        version=version,
        outcome="rejected",
        reject_reason="empty",
        source="upload",
        bytes=version,
        uploaded_at=NOW,
        processed_at=NOW,
        **unknown,
    )


@dataclass
class Search:
    """Rows, documents, and a sync that may be at work between two questions."""

    rows: list[OutcomeRow] = field(default_factory=list)
    stored: dict[str, StoredDocument] = field(default_factory=dict)
    before_fetch: list[OutcomeRow] = field(default_factory=list)
    before_versions: list[OutcomeRow] = field(default_factory=list)
    synced_at: datetime | None = NOW

    def sync(self, *rows: OutcomeRow) -> None:
        """These rows are committed, and sent to the index."""
        changed = {each.coordinates for each in rows}
        self.rows = [each for each in self.rows if each.coordinates not in changed] + list(rows)
        self.write([document_of(each) for each in rows])

    def load(self) -> SyncProgress:
        """All below transaction 10 is in the index."""
        return SyncProgress(10, self.synced_at, 1)

    def refresh(self) -> None:
        """Everything is visible."""

    def day_figures(self, day: date, watermark: int = 0) -> Mapping[UUID | None, Figures]:
        """Not asked: each day has its turn."""
        raise AssertionError((day, watermark))

    def page(self, scope: Scope | None, after: Any, limit: int) -> Sequence[Any]:
        """Documents, as the search index is asked."""
        del limit
        if after is not None or scope is None or scope.day != NOW.date():
            return []
        return list(self.stored.values())

    def fetch(self, document_ids: Collection[str]) -> Sequence[StoredDocument]:
        """By id."""
        waiting, self.before_fetch = self.before_fetch, []
        self.sync(*waiting)
        return [self.stored[name] for name in document_ids if name in self.stored]

    def versions(self, coordinates: Collection[RecordCoordinates]) -> Mapping[RecordCoordinates, int]:
        """As they are now."""
        waiting, self.before_versions = self.before_versions, []
        self.sync(*waiting)
        return {each.coordinates: each.version for each in self.rows if each.coordinates in coordinates}

    def write(self, documents: Sequence[Document], generation: int | None = None) -> IndexReport:
        """Store."""
        for each in documents:
            self.stored[each.document_id] = StoredDocument(
                each.document_id, f"photos-{each.month}", each.version, each.body, 1, 1
            )
        return IndexReport(len(documents), 0)

    def delete(self, documents: Sequence[StoredDocument]) -> int:
        """Forget."""
        for each in documents:
            del self.stored[each.document_id]
        return len(documents)

    def run(self, **limits: int) -> CheckResult:
        """Compare."""
        outcomes = Outcomes(self)
        return run(
            check_search,
            limits=replace(LIMITS, **limits),  # type: ignore[arg-type] # the limits in question are numbers
            search=self,
            index=self,
            sync_state=self,
            outcomes=outcomes,
        )


@dataclass
class Outcomes:
    """The rows' side of ``Search``: its pages are rows."""

    world: Search

    def page(self, scope: Scope, after: OutcomeRow | None, limit: int) -> Sequence[OutcomeRow]:
        """Keyset page of today."""
        if scope.day != NOW.date():
            return []
        rows = sorted(self.world.rows, key=lambda each: each.coordinates)
        return [each for each in rows if after is None or each.coordinates > after.coordinates][:limit]

    def versions(self, coordinates: Collection[RecordCoordinates]) -> Mapping[RecordCoordinates, int]:
        """See ``Search``."""
        return self.world.versions(coordinates)


class TestSearch:
    """Rows against documents."""

    def test_any_damage_is_repaired(self) -> None:
        """Missing, stale, altered and surplus at once; a second run finds nothing."""
        world = Search()
        world.sync(*(row(offset, version=2) for offset in range(8)))
        whole = dict(world.stored)
        del world.stored["t-0-1"]
        world.stored["t-0-2"] = replace(world.stored["t-0-2"], version=1)
        world.stored["t-0-3"] = replace(world.stored["t-0-3"], body={})
        world.stored["t-0-99"] = replace(world.stored["t-0-4"], document_id="t-0-99", body={"offset": 99})
        result = world.run()
        assert (result.found, result.repaired) == (0, 4)
        assert world.stored.keys() == whole.keys()
        assert {name: each.version for name, each in world.stored.items()} == dict.fromkeys(whole, 2)
        assert world.run().repaired == 0

    def test_rows_above_the_watermark_are_not_expected(self) -> None:
        """What the sync has not read yet may be missing or old."""
        world = Search(rows=[row(0, xid=10), row(1, version=2, xid=11)])
        world.write([document_of(row(1, version=1))])
        assert world.run().repaired == 0

    def test_synced_between_rows_and_documents(self) -> None:
        """A document that is newer than the row that was read is no finding."""
        world = Search()
        world.sync(row(0))
        world.before_fetch = [row(0, version=2, xid=12)]
        assert world.run().repaired == 0
        assert world.stored["t-0-0"].version == 2

    def test_synced_between_documents_and_rows(self) -> None:
        """A document of a row that is newer than the page of documents is no surplus."""
        world = Search()
        world.sync(row(0))
        world.before_versions = [row(1, xid=12)]
        assert world.run().repaired == 0
        assert set(world.stored) == {"t-0-0", "t-0-1"}

    @pytest.mark.parametrize(("surplus", "left"), [(3, 1), (4, 5)])
    def test_mass_deletion_is_refused(self, surplus: int, left: int) -> None:
        """Up to the limit surplus documents go; beyond it all stay, and the run is red."""
        world = Search()
        world.sync(row(0))
        for offset in range(50, 50 + surplus):
            world.write([document_of(row(offset))])
        result = world.run(max_deletions=3)
        assert len(world.stored) == left
        assert result.found == (1 if left > 1 else 0)

    def test_sync_that_has_never_run_is_no_finding(self) -> None:
        """An installation that is being set up."""
        assert Search(synced_at=None).run().found == 0
        assert Search(synced_at=NOW - timedelta(hours=2)).run().found == 1


class TestRuns:
    """What checks have in common."""

    def test_findings_are_limited_by_name_only(self) -> None:
        """All are counted, the first are kept."""
        result = Members(4, content=dict.fromkeys(("/1", "/2", "/3"), b"")).run(limits=replace(LIMITS, named=1))
        assert (result.found, len(result.findings)) == (3, 1)

    def test_server_that_is_away_keeps_what_was_checked(self) -> None:
        """Checks before it are kept, so that the verdict can name the rest as unfinished."""
        log = Log()

        def away(_: object) -> Mapping[str, object]:
            raise ServerUnavailableError("Kafka", "gone")

        checks: Mapping[str, Check] = {"first": lambda _: {}, "second": away}
        ports = cast("Any", dict.fromkeys(ReconcilePorts.__slots__) | {"log": log, "clock": Clock()})
        with pytest.raises(ServerUnavailableError):
            run_checks("run", checks, ReconcilePorts(**ports), LIMITS)
        with pytest.raises(ReconciliationFindingsError, match="unfinished checks: second"):
            verdict("run", checks, log)

    def test_verdict_of_a_good_run(self) -> None:
        """Repairs alone do not make it red."""
        log = Log({"a": CheckResult("a", NOW, repaired=2), "b": CheckResult("b", NOW)})
        assert verdict("run", ["a", "b"], log).repaired == 2


def test_pages_are_asked_in_order() -> None:
    """The sample's pages begin where the last one ended, so memory holds one of them."""
    asked: list[MemberPosition] = []

    class Asked(Members):
        def members(self, after: MemberPosition, limit: int) -> Sequence[MemberRow]:
            asked.append(after)
            return super().members(after, limit)

    def positions() -> Iterator[int]:
        return (position.shard_id for position in asked)

    Asked(10).run(limits=replace(LIMITS, sample_members=9, page=3))
    assert list(positions()) == [0, 3, 6]
