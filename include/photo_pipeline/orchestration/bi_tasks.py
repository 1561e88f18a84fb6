"""The body of ``photo_bi_sync``'s task."""

import dataclasses
import logging

from photo_pipeline.adapters.elasticsearch import ElasticsearchIndex, make_client
from photo_pipeline.adapters.postgres.bi import PostgresOutcomeSource, PostgresSyncState
from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.orchestration.connections import (
    POSTGRES,
    POSTGRES_BI,
    database_settings,
    elasticsearch_settings,
)
from photo_pipeline.orchestration.log_lines import fields
from photo_pipeline.use_cases.bi_sync import SyncPorts, sync_outcomes

logger = logging.getLogger(__name__)


def sync(*, full: bool) -> dict[str, float | int | bool | None]:
    """Bring the search index up to date: read under the analysts' role, note the progress under the pipeline's."""
    settings = elasticsearch_settings()
    reading = make_engine(database_settings(POSTGRES_BI), "photo_bi_sync")
    writing = make_engine(database_settings(POSTGRES), "photo_bi_sync")
    try:
        with make_client(settings) as client:
            ports = SyncPorts(
                source=PostgresOutcomeSource(reading),
                state=PostgresSyncState(writing),
                index=ElasticsearchIndex(client, settings.alias),
                clock=DatabaseClock(writing),
            )
            summary = dataclasses.asdict(sync_outcomes(ports, full=full))
    finally:
        reading.dispose()
        writing.dispose()
    logger.info("synced %s", fields(summary))
    return summary
