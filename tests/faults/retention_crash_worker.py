"""The retention with a crash point at its ports, to be run in a process of its own."""

from tests.support.crashing import CrashPoint, crashing

from photo_pipeline.composition.retention import retention_ports
from photo_pipeline.settings import DatabaseSettings, HdfsSettings
from photo_pipeline.use_cases.retention import run_retention


def retain(point: CrashPoint, database: DatabaseSettings, hdfs: HdfsSettings) -> None:
    """What the hourly task does."""
    with retention_ports(database, hdfs) as ports:
        run_retention(crashing(ports, point, "ledger", "index", "archive", "book"))
