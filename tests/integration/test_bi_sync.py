"""The BI sync between a real PostgreSQL and a real Elasticsearch: nothing lost, nothing twice, whatever happens."""

import multiprocessing
import os
import re
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError
from tests.support.databases import Database
from tests.support.horizon import wait_for_horizon
from tests.support.outcomes import Outcomes
from tests.support.search import Search, fresh_search
from tests.support.syncing import sync_ports

from local_stack import Endpoints
from photo_pipeline.adapters.postgres.bi import PAGE, PostgresOutcomeSource, PostgresRenamings, PostgresSyncState
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.search.client import make_client
from photo_pipeline.adapters.search.index import ElasticsearchIndex
from photo_pipeline.domain.documents import Document, IndexReport
from photo_pipeline.domain.errors import (
    DocumentsRefusedError,
    GenerationRefusedError,
    ServerUnavailableError,
    SyncConflictError,
)
from photo_pipeline.ports.bi_sync import SearchIndex
from photo_pipeline.settings import ElasticsearchSettings
from photo_pipeline.use_cases.bi_sync import SyncSummary, sync_outcomes

WAIT_SECONDS = 30.0
AWKWARD = 'Ada "\\\u2028\nΛovelace\t🏔'
"""What ends a line or a string somewhere, and letters of two and four bytes."""


@dataclass(frozen=True)
class World:
    """A ledger, an index and the sync between them."""

    owner: Engine
    pipeline: Engine
    bi: Engine
    search: Search

    def sync(self, *, index: SearchIndex | None = None, full: bool = False, page_rows: int = 1000) -> SyncSummary:
        """One run, each server under the account that production uses."""
        ports = sync_ports(self.bi, self.pipeline, index or self.search.index())
        return sync_outcomes(ports, full=full, page_rows=page_rows)

    def sync_until(self, offsets: set[int]) -> None:
        """Run until these are in the index: other databases' transactions may hold the horizon back for a moment."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self.offsets() != offsets:
            assert time.monotonic() < deadline, f"{self.offsets()} never became {offsets}"
            self.sync()

    def offsets(self) -> set[int]:
        """The records in the index."""
        return {body["offset"] for body in self.search.stored().values()}

    def document(self, offset: int) -> dict[str, Any]:
        """One document."""
        body: dict[str, Any] = self.search.stored()[f"photos.uploaded-0-{offset}"]
        return body


@pytest.fixture
def world(searched_stack: Endpoints, database: Database) -> Iterator[World]:
    """An empty ledger and an index with the template, nothing in it."""
    owner, pipeline, bi = engines = [
        make_engine(settings, "test") for settings in (database.owner, database.pipeline, database.bi)
    ]
    with fresh_search(searched_stack) as search:
        search.administered().ensure_template()
        yield World(owner, pipeline, bi, search)
    for engine in engines:
        engine.dispose()


def test_a_transaction_that_commits_late_is_not_lost(world: World) -> None:
    """A row written first and committed last arrives, though its neighbours were synced before it could be seen."""
    with world.owner.begin() as early:
        Outcomes(early).record(0)
    world.sync_until({0})
    with world.owner.begin() as late:
        Outcomes(late).record(1)
        with world.owner.begin() as quick:
            Outcomes(quick).record(2)
        world.sync()
        assert 1 not in world.offsets()
    world.sync_until({0, 1, 2})


def test_a_row_changed_by_an_older_transaction_keeps_its_newest_state(world: World) -> None:
    """The transaction with the lower id may get the row's lock last: its state wins, and reaches the index."""
    with world.owner.begin() as first:
        Outcomes(first).record(0, detail="first")
    change = text("UPDATE ingest_record SET reason = :reason")
    with world.owner.connect() as older, world.owner.connect() as newer:
        older.execute(text("SELECT pg_current_xact_id()"))
        newer.execute(change, {"reason": "corrupt"})
        newer.commit()
        older.execute(change, {"reason": "too_large"})
        older.commit()
    world.sync_until({0})
    assert world.document(0)["reject_reason"] == "too_large"


def test_what_analysts_see_follows_expiry_and_return(world: World) -> None:
    """Blanked details leave the index with the next run, figures stay; a photo sent again brings its details back."""
    with world.owner.begin() as connection:
        photo_id = Outcomes(connection).photo(0, "Ada", taken_at="2026-02-01 08:00:00")
    world.sync_until({0})
    assert (world.document(0)["camera"], world.document(0)["taken_at"]) == ("Canon EOS R6", "2026-02-01T08:00:00")
    with world.pipeline.begin() as connection:
        Outcomes(connection).expire(photo_id)
    _sync_until_changed(world)
    expired = world.document(0)
    assert "camera" not in expired
    assert "taken_at" not in expired
    assert (expired["bytes"], expired["format"], expired["outcome"]) == (1000, "jpeg", "processed")
    assert "expired_at" in expired
    with world.pipeline.begin() as connection:
        shard = "(SELECT max(shard_id) FROM shard)"
        connection.execute(
            text(f"UPDATE photo SET status = 'processed', shard_id = {shard}, expired_at = NULL, camera = 'Nikon Z 6'")
        )
    _sync_until_changed(world)
    assert world.document(0)["camera"] == "Nikon Z 6"
    assert "expired_at" not in world.document(0)


def test_a_customers_new_name_reaches_old_outcomes(world: World, database: Database) -> None:
    """Otherwise a report by name would split the customer in two. Any name, to the letter."""
    with world.owner.begin() as connection:
        Outcomes(connection).photo(0, "Ada")
    world.sync_until({0})
    web = make_engine(database.api, "test")
    with web.begin() as connection:
        connection.execute(text("UPDATE customer SET display_name = :name"), {"name": AWKWARD})
    web.dispose()
    assert PostgresRenamings(world.pipeline).follow(10)
    _sync_until_changed(world)
    assert world.document(0)["customer_name"] == AWKWARD


def test_moving_a_duplicate_costs_analysts_nothing(world: World) -> None:
    """A photo's index moves with every duplicate; nothing that analysts see changes, so nothing is sent again."""
    with world.owner.begin() as connection:
        Outcomes(connection).photo(0, "Ada")
    world.sync_until({0})
    with world.pipeline.begin() as connection:
        connection.execute(text("UPDATE photo SET accepted_at = now()"))
        assert connection.execute(text("SELECT version FROM ingest_record")).scalar_one() == 1


def test_a_run_killed_in_the_middle_is_completed_by_the_next(world: World, database: Database) -> None:
    """SIGKILL between writing pages and noting them: the next run ends with each document once, as if nothing was."""
    with world.owner.begin() as connection:
        outcomes = Outcomes(connection)
        for offset in range(60):
            outcomes.photo(offset, "Ada") if offset % 2 else outcomes.record(offset)
    receiver, sender = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("spawn")
    arguments = (database, world.search.sync_settings, world.search.alias, sender)
    process = context.Process(target=run_until_third_page, args=arguments)
    process.start()
    assert receiver.poll(WAIT_SECONDS)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    # Of the two that were under way, the other one has arrived or has not.
    assert 30 <= len(world.offsets()) <= 40
    world.sync_until(set(range(60)))
    stored = world.search.stored()
    assert len(stored) == 60
    world.sync(full=True)
    assert world.search.stored() == stored


def test_progress_is_kept_page_by_page(world: World) -> None:
    """Each page that arrived moves the watermark, so a run that fails later does not start from the beginning."""
    for offset in range(6):
        with world.owner.begin() as connection:
            Outcomes(connection).record(offset)

    class Breaking(ElasticsearchIndex):
        """Refuses the third page."""

        pages = 0

        def write(self, documents: Sequence[Document], generation: int | None = None) -> IndexReport:
            self.pages += 1
            if self.pages == 3:
                raise ServerUnavailableError("Elasticsearch", "planted")
            return super().write(documents, generation)

    _wait_for_horizon(world)
    with pytest.raises(ServerUnavailableError):
        world.sync(index=Breaking(world.search.sync, world.search.alias), page_rows=2)
    assert PostgresSyncState(world.pipeline).load().documents == 4
    assert world.sync(page_rows=2).documents == 3


def test_a_document_that_is_refused_is_sent_once_it_can_be(world: World) -> None:
    """The index was made by an older release that lacks a field: red, nothing held up, and no loss."""
    template = world.search.admin.indices.get_index_template(name=world.search.alias)["index_templates"][0]
    older = template["index_template"]["template"]
    del older["mappings"]["properties"]["camera"]
    world.search.admin.indices.put_index_template(
        name=world.search.alias, index_patterns=[f"{world.search.alias}-*"], priority=300, template=older
    )
    with world.owner.begin() as connection:
        outcomes = Outcomes(connection)
        outcomes.record(0)
        outcomes.photo(1, "Ada")
        outcomes.record(2)
    _wait_for_horizon(world)
    with pytest.raises(DocumentsRefusedError, match=r"refuses 1 documents.*photos\.uploaded-0-1.*camera"):
        world.sync()
    assert world.offsets() == {0, 2}
    world.search.administered().ensure_template()
    world.sync_until({0, 1, 2})


@pytest.mark.parametrize("shut", ["blocked", "full", "closed"])
def test_a_month_that_takes_nothing_stops_no_other(world: World, shut: str) -> None:
    """However it was shut: new photos reach the analysts, and the old month gets its changes once it is open."""
    with world.owner.begin() as connection:
        outcomes = Outcomes(connection)
        old = [outcomes.photo(n, "Ada", accepted_at=datetime(2026, 1, 5, n, tzinfo=UTC)) for n in range(3)]
    world.sync_until({0, 1, 2})
    with SHUT[shut](world.search, f"{world.search.alias}-2026.01"):
        with world.owner.begin() as connection:
            outcomes = Outcomes(connection)
            for photo_id in old:
                outcomes.expire(photo_id)
            for offset in range(3, 6):
                outcomes.record(offset, accepted_at=datetime(2026, 2, 5, tzinfo=UTC))
        _wait_for_horizon(world)
        for _ in range(2):  # also when nothing but the old month is left to be tried
            with pytest.raises(DocumentsRefusedError, match="refuses 3 documents"):
                world.sync()
        assert {3, 4, 5} <= world.offsets()
    world.sync()
    assert world.offsets() == set(range(6))
    assert "expired_at" in world.document(0)


@contextmanager
def _blocked(search: Search, month: str) -> Iterator[None]:
    search.admin.indices.put_settings(index=month, settings={"index.blocks.write": True})
    yield
    search.admin.indices.put_settings(index=month, settings={"index.blocks.write": None})


@contextmanager
def _closed(search: Search, month: str) -> Iterator[None]:
    search.admin.indices.close(index=month)
    yield
    search.admin.indices.open(index=month)


SHUT: Mapping[str, Callable[[Search, str], AbstractContextManager[None]]] = {
    "blocked": _blocked,
    "full": Search.kept_full,
    "closed": _closed,
}


def test_a_full_run_leaves_a_lost_past_behind(world: World) -> None:
    """Documents of a timeline that a failover lost, ahead of their rows or of none, are in no new generation."""
    with world.owner.begin() as connection:
        outcomes = Outcomes(connection)
        for offset in range(4):
            outcomes.record(offset)
    world.sync_until({0, 1, 2, 3})
    index = f"{world.search.alias}-{datetime.now(UTC):%Y.%m}"
    stored = world.search.admin.search(index=world.search.alias, size=1)["hits"]["hits"][0]
    for name, version in ((stored["_id"], 9), ("photos.uploaded-0-77", 1)):
        world.search.admin.index(
            index=stored["_index"], id=name, document=stored["_source"], version=version, version_type="external"
        )
    with world.owner.begin() as connection:
        Outcomes(connection).record(4)
    _wait_for_horizon(world)
    assert world.sync(full=True).conflicts == 0
    found = world.search.admin.search(index=world.search.alias, size=100, version=True)["hits"]["hits"]
    assert {hit["_id"]: hit["_version"] for hit in found} == {f"photos.uploaded-0-{n}": 1 for n in range(5)}
    assert {hit["_index"] for hit in found} == {f"{index}-g2"} or all(hit["_index"].endswith("-g2") for hit in found)
    names = world.search.admin.indices.get(index=f"{world.search.alias}-*")
    assert all(name.endswith("-g2") for name in names)


def test_analysts_see_all_or_nothing_of_a_new_generation(world: World) -> None:
    """While it is filled, and after a run that died on the way, they see the old one."""
    with world.owner.begin() as connection:
        outcomes = Outcomes(connection)
        for offset in range(4):
            outcomes.record(offset)
    world.sync_until({0, 1, 2, 3})

    class Breaking(ElasticsearchIndex):
        """Fails once half is there."""

        pages = 0

        def write(self, documents: Sequence[Document], generation: int | None = None) -> IndexReport:
            self.pages += 1
            if self.pages == 2:
                raise ServerUnavailableError("Elasticsearch", "planted")
            return super().write(documents, generation)

    with pytest.raises(ServerUnavailableError):
        world.sync(index=Breaking(world.search.sync, world.search.alias), full=True, page_rows=2)
    found = world.search.admin.count(index=world.search.alias)["count"]
    assert found == 4
    with world.owner.begin() as connection:
        Outcomes(connection).record(4)
    world.sync_until({0, 1, 2, 3, 4})
    world.sync(full=True)
    assert world.offsets() == {0, 1, 2, 3, 4}


def test_somebody_elses_index_behind_the_alias_is_no_older_form_of_ours(world: World) -> None:
    """It has documents without our fields; no run makes the whole index anew for it."""
    with world.owner.begin() as connection:
        Outcomes(connection).record(0)
    world.sync_until({0})
    name = f"{world.search.alias}-import"
    world.search.admin.indices.create(index=name, aliases={world.search.alias: {}})
    world.search.admin.index(index=name, document={"topic": "photos.uploaded"}, refresh=True)
    assert not world.sync().full


def test_a_month_that_is_locked_stops_neither_setup_nor_a_new_generation(world: World) -> None:
    """Read-only says more than write-blocked: mapping, alias and removal are refused, too."""
    with world.owner.begin() as connection:
        Outcomes(connection).record(0)
    world.sync_until({0})
    month = f"{world.search.alias}-2026.03"
    world.search.admin.indices.put_settings(index=month, settings={"index.blocks.read_only": True})
    world.search.administered().ensure_template()
    world.sync(full=True)
    assert list(world.search.admin.indices.get(index=f"{world.search.alias}-*")) == [f"{month}-g2"]
    assert world.offsets() == {0}


def test_without_the_new_template_analysts_keep_the_index_that_they_see(world: World) -> None:
    """The first run after an upgrade may come before platform_setup: every document is refused."""
    with world.owner.begin() as connection:
        Outcomes(connection).record(0)
    world.sync_until({0})
    aliases, mappings = {world.search.alias: {}}, {"dynamic": "strict", "properties": {"topic": {"type": "keyword"}}}
    world.search.admin.indices.put_index_template(
        name=world.search.alias,
        index_patterns=[f"{world.search.alias}-*"],
        priority=300,
        template={"mappings": mappings, "aliases": aliases},
    )
    for _ in range(2):  # the last release's template puts what it makes behind the alias at once
        with pytest.raises(GenerationRefusedError, match="refuses 1 of 1 documents"):
            world.sync(full=True)
        assert world.offsets() == {0}
    world.search.administered().ensure_template()
    world.sync(full=True)
    assert world.offsets() == {0}


def test_two_runs_do_not_both_move_the_watermark(world: World) -> None:
    """The one that acts on what it saw too long ago is told so."""
    state = PostgresSyncState(world.pipeline)
    seen = state.load()
    with world.owner.begin() as connection:
        Outcomes(connection).record(0)
    world.sync_until({0})
    with pytest.raises(SyncConflictError):
        state.advance(seen, seen)


def test_the_analysts_role_reads_views_only(world: World) -> None:
    """The sync reads with least privilege: no table, and so no e-mail address or file name, can leak through it."""
    with world.bi.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM bi_outcome")).scalar_one() == 0
        for table in ("customer", "photo", "ingest_record", "bi_sync_state"):
            with pytest.raises(ProgrammingError, match="permission denied"):
                connection.execute(text(f"SELECT * FROM {table}"))
            connection.rollback()


def test_a_page_is_read_from_the_index_in_commit_order(world: World) -> None:
    """However large the ledger, a page costs what a page costs: no scan of everything, and no sort of it."""
    with world.owner.begin() as connection:
        outcomes = Outcomes(connection)
        for offset in range(300):
            outcomes.record(offset)
    position = {"xid": "1", "topic": "", "partition": -1, "offset": -1, "incarnation": -1}
    with world.owner.begin() as connection:
        connection.execute(text("ANALYZE"))
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        parameters = {**position, "horizon": "99999999999", "limit": 10}
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {PAGE}", parameters).scalars())
    conditions = [line for line in plan.splitlines() if "Index Cond" in line and "updated_xid" in line]
    assert conditions
    assert all("ROW(" in condition for condition in conditions)
    assert "Merge Append" in plan
    assert not re.search(r"Seq Scan on ledger_(record|state)_rest|-> +Sort", plan)


def test_a_page_of_a_large_transaction_costs_what_a_page_costs(world: World) -> None:
    """However much it has left, as a restore does: the table is not read for each page."""
    many = """
    WITH more AS (
      INSERT INTO ledger_record (log_id, "offset", slice_id, outcome, reason, processed_at)
      SELECT log_id, n, slice_id, outcome, reason, processed_at FROM ledger_record, generate_series(1, 20000) n
      RETURNING log_id, "offset", processed_at)
    INSERT INTO ledger_state (log_id, "offset", processed_at) SELECT * FROM more
    """
    with world.owner.begin() as connection:
        Outcomes(connection).record(0)
        connection.execute(text(many))
    with world.owner.begin() as connection:
        connection.execute(text("ANALYZE"))
        xid = connection.execute(text("SELECT max(updated_xid::text::bigint) FROM ingest_record")).scalar_one()
        after = {"xid": str(xid), "topic": "photos.uploaded", "partition": 0, "offset": 9000, "incarnation": 1}
        parameters = {**after, "horizon": "99999999999", "limit": 1000}
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {PAGE}", parameters).scalars())
    assert "Index Cond: ((ROW(updated_xid, log_id" in plan
    assert not re.search(r"Seq Scan on ledger_(record|state)_rest", plan)  # where the test's records are


def test_figures_in_the_index_are_those_of_the_database(world: World) -> None:
    """A thousand mixed outcomes, then expiries, then a resync: the same counts and sums by customer and format."""
    with world.owner.begin() as connection:
        _fill(Outcomes(connection))
    world.sync_until(set(range(1000)))
    _compare(world)
    with world.pipeline.begin() as connection:
        expired = connection.execute(text("SELECT photo_id FROM photo ORDER BY photo_id LIMIT 200")).scalars().all()
        for photo_id in expired:
            Outcomes(connection).expire(photo_id)
    _sync_until_changed(world)
    _compare(world)
    world.sync(full=True, page_rows=77)
    _compare(world)


def run_until_third_page(
    database: Database, settings: ElasticsearchSettings, alias: str, reached: "Pipe[str, str]"
) -> None:
    """In a process of its own: sync pages of ten, and wait to be killed once three are in the index."""
    with make_client(settings) as client:

        class Waiting(ElasticsearchIndex):
            pages = 0

            def write(self, documents: Sequence[Document], generation: int | None = None) -> IndexReport:
                report = super().write(documents, generation)
                self.pages += 1
                if self.pages >= 3:
                    reached.send("written")
                    signal.pause()
                return report

        reading, writing = make_engine(database.bi, "test"), make_engine(database.pipeline, "test")
        sync_outcomes(sync_ports(reading, writing, Waiting(client, alias)), page_rows=10)


def _fill(outcomes: Outcomes) -> None:
    start = datetime(2026, 1, 20, tzinfo=UTC)
    for offset in range(1000):
        name = ("Ada", "Grace", "Edsger")[offset % 3]
        moment = start + timedelta(hours=offset)
        source = ("upload", "stream")[offset % 2]
        if offset % 7 == 0:
            outcomes.record(offset, accepted_at=moment, source=source, customer_id=outcomes.customer(name))
        elif offset % 11 == 0:
            outcomes.record(offset, accepted_at=moment, source=None, bytes=offset)
        else:
            size = {"width": 100 + offset, "height": 50 + offset, "bytes": 1000 * offset}
            form = ("jpeg", "png", "heic", "webp")[offset % 4]
            outcomes.photo(offset, name, source=source, format=form, accepted_at=moment, **size)


def _compare(world: World) -> None:
    columns = ("customer_name", "source", "outcome", "format", "camera")
    with world.bi.connect() as connection:
        rows = connection.execute(
            text(
                f"SELECT {', '.join(columns)}, count(*), coalesce(sum(bytes), 0), coalesce(sum(megapixels), 0), "
                f"count(expired_at) FROM bi_outcome GROUP BY {', '.join(columns)}"
            )
        ).all()
    expected = {row[:5]: (row[5], int(row[6]), pytest.approx(float(row[7])), row[8]) for row in rows}
    found = world.search.sync.search(
        index=world.search.alias,
        size=0,
        aggs={
            "groups": {
                "composite": {
                    "size": 1000,
                    "sources": [{name: {"terms": {"field": name, "missing_bucket": True}}} for name in columns],
                },
                "aggs": {
                    "bytes": {"sum": {"field": "bytes"}},
                    "megapixels": {"sum": {"field": "megapixels"}},
                    "expired": {"value_count": {"field": "expired_at"}},
                },
            }
        },
    )["aggregations"]["groups"]["buckets"]
    actual = {
        tuple(bucket["key"][name] for name in columns): (
            bucket["doc_count"],
            int(bucket["bytes"]["value"]),
            bucket["megapixels"]["value"],
            bucket["expired"]["value"],
        )
        for bucket in found
    }
    assert actual == expected


def _sync_until_changed(world: World) -> None:
    """Run until the newest change is in: see ``sync_until``."""
    _wait_for_horizon(world)
    world.sync()


def _wait_for_horizon(world: World) -> None:
    wait_for_horizon(world.owner, PostgresOutcomeSource(world.bi))
