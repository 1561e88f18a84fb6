"""The body of ``photo_airflow_cleanup``'s task."""

import logging
from pathlib import Path

from airflow.configuration import conf

from photo_pipeline.composition.cleanup import cleanup_ports
from photo_pipeline.orchestration.log_lines import fields
from photo_pipeline.settings import AirflowCleanupSettings
from photo_pipeline.use_cases.cleanup import clean_up

logger = logging.getLogger(__name__)


def clean() -> dict[str, int]:
    """Remove old logs and old rows of Airflow's."""
    folder = Path(conf.get("logging", "base_log_folder"))
    settings = AirflowCleanupSettings()  # type: ignore[call-arg] # from the environment
    summary = clean_up(cleanup_ports(settings, folder))
    logger.info("cleaned up %s", fields(summary))
    return summary
