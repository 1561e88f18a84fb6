"""Builds the use cases' ports from settings: the one place where adapters meet use cases.

Airflow's tasks, the fault tests and the benchmarks all start here, so that what is tested is what runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.image_workers import WorkerPool
from photo_pipeline.adapters.kafka import KafkaPhotoLogReader, KafkaPhotoLogWriter
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.ingest_ledger import PostgresIngestLedger
from photo_pipeline.domain.imaging import ImageLimits
from photo_pipeline.settings import DatabaseSettings, HdfsSettings, IngestSettings, KafkaSettings, TopicNames
from photo_pipeline.use_cases.ingest import IngestLimits, IngestPorts
from photo_pipeline.use_cases.publish import PublishPorts


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """How to reach the servers that the ingest needs, and its limits."""

    kafka: KafkaSettings
    database: DatabaseSettings
    hdfs: HdfsSettings
    ingest: IngestSettings = field(default_factory=IngestSettings)
    topics: TopicNames = field(default_factory=TopicNames)


def ingest_limits(settings: IngestSettings) -> IngestLimits:
    """The limits of a slice."""
    return IngestLimits(
        slice_max_records=settings.slice_max_records,
        slice_max_bytes=settings.slice_max_bytes,
        in_flight_bytes=settings.in_flight_bytes,
        lease_seconds=settings.lease_seconds,
    )


@contextmanager
def ingest_ledger(settings: DatabaseSettings) -> Iterator[PostgresIngestLedger]:
    """The ledger, with its connections closed at the end."""
    engine = make_engine(settings, "photo_ingest")
    try:
        yield PostgresIngestLedger(engine)
    finally:
        engine.dispose()


@contextmanager
def ingest_ports(settings: PipelineSettings) -> Iterator[IngestPorts]:
    """All that processing a slice needs; image workers run while the context lasts."""
    ingest = settings.ingest
    workers = WorkerPool(
        workers=ingest.workers,
        limits=ImageLimits(),
        timeout_seconds=ingest.image_timeout_seconds,
        memory_bytes=ingest.image_memory_bytes,
    )
    with ingest_ledger(settings.database) as ledger, workers as images:
        yield IngestPorts(
            ledger=ledger,
            log=KafkaPhotoLogReader(settings.kafka),
            archive=HdfsArchive(settings.hdfs),
            images=images,
            archive_root=settings.hdfs.root,
        )


@contextmanager
def publish_ports(settings: PipelineSettings) -> Iterator[PublishPorts]:
    """All that publishing from the outbox needs."""
    with ingest_ledger(settings.database) as ledger:
        yield PublishPorts(
            ledger=ledger,
            reader=KafkaPhotoLogReader(settings.kafka),
            writer=KafkaPhotoLogWriter(settings.kafka),
            archive=HdfsArchive(settings.hdfs),
            processed_topic=settings.topics.processed,
            rejected_topic=settings.topics.rejected,
        )
