"""### Everything the platform needs, made or brought up to date

**What**: database migrations and grants, the four Kafka topics with their retention and limits, the HDFS folders, the
Elasticsearch index template and first index, and Kibana's space, read-only role and dashboards where there is a Kibana.

**When**: once at the start of an installation and after each upgrade (`make up` and the deployment trigger it), and by
hand whenever somebody changed a setting behind the platform's back. Safe on a live system: what is right is left alone.

**In**: the connections `photo_postgres_owner`, `photo_kafka`, `photo_hdfs`, `photo_elasticsearch` and, if there is one,
`photo_kibana`; without it `import_dashboards` is skipped. **Out**: tables, topics, folders, index template, dashboards.

**When red**: the task's last line names the server and what it refused. The tasks do not depend on each other; clear
the red one when its server is back. Red in `import_dashboards` alone, everything but the dashboards works: no start of
the platform waits for Kibana, which that task itself gives about eight minutes.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import dag, task

from photo_pipeline.orchestration.assets import ARCHIVE, INCOMING, LEDGER, PROCESSED, REJECTED, SEARCH
from photo_pipeline.orchestration.defaults import TAGS, default_args
from photo_pipeline.orchestration.pools import ELASTICSEARCH, HDFS, KAFKA, POSTGRES


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    # A run that waits for Kibana must not hold up the next start's: tasks, not runs, go one at a time.
    max_active_runs=2,
    default_args={**default_args(retries=5, retry_delay=timedelta(seconds=5)), "max_active_tis_per_dag": 1},
    tags=[*TAGS, "setup"],
    doc_md=__doc__,
)
def platform_setup() -> None:
    """Wire five independent steps, one for each server."""

    @task(pool=POSTGRES, outlets=[LEDGER])
    def migrate_database() -> str:
        """Bring tables, views and grants to the newest revision."""
        from photo_pipeline.orchestration.setup_tasks import migrate

        return migrate()

    @task(pool=KAFKA, outlets=[*INCOMING, PROCESSED, REJECTED])
    def ensure_topics() -> list[str]:
        """Create the topics, or set right what differs; says what it changed."""
        from photo_pipeline.orchestration.setup_tasks import topics

        return topics()

    @task(pool=HDFS, outlets=[ARCHIVE])
    def ensure_folders() -> None:
        """Make the archive's folders on HDFS."""
        from photo_pipeline.orchestration.setup_tasks import folders

        folders()

    @task(pool=ELASTICSEARCH, outlets=[SEARCH])
    def ensure_search_index() -> None:
        """Install the index template, add fields that existing indices lack, make an index where there is none."""
        from photo_pipeline.orchestration.setup_tasks import search_index

        search_index()

    @task(retries=10, retry_delay=timedelta(seconds=10), max_retry_delay=timedelta(minutes=1))
    def import_dashboards() -> str:
        """Bring Kibana its space, its read-only role and the two dashboards; skipped where there is no Kibana."""
        from photo_pipeline.orchestration.setup_tasks import dashboards

        return dashboards()

    migrate_database()
    ensure_topics()
    ensure_folders()
    ensure_search_index()
    import_dashboards()


platform_setup()
