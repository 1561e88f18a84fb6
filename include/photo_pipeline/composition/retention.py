"""Builds what retention needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Engine

from photo_pipeline.adapters.clocks import DATABASE, NAMENODE, WORKER, NamedClocks, NameNodeClock
from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.postgres.archive_index import PostgresArchiveIndex
from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.adapters.postgres.months import PostgresLedgerMonths
from photo_pipeline.adapters.postgres.removal import PostgresRemovalBook
from photo_pipeline.adapters.postgres.retention import PostgresRetentionLedger
from photo_pipeline.composition.pipeline import engine_of
from photo_pipeline.domain.retention import RetentionPolicy
from photo_pipeline.settings import DatabaseSettings, HdfsSettings, LedgerSettings, RetentionSettings
from photo_pipeline.use_cases.retention import RetentionPorts
from photo_pipeline.web.clock import SystemClock


def retention_policy(settings: RetentionSettings, ledger: LedgerSettings) -> RetentionPolicy:
    """How long photos stay is promised; how long records do, and what one run may do, is the installation's affair."""
    return RetentionPolicy(
        tolerance=timedelta(seconds=settings.clock_tolerance_seconds),
        most_share=settings.most_share,
        share_per_run=settings.share_per_run,
        few_files=settings.few_files,
        files_share=settings.files_share,
        keep_ledger=timedelta(days=ledger.keep_days),
    )


def clock_witnesses(engine: Engine, archive: HdfsArchive, root: str) -> NamedClocks:
    """The database's clock, the NameNode's, and this machine's: in production three machines."""
    return NamedClocks({DATABASE: DatabaseClock(engine), NAMENODE: NameNodeClock(archive, root), WORKER: SystemClock()})


@contextmanager
def retention_ports(database: DatabaseSettings, hdfs: HdfsSettings) -> Iterator[RetentionPorts]:
    """All that removing what is due needs, and the clocks that have to agree about that."""
    with engine_of(database, "photo_archive_retention") as engine:
        archive = HdfsArchive(hdfs)
        yield RetentionPorts(
            ledger=PostgresRetentionLedger(engine),
            index=PostgresArchiveIndex(engine),
            archive=archive,
            clocks=clock_witnesses(engine, archive, hdfs.root),
            book=PostgresRemovalBook(engine),
            archive_root=hdfs.root,
            months=PostgresLedgerMonths(engine),
        )


@contextmanager
def permit_book(database: DatabaseSettings) -> Iterator[PostgresRemovalBook]:
    """Where operators' permits stand."""
    with engine_of(database, "photo_removal_permit") as engine:
        yield PostgresRemovalBook(engine)
