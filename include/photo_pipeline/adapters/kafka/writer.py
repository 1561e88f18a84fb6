"""Writes records with acks from all in-sync replicas and waits for every delivery report."""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cached_property

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from photo_pipeline.adapters.kafka.client import (
    DEAD_LETTER_MARGIN,
    MIB,
    SERVER,
    Config,
    client_config,
    coordinates_of,
    logger,
    time_of,
    unavailable,
)
from photo_pipeline.domain.errors import PhotoPipelineError, ServerUnavailableError
from photo_pipeline.domain.events import Delivery, OutboundRecord
from photo_pipeline.domain.lanes import Lanes
from photo_pipeline.settings import KafkaSettings

QUEUE_BYTES = 64 * MIB
BATCH_BYTES = 2 * MIB
"""Of one request. A partition has one under way at a time where records are large, so the larger the fewer waits."""
LINGER_MS = 200
"""A batch that is full goes at once, and so does the rest when nothing more is to come. While records that are older
than this wait for their turn, Kafka's client asks without pause whether it has come: half of a publisher's CPU."""
POLL_SECONDS = 0.1
WAKE_SECONDS = 1.0
BY_KEY = -1
"""Kafka's client chooses the partition, by the record's key (``PARTITION_UA``)."""


class RecordTooLargeError(PhotoPipelineError):
    """A record that Kafka will never take, however often it is sent."""

    def __init__(self, topic: str, limit: int) -> None:
        super().__init__(
            f"a record for {topic} is larger than {limit} bytes, the limit of PHOTO_KAFKA_MAX_MESSAGE_BYTES"
        )


def producer_config(
    settings: KafkaSettings, timeout_seconds: float, queue_bytes: int, tuned: Config | None = None
) -> Config:
    """A producer that loses nothing and holds a bounded number of bytes. Operators' settings go before ``tuned``."""
    timeout_ms = int(timeout_seconds * 1000)
    tuning: Config = {
        "linger.ms": 2,
        "queue.buffering.max.kbytes": queue_bytes // 1024,
        "message.timeout.ms": timeout_ms,
        "request.timeout.ms": timeout_ms,
        "socket.timeout.ms": timeout_ms,
        **(tuned or {}),
    }
    fixed: Config = {
        "acks": "all",
        "enable.idempotence": True,
        "compression.type": "none",  # photos are compressed already
        "message.max.bytes": settings.max_message_bytes + DEAD_LETTER_MARGIN,
    }
    return client_config(settings, tuning, fixed)


def hand_over(
    producer: Producer,
    record: OutboundRecord,
    report: Callable[[KafkaError | None, Message], None],
    limit: int,
    partition: int = BY_KEY,
) -> None:
    """Put a record in the producer's queue, which copies it.

    A partition that was added a moment ago may be unknown to this producer: any of those that it knows will do then.

    Raises:
        BufferError: when the queue is full.
        RecordTooLargeError: when no queue would be large enough.
        ServerUnavailableError: when the producer cannot take anything.
    """
    try:
        producer.produce(
            record.topic,
            value=record.value,
            key=record.key,
            partition=partition,
            headers=[*record.headers],
            on_delivery=report,
        )
    except KafkaException as error:
        failure = error.args[0]
        code = failure.code() if isinstance(failure, KafkaError) else None
        if code == KafkaError.MSG_SIZE_TOO_LARGE:
            raise RecordTooLargeError(record.topic, limit) from error
        if code != KafkaError._UNKNOWN_PARTITION or partition == BY_KEY:  # noqa: SLF001 - the client's own name for it
            raise unavailable(error, f"writing to {record.topic}") from error
        hand_over(producer, record, report, limit)


def delivery_of(message: Message) -> Delivery:
    """Kafka's acknowledgement, from a delivery report without error."""
    return Delivery(coordinates_of(message), time_of(message))


def delivery_error(error: KafkaError, topic: str, limit: int) -> PhotoPipelineError:
    """Why a record was not acknowledged."""
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return RecordTooLargeError(topic, limit)
    return unavailable(error, f"writing to {topic}")


class KafkaPhotoLogWriter:
    """``PhotoLogWriter`` on librdkafka. Usable from one thread at a time; made in the process that uses it.

    Args:
        settings: how to reach Kafka.
        timeout_seconds: how long a record may wait for its acknowledgement.
        queue_bytes: how much waits in memory at a time.
    """

    def __init__(self, settings: KafkaSettings, timeout_seconds: float = 30.0, queue_bytes: int = QUEUE_BYTES) -> None:
        self._limit = settings.max_message_bytes
        self._timeout_seconds = timeout_seconds
        self._lanes = Lanes(settings.bulk_share)
        self._partitions: dict[str, int] = {}
        tuned: Config = {"linger.ms": LINGER_MS, "batch.size": BATCH_BYTES}
        self._config = producer_config(settings, timeout_seconds, max(queue_bytes, 2 * self._limit), tuned)

    def publish(self, records: Iterable[OutboundRecord]) -> Sequence[Delivery]:
        """Write the records and wait for every delivery report.

        Returns:
            The acknowledgements, in the records' order.

        Raises:
            RecordTooLargeError: when one is larger than Kafka takes.
            ServerUnavailableError: when one was not acknowledged; some may still have been written.
        """
        reports = _Reports(self._limit)
        for index, record in enumerate(records):
            self._enqueue(record, reports.slot(index, record))
        if not len(reports):
            return []
        left = self._settle(reports)
        if reports.fatal:
            del self._producer
        return reports.deliveries(left)

    @cached_property
    def _producer(self) -> Producer:
        producer = Producer(self._config, logger=logger)
        # Kafka's client asks for the id that idempotence needs when it has metadata, or else after half a second. Where
        # this fails, the records' own time limit tells.
        with suppress(KafkaException):
            producer.list_topics(timeout=WAKE_SECONDS)
        return producer

    def _settle(self, reports: "_Reports") -> int:
        """Wait for all reports; how many are missing. Each record has its time limit, so this ends.

        The client is told that no more will come only when one request can take the rest: from then on nothing lingers.
        """
        deadline = time.monotonic() + self._timeout_seconds + 5  # the margin is for the reports themselves
        while reports.bytes_left > BATCH_BYTES and time.monotonic() < deadline:
            self._producer.poll(POLL_SECONDS)
        return self._producer.flush(max(0.0, deadline - time.monotonic()))

    def _partition_of(self, record: OutboundRecord) -> int:
        """Where its lane is; how many partitions a topic has is asked until Kafka has said so."""
        if record.lane is None or record.key is None:
            return BY_KEY
        if not self._partitions.get(record.topic):
            try:
                found = self._producer.list_topics(record.topic, self._timeout_seconds).topics[record.topic]
            except KafkaException as error:
                raise unavailable(error, f"asking for the partitions of {record.topic}") from error
            self._partitions[record.topic] = len(found.partitions)
        partitions = self._partitions[record.topic]
        return self._lanes.partition_for(record.lane, record.key, partitions) if partitions else BY_KEY

    def _enqueue(self, record: OutboundRecord, report: Callable[[KafkaError | None, Message], None]) -> None:
        """Wait while the queue is full. What is in it is delivered or times out, so this ends as well."""
        deadline = time.monotonic() + self._timeout_seconds + 5
        partition = self._partition_of(record)
        while True:
            try:
                hand_over(self._producer, record, report, self._limit, partition)
            except BufferError as error:
                if time.monotonic() > deadline:
                    raise ServerUnavailableError(SERVER, f"writing to {record.topic}: the queue stays full") from error
                self._producer.poll(0.1)
            else:
                self._producer.poll(0)
                return


class _Reports:
    """Collects delivery reports by position."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._slots: list[Delivery | None] = []
        self._failure: PhotoPipelineError | None = None
        self.fatal = False
        self.bytes_left = 0

    def __len__(self) -> int:
        return len(self._slots)

    def slot(self, index: int, record: OutboundRecord) -> Callable[[KafkaError | None, Message], None]:
        size = len(record.value or b"")
        topic = record.topic  # the record itself would be held until its report
        self._slots.append(None)
        self.bytes_left += size

        def report(error: KafkaError | None, message: Message) -> None:
            self.bytes_left -= size
            if error is None:
                self._slots[index] = delivery_of(message)
                return
            self._failure = self._failure or delivery_error(error, topic, self._limit)
            self.fatal = self.fatal or error.fatal()

        return report

    def deliveries(self, left: int) -> list[Delivery]:
        if self._failure is not None:
            raise self._failure
        found = [delivery for delivery in self._slots if delivery is not None]
        if len(found) < len(self._slots):
            raise ServerUnavailableError(SERVER, f"{left} records without a delivery report")
        return found
