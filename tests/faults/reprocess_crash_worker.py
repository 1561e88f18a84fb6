"""The steps of a request to reprocess, each with a crash point at its ports, to be run in a process of their own."""

from tests.support.crashing import CrashPoint, crashing

from photo_pipeline.composition.pipeline import PipelineSettings
from photo_pipeline.composition.reprocess import feed_limits, feed_ports, rederive_ports
from photo_pipeline.domain.reprocess import Request
from photo_pipeline.settings import ReprocessSettings
from photo_pipeline.use_cases.reprocess import feed_dead_letters, plan_chunks, rederive_shards


def rederive(point: CrashPoint, settings: PipelineSettings, request: Request) -> None:
    """A task that derives all of a request's shards again."""
    with rederive_ports(settings) as ports:
        shards = plan_chunks(request, ports.ledger, 1)
        watched = crashing(ports, point, "ledger", "archive")
        rederive_shards(request, shards[0], watched, settings.ingest.in_flight_bytes)


def feed(point: CrashPoint, settings: PipelineSettings, request: Request) -> None:
    """The task that feeds dead letters, two at a time."""
    with feed_ports(settings) as ports:
        watched = crashing(ports, point, "ledger", "writer")
        feed_dead_letters(request, watched, feed_limits(settings, ReprocessSettings(batch_records=2)))
