"""A process that runs the retention and is killed at a chosen boundary on the way."""

from typing import Any

from tests.support.crashing import Crashing, CrashPoint, crash_at_statements

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.postgres.archive_index import PostgresArchiveIndex
from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.retention import PostgresRetentionLedger
from photo_pipeline.settings import DatabaseSettings, HdfsSettings
from photo_pipeline.use_cases.retention import RetentionPorts, run_retention


def work(order: dict[str, Any]) -> None:
    """Run the retention where the order says the servers are; it does not get to its end."""
    point = CrashPoint(order["boundary"], order["nth"])
    if "sql" in order["boundary"]:
        crash_at_statements(point)
    hdfs = HdfsSettings(**order["hdfs"])
    engine = make_engine(DatabaseSettings(**order["database"]), "photo_archive_retention")
    ports = RetentionPorts(
        ledger=Crashing(PostgresRetentionLedger(engine), "ledger", point),
        index=Crashing(PostgresArchiveIndex(engine), "index", point),
        archive=Crashing(HdfsArchive(hdfs), "archive", point),
        clock=DatabaseClock(engine),
        archive_root=hdfs.root,
    )
    run_retention(ports)
