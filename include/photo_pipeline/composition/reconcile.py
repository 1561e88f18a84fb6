"""Builds what the reconciliation needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.kafka import KafkaPhotoLogReader, KafkaTopicAudit
from photo_pipeline.adapters.postgres.audit_archive import PostgresArchiveAudit
from photo_pipeline.adapters.postgres.audit_outcomes import PostgresOutcomeAudit
from photo_pipeline.adapters.postgres.bi import PostgresSyncState
from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.adapters.postgres.reconcile import PostgresLedgerAudit, PostgresReconciliationLog
from photo_pipeline.adapters.search.audit import ElasticsearchAudit
from photo_pipeline.adapters.search.index import ElasticsearchIndex
from photo_pipeline.composition.pipeline import PipelineSettings, engine_of
from photo_pipeline.composition.search import SearchAccess
from photo_pipeline.settings import DatabaseSettings, LedgerSettings, ReconcileSettings
from photo_pipeline.use_cases.reconcile import ReconcileLimits, ReconcilePorts

APPLICATION = "photo_reconcile"


@dataclass(frozen=True, slots=True)
class ReconciliationSettings:
    """How to reach all four servers, and the limits of a run."""

    pipeline: PipelineSettings
    search: SearchAccess
    limits: ReconcileSettings = field(default_factory=ReconcileSettings)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)


def reconcile_limits(settings: ReconcileSettings, ledger: LedgerSettings) -> ReconcileLimits:
    """The limits of a run. A document whose record is not kept any more has nothing to be compared with."""
    return ReconcileLimits(
        rotation=settings.rotation,
        sample_members=settings.sample_members,
        sample_slices=settings.sample_slices,
        named=settings.named,
        max_lag=timedelta(hours=settings.max_lag_hours),
        max_wait=timedelta(minutes=settings.max_wait_minutes),
        incident=timedelta(hours=settings.incident_hours),
        recent_days=settings.recent_days,
        search_days=min(settings.search_days, ledger.keep_days),
        page=settings.page,
        max_deletions=settings.max_deletions,
        keep_results=timedelta(days=settings.keep_days),
    )


@contextmanager
def reconciliation_log(settings: DatabaseSettings) -> Iterator[PostgresReconciliationLog]:
    """Where results are kept."""
    with engine_of(settings, APPLICATION) as engine:
        yield PostgresReconciliationLog(engine)


@contextmanager
def reconcile_ports(settings: ReconciliationSettings) -> Iterator[ReconcilePorts]:
    """All that the checks need. No server is asked before a check asks it."""
    pipeline = settings.pipeline
    with engine_of(pipeline.database, APPLICATION) as engine, settings.search.connect() as client:
        clock = DatabaseClock(engine)
        yield ReconcilePorts(
            log=PostgresReconciliationLog(engine),
            clock=clock,
            topics=KafkaTopicAudit(pipeline.kafka, pipeline.topics),
            reader=KafkaPhotoLogReader(pipeline.kafka),
            incoming=pipeline.topics.incoming,
            ledger=PostgresLedgerAudit(engine),
            archive=HdfsArchive(pipeline.hdfs),
            archive_root=pipeline.hdfs.root,
            archive_index=PostgresArchiveAudit(engine),
            outcomes=PostgresOutcomeAudit(engine),
            sync_state=PostgresSyncState(engine),
            search=ElasticsearchAudit(client, settings.search.alias, clock),
            index=ElasticsearchIndex(client, settings.search.alias),
        )
