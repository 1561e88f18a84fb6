"""Builds what retention needs."""

from collections.abc import Iterator
from contextlib import contextmanager

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.postgres.archive_index import PostgresArchiveIndex
from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.adapters.postgres.retention import PostgresRetentionLedger
from photo_pipeline.composition.pipeline import engine_of
from photo_pipeline.settings import DatabaseSettings, HdfsSettings
from photo_pipeline.use_cases.retention import RetentionPorts


@contextmanager
def retention_ports(database: DatabaseSettings, hdfs: HdfsSettings) -> Iterator[RetentionPorts]:
    """All that removing what is due needs, by the database's clock."""
    with engine_of(database, "photo_archive_retention") as engine:
        yield RetentionPorts(
            ledger=PostgresRetentionLedger(engine),
            index=PostgresArchiveIndex(engine),
            archive=HdfsArchive(hdfs),
            clock=DatabaseClock(engine),
            archive_root=hdfs.root,
        )
