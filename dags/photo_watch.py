"""### Is anything later than it was promised, or not as it usually is?

**What**: looks how long the oldest photo has been waiting in Kafka, how far the search index is behind the ledger, and
whether a shard is still there that should be gone; whether clocks are apart, more is rejected than in the week before,
one customer is hit, the backlog grows, or a disk fills. Whoever is named in the connections `photo_smtp` and
`photo_slack` is told once when something becomes so, and once when it is over.

**When**: every five minutes. A photo may wait for 10 minutes, so a stopped ingest is told within 15. It looks at what
waits and not at runs: an ingest that never starts misses no deadline of Airflow's.

**In**: Kafka's offsets and times (no photo is read), the views `metric_*` and `health_*`, HDFS' room.
**Out**: the table `notice`, mail, Slack.

**When red**: Kafka or PostgreSQL did not answer, or nobody could be told; the last line says which. What is late is
told by the next run. While Airflow itself is down nothing is told here: the alert rules in `monitoring/` look at the
same figures from outside.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import CronTriggerTimetable, dag, task

from photo_pipeline.orchestration.assets import LEDGER, NOTICES, tell
from photo_pipeline.orchestration.defaults import TAGS, default_args
from photo_pipeline.orchestration.pools import KAFKA


@dag(
    schedule=CronTriggerTimetable("4-59/5 * * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=default_args(),
    tags=[*TAGS, "watch"],
    doc_md=__doc__,
)
def photo_watch() -> None:
    """Wire the one step there is."""

    # Nobody watches the watch: it is not to wait behind others, and one that hangs fails, which is told.
    @task(
        pool=KAFKA,
        inlets=[LEDGER],
        outlets=[NOTICES],
        priority_weight=100,
        execution_timeout=timedelta(minutes=10),
    )
    def tell_what_is_late() -> dict[str, int]:
        """Look what is late by now, and what no longer is; tell what was not told."""
        from photo_pipeline.orchestration.notices_tasks import tell_lateness_now

        counts = tell_lateness_now()
        tell(counts, NOTICES)
        return counts

    tell_what_is_late()


photo_watch()
