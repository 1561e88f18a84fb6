"""What Airflow leaves behind of its runs."""

from datetime import datetime
from typing import Protocol


class AirflowMetadata(Protocol):
    """Airflow's own database."""

    def clean(self, before: datetime) -> None:
        """Delete what its runs have left there before then; the latest run of each DAG stays.

        Raises:
            CleanupFailedError: when Airflow could not; with what it said last.
        """
        ...


class TaskLogs(Protocol):
    """The files that tasks write their logs to."""

    def remove(self, before: datetime) -> int:
        """Remove files that nobody has written to since then, and folders that are empty by that; how many files."""
        ...
