"""The bodies of ``platform_setup``'s tasks. Each may run at any time on a live system."""

import logging

from photo_pipeline.adapters.elasticsearch import ElasticsearchIndex, make_client
from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.kafka import KafkaTopics
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.migrations.upgrade import upgrade
from photo_pipeline.orchestration.connections import (
    POSTGRES_OWNER,
    database_settings,
    elasticsearch_settings,
    hdfs_settings,
    kafka_settings,
)
from photo_pipeline.settings import TopicNames

logger = logging.getLogger(__name__)


def migrate() -> str:
    """Migrate the database under its owner's role; the revision it has now."""
    engine = make_engine(database_settings(POSTGRES_OWNER), "platform_setup")
    try:
        return upgrade(engine)
    finally:
        engine.dispose()


def topics() -> list[str]:
    """Create or correct the four topics; what was changed, one line each."""
    changes = KafkaTopics(kafka_settings()).ensure(TopicNames())
    for change in changes:
        logger.info("changed %s", change)
    return [str(change) for change in changes]


def folders() -> None:
    """Make the archive's folders."""
    HdfsArchive(hdfs_settings()).ensure_folders()


def search_index() -> None:
    """Install the index template."""
    settings = elasticsearch_settings()
    with make_client(settings) as client:
        ElasticsearchIndex(client, settings.alias).ensure_template()
