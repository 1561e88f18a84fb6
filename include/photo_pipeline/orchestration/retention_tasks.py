"""The bodies of the tasks of ``photo_archive_retention`` and ``photo_removal_permit``."""

import logging
from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from photo_pipeline.composition.retention import permit_book, retention_policy, retention_ports
from photo_pipeline.domain.errors import InvalidPermitRequestError, MassRemovalError
from photo_pipeline.domain.removal_permit import parse_permit_request
from photo_pipeline.orchestration.connections import POSTGRES, database_settings, hdfs_settings
from photo_pipeline.orchestration.log_lines import fields
from photo_pipeline.settings import LedgerSettings, RetentionSettings
from photo_pipeline.use_cases.retention import run_retention

logger = logging.getLogger(__name__)


def remove_expired(run_name: str) -> dict[str, int]:
    """Remove all that is due, if the clocks agree. What only a person can permit is not tried again."""
    policy = retention_policy(RetentionSettings(), LedgerSettings())
    with retention_ports(database_settings(POSTGRES), hdfs_settings()) as ports:
        try:
            summary = run_retention(ports, policy, run_name).figures()
        except MassRemovalError as error:
            raise AirflowFailException(str(error)) from error
    logger.info("removed %s", fields(summary))
    return summary


def permit_removal(parameters: Mapping[str, Any]) -> dict[str, str | int]:
    """Permit what the form names. A mistake in the form is not retried."""
    try:
        request = parse_permit_request(parameters)
    except InvalidPermitRequestError as error:
        raise AirflowFailException(str(error)) from error
    with permit_book(database_settings(POSTGRES)) as book:
        permit_id = book.grant(request)
    logger.info("permit=%d what=%s most=%d by=%s", permit_id, request.what, request.most, request.by)
    return {"permit": permit_id, "what": request.what.value, "most": request.most}
