"""How records are handed to Kafka's client: what it is asked first, and when it is told that no more will come."""

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, KafkaException

from photo_pipeline.adapters.kafka import KafkaPhotoLogWriter, writer
from photo_pipeline.domain.events import OutboundRecord
from photo_pipeline.settings import KafkaSettings

SETTINGS = KafkaSettings(bootstrap_servers="127.0.0.1:1")
RECORD = OutboundRecord("t", b"k", bytes(300_000), [])


class Message:
    """A delivery report."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def topic(self) -> str:
        """Where."""
        return "t"

    def partition(self) -> int:
        """Which one."""
        return 0

    def offset(self) -> int:
        """At what place."""
        return self._offset

    def timestamp(self) -> tuple[int, int]:
        """When."""
        return TIMESTAMP_LOG_APPEND_TIME, 0


class Client:
    """Kafka's client: acknowledges a record whenever it is polled with patience, all of them when it is flushed."""

    knows_kafka = True
    partitions = 6

    def __init__(self, config: dict[str, Any], **_: object) -> None:
        self.config = config
        self.asked: list[str] = []
        self.bytes_at_flush: int | None = None
        self._waiting: deque[tuple[int, Callable[..., None]]] = deque()
        self._offset = 0

    def list_topics(self, **_: object) -> None:
        """Metadata."""
        self.asked.append("metadata")
        if not self.knows_kafka:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    def produce(
        self, _topic: str, value: bytes, on_delivery: Callable[..., None], partition: int = -1, **_: object
    ) -> None:
        """Queue."""
        if partition >= self.partitions:
            raise KafkaException(KafkaError(KafkaError._UNKNOWN_PARTITION))
        self.asked.append("produce")
        self._waiting.append((len(value), on_delivery))

    def poll(self, timeout: float) -> None:
        """One report, where somebody waits for it."""
        if timeout and self._waiting:
            self._report()

    def flush(self, _timeout: float) -> int:
        """All reports."""
        self.bytes_at_flush = sum(size for size, _ in self._waiting)
        while self._waiting:
            self._report()
        return 0

    def _report(self) -> None:
        self._waiting.popleft()[1](None, Message(self._offset))
        self._offset += 1


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[Client]:
    """Give those that are made."""
    made: list[Client] = []

    def make(config: dict[str, Any], **_: object) -> Client:
        made.append(Client(config))
        return made[-1]

    monkeypatch.setattr(writer, "Producer", make)
    return made


def test_the_client_is_told_of_the_end_when_one_request_takes_the_rest(clients: list[Client]) -> None:
    """While it flushes more than that, it asks without pause whether Kafka has room, and burns a core."""
    deliveries = KafkaPhotoLogWriter(SETTINGS).publish(RECORD for _ in range(100))
    assert [delivery.coordinates.offset for delivery in deliveries] == list(range(100))
    (client,) = clients
    assert client.bytes_at_flush is not None
    assert 0 < client.bytes_at_flush <= writer.BATCH_BYTES


def test_metadata_is_asked_for_before_the_first_record(clients: list[Client]) -> None:
    """Without it the client waits for half a second before it asks for what idempotence needs."""
    kafka = KafkaPhotoLogWriter(SETTINGS)
    kafka.publish([RECORD, RECORD])
    kafka.publish([RECORD])
    assert [client.asked for client in clients] == [["metadata", "produce", "produce", "produce"]]


def test_a_server_that_does_not_tell_its_metadata_stops_nothing(
    clients: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be there when the record's own time is over."""
    monkeypatch.setattr(Client, "knows_kafka", False)
    assert len(KafkaPhotoLogWriter(SETTINGS).publish([RECORD])) == len(clients) == 1


def test_a_partition_that_is_too_new_to_be_known_refuses_nothing() -> None:
    """Whoever adds partitions would have uploads refused until all producers have asked for metadata again."""
    client, reports = Client({}), []
    for partition in (7, 2):
        writer.hand_over(client, RECORD, lambda error, _: reports.append(error), 1, partition)  # type: ignore[arg-type]
    client.flush(1)
    assert reports == [None, None]


def test_operators_settings_go_before_the_writers_own(clients: list[Client]) -> None:
    """But for those that durability rests on."""
    settings = SETTINGS.model_copy(update={"client_config": {"linger.ms": 7, "acks": "1"}})
    KafkaPhotoLogWriter(settings).publish([RECORD])
    (client,) = clients
    assert (client.config["linger.ms"], client.config["batch.size"]) == (7, writer.BATCH_BYTES)
    assert (client.config["acks"], client.config["enable.idempotence"]) == ("all", True)
