"""Connects the API to its servers. Nothing is asked of them yet: each is found missing when it is needed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from anyio import to_thread

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.kafka import AsyncKafkaPhotoLogWriter
from photo_pipeline.adapters.postgres.accounts import PostgresAccounts
from photo_pipeline.adapters.postgres.customers import PostgresCustomers
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.finding import PostgresFinder
from photo_pipeline.adapters.postgres.gallery import PostgresGallery
from photo_pipeline.adapters.postgres.health import PostgresVolumes
from photo_pipeline.adapters.postgres.holds import PostgresCustomerHolds
from photo_pipeline.adapters.postgres.outcome_feed import PostgresOutcomeFeed
from photo_pipeline.adapters.postgres.passwords import PostgresPasswords
from photo_pipeline.adapters.postgres.selection import PostgresSelection
from photo_pipeline.adapters.postgres.sessions import PostgresSessionRegister, PostgresSessions
from photo_pipeline.adapters.postgres.shares import PostgresShares
from photo_pipeline.adapters.postgres.usage import PostgresUsage
from photo_pipeline.adapters.smtp import SmtpMailer
from photo_pipeline.adapters.upload_directory import UploadDirectory
from photo_pipeline.adapters.volumes import DiskOf
from photo_pipeline.api.services import Connections
from photo_pipeline.settings import DatabaseSettings, HdfsSettings, KafkaSettings, MailSettings, WebSettings
from photo_pipeline.web.startup import read_settings

READ_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Servers:
    """How to reach the servers: ``PHOTO_KAFKA_*``, ``PHOTO_DATABASE_*``, ``PHOTO_HDFS_*`` and ``PHOTO_MAIL_*``."""

    kafka: KafkaSettings
    database: DatabaseSettings
    hdfs: HdfsSettings
    mail: MailSettings


def servers_from_environment() -> Servers:
    """The servers that the environment names.

    Raises:
        SettingsError: when one is missing.
    """
    return Servers(
        read_settings(KafkaSettings),
        read_settings(DatabaseSettings),
        read_settings(HdfsSettings),
        read_settings(MailSettings),
    )


@asynccontextmanager
async def connect(servers: Servers, settings: WebSettings) -> AsyncIterator[Connections]:
    """The real servers."""
    engine = make_engine(servers.database, "photo-api")
    writer = AsyncKafkaPhotoLogWriter(servers.kafka, settings.acknowledge_seconds, settings.in_flight_bytes)
    archive = HdfsArchive(servers.hdfs, READ_SECONDS)
    try:
        yield Connections(
            writer=writer,
            customers=PostgresCustomers(engine),
            gallery=PostgresGallery(engine),
            finder=PostgresFinder(engine),
            sessions=PostgresSessions(engine),
            usage=PostgresUsage(engine),
            outcomes=PostgresOutcomeFeed(engine),
            holds=PostgresCustomerHolds(engine, settings.customer_holds),
            selection=PostgresSelection(engine),
            shares=PostgresShares(engine),
            accounts=PostgresAccounts(engine),
            open_sessions=PostgresSessionRegister(engine),
            passwords=PostgresPasswords(engine),
            mailer=None if servers.mail.host is None else SmtpMailer(servers.mail),
            archive=archive,
            uploads=UploadDirectory(settings.upload_dir),
            disk=DiskOf(settings.upload_dir),
            volumes=PostgresVolumes(engine),
            database_connections=servers.database.pool_size,
        )
    finally:
        await writer.close()
        await to_thread.run_sync(engine.dispose)
