"""### What is lost with a log is given up

**What**: Kafka has lost something that was promised: a topic was deleted and made anew, Kafka was replaced, or a log
was cut (a restored disk, an unclean election). Until this runs, `photo_reconcile` stays red, `photo_watch` and the
Photos page name the log, and receipts of records that were never read say `pending`. Afterwards those receipts say
`lost` (`log_lost`), so that their senders send again. In the place of a log that was **cut** a new one begins with
the next run of `photo_ingest`, at what Kafka still holds: photos that were read before come out as duplicates, and
nothing is skipped.

**When**: by hand, with the form, once it is clear that nobody brings the old data back. Where the old topic comes back
under its own id (a wrong address of Kafka was put right), nothing is to be settled: reading goes on by itself.

**In**: Kafka's topics, `partition_progress`. **Out**: `partition_progress`: when, by whom and why it was settled.

**When red**: the last line names the field that cannot be meant, or says that nothing is wrong with those logs.
Otherwise Kafka or the database was away: clear the task. Run again, it changes nothing.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Param, dag, get_current_context, task

from photo_pipeline.orchestration.assets import LEDGER, tell
from photo_pipeline.orchestration.defaults import TAGS, default_args
from photo_pipeline.orchestration.param_patterns import SAYS_SOMETHING
from photo_pipeline.orchestration.pools import KAFKA

PARAMS = {
    "topic": Param(
        type="string",
        minLength=1,
        maxLength=249,
        examples=["photos.uploaded", "photos.streamed"],
        title="Topic",
        description="The topic whose logs were made anew or cut.",
    ),
    "partition": Param(
        default=None,
        type=["null", "integer"],
        minimum=0,
        title="Partition",
        description="Its number; empty for every partition of the topic with which something is wrong.",
    ),
    "reason": Param(
        type="string",
        pattern=SAYS_SOMETHING,
        minLength=1,
        maxLength=500,
        title="Reason",
        description="What happened, and why the unread rest cannot be had back.",
    ),
    "by": Param(
        type="string",
        pattern=SAYS_SOMETHING,
        minLength=1,
        maxLength=200,
        title="Who decides",
        description="The person who answers for it.",
    ),
}


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=default_args(retries=4, retry_delay=timedelta(seconds=5)),
    params=PARAMS,
    tags=[*TAGS, "ingest"],
    doc_md=__doc__,
)
def photo_settle_log() -> None:
    """Wire the one step there is."""

    @task(pool=KAFKA, outlets=[LEDGER])
    def settle_log() -> list[dict[str, str | int]]:
        """Give up what was never read of the logs that the form names."""
        from photo_pipeline.orchestration import logs_tasks

        settled = logs_tasks.settle(get_current_context()["params"])
        tell({"logs": len(settled), "records": sum(int(each["unread"]) for each in settled)}, LEDGER)
        return settled

    settle_log()


photo_settle_log()
