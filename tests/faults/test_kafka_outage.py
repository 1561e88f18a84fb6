"""Kafka goes away and comes back under a web application's writer and under a reader."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from uuid import uuid4

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined] # it re-exports these without saying so
    AdminClient,
    NewTopic,
)

from local_stack import Endpoints, Stack
from photo_pipeline.adapters.kafka import AsyncKafkaPhotoLogWriter, KafkaPhotoLogReader, KafkaPhotoLogWriter
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.events import Delivery, OutboundRecord
from photo_pipeline.domain.photo import TopicPartition
from photo_pipeline.settings import KafkaSettings

ACKNOWLEDGE_SECONDS = 3.0
RECOVERY_SECONDS = 60.0


@pytest.fixture
def settings(stack: Endpoints) -> KafkaSettings:
    """Give the way to the real broker."""
    return KafkaSettings(bootstrap_servers=stack.kafka_bootstrap_servers)


@pytest.fixture
def log(settings: KafkaSettings) -> TopicPartition:
    """Give a topic of one partition, with one record."""
    name = f"test.{uuid4()}"
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result()
    KafkaPhotoLogWriter(settings).publish([OutboundRecord(name, None, b"before", [])])
    return TopicPartition(name, 0)


@contextmanager
def stopped(stack: Stack) -> Iterator[None]:
    """Kafka is shut down."""
    stack.stop(["kafka"])
    try:
        yield
    finally:
        stack.up(["kafka"])


@contextmanager
def frozen(stack: Stack) -> Iterator[None]:
    """Kafka keeps its connections and answers nothing, as behind a network that drops packets."""
    pid = stack.pid_of("kafka")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


outages = pytest.mark.parametrize("outage", [stopped, frozen])


@outages
def test_the_writer_refuses_in_time_and_recovers_by_itself(
    test_stack: Stack,
    settings: KafkaSettings,
    log: TopicPartition,
    outage: Callable[[Stack], AbstractContextManager[None]],
) -> None:
    """No sender waits beyond the limit or is told "accepted" for nothing; afterwards the same writer works again."""
    record = OutboundRecord(log.topic, None, b"x", [])

    async def attempt() -> list[Delivery]:
        writer = AsyncKafkaPhotoLogWriter(settings, ACKNOWLEDGE_SECONDS)
        try:
            first = await writer.append(record)
            with outage(test_stack):
                async with asyncio.timeout(ACKNOWLEDGE_SECONDS * 2):
                    answers = await asyncio.gather(*(writer.append(record) for _ in range(5)), return_exceptions=True)
                assert [type(answer) for answer in answers] == [ServerUnavailableError] * 5
                assert not await writer.ready()
            return [first, await until_written(writer, record)]
        finally:
            await writer.close()

    first, last = asyncio.run(attempt())
    reader = KafkaPhotoLogReader(settings)
    high = reader.watermarks([log.topic])[log].high
    offsets = {found.coordinates.offset for found in reader.read(log, 0, high)}
    assert {first.coordinates.offset, last.coordinates.offset} <= offsets


@outages
def test_a_reader_gives_up_in_time_and_another_goes_on(
    test_stack: Stack,
    settings: KafkaSettings,
    log: TopicPartition,
    outage: Callable[[Stack], AbstractContextManager[None]],
) -> None:
    """Reading without a broker ends with an error, never with fewer records."""
    reader = KafkaPhotoLogReader(settings, idle_seconds=ACKNOWLEDGE_SECONDS)
    with outage(test_stack), pytest.raises(ServerUnavailableError):
        list(reader.read(log, 0, 1))
    patient = KafkaPhotoLogReader(settings, idle_seconds=RECOVERY_SECONDS)
    assert [record.value for record in patient.read(log, 0, 1)] == [b"before"]


async def until_written(writer: AsyncKafkaPhotoLogWriter, record: OutboundRecord) -> Delivery:
    """Send again as a sender would, until it is acknowledged."""
    async with asyncio.timeout(RECOVERY_SECONDS):
        while True:
            try:
                return await writer.append(record)
            except ServerUnavailableError:
                await asyncio.sleep(0.2)
