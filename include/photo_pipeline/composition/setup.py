"""Builds what preparing the servers needs."""

from collections.abc import Iterator
from contextlib import contextmanager

from hdfs import Client

from photo_pipeline.adapters.kafka import KafkaTopics
from photo_pipeline.adapters.search.index import ElasticsearchIndex
from photo_pipeline.adapters.search.kibana import KibanaServer
from photo_pipeline.adapters.webhdfs import WebHdfsNamespace
from photo_pipeline.composition.pipeline import engine_of
from photo_pipeline.composition.search import SearchAccess
from photo_pipeline.migrations.upgrade import upgrade
from photo_pipeline.settings import DatabaseSettings, KafkaSettings, KibanaSettings


def migrated(owner: DatabaseSettings) -> str:
    """Migrate the database under its owner's role; the revision it has now."""
    with engine_of(owner, "platform_setup") as engine:
        return upgrade(engine)


def topics(settings: KafkaSettings) -> KafkaTopics:
    """The topics, to be created or corrected."""
    return KafkaTopics(settings)


def namespace(client: Client, root: str) -> WebHdfsNamespace:
    """The archive's folders, which are to be made."""
    return WebHdfsNamespace(client, root)


@contextmanager
def search_index(search: SearchAccess) -> Iterator[ElasticsearchIndex]:
    """The search index, whose template is to be installed."""
    with search.connect() as client:
        yield ElasticsearchIndex(client, search.alias)


def kibana(settings: KibanaSettings) -> KibanaServer:
    """The server for dashboards; a context."""
    return KibanaServer(settings)
