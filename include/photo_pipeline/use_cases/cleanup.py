"""Keeps Airflow's own database and logs from growing for ever. Run again, there is nothing left to do."""

from dataclasses import dataclass
from datetime import timedelta

from photo_pipeline.ports.cleanup import AirflowMetadata, TaskLogs
from photo_pipeline.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class CleanupPorts:
    """What cleaning up needs.

    Attributes:
        metadata: Airflow's database.
        logs: the tasks' logs.
        clock: the time; nothing rests on what goes here.
        keep: how long all of it stays.
    """

    metadata: AirflowMetadata
    logs: TaskLogs
    clock: Clock
    keep: timedelta


def clean_up(ports: CleanupPorts) -> dict[str, int]:
    """Remove logs first: a run that is still listed without its log is better than a log that nobody finds.

    Raises:
        CleanupFailedError: when Airflow could not clean its database; the logs are removed by then.
    """
    before = ports.clock.now() - ports.keep
    removed = ports.logs.remove(before)
    ports.metadata.clean(before)
    return {"log_files": removed}
