"""What an operator is told of logs, and what they decide, by the product's own wiring."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from tests.support.pipeline import Pipeline

from photo_pipeline.composition.lateness import lateness_ports
from photo_pipeline.composition.logs import log_book
from photo_pipeline.domain.log_request import LogRequest
from photo_pipeline.domain.logs import KnownLog
from photo_pipeline.domain.notices import Condition
from photo_pipeline.use_cases.lateness import LateAfter, late
from photo_pipeline.use_cases.logs import settle_logs

NOT_LATE = LateAfter(ingest=timedelta(days=1), sync=timedelta(days=1))


def settle(pipeline: Pipeline, topic: str, partition: int | None = None) -> Sequence[KnownLog]:
    """What an operator decides with ``photo_settle_log``."""
    request = LogRequest(topic, partition, "gone for good", "operator")
    with log_book(pipeline.settings.database, pipeline.settings.kafka) as (book, reader):
        return settle_logs(request, book, reader)


def told(pipeline: Pipeline) -> list[Condition]:
    """What ``photo_watch`` tells about logs."""
    settings = pipeline.settings
    with lateness_ports(settings.database, settings.kafka, settings.hdfs, lambda: pipeline.webhdfs) as ports:
        found = late(replace(ports, incoming=settings.topics.incoming), NOT_LATE)
    return [each for each in found if each.subject.startswith("log ")]
