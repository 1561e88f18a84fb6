"""The body of ``photo_settle_log``'s task, and what ``platform_setup`` says of topics that it made."""

import logging
from collections.abc import Collection, Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from photo_pipeline.composition.logs import known_logs, log_book
from photo_pipeline.domain.errors import PhotoPipelineError, ServerUnavailableError
from photo_pipeline.domain.log_request import parse_log_request
from photo_pipeline.domain.logs import LogState
from photo_pipeline.orchestration.connections import POSTGRES, database_settings, kafka_settings
from photo_pipeline.use_cases.logs import settle_logs

logger = logging.getLogger(__name__)


def settle(parameters: Mapping[str, Any]) -> list[dict[str, str | int]]:
    """Settle the logs that the form names; each with what is given up. A mistake in the form is not retried."""
    try:
        request = parse_log_request(parameters)
        with log_book(database_settings(POSTGRES), kafka_settings()) as (book, reader):
            settled = settle_logs(request, book, reader)
    except ServerUnavailableError:
        raise
    except PhotoPipelineError as error:
        raise AirflowFailException(str(error)) from error
    if not settled:
        logger.warning("all of it was settled before: nothing has changed")
    return [{"log": str(each.log), "next_offset": each.next_offset, "unread": each.unread} for each in settled]


def made_anew(created: Collection[str]) -> list[str]:
    """What the ledger knew of topics that had to be made just now: each such log is another from now on."""
    if not created:
        return []
    try:
        known = known_logs(database_settings(POSTGRES))
    except ServerUnavailableError as error:
        logger.warning("whether the ledger knew these topics is not known: %s", error)
        return []
    return [
        f"{each.log} was made anew: the ledger had read up to {each.next_offset}, and knows {each.unread} more records "
        "that were not read; see photo_settle_log"
        for each in known
        if each.state is not LogState.ENDED and each.log.topic in created
    ]
