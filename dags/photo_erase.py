"""### A photo, or a customer, erased at once

**What**: a photo, or a customer with all of theirs, goes before its time. First nothing of it is taken any more,
however it comes, and all rows forget it: a photo in one transaction, a customer in steps of a thousand records. Then
each shard that has it is written anew without it (a new file, read back, then the switch; one with nothing else is
removed), its documents in the search index are written again, and files that no shard names are looked into. The last
task signs a proof; whoever knows the photo's id can tell that it is about that photo. Erasing a customer closes the
account.

**When**: by hand, with the form: `photo_id`, or `customer_id`. It cannot be undone. **A hold wins**: what an operator
holds is not erased before `photo_hold` has lifted that; what a customer only wanted to keep longer is. Kafka keeps its
records until they run out by themselves; until when, the proof says.

**In**: the ledger, shards. **Out**: shards, documents, and the table `erasure` with the proof, which is the last task's
return value as well. This run's configuration names what was asked for, until `photo_airflow_cleanup` removes the run.

**When red**: `begin_erasure` names the field that cannot be meant, or the hold, or says that there is no such photo or
customer: then nothing was erased, unless a hold came between two steps, which keeps what is left. From then on rows
have forgotten it, and the rest must come to its end: `not yet erased` says what still has it and what that waits for.
Clear the failed task; it goes on where it stopped. So does a new run for the customer; one for the photo names the run
that is to be cleared.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task

from photo_pipeline.orchestration.assets import ARCHIVE, LEDGER, SEARCH, tell
from photo_pipeline.orchestration.defaults import TAGS, default_args
from photo_pipeline.orchestration.param_patterns import SAYS_SOMETHING, UUID_PATTERN
from photo_pipeline.orchestration.pools import ELASTICSEARCH, HDFS, POSTGRES

PARAMS = {
    "photo_id": Param(
        default=None,
        type=["null", "string"],
        pattern=UUID_PATTERN,
        title="Photo",
        description="The photo's id, to erase that photo.",
    ),
    "customer_id": Param(
        default=None,
        type=["null", "string"],
        pattern=UUID_PATTERN,
        title="Customer",
        description="The customer's id instead, to close the account and erase all of its photos.",
    ),
    "reason": Param(
        type="string",
        pattern=SAYS_SOMETHING,
        minLength=1,
        maxLength=500,
        title="Reason",
        description="Why it is erased, such as a case number. It stands in the proof: name nobody.",
    ),
    "by": Param(
        type="string",
        pattern=SAYS_SOMETHING,
        minLength=1,
        maxLength=200,
        title="Who asks",
        description="The person who answers for it. It stands in the proof.",
    ),
}


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=default_args(retries=6, retry_delay=timedelta(seconds=30)),
    params=PARAMS,
    tags=[*TAGS, "retention"],
    doc_md=__doc__,
)
def photo_erase() -> None:
    """Wire the story: rows forget → shards are written anew and documents blanked → what is left is looked into."""

    @task(pool=POSTGRES, outlets=[LEDGER])
    def begin_erasure() -> int:
        """Check the form, and have all rows forget what it names."""
        from photo_pipeline.orchestration import erase_tasks

        context = get_current_context()
        erased = erase_tasks.begin(context["run_id"], context["params"])
        tell({"photos": erased.photos, "records": erased.records}, LEDGER)
        return erased.erasure_id

    @task(pool=HDFS, inlets=[ARCHIVE], outlets=[ARCHIVE])
    def rewrite_shards(erasure_id: int) -> dict[str, int]:
        """Write the shards anew that have it."""
        from photo_pipeline.orchestration import erase_tasks

        counts = erase_tasks.rewrite(erasure_id)
        tell(counts, ARCHIVE)
        return counts

    @task(pool=ELASTICSEARCH, outlets=[SEARCH])
    def blank_documents(erasure_id: int) -> int:
        """Write the documents of its records again, which name it no more."""
        from photo_pipeline.orchestration import erase_tasks

        documents = erase_tasks.blank(erasure_id)
        tell({"documents": documents}, SEARCH)
        return documents

    @task(pool=HDFS)
    def prove(erasure_id: int, documents: int) -> str:
        """Look into what is left, and sign the proof."""
        from photo_pipeline.orchestration import erase_tasks

        return erase_tasks.prove(erasure_id, documents)

    erasure_id: Any = begin_erasure()
    rewrite_shards(erasure_id) >> prove(erasure_id, blank_documents(erasure_id))


photo_erase()
