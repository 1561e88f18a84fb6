"""Builds what the sync to the search index needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

from photo_pipeline.adapters.postgres.bi import (
    PostgresOutcomeSource,
    PostgresRefusedRegister,
    PostgresRenamings,
    PostgresSyncState,
)
from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.adapters.search.index import ElasticsearchIndex
from photo_pipeline.composition.pipeline import engine_of
from photo_pipeline.composition.search import SearchAccess
from photo_pipeline.settings import DatabaseSettings, LedgerSettings, SearchSettings
from photo_pipeline.use_cases.bi_sync import SyncPorts

APPLICATION = "photo_bi_sync"


def kept_for(search: SearchSettings, ledger: LedgerSettings) -> timedelta:
    """How long documents stay: no shorter than their records, or the sync would write them again."""
    return timedelta(days=max(search.keep_days, ledger.keep_days))


@contextmanager
def sync_ports(
    reading: DatabaseSettings, writing: DatabaseSettings, search: SearchAccess, keep: timedelta
) -> Iterator[SyncPorts]:
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
            renamings=PostgresRenamings(writer),
            index=ElasticsearchIndex(client, search.alias),
            clock=DatabaseClock(writer),
            keep=keep,
        )
