"""A process that works on a request to reprocess and is killed at a chosen boundary on the way."""

from dataclasses import replace
from typing import Any

from tests.faults.crash_worker import settings_from_json
from tests.support.crashing import Crashing, CrashPoint, crash_at_statements

from photo_pipeline.composition.pipeline import PipelineSettings
from photo_pipeline.composition.reprocess import feed_limits, feed_ports, rederive_ports
from photo_pipeline.domain.reprocess import Mode, Request, parse_request
from photo_pipeline.settings import ReprocessSettings
from photo_pipeline.use_cases.reprocess import feed_dead_letters, plan_chunks, rederive_shards


def rederive(settings: PipelineSettings, request: Request, point: CrashPoint) -> None:
    """A task that derives all of a request's shards again."""
    with rederive_ports(settings) as ports:
        shards = plan_chunks(request, ports.ledger, 1)
        crashing = replace(
            ports,
            ledger=Crashing(ports.ledger, "ledger", point),
            archive=Crashing(ports.archive, "archive", point),
        )
        rederive_shards(request, shards[0], crashing, settings.ingest.in_flight_bytes)


def feed(settings: PipelineSettings, request: Request, point: CrashPoint) -> None:
    """The task that feeds dead letters, two at a time."""
    with feed_ports(settings) as ports:
        crashing = replace(
            ports,
            ledger=Crashing(ports.ledger, "ledger", point),
            writer=Crashing(ports.writer, "writer", point),
        )
        feed_dead_letters(request, crashing, feed_limits(settings, ReprocessSettings(batch_records=2)))


def work(order: dict[str, Any]) -> None:
    """Work on the order's request until the crash."""
    settings = settings_from_json(order["settings"])
    point = CrashPoint(order["boundary"], order["nth"])
    if "sql" in order["boundary"]:
        crash_at_statements(point)
    request = parse_request(order["request_id"], order["parameters"])
    step = rederive if request.mode is Mode.RENDITIONS else feed
    step(settings, request, point)
