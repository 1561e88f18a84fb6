"""A process that syncs outcomes to the search index and is killed at a chosen boundary on the way."""

from typing import Any

from pydantic import SecretStr
from tests.support.crashing import Crashing, CrashPoint, crash_at_statements

from photo_pipeline.adapters.postgres.bi import PostgresOutcomeSource, PostgresSyncState
from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.search.client import make_client
from photo_pipeline.adapters.search.index import ElasticsearchIndex
from photo_pipeline.settings import DatabaseSettings, ElasticsearchSettings
from photo_pipeline.use_cases.bi_sync import SyncPorts, sync_outcomes


def work(order: dict[str, Any]) -> None:
    """Sync in small pages, where the order says the servers are; it does not get to its end."""
    point = CrashPoint(order["boundary"], order["nth"])
    if "sql" in order["boundary"]:
        crash_at_statements(point)
    pipeline = make_engine(DatabaseSettings(**order["pipeline"]), "photo_bi_sync")
    search = order["search"]
    settings = ElasticsearchSettings(**{**search, "password": SecretStr(search["password"])})
    with make_client(settings) as client:
        ports = SyncPorts(
            source=Crashing(
                PostgresOutcomeSource(make_engine(DatabaseSettings(**order["bi"]), "test")), "source", point
            ),
            state=Crashing(PostgresSyncState(pipeline), "state", point),
            index=Crashing(ElasticsearchIndex(client, order["alias"]), "index", point),
            clock=DatabaseClock(pipeline),
        )
        sync_outcomes(ports, full=order["full"], page_rows=order["page_rows"])
