"""### Photos derived again, or dead letters fed again

**What**: one of two things, chosen in the form. *renditions*: the `web` and `thumb` renditions and the metadata of the
photos that were uploaded in a window are derived again with today's code, into new shards beside the old ones; the
originals are copied byte for byte and checked. Each photo is swapped in one transaction and lives exactly as long as
it would have. *dead_letters*: records that were rejected in a window are read from their topic again, where Kafka still
has them (7 days), and sent to it once more with the header `ce_reprocessof`; `photo_ingest` gives them a new outcome.

**When**: by hand, with the form. Run again (cleared), a request goes on where it stopped: no photo is replaced twice,
no record fed twice. A record that a request has fed is not fed by another; if it was rejected again, its copy is.

**In**: shards, or `photos.uploaded` and `photos.streamed`. **Out**: new shards of kind `reprocess`, the tables `photo`
and `rendition`; or new records in the topics. What was asked and done stands in `reprocess_request`,
`reprocess_attempt` and `refed_record`.

**When red**: `accept_request` names the field of the form that cannot be meant. `derive_again` names originals that are
damaged: they were left as they are, all others were done; `photo_reconcile` tells more. Otherwise a server was away:
clear the task.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.domain.reprocess import ANY, Mode
from photo_pipeline.orchestration.assets import ARCHIVE, INCOMING, LEDGER, tell
from photo_pipeline.orchestration.defaults import TAGS, default_args
from photo_pipeline.orchestration.param_patterns import RECORD_PATTERN, TIME_PATTERN, UUID_PATTERN
from photo_pipeline.orchestration.pools import HDFS, KAFKA, POSTGRES

PARAMS = {
    "mode": Param(
        default=Mode.RENDITIONS.value,
        type="string",
        enum=[mode.value for mode in Mode],
        values_display={
            Mode.RENDITIONS.value: "Derive renditions again",
            Mode.DEAD_LETTERS.value: "Feed dead letters again",
        },
        title="What to do",
        description="Renditions of photos, or rejected records.",
    ),
    "from": Param(
        type="string",
        format="date-time",
        pattern=TIME_PATTERN,
        title="From",
        description="Beginning of the window, included: of uploads for renditions, of rejections for dead letters.",
    ),
    "to": Param(
        type="string",
        format="date-time",
        pattern=TIME_PATTERN,
        title="To",
        description="End of the window, excluded. Later than its beginning.",
    ),
    "customer_id": Param(
        default=None,
        type=["null", "string"],
        pattern=UUID_PATTERN,
        title="Customer",
        description="The customer's id; empty for all customers.",
    ),
    "format": Param(
        default=ANY,
        type="string",
        enum=[ANY, *(kind.value for kind in SniffedFormat)],
        title="Format (renditions)",
        description="Only photos whose original is of this format.",
    ),
    "reason": Param(
        default=ANY,
        type="string",
        enum=[ANY, *(reason.value for reason in RejectReason)],
        values_display={ANY: "Any reason", **{reason.value: reason.sentence for reason in RejectReason}},
        title="Reason (dead letters)",
        description="Only records that were rejected for this reason.",
    ),
    "record": Param(
        default=None,
        type=["null", "string"],
        pattern=RECORD_PATTERN,
        title="Record (dead letters)",
        description="The only record that is meant, as in photos.uploaded-0-7; empty for all in the window.",
    ),
}


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=default_args(retries=4, retry_delay=timedelta(seconds=5)),
    params=PARAMS,
    tags=[*TAGS, "reprocess"],
    doc_md=__doc__,
)
def photo_reprocess() -> None:
    """Wire the story: accept → plan and derive again, or feed again → tidy up."""

    @task(pool=POSTGRES)
    def accept_request() -> dict[str, str | None]:
        """Check the form and keep the request."""
        from photo_pipeline.orchestration.reprocess_tasks import accept

        context = get_current_context()
        return accept(context["run_id"], context["params"])

    @task(pool=POSTGRES)
    def plan_shards(request: dict[str, str | None]) -> list[list[int]]:
        """Find the shards with photos of the request; skipped for dead letters."""
        from photo_pipeline.orchestration.reprocess_tasks import plan

        return plan(get_current_context()["run_id"], request)

    @task(
        pool=HDFS,
        inlets=[ARCHIVE],
        outlets=[ARCHIVE, LEDGER],
        doc_md="Derive the photos of some shards again.",  # a mapped task does not take its docstring
    )
    def derive_again(shard_ids: list[int], request: dict[str, str | None]) -> dict[str, int]:
        """Derive the photos of some shards again."""
        from photo_pipeline.orchestration.reprocess_tasks import rederive

        counts = rederive(get_current_context()["run_id"], request, shard_ids)
        tell({"photos": counts["moved"], **counts}, ARCHIVE, LEDGER)
        return counts

    @task(pool=KAFKA, outlets=list(INCOMING))
    def feed_dead_letters(request: dict[str, str | None]) -> dict[str, int]:
        """Send rejected records to their topics again; skipped for renditions."""
        from photo_pipeline.orchestration.reprocess_tasks import feed

        counts = feed(get_current_context()["run_id"], request)
        tell({"records": counts["fed"], **counts}, *INCOMING)
        return counts

    @task(pool=HDFS)
    def tidy_up() -> int:
        """Remove what killed tasks left on HDFS, however the others ended."""
        from photo_pipeline.orchestration.reprocess_tasks import tidy

        return tidy(get_current_context()["run_id"])

    request: Any = accept_request()
    derived = derive_again.partial(request=request).expand(shard_ids=plan_shards(request))
    feed_dead_letters(request)
    derived >> tidy_up().as_teardown()  # a teardown's success does not hide that the others failed


photo_reprocess()
