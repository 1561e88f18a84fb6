"""Connects the application to its servers. Nothing is asked of them yet: each is found missing when it is needed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread

from photo_pipeline.adapters.kafka import AsyncKafkaPhotoLogWriter
from photo_pipeline.adapters.postgres.customers import PostgresCustomers
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.sessions import PostgresSessions
from photo_pipeline.adapters.postgres.usage import PostgresUsage
from photo_pipeline.settings import DatabaseSettings, KafkaSettings, WebSettings
from photo_pipeline.stream.services import Connections


@asynccontextmanager
async def connect(settings: WebSettings) -> AsyncIterator[Connections]:
    """The real servers, as ``PHOTO_KAFKA_*`` and ``PHOTO_DATABASE_*`` name them."""
    engine = make_engine(DatabaseSettings.model_validate({}), "photo-stream")
    kafka = KafkaSettings.model_validate({})
    writer = AsyncKafkaPhotoLogWriter(kafka, settings.acknowledge_seconds, settings.in_flight_bytes)
    try:
        yield Connections(
            writer=writer,
            devices=PostgresCustomers(engine),
            sessions=PostgresSessions(engine),
            usage=PostgresUsage(engine),
        )
    finally:
        await writer.close()
        await to_thread.run_sync(engine.dispose)
