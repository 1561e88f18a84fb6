"""The retention with a crash point at its ports, to be run in a process of its own."""

from tests.support.crashing import CrashPoint, crashing

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.postgres.archive_index import PostgresArchiveIndex
from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.retention import PostgresRetentionLedger
from photo_pipeline.settings import DatabaseSettings, HdfsSettings
from photo_pipeline.use_cases.retention import RetentionPorts, run_retention


def retain(point: CrashPoint, database: DatabaseSettings, hdfs: HdfsSettings) -> None:
    """What the hourly task does."""
    engine = make_engine(database, "photo_archive_retention")
    ports = RetentionPorts(
        ledger=PostgresRetentionLedger(engine),
        index=PostgresArchiveIndex(engine),
        archive=HdfsArchive(hdfs),
        clock=DatabaseClock(engine),
        archive_root=hdfs.root,
    )
    run_retention(crashing(ports, point, "ledger", "index", "archive"))
