"""Builds what planning and processing slices need."""

from collections.abc import Iterator
from contextlib import contextmanager

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.kafka import KafkaPhotoLogReader
from photo_pipeline.adapters.postgres.ingest_ledger import PostgresIngestLedger
from photo_pipeline.composition.pipeline import PipelineSettings, engine_of, image_workers
from photo_pipeline.settings import DatabaseSettings, IngestSettings
from photo_pipeline.use_cases.ingest import IngestLimits, IngestPorts


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
    with engine_of(settings, "photo_ingest") as engine:
        yield PostgresIngestLedger(engine)


@contextmanager
def planning(settings: PipelineSettings) -> Iterator[tuple[PostgresIngestLedger, KafkaPhotoLogReader]]:
    """What planning needs: where slices are kept, and where what waits is read from."""
    with ingest_ledger(settings.database) as ledger:
        yield ledger, KafkaPhotoLogReader(settings.kafka)


@contextmanager
def ingest_ports(settings: PipelineSettings) -> Iterator[IngestPorts]:
    """All that processing a slice needs; image workers run while the context lasts."""
    with ingest_ledger(settings.database) as ledger, image_workers(settings.ingest) as images:
        yield IngestPorts(
            ledger=ledger,
            log=KafkaPhotoLogReader(settings.kafka),
            archive=HdfsArchive(settings.hdfs),
            images=images,
            archive_root=settings.hdfs.root,
        )
