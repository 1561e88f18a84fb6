"""### Outcomes from PostgreSQL to Elasticsearch, for the analysts

**What**: reads every outcome that was committed or changed since the last run, in commit order, and writes one document
for each into the monthly indices behind the alias `photos`. Documents carry the row's version, so sending one twice, or
late, changes nothing. Outcomes of a customer who has another name count as changed, a thousand in one transaction.
Beside that, `count_outcomes` adds slices that were committed since the last run to their days.

**When**: every 5 minutes.

**In**: the view `bi_outcome`, the table `renaming`. **Out**: `photos-YYYY.MM`, and the watermark in `bi_sync_state`;
`outcome_day` and its neighbours, which outlive the records.

**When red**: the last line says why. A server that is away: the dashboards are behind, and the next run goes on where
this one stopped. "refuses N documents": everything else is synced; the line says which index takes nothing (a month
that is closed or write-blocked, a field it does not know), and each run tries those documents again. To make a lost or
doubted index anew, trigger the DAG with `full` set: a new generation is filled beside the one that analysts see,
counted, and shown in one step.
"""

from datetime import UTC, datetime

from airflow.sdk import CronTriggerTimetable, Param, dag, get_current_context, task

from photo_pipeline.orchestration.assets import LEDGER, SEARCH, tell
from photo_pipeline.orchestration.defaults import TAGS, default_args
from photo_pipeline.orchestration.pools import ELASTICSEARCH, POSTGRES


@dag(
    schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=default_args(),
    params={
        "full": Param(
            default=False,
            type="boolean",
            title="Make the index anew",
            description="Analysts see the old one until the new one is complete.",
        )
    },
    tags=[*TAGS, "bi"],
    doc_md=__doc__,
)
def photo_bi_sync() -> None:
    """Wire the two steps, neither of which waits for the other."""

    @task(pool=ELASTICSEARCH, inlets=[LEDGER], outlets=[SEARCH])
    def sync_outcomes() -> dict[str, float | int | bool | None]:
        """Send what is new in commit order, every bulk item checked."""
        from photo_pipeline.orchestration.bi_sync_tasks import sync

        context = get_current_context()
        # A retry of a full sync goes on where the first try stopped.
        summary = sync(full=bool(context["params"]["full"]), resume=context["ti"].try_number > 1)
        tell({"documents": summary["documents"], "lag_seconds": summary["lag_seconds"]}, SEARCH)
        return summary

    @task(pool=POSTGRES, inlets=[LEDGER])
    def count_outcomes() -> dict[str, int]:
        """Add what was committed to the sums of its days, once."""
        from photo_pipeline.orchestration.tally_tasks import count

        return count()

    sync_outcomes()
    count_outcomes()


photo_bi_sync()
