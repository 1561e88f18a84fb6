"""The body of ``photo_archive_retention``'s task."""

import dataclasses
import logging

from photo_pipeline.composition.retention import retention_ports
from photo_pipeline.orchestration.connections import POSTGRES, database_settings, hdfs_settings
from photo_pipeline.orchestration.log_lines import fields
from photo_pipeline.use_cases.retention import run_retention

logger = logging.getLogger(__name__)


def remove_expired() -> dict[str, int]:
    """Remove all that is due, by the database's clock."""
    with retention_ports(database_settings(POSTGRES), hdfs_settings()) as ports:
        summary: dict[str, int] = dataclasses.asdict(run_retention(ports))
    logger.info("removed %s", fields(summary))
    return summary
