"""The bodies of ``platform_setup``'s tasks. Each may run at any time on a live system."""

import logging

from airflow.sdk.exceptions import AirflowSkipException

from photo_pipeline.adapters.elasticsearch import ElasticsearchIndex, make_client
from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.adapters.kafka import KafkaTopics
from photo_pipeline.adapters.kibana import KibanaServer
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.bi.kibana.access import bundle
from photo_pipeline.migrations.upgrade import upgrade
from photo_pipeline.orchestration.connections import (
    KIBANA,
    POSTGRES_OWNER,
    database_settings,
    elasticsearch_settings,
    hdfs_settings,
    kafka_settings,
    kibana_settings,
)
from photo_pipeline.settings import TopicNames
from photo_pipeline.use_cases.dashboards import provision

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


def dashboards() -> str:
    """Bring space, role and dashboards to Kibana; what was done, in one line.

    Raises:
        AirflowSkipException: when no Kibana is configured.
    """
    settings = kibana_settings()
    if settings is None:
        raise AirflowSkipException(f"no connection {KIBANA}: there is no Kibana to bring the dashboards to")
    with KibanaServer(settings) as server:
        done = provision(server, bundle(), manage_role=settings.manage_role)
    role = "role set" if done.role else "role left alone"
    summary = f"space {done.space}, {role}, {done.objects} saved objects in place"
    logger.info(summary)
    return summary
