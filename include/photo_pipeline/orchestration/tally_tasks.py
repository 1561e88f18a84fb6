"""The body of the counting task of ``photo_bi_sync``."""

import dataclasses
import logging

from photo_pipeline.composition.tally import tally_ports
from photo_pipeline.orchestration.connections import POSTGRES, database_settings
from photo_pipeline.orchestration.log_lines import fields
from photo_pipeline.use_cases.tally import count_outcomes

logger = logging.getLogger(__name__)


def count() -> dict[str, int]:
    """Add what was committed to its days."""
    with tally_ports(database_settings(POSTGRES)) as ports:
        summary = dataclasses.asdict(count_outcomes(ports))
    logger.info("counted %s", fields(summary))
    return summary
