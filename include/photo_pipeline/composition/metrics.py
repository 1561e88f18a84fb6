"""Builds what the exporter of metrics asks."""

from photo_pipeline.adapters.kafka import KafkaPhotoLogReader
from photo_pipeline.adapters.kafka.ages import KafkaAppendTimes
from photo_pipeline.adapters.kafka.client import admin_client
from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.metrics import PostgresFigures
from photo_pipeline.adapters.search.tls import trusting
from photo_pipeline.metrics.probes import probe_elasticsearch, room_on_hdfs
from photo_pipeline.metrics.refresh import MetricsPorts
from photo_pipeline.settings import DatabaseSettings, KafkaSettings, MetricsSettings, TopicNames
from photo_pipeline.web.clock import SystemClock


def metrics_ports(
    settings: MetricsSettings, kafka: KafkaSettings, database: DatabaseSettings, topics: TopicNames
) -> MetricsPorts:
    """Whom to ask. The database is read under the analysts' role, which sees figures and no photo."""
    engine = make_engine(database, "photo_metrics")
    search, namenodes = settings.elasticsearch_url, (settings.namenode_url or "").split(",")
    trusted = None if settings.elasticsearch_ca_file is None else trusting(settings.elasticsearch_ca_file)
    return MetricsPorts(
        figures=PostgresFigures(engine),
        reader=KafkaPhotoLogReader(kafka),
        ages=KafkaAppendTimes(admin_client(kafka)),
        clock=DatabaseClock(engine),
        here=SystemClock(),
        incoming=topics.incoming,
        probe_search=(lambda: probe_elasticsearch(search, trusted)) if search else None,
        room_on_hdfs=(lambda: room_on_hdfs(namenodes)) if settings.namenode_url else None,
    )
