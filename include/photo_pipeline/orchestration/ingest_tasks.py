"""The bodies of ``photo_ingest``'s tasks: settings from connections, ports from settings, one use case each."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from photo_pipeline.composition.ingest import ingest_limits, ingest_ports, planning
from photo_pipeline.composition.publish import publish_ports
from photo_pipeline.domain.errors import (
    LogChangedError,
    LogCutError,
    PhotoPipelineError,
    SliceBusyError,
    SliceVoidError,
)
from photo_pipeline.domain.ledger import SliceSummary
from photo_pipeline.orchestration.connections import pipeline_settings
from photo_pipeline.orchestration.log_lines import fields
from photo_pipeline.use_cases.ingest import plan_micro_batch, process_slice
from photo_pipeline.use_cases.publish import publish_outbox

logger = logging.getLogger(__name__)

OUTCOMES = ("processed", "duplicate", "rejected", "absent")


def plan(owner: str) -> list[int]:
    """Plan the backlog; the ids of the slices that are this run's."""
    settings = pipeline_settings()
    limits = ingest_limits(settings)
    with planning(settings) as (ledger, reader):
        planned = plan_micro_batch(ledger, reader, settings.topics.incoming, limits, owner)
    ranges = " ".join(f"{item.log}[{item.start},{item.end})" for item in planned)
    counts = {"slices": len(planned), "records": sum(item.end - item.start for item in planned)}
    logger.info("planned %s", fields({**counts, "ranges": ranges}))
    return [item.slice_id for item in planned]


def process(slice_id: int, owner: str) -> dict[str, Any]:
    """Process one slice and tell Kafka of it.

    Skipped where a worker of another run has it and is alive, or where its log has ended.

    A log that is another by now, or was cut, is not tried again: the next plan says what becomes of it.
    """
    settings = pipeline_settings()
    try:
        with ingest_ports(settings) as ports:
            summary = process_slice(slice_id, owner, ports, ingest_limits(settings))
    except (SliceBusyError, SliceVoidError) as error:
        raise AirflowSkipException(str(error)) from error
    except (LogChangedError, LogCutError) as error:
        raise AirflowFailException(str(error)) from error
    described = _described(summary)
    logger.info("committed %s", fields(described))
    published = _publish_at_once()
    return {**described, "published": published.get("processed", 0), "dead_letters": published.get("dead_letters", 0)}


def publish() -> dict[str, int]:
    """Empty the outbox, whichever slices filled it."""
    settings = pipeline_settings()
    with publish_ports(settings) as ports:
        summary = publish_outbox(ports, settings.ingest.outbox_batch)
    counts = {"processed": summary.processed, "dead_letters": summary.dead_letters, "skipped": summary.skipped}
    logger.info("published %s", fields(counts))
    return counts


def _publish_at_once() -> Mapping[str, int]:
    """Do not wait for the run's slowest slice. What goes wrong here is left to the run's last task."""
    try:
        return publish()
    except PhotoPipelineError as error:
        logger.warning("not published yet: %s", error)
        return {}


def total(summaries: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The micro-batch's outcomes, added up."""
    slices = list(summaries)
    totals = {outcome: sum(int(summary[outcome]) for summary in slices) for outcome in OUTCOMES}
    logger.info("micro-batch %s", fields({"slices": len(slices), **totals}))
    return totals


def _described(summary: SliceSummary) -> dict[str, Any]:
    """A slice's summary in JSON's types, for XCom and one structured log line."""
    return {
        "slice": f"{summary.log} [{summary.start}, {summary.end})",
        "slice_id": summary.slice_id,
        "topic": summary.log.topic,
        "partition": summary.log.partition,
        "start": summary.start,
        "end": summary.end,
        "attempt": summary.attempt,
        "records": summary.end - summary.start,
        "photos": summary.processed + summary.duplicate,
        "bytes": summary.shard_bytes,
        **{outcome: getattr(summary, outcome) for outcome in OUTCOMES},
        "shard": summary.shard_path,
    }
