"""Builds what planning and processing slices need."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.kafka import KafkaPhotoLogReader
from photo_pipeline.adapters.postgres.ingest_ledger import PostgresIngestLedger
from photo_pipeline.adapters.record_keys import public_keys
from photo_pipeline.composition.pipeline import PipelineSettings, engine_of, image_workers
from photo_pipeline.domain.lanes import Lanes
from photo_pipeline.domain.proof import ProofRules
from photo_pipeline.settings import DatabaseSettings, RecordSettings
from photo_pipeline.use_cases.ingest import IngestLimits, IngestPorts


def lanes(settings: PipelineSettings) -> Lanes:
    """How partitions are shared out, and how many of the bulk lane's slices are worked on at a time."""
    return Lanes(settings.kafka.bulk_share, settings.ingest.bulk_slices)


def ingest_limits(settings: PipelineSettings) -> IngestLimits:
    """The limits of a slice."""
    limits = settings.ingest
    return IngestLimits(
        slice_max_records=limits.slice_max_records,
        slice_max_bytes=limits.slice_max_bytes,
        in_flight_bytes=limits.in_flight_bytes,
        lease_seconds=limits.lease_seconds,
        slice_seconds=limits.slice_seconds,
        lanes=lanes(settings),
    )


def proof_rules(settings: RecordSettings) -> ProofRules:
    """Which records are believed.

    Raises:
        RecordKeysError: when the file of keys is of no use.
    """
    keys = {} if settings.keys_file is None else public_keys(settings.keys_file)
    return ProofRules(keys, settings.take_unsigned)


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
            monotonic=time.monotonic,
            proofs=proof_rules(settings.records),
        )
