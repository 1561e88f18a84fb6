"""The crash matrix of the BI sync: SIGKILL at each call of a port, with new and with changed outcomes under way."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine, text
from tests.faults.bi_sync_crash_worker import sync
from tests.support.crashing import see_killed
from tests.support.databases import Database, fresh_database, superuser_of
from tests.support.horizon import wait_for_horizon
from tests.support.outcomes import Outcomes
from tests.support.search import Search, fresh_search
from tests.support.syncing import sync_ports

from local_stack import Endpoints, Stack
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.use_cases.bi_sync import SyncPorts, sync_outcomes

pytestmark = pytest.mark.shares_servers

PAGE_ROWS = 10
FIRST, ALL = 12, 36
# A run over 24 new rows and a changed one: three pages, an empty one, the refresh, the note of its end.
BOUNDARIES = [
    ("after state.load", 1),
    ("after source.horizon", 1),
    ("after index.generation", 1),
    *(("after source.page", nth) for nth in (1, 3, 4)),
    *(("before index.write", nth) for nth in (1, 3)),
    *(("after index.write", nth) for nth in (1, 2, 3)),
    *(("before state.advance", nth) for nth in (1, 4)),
    *(("after state.advance", nth) for nth in (1, 3, 4)),
    ("after index.refresh", 1),
    ("before sql update", 2),
    ("before sql commit", 3),
]
# A run that makes the index anew: it clears, sends, counts, shows the new generation, and notes it.
FULL_BOUNDARIES = [
    ("after index.clear", 1),
    ("after rebuild.advance", 1),
    ("after index.write", 2),
    ("after index.count", 1),
    ("after index.publish", 1),
    ("after rebuild.advance", 6),
    ("before state.advance", 1),
]


@dataclass(frozen=True, slots=True)
class World:
    """A ledger, an index and the sync between them."""

    database: Database
    owner: Engine
    ports: SyncPorts
    search: Search

    def crash(self, boundary: str, nth: int, *, full: bool) -> None:
        """Sync in a process of its own and see it killed where it should be."""
        see_killed(
            sync,
            boundary,
            nth,
            ledger=self.database.pipeline,
            analyst=self.database.bi,
            search=self.search.sync_settings,
            alias=self.search.alias,
            full=full,
            page_rows=PAGE_ROWS,
        )

    def versions(self) -> dict[str, Any]:
        """The ledger's newest version of each outcome, by its document's name."""
        query = """SELECT topic || '-' || "partition" || '-' || "offset" AS name, version FROM ingest_record"""
        with self.owner.connect() as connection:
            return {row.name: row.version for row in connection.execute(text(query))}

    def indexed_versions(self) -> dict[str, Any]:
        """The version of each document; Elasticsearch keeps the one it was stored under."""
        self.search.admin.indices.refresh(index=self.search.alias)
        found = self.search.admin.search(index=self.search.alias, size=1000, version=True)
        return {hit["_id"]: hit["_version"] for hit in found["hits"]["hits"]}


@pytest.fixture
def world(searched_stack: Endpoints, test_stack: Stack) -> Iterator[World]:
    """A ledger that was synced once; since then outcomes have come, and one of the first has expired."""
    with fresh_database(searched_stack, superuser_of(test_stack)) as database, fresh_search(searched_stack) as search:
        owner, pipeline, bi = engines = [
            make_engine(settings, "test") for settings in (database.owner, database.pipeline, database.bi)
        ]
        search.administered().ensure_template()
        ports = sync_ports(bi, pipeline, search.index())
        world = World(database, owner, ports, search)
        _fill(world)
        yield world
        for engine in engines:
            engine.dispose()


def _fill(world: World) -> None:
    with world.owner.begin() as connection:
        outcomes = Outcomes(connection)
        photos = [outcomes.photo(offset, "Ada") for offset in range(FIRST)]
    wait_for_horizon(world.owner, world.ports.source)
    sync_outcomes(world.ports)
    with world.owner.begin() as connection:
        outcomes = Outcomes(connection)
        outcomes.expire(photos[0])
        for offset in range(FIRST, ALL):
            outcomes.photo(offset, "Grace") if offset % 2 else outcomes.record(offset)
    wait_for_horizon(world.owner, world.ports.source)


@pytest.mark.parametrize(("boundary", "nth"), BOUNDARIES)
def test_killed_and_run_again(world: World, boundary: str, nth: int) -> None:
    """Wherever a run dies, the next one ends with each outcome once, in its newest version."""
    world.crash(boundary, nth, full=False)
    sync_outcomes(world.ports, page_rows=PAGE_ROWS)
    _assert_settled(world)


@pytest.mark.parametrize(("boundary", "nth"), FULL_BOUNDARIES)
@pytest.mark.parametrize("full", [False, True])
def test_killed_while_making_the_index_anew(world: World, boundary: str, nth: int, full: bool) -> None:  # noqa: FBT001 - a parameter
    """A plain run ends well whatever a full one has begun, and so does the full one's retry."""
    world.crash(boundary, nth, full=True)
    sync_outcomes(world.ports, full=full, resume=full, page_rows=PAGE_ROWS)
    _assert_settled(world)


def _assert_settled(world: World) -> None:
    versions = world.versions()
    assert len(versions) == ALL
    assert world.indexed_versions() == versions
    stored = world.search.stored()
    assert "expired_at" in stored["photos.uploaded-0-0"]
    sync_outcomes(world.ports, full=True)
    assert world.search.stored() == stored
