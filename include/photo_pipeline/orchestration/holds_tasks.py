"""The body of ``photo_hold``'s task."""

import logging
from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from photo_pipeline.composition.holds import hold_register
from photo_pipeline.domain.errors import PhotoPipelineError, ServerUnavailableError
from photo_pipeline.domain.hold_request import HoldRequest, parse_hold_request
from photo_pipeline.orchestration.connections import POSTGRES, database_settings
from photo_pipeline.use_cases.holds import change_hold

logger = logging.getLogger(__name__)


def change(parameters: Mapping[str, Any]) -> dict[str, str | bool]:
    """Set or lift the hold that the form names. A mistake in the form is not retried."""
    try:
        request = parse_hold_request(parameters)
        found = _do(request)
    except ServerUnavailableError:
        raise
    except PhotoPipelineError as error:
        raise AirflowFailException(str(error)) from error
    if not found:
        logger.warning("there was no such hold: nothing has been lifted")
    return {"action": request.action.value, "found": found}


def _do(request: HoldRequest) -> bool:
    with hold_register(database_settings(POSTGRES)) as register:
        return change_hold(register, register, request)
