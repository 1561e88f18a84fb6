"""Builds what the sync to the search index needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from photo_pipeline.adapters.postgres.bi import PostgresOutcomeSource, PostgresRefusedRegister, PostgresSyncState
from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.adapters.search.index import ElasticsearchIndex
from photo_pipeline.composition.pipeline import engine_of
from photo_pipeline.composition.search import SearchAccess
from photo_pipeline.settings import DatabaseSettings
from photo_pipeline.use_cases.bi_sync import SyncPorts

APPLICATION = "photo_bi_sync"


@contextmanager
def sync_ports(reading: DatabaseSettings, writing: DatabaseSettings, search: SearchAccess) -> Iterator[SyncPorts]:
    """All that the sync needs: outcomes are read under the analysts' role, progress is kept under the pipeline's."""
    with (
        engine_of(reading, APPLICATION) as reader,
        engine_of(writing, APPLICATION) as writer,
        search.connect() as client,
    ):
        yield SyncPorts(
            source=PostgresOutcomeSource(reader),
            state=PostgresSyncState(writer),
            rebuild=partial(PostgresSyncState.of_rebuild, writer),
            refused=PostgresRefusedRegister(writer),
            index=ElasticsearchIndex(client, search.alias),
            clock=DatabaseClock(writer),
        )
