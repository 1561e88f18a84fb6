"""The sync to the search index with a crash point at its ports, to be run in a process of its own."""

from tests.support.crashing import CrashPoint, crashing

from photo_pipeline.adapters.postgres.bi import PostgresOutcomeSource, PostgresSyncState
from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.search.client import make_client
from photo_pipeline.adapters.search.index import ElasticsearchIndex
from photo_pipeline.settings import DatabaseSettings, ElasticsearchSettings
from photo_pipeline.use_cases.bi_sync import SyncPorts, sync_outcomes


def sync(
    point: CrashPoint,
    ledger: DatabaseSettings,
    analyst: DatabaseSettings,
    search: ElasticsearchSettings,
    alias: str,
    **options: int,
) -> None:
    """What the task does, with the use case's own options."""
    pipeline = make_engine(ledger, "photo_bi_sync")
    with make_client(search) as client:
        ports = SyncPorts(
            source=PostgresOutcomeSource(make_engine(analyst, "test")),
            state=PostgresSyncState(pipeline),
            index=ElasticsearchIndex(client, alias),
            clock=DatabaseClock(pipeline),
        )
        sync_outcomes(crashing(ports, point, "source", "state", "index"), **options)
