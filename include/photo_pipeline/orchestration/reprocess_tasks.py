"""The bodies of ``photo_reprocess``'s tasks."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from photo_pipeline.composition.reprocess import (
    feed_limits,
    feed_ports,
    rederive_ports,
    rendition_ledger,
    request_register,
    tidying,
)
from photo_pipeline.domain.errors import InvalidRequestError, OriginalsDamagedError
from photo_pipeline.domain.reprocess import Mode, Request, parse_request
from photo_pipeline.orchestration.connections import pipeline_settings
from photo_pipeline.orchestration.log_lines import fields
from photo_pipeline.settings import ReprocessSettings
from photo_pipeline.use_cases.reprocess import clean_up, feed_dead_letters, plan_chunks, rederive_shards

logger = logging.getLogger(__name__)


def accept(request_id: str, parameters: Mapping[str, Any]) -> dict[str, str | None]:
    """Check the form and keep the request. A mistake in it is not retried."""
    try:
        request = parse_request(request_id, parameters)
        with request_register(pipeline_settings().database) as register:
            register.accept(request)
    except InvalidRequestError as error:
        raise AirflowFailException(str(error)) from error
    logger.info("accepted %s", fields({"request": request_id, **request.parameters()}))
    return request.parameters()


def plan(request_id: str, parameters: Mapping[str, Any]) -> list[list[int]]:
    """The shards that hold photos of the request, dealt out to tasks."""
    request = _of_mode(Mode.RENDITIONS, request_id, parameters)
    with rendition_ledger(pipeline_settings().database) as ledger:
        chunks = plan_chunks(request, ledger, ReprocessSettings().tasks)
    logger.info("planned %s", fields({"request": request_id, "shards": sum(map(len, chunks)), "tasks": len(chunks)}))
    return chunks


def rederive(request_id: str, parameters: Mapping[str, Any], shard_ids: Sequence[int]) -> dict[str, int]:
    """Derive the photos of these shards again. Damaged originals make this fail at the end, and are not retried."""
    settings = pipeline_settings()
    request = parse_request(request_id, parameters)
    with rederive_ports(settings) as ports:
        try:
            summary = rederive_shards(request, shard_ids, ports, settings.ingest.in_flight_bytes)
        except OriginalsDamagedError as error:
            raise AirflowFailException(str(error)) from error
    counts = {"moved": summary.moved, "left": summary.left, "refused": summary.refused}
    logger.info("derived again %s", fields({"request": request_id, "shards": len(shard_ids), **counts}))
    return counts


def feed(request_id: str, parameters: Mapping[str, Any]) -> dict[str, int]:
    """Feed the dead letters of the request again."""
    request = _of_mode(Mode.DEAD_LETTERS, request_id, parameters)
    settings = pipeline_settings()
    with feed_ports(settings) as ports:
        summary = feed_dead_letters(request, ports, feed_limits(settings, ReprocessSettings()))
    counts: dict[str, int] = dataclasses.asdict(summary)
    logger.info("fed again %s", fields({"request": request_id, **counts}))
    return counts


def tidy(request_id: str) -> int:
    """Remove what killed tasks left on HDFS."""
    settings = pipeline_settings()
    with tidying(settings) as (ledger, archive):
        removed = clean_up(request_id, ledger, archive, settings.hdfs.root)
    logger.info("tidied up %s", fields({"request": request_id, "files": removed}))
    return removed


def _of_mode(mode: Mode, request_id: str, parameters: Mapping[str, Any]) -> Request:
    request = parse_request(request_id, parameters)
    if request.mode is not mode:
        raise AirflowSkipException(f"the request is for {request.mode}")
    return request
