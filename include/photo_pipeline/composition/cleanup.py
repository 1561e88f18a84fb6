"""Builds what cleaning up after Airflow needs."""

from datetime import timedelta
from pathlib import Path

from photo_pipeline.adapters.airflow_remains import AirflowCommand, LogFolder
from photo_pipeline.settings import AirflowCleanupSettings
from photo_pipeline.use_cases.cleanup import CleanupPorts
from photo_pipeline.web.clock import SystemClock


def cleanup_ports(settings: AirflowCleanupSettings, logs: Path) -> CleanupPorts:
    """Airflow's database, and the folder that it is configured to write logs to."""
    return CleanupPorts(
        metadata=AirflowCommand(settings.metadata_url),
        logs=LogFolder(logs),
        clock=SystemClock(),
        keep=timedelta(days=settings.keep_days),
    )
