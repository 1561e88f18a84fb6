"""Builds what publishing from the outbox needs."""

from collections.abc import Iterator
from contextlib import contextmanager

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.kafka import KafkaPhotoLogReader, KafkaPhotoLogWriter
from photo_pipeline.composition.ingest import ingest_ledger
from photo_pipeline.composition.pipeline import PipelineSettings
from photo_pipeline.settings import KafkaSettings
from photo_pipeline.use_cases.publish import Lane, PublishPorts

LANES = 2
"""While one batch waits for Kafka, the other is looked up and read. More bring nothing on two cores."""


@contextmanager
def publish_ports(settings: PipelineSettings) -> Iterator[PublishPorts]:
    """All that publishing from the outbox needs."""
    with ingest_ledger(settings.database) as ledger:
        yield PublishPorts(
            ledger=ledger,
            lanes=[_lane(settings.kafka) for _ in range(LANES)],
            archive=HdfsArchive(settings.hdfs),
            processed_topic=settings.topics.processed,
            rejected_topic=settings.topics.rejected,
        )


def _lane(settings: KafkaSettings) -> Lane:
    return Lane(KafkaPhotoLogReader(settings), KafkaPhotoLogWriter(settings))
