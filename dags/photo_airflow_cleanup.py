"""### Airflow's own database and task logs stay bounded

**What**: deletes what runs have left in Airflow's metadata longer ago than `PHOTO_AIRFLOW_KEEP_DAYS` (30), by Airflow's
own `airflow db clean`; the latest run of each DAG stays. Removes task logs that are as old from the folder to which
this worker writes them. Nothing of a photo is in either.

**When**: once a day, at night. An idle platform makes more than a thousand runs a day.

**In**: `PHOTO_AIRFLOW_METADATA_URL`, the address of Airflow's database, which Airflow itself hides from tasks. **Out**:
nothing else.

**When red**: the last lines are what Airflow said. The database grows until it is seen to; nothing is lost by that.
"""

from datetime import UTC, datetime

from airflow.sdk import CronTriggerTimetable, dag, task

from photo_pipeline.orchestration.defaults import TAGS, default_args
from photo_pipeline.orchestration.pools import POSTGRES


@dag(
    schedule=CronTriggerTimetable("37 2 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=default_args(),
    tags=[*TAGS, "operations"],
    doc_md=__doc__,
)
def photo_airflow_cleanup() -> None:
    """Wire the one step there is."""

    @task(pool=POSTGRES)
    def clean_up() -> dict[str, int]:
        """Remove old task logs, then old rows of Airflow's database."""
        from photo_pipeline.orchestration.cleanup_tasks import clean

        return clean()

    clean_up()


photo_airflow_cleanup()
