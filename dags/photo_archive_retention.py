"""### What is older than 168 hours leaves the archive

**What**: asks the database, the NameNode and its own worker for the time; while these clocks differ by more than five
minutes it removes nothing. Then it marks shards whose 168 hours are nearly over. Those whose time is over, and that
were marked an hour ago or longer, go: photos in them that are held are saved into a hold shard, the others expire
(their customers get 410; file name, camera and time taken are blanked, the figures stay), the file is removed from
HDFS. It sweeps files that unfinished attempts left behind. It makes the ledger's partitions for the months ahead, and
drops the oldest month once that was over for `PHOTO_LEDGER_KEEP_DAYS` (400), with its slices, removed shards and
expired photos; what its days came to stays.

**When**: hourly, so that a shard is gone at the latest 168 h + 2 h after its commit. Never before 168 h: age comes
from the ledger, and counts from later where the file (or, of a copy, Kafka) says that it is younger.

**In**: `shard`, `photo`, `hold`, `removal_permit`. **Out**: `/photos/archive` without what was due, `/photos/held`
with what is held, one row of each run in `retention_run`, and of each thing it removed in `removal`.

**When red**: nothing is removed too early, but something stays too long. The last line says why. *The clock of … is
ahead*: set it right; the next run goes on by itself. *… would go at once*: look at the clocks; where it is right,
permit it with `photo_removal_permit`. A shard that is named: a held photo that cannot be read keeps it until somebody
has looked (lift the hold, or restore the file). *The ledger's month … stays*: what it names comes first, most likely
`photo_bi_sync`. A server that is away is tried again by the next run.
"""

from datetime import UTC, datetime

from airflow.sdk import CronTriggerTimetable, dag, get_current_context, task

from photo_pipeline.orchestration.assets import ARCHIVE, LEDGER, tell
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
        """Compare clocks; mark, save what is held, check again, remove, record; then sweep."""
        from photo_pipeline.orchestration import retention_tasks

        summary = retention_tasks.remove_expired(get_current_context()["run_id"])
        tell(summary, ARCHIVE, LEDGER)
        return summary

    remove_expired()


photo_archive_retention()
