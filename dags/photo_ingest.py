"""### Photos from Kafka into the archive and the database

**What**: plans the micro-batch (one *slice* per topic-partition that has a backlog), processes every slice in a task of
its own (read the exact range, make renditions, write one shard to HDFS, commit once in PostgreSQL, then tell
`photos.processed` and `photos.rejected` from the outbox), and publishes whatever is left there. A slice ends after
45 s with what it has, and the next run goes on behind it. Slices of the bulk lane (what customers send beyond their
share) come last, and only one of two runs has any.

**When**: as soon as Kafka holds photos that nobody works on (asset watcher), and every two minutes as a safety net.

**In**: `photos.uploaded`, `photos.streamed`. **Out**: shards below `/photos/archive`, the tables `slice`, `shard`,
`photo`, `rendition`, `ingest_record`, and the two outgoing topics.

**When red**: nothing is lost; records wait in Kafka for 7 days. Look at the failed task's last line: it names the
server that is away or the slice that failed, or says that the machine is too busy (no photo is rejected for that).
Clear the task, or do nothing: the next run takes over every slice whose worker died. A single bad photo never makes
this red, it ends as `rejected`. A slice whose topic was deleted or made anew meanwhile, or whose log was cut, is red
once and planned no more; the rest goes on, and `photo_settle_log` says what an operator decides then.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Asset, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable, dag, get_current_context, task

from photo_backlog_trigger import PhotoBacklogTrigger
from photo_pipeline.orchestration.assets import ARCHIVE, INCOMING, LEDGER, PROCESSED, REJECTED, tell
from photo_pipeline.orchestration.defaults import TAGS, default_args
from photo_pipeline.orchestration.pools import HDFS, KAFKA, POSTGRES

INCOMING_TOPICS = ["photos.uploaded", "photos.streamed"]

waiting_photos = Asset(
    name="photos_waiting",
    uri="x-photos://kafka/waiting",
    group="photos",
    watchers=[AssetWatcher(name="photo_backlog", trigger=PhotoBacklogTrigger(topics=INCOMING_TOPICS))],
)


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("*/2 * * * *", timezone="UTC"), assets=[waiting_photos]
    ),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    # Two, not one: an asset event that arrives while a run is active would wait for it otherwise, and can stick
    # (apache/airflow #56050). Leases keep the runs out of each other's way.
    max_active_runs=2,
    default_args=default_args(retries=4, retry_delay=timedelta(seconds=5)),
    tags=[*TAGS, "ingest"],
    doc_md=__doc__,
)
def photo_ingest() -> None:
    """Wire the story: plan → process each slice → publish, and a summary that is red when a slice is."""

    @task(pool=KAFKA, inlets=[waiting_photos, *INCOMING])
    def plan_slices() -> list[int]:
        """Plan the backlog in the ledger and hand out the slices by their ids."""
        from photo_pipeline.orchestration.ingest_tasks import plan

        return plan(owner=get_current_context()["run_id"])

    @task(
        pool=HDFS,
        outlets=[ARCHIVE, LEDGER, PROCESSED, REJECTED],
        map_index_template="{{ slice_name }}",
        doc_md="Bring one slice to its end: one shard, one commit.",  # a mapped task does not take its docstring
    )
    def process_slice(slice_id: int) -> dict[str, Any]:
        """Bring one slice to its end: one shard, one commit."""
        from photo_pipeline.orchestration.ingest_tasks import OUTCOMES, process

        context = get_current_context()
        summary = process(slice_id, owner=context["run_id"])
        context["slice_name"] = summary["slice"]  # type: ignore[typeddict-unknown-key] # what map_index_template reads
        tell({name: summary[name] for name in ("slice", "shard", "photos", "bytes")}, ARCHIVE)
        tell({name: summary[name] for name in ("slice", "records", *OUTCOMES)}, LEDGER)
        tell({"records": summary["published"]}, PROCESSED)
        tell({"records": summary["dead_letters"]}, REJECTED)
        return summary

    @task(pool=KAFKA, trigger_rule="all_done", outlets=[PROCESSED, REJECTED])
    def publish_outbox() -> dict[str, int]:
        """Tell Kafka what has been committed, also when another slice failed."""
        from photo_pipeline.orchestration.ingest_tasks import publish

        published = publish()
        tell({"records": published["processed"]}, PROCESSED)
        tell({"records": published["dead_letters"]}, REJECTED)
        return published

    @task(pool=POSTGRES)
    def summarise(summaries: list[dict[str, Any]]) -> dict[str, int]:
        """One line for the whole micro-batch. Stays undone, and the run red, when a slice failed."""
        from photo_pipeline.orchestration.ingest_tasks import total

        return total(summaries)

    processed = process_slice.expand(slice_id=plan_slices())
    processed >> publish_outbox()
    summarise(processed)  # type: ignore[arg-type] # a mapped task's results arrive as a list


photo_ingest()
