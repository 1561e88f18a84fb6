"""Builds what the Photos page shows, apart from Airflow's own view of its DAGs."""

from dataclasses import dataclass

from photo_pipeline.adapters.kafka.backlog import KafkaBacklog
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.form_previews import PostgresFormPreviews
from photo_pipeline.adapters.postgres.health import PostgresHealth
from photo_pipeline.adapters.postgres.names import PostgresNames
from photo_pipeline.adapters.postgres.photos_page import PostgresLedgerView
from photo_pipeline.adapters.postgres.ways import PostgresWays
from photo_pipeline.adapters.record_previews import WorkerPreviews
from photo_pipeline.adapters.search.documents import ElasticsearchDocuments
from photo_pipeline.composition.search import SearchAccess
from photo_pipeline.operations.page import Sources
from photo_pipeline.operations.tracing import Links, Trails
from photo_pipeline.ports.photos_page import Dags
from photo_pipeline.ports.ways import SliceTasks
from photo_pipeline.settings import DatabaseSettings, KafkaSettings, PageSettings, TopicNames


@dataclass(frozen=True, slots=True)
class PageAirflow:
    """Airflow's own view of its DAGs and tasks."""

    dags: Dags
    tasks: SliceTasks


def page_sources(
    views: DatabaseSettings, names: DatabaseSettings, kafka: KafkaSettings, search: SearchAccess, airflow: PageAirflow
) -> Sources:
    """The servers, for as long as the API server lives.

    Args:
        views: the database under the role that only reads views.
        names: the same under one that may know names, asked for operators alone.
        kafka: where photos wait.
        search: the search index.
        airflow: what Airflow knows of itself.
    """
    page, engine = PageSettings(), make_engine(views, "photos_page")
    return Sources(
        ledger=PostgresLedgerView(engine),
        backlog=KafkaBacklog(kafka, TopicNames().incoming),
        search=ElasticsearchDocuments(search.connect(), search.alias),
        previews=WorkerPreviews(kafka),
        dags=airflow.dags,
        trails=Trails(
            ways=PostgresWays(engine),
            names=PostgresNames(make_engine(names, "photos_page_names")),
            tasks=airflow.tasks,
        ),
        links=Links(gallery=page.gallery_url, dashboard=page.dashboard_url, archive=page.archive_url),
        health=PostgresHealth(engine),
        forms=PostgresFormPreviews(engine, TopicNames().incoming),
    )
