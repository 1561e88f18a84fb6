"""What building any part of the pipeline begins with: how to reach the servers, a database's engine, image workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine

from photo_pipeline.adapters.image_workers.pool import WorkerPool
from photo_pipeline.adapters.image_workers.worker_time import TimeLimits
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.domain.imaging import ImageLimits
from photo_pipeline.settings import (
    DatabaseSettings,
    HdfsSettings,
    IngestSettings,
    KafkaSettings,
    RecordSettings,
    TopicNames,
)


@dataclass(frozen=True, slots=True)
class PipelineSettings:
    """How to reach the servers that the ingest needs, and its limits."""

    kafka: KafkaSettings
    database: DatabaseSettings
    hdfs: HdfsSettings
    ingest: IngestSettings = field(default_factory=IngestSettings)
    topics: TopicNames = field(default_factory=TopicNames)
    records: RecordSettings = field(default_factory=RecordSettings)


@contextmanager
def engine_of(settings: DatabaseSettings, name: str) -> Iterator[Engine]:
    """The database under this application name, with its connections closed at the end."""
    engine = make_engine(settings, name)
    try:
        yield engine
    finally:
        engine.dispose()


def image_workers(settings: IngestSettings) -> WorkerPool:
    """Workers with the ingest's limits; they run while the pool's context lasts."""
    return WorkerPool(
        workers=settings.workers,
        limits=ImageLimits(),
        time_limits=TimeLimits(settings.image_timeout_seconds, settings.image_wait_seconds),
        memory_bytes=settings.image_memory_bytes,
    )
