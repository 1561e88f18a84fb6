"""Builds what deciding about logs needs."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import ProgrammingError

from photo_pipeline.adapters.kafka import KafkaPhotoLogReader
from photo_pipeline.adapters.postgres.ingest_ledger import PostgresIngestLedger
from photo_pipeline.composition.pipeline import engine_of
from photo_pipeline.domain.logs import KnownLog
from photo_pipeline.settings import DatabaseSettings, KafkaSettings


@contextmanager
def log_book(
    database: DatabaseSettings, kafka: KafkaSettings
) -> Iterator[tuple[PostgresIngestLedger, KafkaPhotoLogReader]]:
    """Where the ledger keeps which logs there are, and Kafka, which has them."""
    with engine_of(database, "photo_settle_log") as engine:
        yield PostgresIngestLedger(engine), KafkaPhotoLogReader(kafka)


def known_logs(database: DatabaseSettings) -> list[KnownLog]:
    """Every log that the ledger knows; none where there is no ledger yet."""
    with engine_of(database, "platform_setup") as engine:
        try:
            return list(PostgresIngestLedger(engine).logs())
        except ProgrammingError:  # the tables are made beside this, or have not been migrated yet
            return []
