"""Elasticsearch is away, then back with a full disk: the sync fails with one line, notes nothing, and catches up."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, text
from tests.support.databases import fresh_database, superuser_of
from tests.support.outcomes import Outcomes
from tests.support.replicas import wait_for
from tests.support.search import FULL_DISK, Search, fresh_search, leave_blocks
from tests.support.syncing import sync_ports

from local_stack import Endpoints, Stack
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.use_cases.bi_sync import sync_outcomes

LOOK_EVERY = {"cluster.info.update.interval": "10s"}
"""How often Elasticsearch looks at its disk; no less is allowed, three times that is the default."""
WATERMARKS = [f"cluster.routing.allocation.disk.watermark.{level}" for level in ("low", "high", "flood_stage")]
MORE_THAN_ANY_DISK = "1000tb"


@dataclass(frozen=True)
class Sync:
    """A ledger, an index, and the sync between them."""

    stack: Stack
    endpoints: Endpoints
    owner: Engine
    pipeline: Engine
    bi: Engine
    search: Search

    def record(self, offset: int) -> None:
        """Something that analysts are to see."""
        with self.owner.begin() as connection:
            Outcomes(connection).record(offset)

    def run(self) -> None:
        """What a run of ``photo_bi_sync`` does."""
        sync_outcomes(sync_ports(self.bi, self.pipeline, self.search.index()))

    def run_until(self, offsets: set[int]) -> None:
        """Run until these are in the index: other databases' transactions may hold the horizon back for a moment."""

        def arrived() -> bool:
            self.run()
            return {body["offset"] for body in self.search.stored().values()} == offsets

        wait_for(arrived, f"the index has {offsets}")

    def progress(self) -> tuple[object, ...]:
        """What the sync has noted."""
        with self.owner.connect() as connection:
            return tuple(connection.execute(text("SELECT * FROM bi_sync_state")).one())


@pytest.fixture
def sync(searched_stack: Endpoints, test_stack: Stack) -> Iterator[Sync]:
    """Give an empty ledger and an index with the template, nothing in it."""
    with fresh_database(searched_stack, superuser_of(test_stack)) as database, fresh_search(searched_stack) as search:
        search.administered().ensure_template()
        engines = [make_engine(settings, "test") for settings in (database.owner, database.pipeline, database.bi)]
        yield Sync(test_stack, searched_stack, *engines, search)
        for engine in engines:
            engine.dispose()


@contextmanager
def stopped(sync: Sync) -> Iterator[None]:
    """Elasticsearch is shut down, and comes back to a disk that is too full."""
    sync.search.admin.cluster.put_settings(persistent={**LOOK_EVERY, **dict.fromkeys(WATERMARKS, MORE_THAN_ANY_DISK)})
    sync.stack.stop(["elasticsearch"])
    try:
        yield
    finally:
        sync.stack.up(["elasticsearch"])


@contextmanager
def full(sync: Sync) -> Iterator[None]:
    """It finds less space than its flood stage wants, and lets nobody write: what it does on a full disk.

    When one that was just started looks next is known; another keeps to the interval of its last look.
    """
    try:
        wait_for(lambda: is_blocked(sync.search), "Elasticsearch has noticed that its disk is full")
        yield
    finally:
        sync.search.admin.cluster.put_settings(persistent=dict.fromkeys(WATERMARKS))
        wait_for(lambda: not is_blocked(sync.search), "Elasticsearch has noticed that there is space")
        leave_blocks(sync.endpoints)


def is_blocked(search: Search) -> bool:
    """Whether the index takes nothing but deletions."""
    found = search.admin.indices.get_settings(index=f"{search.alias}-*", flat_settings=True)
    return any(FULL_DISK in index["settings"] for index in found.values())


def test_the_sync_catches_up(sync: Sync) -> None:
    """The lag grows, and is gone with the first run afterwards: nothing lost, nothing twice, no hand lent."""
    sync.record(0)
    sync.run_until({0})
    before = sync.progress()
    for number, outage in enumerate((stopped, full), start=1):
        with outage(sync):
            sync.record(number)
            for _ in range(2):
                with pytest.raises(ServerUnavailableError, match="Elasticsearch"):
                    sync.run()
            assert sync.progress() == before
    sync.record(3)
    sync.run_until({0, 1, 2, 3})
