"""### Much may go at once

**What**: permits one run of `photo_archive_retention` to remove more than it does by itself. It stops where more
would go than an outage explains, because a wrong clock, or a ledger from a backup, looks the same. Clocks that differ
are never permitted: set them right.

**When**: by hand, with the form, after the red run has said what would go and how much, and you know that it is right
(the platform was away for more than half a week, say). The next run that needs the permit uses it up; one that was
not needed within a day is void.

**In**: the form. **Out**: a row of `removal_permit` with who permitted it and why; the run that used it is named
there.

**When red**: the last line names the field that cannot be meant. Otherwise the database was away: clear the task.
"""

from datetime import UTC, datetime, timedelta

from airflow.sdk import Param, dag, get_current_context, task

from photo_pipeline.domain.removal import Removal
from photo_pipeline.domain.removal_permit import PERMITTED
from photo_pipeline.orchestration.assets import PERMITS, tell
from photo_pipeline.orchestration.defaults import TAGS, default_args
from photo_pipeline.orchestration.param_patterns import SAYS_SOMETHING

PARAMS = {
    "what": Param(
        default=Removal.SHARDS.value,
        type="string",
        enum=[what.value for what in PERMITTED],
        values_display={
            Removal.SHARDS.value: "Shards: their photos expire",
            Removal.RECORDS.value: "Rejected records: what they say of their senders is blanked",
            Removal.FILES.value: "Files that no shard names",
            Removal.AGES.value: "Ages: shards that are younger by their files than by their rows go by their rows",
        },
        title="What may go",
        description="As the red run names it.",
    ),
    "most": Param(
        type="integer",
        minimum=1,
        title="How many at most",
        description="The number that the red run names. Where there are more by then, none go.",
    ),
    "reason": Param(
        type="string",
        pattern=SAYS_SOMETHING,
        minLength=1,
        maxLength=500,
        title="Reason",
        description="Why it is right that so much goes at once.",
    ),
    "by": Param(
        type="string",
        pattern=SAYS_SOMETHING,
        minLength=1,
        maxLength=200,
        title="Who permits it",
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
def photo_removal_permit() -> None:
    """Wire the one step there is."""

    @task(outlets=[PERMITS])
    def permit() -> dict[str, str | int]:
        """Permit what the form names."""
        from photo_pipeline.orchestration import retention_tasks

        granted = retention_tasks.permit_removal(get_current_context()["params"])
        tell(granted, PERMITS)
        return granted

    permit()


photo_removal_permit()
