"""### What is older than 168 hours leaves the archive

**What**: marks every shard whose 168 hours have passed, saves the photos in it that are held into a hold shard, lets
the others expire (their customers get 410; file name, camera and time taken are blanked, the figures stay), removes the
file from HDFS and records that. Then it sweeps files that unfinished attempts left behind.

**When**: hourly, so that a shard is gone at the latest 168 h + 2 h after its commit. Never before 168 h: age comes from
the ledger, a file's modification time plays no part.

**In**: `shard`, `photo`, `hold`. **Out**: `/photos/archive` without what was due, `/photos/held` with what is held, the
record of each removal in `shard.removed_at`.

**When red**: nothing is removed too early, but something stays too long. The last line names the shard and why: a
held photo that cannot be read keeps its shard until somebody has looked (lift the hold, or restore the file), a server
that is away is tried again by the next run.
"""

from datetime import UTC, datetime

from airflow.sdk import CronTriggerTimetable, dag, task

from photo_pipeline.orchestration.assets import ARCHIVE, LEDGER
from photo_pipeline.orchestration.defaults import TAGS, default_args
from photo_pipeline.orchestration.pools import HDFS


@dag(
    schedule=CronTriggerTimetable("7 * * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=default_args(),
    tags=[*TAGS, "retention"],
    doc_md=__doc__,
)
def photo_archive_retention() -> None:
    """Wire the one step there is."""

    @task(pool=HDFS, inlets=[ARCHIVE], outlets=[ARCHIVE, LEDGER])
    def remove_expired() -> dict[str, int]:
        """Mark, save what is held, check again, remove, record; then sweep."""
        from photo_pipeline.orchestration import retention_tasks

        return retention_tasks.remove_expired()

    remove_expired()


photo_archive_retention()
