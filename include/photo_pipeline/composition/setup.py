"""Builds what preparing the servers needs."""

from collections.abc import Iterator
from contextlib import contextmanager

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.kafka import KafkaTopics
from photo_pipeline.adapters.search.client import make_client
from photo_pipeline.adapters.search.index import ElasticsearchIndex
from photo_pipeline.adapters.search.kibana import KibanaServer
from photo_pipeline.composition.pipeline import engine_of
from photo_pipeline.migrations.upgrade import upgrade
from photo_pipeline.settings import DatabaseSettings, ElasticsearchSettings, HdfsSettings, KafkaSettings, KibanaSettings


def migrated(owner: DatabaseSettings) -> str:
    """Migrate the database under its owner's role; the revision it has now."""
    with engine_of(owner, "platform_setup") as engine:
        return upgrade(engine)


def topics(settings: KafkaSettings) -> KafkaTopics:
    """The topics, to be created or corrected."""
    return KafkaTopics(settings)


def archive(settings: HdfsSettings) -> HdfsArchive:
    """The archive, whose folders are to be made."""
    return HdfsArchive(settings)


@contextmanager
def search_index(settings: ElasticsearchSettings) -> Iterator[ElasticsearchIndex]:
    """The search index, whose template is to be installed."""
    with make_client(settings) as client:
        yield ElasticsearchIndex(client, settings.alias)


def kibana(settings: KibanaSettings) -> KibanaServer:
    """The server for dashboards; a context."""
    return KibanaServer(settings)
