"""Connects the API to its servers. Nothing is asked of them yet: each is found missing when it is needed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.kafka import AsyncKafkaPhotoLogWriter
from photo_pipeline.adapters.postgres.customers import PostgresCustomers
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.gallery import PostgresGallery
from photo_pipeline.api.services import Connections
from photo_pipeline.settings import DatabaseSettings, HdfsSettings, KafkaSettings, WebSettings

READ_SECONDS = 15.0


@asynccontextmanager
async def connect(settings: WebSettings) -> AsyncIterator[Connections]:
    """The real servers, as ``PHOTO_KAFKA_*``, ``PHOTO_DATABASE_*`` and ``PHOTO_HDFS_*`` name them."""
    database = DatabaseSettings.model_validate({})
    engine = make_engine(database, "photo-api")
    writer = AsyncKafkaPhotoLogWriter(
        KafkaSettings.model_validate({}), settings.acknowledge_seconds, settings.in_flight_bytes
    )
    archive = HdfsArchive(HdfsSettings.model_validate({}), READ_SECONDS)
    try:
        yield Connections(
            writer=writer,
            customers=PostgresCustomers(engine),
            gallery=PostgresGallery(engine),
            archive=archive,
            database_connections=database.pool_size,
        )
    finally:
        await writer.close()
        await to_thread.run_sync(engine.dispose)
