"""Builds what the Photos page shows, apart from Airflow's own view of its DAGs."""

from photo_pipeline.adapters.kafka.backlog import KafkaBacklog
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.photos_page import PostgresLedgerView
from photo_pipeline.adapters.record_previews import WorkerPreviews
from photo_pipeline.adapters.search.documents import ElasticsearchDocuments
from photo_pipeline.composition.search import SearchAccess
from photo_pipeline.operations.page import Links, Sources
from photo_pipeline.ports.photos_page import Dags
from photo_pipeline.settings import DatabaseSettings, KafkaSettings, PageSettings, TopicNames


def page_sources(database: DatabaseSettings, kafka: KafkaSettings, search: SearchAccess, dags: Dags) -> Sources:
    """The servers, for as long as the API server lives. The database under the role that only reads views."""
    page = PageSettings()
    return Sources(
        ledger=PostgresLedgerView(make_engine(database, "photos_page")),
        backlog=KafkaBacklog(kafka, TopicNames().incoming),
        search=ElasticsearchDocuments(search.connect(), search.alias),
        previews=WorkerPreviews(kafka),
        dags=dags,
        links=Links(gallery=page.gallery_url, dashboard=page.dashboard_url),
    )
