"""### Does what the platform says hold? Kafka, ledger, HDFS, PostgreSQL and Elasticsearch against each other

**What**: five groups of checks, each in a task of its own. *kafka*: topic settings, offsets, the age of what waits.
*ledger*: every offset has its outcome, nothing lost, stuck or contradictory. *archive*: every shard is there with its
length, none too long. *checksums*: the next members of shards are read and compared, so that all are in the course of
time. *search*: sums per customer and day, then documents one by one where they differ. Search documents and outbox
entries that lack are derived again; originals are never guessed about. Whoever is named in the connections `photo_smtp`
and `photo_slack` is told of each finding once, however many runs find it.

**When**: every hour, a quarter past.

**In**: all four servers, the connections `photo_kafka`, `photo_postgres`, `photo_hdfs`, `photo_elasticsearch`.
**Out**: one row per check and per finding in the table `reconciliation` (`status` `ok`, `repaired` or `finding`), kept
for 90 days; repaired documents in the search index.

**When red**: look at `judge`: its last line names every finding and what to do about it. It is not retried, as asking
again would find the same; the next hour looks anew. A red `check` means a server that did not answer; it has been
retried, and `judge` names the checks that are therefore unfinished.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import CronTriggerTimetable, dag, get_current_context, task

from photo_pipeline.orchestration.assets import ARCHIVE, LEDGER, NOTICES, RECONCILIATION, SEARCH, tell
from photo_pipeline.orchestration.defaults import TAGS, default_args
from photo_pipeline.orchestration.pools import POSTGRES, RECONCILE


@dag(
    schedule=CronTriggerTimetable("15 * * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=3),
    default_args=default_args(),
    tags=[*TAGS, "reconcile"],
    doc_md=__doc__,
)
def photo_reconcile() -> None:
    """Wire the story: begin → check each group → tell what is new, and judge."""

    @task(pool=POSTGRES)
    def begin() -> list[str]:
        """Open the run and hand out the groups of checks."""
        from photo_pipeline.orchestration.reconcile_tasks import begin

        return begin(get_current_context()["run_id"])

    @task(
        pool=RECONCILE,
        inlets=[LEDGER, ARCHIVE, SEARCH],
        map_index_template="{{ group }}",
        doc_md="Make one group of checks and keep what it finds.",  # a mapped task does not take its docstring
    )
    def check(group: str) -> dict[str, str]:
        """Make one group of checks and keep what it finds."""
        from photo_pipeline.orchestration.reconcile_tasks import check

        context = get_current_context()
        context["group"] = group  # type: ignore[typeddict-unknown-key] # what map_index_template reads
        return check(group, context["run_id"])

    @task(pool=POSTGRES, trigger_rule="all_done", outlets=[NOTICES])
    def tell_findings() -> int:
        """Tell people what was found for the first time."""
        from photo_pipeline.orchestration.notices_tasks import tell_findings

        told = tell_findings(get_current_context()["run_id"])
        tell({"told": told}, NOTICES)
        return told

    # Who is to be told of findings has been told: `judge` itself makes no notice.
    @task(pool=POSTGRES, trigger_rule="all_done", outlets=[RECONCILIATION], on_failure_callback=None)
    def judge() -> dict[str, int]:
        """Fail where something is left that could not be repaired, or not be checked."""
        from photo_pipeline.orchestration.reconcile_tasks import judge

        counts = judge(get_current_context()["run_id"])
        tell(counts, RECONCILIATION)
        return counts

    check.expand(group=begin()) >> [tell_findings(), judge()]


photo_reconcile()
