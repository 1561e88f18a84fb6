"""A process that runs one step of the pipeline and is killed, or frozen, at a chosen boundary on the way."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tests.support.crashing import Crashing, CrashPoint, crash_at_statements

from photo_pipeline.adapters.kafka import KafkaPhotoLogReader
from photo_pipeline.composition.ingest import ingest_ledger, ingest_limits, ingest_ports
from photo_pipeline.composition.pipeline import PipelineSettings
from photo_pipeline.composition.publish import publish_ports
from photo_pipeline.settings import DatabaseSettings, HdfsSettings, IngestSettings, KafkaSettings, TopicNames
from photo_pipeline.use_cases.ingest import IngestPorts, plan_micro_batch, process_slice
from photo_pipeline.use_cases.publish import publish_outbox


def settings_to_json(settings: PipelineSettings) -> dict[str, Any]:
    """Settings as a child process can be given them, the database's password among them."""
    return {
        "kafka": settings.kafka.model_dump(),
        "database": {**settings.database.model_dump(), "url": settings.database.url.get_secret_value()},
        "hdfs": settings.hdfs.model_dump(),
        "ingest": settings.ingest.model_dump(),
        "topics": settings.topics.model_dump(),
    }


def settings_from_json(document: dict[str, Any]) -> PipelineSettings:
    """The reverse."""
    return PipelineSettings(
        kafka=KafkaSettings(**document["kafka"]),
        database=DatabaseSettings(**document["database"]),
        hdfs=HdfsSettings(**document["hdfs"]),
        ingest=IngestSettings(**document["ingest"]),
        topics=TopicNames(**document["topics"]),
    )


def plan(settings: PipelineSettings, point: CrashPoint, owner: str) -> list[int]:
    """The planning task: the ids of the slices that are its."""
    with ingest_ledger(settings.database) as ledger:
        log = Crashing(KafkaPhotoLogReader(settings.kafka), "log", point)
        crashing = Crashing(ledger, "ledger", point)
        limits = ingest_limits(settings.ingest)
        planned = plan_micro_batch(crashing, log, settings.topics.incoming, limits, owner)
    return [item.slice_id for item in planned]


def process(settings: PipelineSettings, point: CrashPoint, owner: str, slice_id: int) -> None:
    """A slice's task."""
    with _crashing_ports(settings, point) as ports:
        process_slice(slice_id, owner, ports, ingest_limits(settings.ingest))


@contextmanager
def _crashing_ports(settings: PipelineSettings, point: CrashPoint) -> Iterator[IngestPorts]:
    with ingest_ports(settings) as ports:
        yield replace(
            ports,
            ledger=Crashing(ports.ledger, "ledger", point),
            log=Crashing(ports.log, "log", point),
            archive=Crashing(ports.archive, "archive", point),
        )


def publish(settings: PipelineSettings, point: CrashPoint) -> None:
    """The publishing task, which hands Kafka one record at a time so that it can be killed between two."""
    with publish_ports(settings) as ports:
        crashing = replace(
            ports,
            ledger=Crashing(ports.ledger, "ledger", point),
            writer=_OneByOne(Crashing(ports.writer, "writer", point)),
        )
        publish_outbox(crashing, settings.ingest.outbox_batch)


class _OneByOne:
    """Publishes a batch in as many calls as it has records."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def publish(self, records: Any) -> list[Any]:
        return [delivery for record in records for delivery in self._writer.publish([record])]


def work(order: dict[str, Any]) -> list[int] | None:
    """Do the order's step until the crash; what the step returns where there is none."""
    settings = settings_from_json(order["settings"])
    point = CrashPoint(order["boundary"], order["nth"], signal.Signals(order.get("how", signal.SIGKILL)))
    if "sql" in order["boundary"]:
        crash_at_statements(point)
    steps: dict[str, Callable[..., list[int] | None]] = {"plan": plan, "process": process, "publish": publish}
    step = steps[order["step"]]
    return step(settings, point, **order["arguments"])
