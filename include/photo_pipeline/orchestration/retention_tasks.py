"""The body of ``photo_archive_retention``'s task."""

import dataclasses
import logging

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.postgres.archive_index import PostgresArchiveIndex
from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.retention import PostgresRetentionLedger
from photo_pipeline.orchestration.connections import POSTGRES, database_settings, hdfs_settings
from photo_pipeline.orchestration.log_lines import fields
from photo_pipeline.use_cases.retention import RetentionPorts, run_retention

logger = logging.getLogger(__name__)


def remove_expired() -> dict[str, int]:
    """Remove all that is due, by the database's clock."""
    hdfs = hdfs_settings()
    engine = make_engine(database_settings(POSTGRES), "photo_archive_retention")
    try:
        ports = RetentionPorts(
            ledger=PostgresRetentionLedger(engine),
            index=PostgresArchiveIndex(engine),
            archive=HdfsArchive(hdfs),
            clock=DatabaseClock(engine),
            archive_root=hdfs.root,
        )
        summary: dict[str, int] = dataclasses.asdict(run_retention(ports))
    finally:
        engine.dispose()
    logger.info("removed %s", fields(summary))
    return summary
