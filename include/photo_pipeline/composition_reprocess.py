"""Builds the ports of reprocessing from settings."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.image_workers import WorkerPool
from photo_pipeline.adapters.kafka import KafkaPhotoLogReader, KafkaPhotoLogWriter
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.reprocess import (
    PostgresDeadLetterLedger,
    PostgresRenditionLedger,
    PostgresRequestRegister,
)
from photo_pipeline.composition import PipelineSettings
from photo_pipeline.domain.imaging import ImageLimits
from photo_pipeline.settings import DatabaseSettings, ReprocessSettings
from photo_pipeline.use_cases.reprocess import FeedLimits, FeedPorts, RederivePorts

RECORD_OVERHEAD = 4096
"""What Kafka adds to a record and its batch before it holds its size against the limit; generously."""


@contextmanager
def request_register(settings: DatabaseSettings) -> Iterator[PostgresRequestRegister]:
    """Where requests are kept."""
    with _engine(settings) as engine:
        yield PostgresRequestRegister(engine)


@contextmanager
def rendition_ledger(settings: DatabaseSettings) -> Iterator[PostgresRenditionLedger]:
    """What planning needs."""
    with _engine(settings) as engine:
        yield PostgresRenditionLedger(engine)


@contextmanager
def rederive_ports(settings: PipelineSettings) -> Iterator[RederivePorts]:
    """All that deriving again needs; image workers start with the first photo's shard and run while this lasts."""
    ingest = settings.ingest
    workers = WorkerPool(
        workers=ingest.workers,
        limits=ImageLimits(),
        timeout_seconds=ingest.image_timeout_seconds,
        memory_bytes=ingest.image_memory_bytes,
    )
    with rendition_ledger(settings.database) as ledger, workers as images:
        yield RederivePorts(ledger, HdfsArchive(settings.hdfs), images, settings.hdfs.root)


@contextmanager
def feed_ports(settings: PipelineSettings) -> Iterator[FeedPorts]:
    """All that feeding dead letters needs."""
    with _engine(settings.database) as engine:
        yield FeedPorts(
            ledger=PostgresDeadLetterLedger(engine),
            reader=KafkaPhotoLogReader(settings.kafka),
            writer=KafkaPhotoLogWriter(settings.kafka),
            incoming=settings.topics.incoming,
        )


def feed_limits(settings: PipelineSettings, reprocess: ReprocessSettings) -> FeedLimits:
    """The limits of a batch."""
    return FeedLimits(
        batch_records=reprocess.batch_records,
        batch_bytes=settings.ingest.in_flight_bytes,
        record_bytes=settings.kafka.max_message_bytes - RECORD_OVERHEAD,
    )


@contextmanager
def _engine(settings: DatabaseSettings) -> Iterator[Engine]:
    engine = make_engine(settings, "photo_reprocess")
    try:
        yield engine
    finally:
        engine.dispose()
