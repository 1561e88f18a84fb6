"""Builds what reprocessing needs."""

from collections.abc import Iterator
from contextlib import contextmanager

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.kafka import KafkaPhotoLogReader, KafkaPhotoLogWriter
from photo_pipeline.adapters.postgres.dead_letters import PostgresDeadLetterLedger
from photo_pipeline.adapters.postgres.reprocess import PostgresRenditionLedger, PostgresRequestRegister
from photo_pipeline.composition.pipeline import PipelineSettings, engine_of, image_workers
from photo_pipeline.settings import DatabaseSettings, ReprocessSettings
from photo_pipeline.use_cases.reprocess import FeedLimits, FeedPorts, RederivePorts

APPLICATION = "photo_reprocess"
RECORD_OVERHEAD = 4096
"""What Kafka adds to a record and its batch before it holds its size against the limit; generously."""


@contextmanager
def request_register(settings: DatabaseSettings) -> Iterator[PostgresRequestRegister]:
    """Where requests are kept."""
    with engine_of(settings, APPLICATION) as engine:
        yield PostgresRequestRegister(engine)


@contextmanager
def rendition_ledger(settings: DatabaseSettings) -> Iterator[PostgresRenditionLedger]:
    """What planning needs."""
    with engine_of(settings, APPLICATION) as engine:
        yield PostgresRenditionLedger(engine)


@contextmanager
def rederive_ports(settings: PipelineSettings) -> Iterator[RederivePorts]:
    """All that deriving again needs; image workers start with the first photo's shard and run while this lasts."""
    with rendition_ledger(settings.database) as ledger, image_workers(settings.ingest) as images:
        yield RederivePorts(ledger, HdfsArchive(settings.hdfs), images, settings.hdfs.root)


@contextmanager
def feed_ports(settings: PipelineSettings) -> Iterator[FeedPorts]:
    """All that feeding dead letters needs."""
    with engine_of(settings.database, APPLICATION) as engine:
        yield FeedPorts(
            ledger=PostgresDeadLetterLedger(engine),
            reader=KafkaPhotoLogReader(settings.kafka),
            writer=KafkaPhotoLogWriter(settings.kafka),
            incoming=settings.topics.incoming,
        )


@contextmanager
def tidying(settings: PipelineSettings) -> Iterator[tuple[PostgresRenditionLedger, HdfsArchive]]:
    """What removing the files of killed tasks needs."""
    with rendition_ledger(settings.database) as ledger:
        yield ledger, HdfsArchive(settings.hdfs)


def feed_limits(settings: PipelineSettings, reprocess: ReprocessSettings) -> FeedLimits:
    """The limits of a batch."""
    return FeedLimits(
        batch_records=reprocess.batch_records,
        batch_bytes=settings.ingest.in_flight_bytes,
        record_bytes=settings.kafka.max_message_bytes - RECORD_OVERHEAD,
    )
