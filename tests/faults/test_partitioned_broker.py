"""One of three brokers is cut off from the others and from everybody else, and comes back."""

import asyncio
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from tests.support.network import Network, own_network, why_no_network
from tests.support.spare_servers import spare_servers

from local_stack import Stack
from local_stack.settings import Placement
from photo_pipeline.adapters.kafka import AsyncKafkaPhotoLogWriter, KafkaPhotoLogReader, KafkaTopics
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.events import Delivery, OutboundRecord
from photo_pipeline.domain.photo import TopicPartition
from photo_pipeline.settings import KafkaSettings, TopicNames

pytestmark = [
    pytest.mark.shares_servers,
    pytest.mark.skipif(why_no_network() is not None, reason=str(why_no_network())),
]

BROKERS = 3
VICTIM = "kafka-3"
ACKNOWLEDGE_SECONDS = 4.0
"""As long as the upload API waits."""
RECOVERY_SECONDS = 60.0
ENOUGH = 60
"""So many records in a row that no partition is likely to be left out."""
NAMES = TopicNames(uploaded="uploaded", streamed="streamed", processed="processed", rejected="rejected")

Acknowledged = list[tuple[Delivery, bytes]]


@pytest.fixture
def network() -> Iterator[Network]:
    """Give the network of the one that is cut off."""
    with own_network() as own:
        yield own


@pytest.fixture
def brokers(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give three brokers, as in the highly available profile; one at the end of a line."""
    placements = {VICTIM: Placement(network.address, network.enter())}
    with spare_servers(tmp_path_factory.mktemp("spare") / "stack", placements, kafka=BROKERS) as spare:
        spare.up(["kafka"])
        yield spare


@pytest.fixture
def settings(brokers: Stack) -> KafkaSettings:
    """Give the way to topics of which each broker leads a part."""
    servers = brokers._context().endpoints.kafka_bootstrap_servers
    found = KafkaSettings(bootstrap_servers=servers, partitions=BROKERS, replication_factor=3, min_insync_replicas=2)
    KafkaTopics(found).ensure(NAMES)
    return found


def test_a_broker_cut_off_loses_nothing_that_was_acknowledged(
    brokers: Stack, network: Network, settings: KafkaSettings
) -> None:
    """Its partitions get other leaders within a minute, and whoever sends meanwhile is told so in time.

    What it had taken and could not share is not "accepted". When it is back, everything that was is still there.
    """
    ports = {port for server in ("kafka", "kafka_controller") for port in _ports(brokers, server)}

    async def send() -> Acknowledged:
        writer = AsyncKafkaPhotoLogWriter(settings, ACKNOWLEDGE_SECONDS)
        try:
            kept = await sent_without_failure(writer)
            network.line.cut(ports)
            kept += await sent_without_failure(writer)
            network.line.heal()
            return kept + await sent_without_failure(writer)
        finally:
            await writer.close()

    kept = asyncio.run(send())
    brokers.up(["kafka"])
    logs = {TopicPartition(NAMES.uploaded, number) for number in range(BROKERS)}
    assert {TopicPartition(NAMES.uploaded, found.coordinates.partition) for found, _ in kept} == logs
    deadline = time.monotonic() + RECOVERY_SECONDS
    while missing := kept_but_not_stored(settings, kept, logs):
        assert time.monotonic() < deadline, f"{len(missing)} of {len(kept)} acknowledged records are gone"


async def sent_without_failure(writer: AsyncKafkaPhotoLogWriter) -> Acknowledged:
    """Send until many in a row were acknowledged, each answered in time; all that were ever acknowledged."""
    kept: Acknowledged = []
    in_a_row = 0
    async with asyncio.timeout(RECOVERY_SECONDS):
        while in_a_row < ENOUGH:
            value = uuid4().bytes
            try:
                async with asyncio.timeout(ACKNOWLEDGE_SECONDS * 2):
                    kept.append((await writer.append(OutboundRecord(NAMES.uploaded, value, value, [])), value))
                in_a_row += 1
            except ServerUnavailableError:
                in_a_row = 0
    return kept


def kept_but_not_stored(settings: KafkaSettings, kept: Acknowledged, logs: set[TopicPartition]) -> Acknowledged:
    """What is missing. For a moment the broker that was away still answers as the leader that it no longer is."""
    stored = {place: value for log in logs for place, value in everything(settings, log)}
    return [(found, value) for found, value in kept if stored.get(place_of(found)) != value]


def everything(settings: KafkaSettings, log: TopicPartition) -> Iterator[tuple[tuple[int, int], bytes]]:
    """What a partition holds, by partition and offset."""
    reader = KafkaPhotoLogReader(settings, idle_seconds=RECOVERY_SECONDS)
    marks = reader.watermarks([log.topic])[log]
    for record in reader.read(log, marks.low, marks.high):
        yield (log.partition, record.coordinates.offset), record.value or b""


def place_of(found: Delivery) -> tuple[int, int]:
    """Partition and offset."""
    return found.coordinates.partition, found.coordinates.offset


def _ports(brokers: Stack, server: str) -> list[int]:
    return [brokers.settings.ports(server, instance) for instance in range(1, BROKERS + 1)]
