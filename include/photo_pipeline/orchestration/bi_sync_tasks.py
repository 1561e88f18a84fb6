"""The body of ``photo_bi_sync``'s task."""

import dataclasses
import logging

from photo_pipeline.composition.bi_sync import kept_for, sync_ports
from photo_pipeline.orchestration.connections import (
    POSTGRES,
    POSTGRES_BI,
    database_settings,
    search_access,
)
from photo_pipeline.orchestration.log_lines import fields
from photo_pipeline.settings import LedgerSettings, SearchSettings
from photo_pipeline.use_cases.bi_sync import sync_outcomes

logger = logging.getLogger(__name__)


def sync(*, full: bool, resume: bool) -> dict[str, float | int | bool | None]:
    """Bring the search index up to date, or make it anew."""
    keep = kept_for(SearchSettings(), LedgerSettings())
    with sync_ports(database_settings(POSTGRES_BI), database_settings(POSTGRES), search_access(), keep) as ports:
        summary = dataclasses.asdict(sync_outcomes(ports, full=full, resume=resume))
    logger.info("synced %s", fields(summary))
    return summary
