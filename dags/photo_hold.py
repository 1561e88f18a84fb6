"""### A hold set or lifted

**What**: *set* keeps one photo, or all of a customer's, now and to come, from expiring; *lift* ends that. A hold keeps
what it names and nothing else: retention copies held photos out of a shard before that goes. What a lifted hold alone
kept goes with the next run of `photo_archive_retention`.

**When**: by hand, with the form: `photo_id` for one photo, or `customer_id` for all of a customer's (both: that
customer's photo, or it is refused). Run again, or set twice, a hold stays as it was first set. A hold on a customer and
one on a photo of theirs are two: each is lifted by itself.

**In**: `customer`, `photo`. **Out**: the table `hold`; who asked and why also stands in this run's configuration.

**When red**: the last line names the field that cannot be meant, or says that there is no such customer or photo, or
that the photo has expired: then there is nothing left to hold. Otherwise the database was away: clear the task.
A lift that finds no hold is green and says so in its log.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Param, dag, get_current_context, task

from photo_pipeline.domain.hold_request import HoldAction
from photo_pipeline.orchestration.assets import HOLDS, tell
from photo_pipeline.orchestration.defaults import TAGS, default_args
from photo_pipeline.orchestration.param_patterns import SAYS_SOMETHING, UUID_PATTERN

PARAMS = {
    "action": Param(
        default=HoldAction.SET.value,
        type="string",
        enum=[action.value for action in HoldAction],
        values_display={HoldAction.SET.value: "Set a hold", HoldAction.LIFT.value: "Lift a hold"},
        title="What to do",
        description="Keep from expiring, or no longer.",
    ),
    "photo_id": Param(
        default=None,
        type=["null", "string"],
        pattern=UUID_PATTERN,
        title="Photo",
        description="The photo's id; empty for all photos of the customer below.",
    ),
    "customer_id": Param(
        default=None,
        type=["null", "string"],
        pattern=UUID_PATTERN,
        title="Customer",
        description="The customer's id; may be left empty where a photo is named.",
    ),
    "reason": Param(
        default=None,
        type=["null", "string"],
        pattern=SAYS_SOMETHING,
        maxLength=500,
        title="Reason",
        description="What the hold is for, such as a case number. Needed to set one.",
    ),
    "by": Param(
        type="string",
        pattern=SAYS_SOMETHING,
        minLength=1,
        maxLength=200,
        title="Who asks",
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
    tags=[*TAGS, "retention"],
    doc_md=__doc__,
)
def photo_hold() -> None:
    """Wire the one step there is."""

    @task(outlets=[HOLDS])
    def change_hold() -> dict[str, str | bool]:
        """Set or lift the hold that the form names."""
        from photo_pipeline.orchestration import holds_tasks

        changed = holds_tasks.change(get_current_context()["params"])
        tell(changed, HOLDS)
        return changed

    change_hold()


photo_hold()
