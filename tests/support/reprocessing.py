"""Requests to reprocess on a pipeline of a test's own, through the product's own wiring."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.pipeline import Pipeline, without_workers

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.composition.reprocess import (
    feed_limits,
    feed_ports,
    rederive_ports,
    rendition_ledger,
    request_register,
)
from photo_pipeline.domain.reprocess import Request, parse_request
from photo_pipeline.settings import ReprocessSettings
from photo_pipeline.use_cases.reprocess import (
    FeedPorts,
    FeedSummary,
    RederivePorts,
    RederiveSummary,
    clean_up,
    feed_dead_letters,
    plan_chunks,
    rederive_shards,
)

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reprocessing:
    """What an operator, and the tasks of a request, do."""

    pipeline: Pipeline

    def ask(self, request_id: str = "request", mode: str = "renditions", **parameters: Any) -> Request:
        """A request that is accepted; without a window, of everything until tomorrow."""
        now = datetime.now(UTC)
        window = {"from": (now - DAY).isoformat(), "to": (now + DAY).isoformat()}
        request = parse_request(request_id, {"mode": mode, **window, **parameters})
        with request_register(self.pipeline.settings.database) as register:
            register.accept(request)
        return request

    def ask_for_dead_letters(self, request_id: str = "request", **parameters: Any) -> Request:
        """A request that is accepted, for dead letters."""
        return self.ask(request_id, "dead_letters", **parameters)

    def plan(self, request: Request, chunks: int = 10) -> list[list[int]]:
        """The planning task."""
        with rendition_ledger(self.pipeline.settings.database) as ledger:
            return plan_chunks(request, ledger, chunks)

    def rederive(self, request: Request) -> RederiveSummary:
        """Plan, and one task for everything."""
        shards = [shard for chunk in self.plan(request) for shard in chunk]
        with self.rederive_ports() as ports:
            return rederive_shards(request, shards, ports, self.pipeline.settings.ingest.in_flight_bytes)

    def tidy(self, request: Request) -> int:
        """The last task."""
        settings = self.pipeline.settings
        with rendition_ledger(settings.database) as ledger:
            return clean_up(request.request_id, ledger, HdfsArchive(settings.hdfs), settings.hdfs.root)

    def feed(self, request: Request, batch_records: int = 100) -> FeedSummary:
        """The feeding task."""
        with self.feed_ports() as ports:
            return self.feed_through(ports, request, batch_records)

    def feed_through(self, ports: FeedPorts, request: Request, batch_records: int = 100) -> FeedSummary:
        """The feeding task with these ports."""
        limits = feed_limits(self.pipeline.settings, ReprocessSettings(batch_records=batch_records))
        return feed_dead_letters(request, ports, limits)

    @contextmanager
    def rederive_ports(self) -> Iterator[RederivePorts]:
        """The product's own; with the pipeline's image workers where its own would be the same."""
        running, settings = self.pipeline.running, self.pipeline.settings
        if not running.suits(settings.ingest):
            with rederive_ports(settings) as ports:
                yield ports
            return
        with rederive_ports(without_workers(settings)) as ports:
            yield replace(ports, images=running.images)

    @contextmanager
    def feed_ports(self) -> Iterator[FeedPorts]:
        """The product's own, with the pipeline's producer."""
        with feed_ports(self.pipeline.settings) as ports:
            yield replace(ports, writer=self.pipeline.running.writer)
