"""The body of ``photo_archive_retention``'s task."""

import dataclasses

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.postgres.archive_index import PostgresArchiveIndex
from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.retention import PostgresRetentionLedger
from photo_pipeline.orchestration.connections import POSTGRES, database_settings, hdfs_settings
from photo_pipeline.use_cases.retention import RetentionPorts, run_retention


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
        return dataclasses.asdict(run_retention(ports))
    finally:
        engine.dispose()
