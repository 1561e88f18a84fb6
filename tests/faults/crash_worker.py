"""The ingest's steps, each with a crash point at its ports, to be run in a process of their own."""

from dataclasses import replace
from typing import Any

from tests.support.crashing import Crashing, CrashPoint, crashing

from photo_pipeline.adapters.kafka import KafkaPhotoLogReader
from photo_pipeline.composition.ingest import ingest_ledger, ingest_limits, ingest_ports
from photo_pipeline.composition.pipeline import PipelineSettings
from photo_pipeline.composition.publish import publish_ports
from photo_pipeline.use_cases.ingest import plan_micro_batch, process_slice
from photo_pipeline.use_cases.publish import publish_outbox


def plan(point: CrashPoint, settings: PipelineSettings, owner: str) -> list[int]:
    """The planning task: the ids of the slices that are its."""
    with ingest_ledger(settings.database) as ledger:
        log = Crashing(KafkaPhotoLogReader(settings.kafka), "log", point)
        limits = ingest_limits(settings)
        planned = plan_micro_batch(Crashing(ledger, "ledger", point), log, settings.topics.incoming, limits, owner)
    return [item.slice_id for item in planned]


def process(point: CrashPoint, settings: PipelineSettings, owner: str, slice_id: int) -> None:
    """A slice's task."""
    with ingest_ports(settings) as ports:
        watched = crashing(ports, point, "ledger", "log", "archive")
        process_slice(slice_id, owner, watched, ingest_limits(settings))


def publish(point: CrashPoint, settings: PipelineSettings) -> None:
    """The publishing task, which hands Kafka one record at a time so that it can be killed between two."""
    with publish_ports(settings) as ports:
        lanes = [replace(lane, writer=_OneByOne(Crashing(lane.writer, "writer", point))) for lane in ports.lanes]
        publish_outbox(replace(crashing(ports, point, "ledger"), lanes=lanes), settings.ingest.outbox_batch)


class _OneByOne:
    """Publishes a batch in as many calls as it has records."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def publish(self, records: Any) -> list[Any]:
        return [delivery for record in records for delivery in self._writer.publish([record])]
