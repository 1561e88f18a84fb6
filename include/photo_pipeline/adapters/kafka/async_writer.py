"""Writes records for many senders at once, each of whom waits for its own acknowledgement on an event loop."""

import asyncio
import threading
from dataclasses import replace

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from photo_pipeline.adapters.kafka.client import MIB, SERVER, logger
from photo_pipeline.adapters.kafka.topic_ids import TopicIds
from photo_pipeline.adapters.kafka.writer import BY_KEY, delivery_error, delivery_of, hand_over, producer_config
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.events import Delivery, OutboundRecord
from photo_pipeline.domain.lanes import Lanes
from photo_pipeline.settings import KafkaSettings

QUEUE_BYTES = 256 * MIB
POLL_SECONDS = 0.5
READY_SECONDS = 1.5
FATAL = KafkaError._FATAL  # noqa: SLF001 - its public name


class AsyncKafkaPhotoLogWriter:
    """``AsyncPhotoLogWriter`` on librdkafka. For one event loop; made in the process that uses it.

    A thread waits for delivery reports and hands them to the loop. Kafka going away and coming back needs nothing from
    the caller; a producer that librdkafka declares beyond recovery is replaced.

    Args:
        settings: how to reach Kafka.
        acknowledge_seconds: how long a record may wait for its acknowledgement.
        queue_bytes: how much waits in memory at a time.
    """

    def __init__(self, settings: KafkaSettings, acknowledge_seconds: float, queue_bytes: int = QUEUE_BYTES) -> None:
        self._limit = settings.max_message_bytes
        self._acknowledge_seconds = acknowledge_seconds
        # Kafka's client gives up a little before the sender is told so: what nobody waits for any more is not written.
        self._config = producer_config(settings, acknowledge_seconds * 0.9, max(queue_bytes, 2 * self._limit))
        self._connection: _Connection | None = None
        self._topic_ids = TopicIds(settings)
        self._lanes = Lanes(settings.bulk_share)

    async def append(self, record: OutboundRecord) -> Delivery:
        """Write one record and wait for its acknowledgement.

        Raises:
            RecordTooLargeError: when it is larger than Kafka takes.
            ServerUnavailableError: when it was not acknowledged within ``acknowledge_seconds``, or too much waits
                already. The record may have been written all the same.
        """
        delivered: asyncio.Future[Delivery] = asyncio.get_running_loop().create_future()
        report = _Report(delivered, record.topic, self._limit)
        partition = await self._partition_of(record)
        try:
            hand_over(self._connected().producer, record, report, self._limit, partition)
        except BufferError as error:
            raise ServerUnavailableError(SERVER, "too many records wait for it already") from error
        try:
            async with asyncio.timeout(self._acknowledge_seconds):
                delivery = await delivered
        except TimeoutError as error:
            raise ServerUnavailableError(SERVER, "no acknowledgement in time") from error
        topic_id = await self._topic_ids.of(record.topic)
        return replace(delivery, coordinates=replace(delivery.coordinates, topic_id=topic_id))

    async def ready(self, topic: str | None = None) -> bool:
        """Whether Kafka answers within two seconds and, where a topic is named, all its partitions have a leader."""
        return await asyncio.to_thread(_answers, self._connected().producer, topic)

    async def close(self) -> None:
        """Wait for what is under way, at most ``acknowledge_seconds``, then disconnect."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.to_thread(connection.close, self._acknowledge_seconds)

    async def _partition_of(self, record: OutboundRecord) -> int:
        """Where its lane is; where Kafka has not said yet how many partitions there are, anywhere."""
        if record.lane is None or record.key is None:
            return BY_KEY
        partitions = await self._topic_ids.partitions(record.topic)
        return BY_KEY if not partitions else self._lanes.partition_for(record.lane, record.key, partitions)

    def _connected(self) -> "_Connection":
        if self._connection is not None and self._connection.broken:
            abandoned, self._connection = self._connection, None
            abandoned.stop()
        if self._connection is None:
            self._connection = _Connection({**self._config})
        return self._connection


class _Connection:
    """A producer and the thread that serves its reports."""

    def __init__(self, config: dict[str, object]) -> None:
        self.broken = False
        self._stopping = threading.Event()
        self.producer = Producer({**config, "error_cb": self._note}, logger=logger)
        self._thread = threading.Thread(target=self._serve, name="kafka-delivery-reports", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let the thread end by itself."""
        self._stopping.set()

    def close(self, seconds: float) -> None:
        """Wait for reports, then for the thread."""
        self.producer.flush(seconds)
        self.stop()
        self._thread.join()

    def _note(self, error: KafkaError) -> None:
        if error.fatal() or error.code() == FATAL:
            self.broken = True

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self.producer.poll(POLL_SECONDS)


class _Report:
    """Carries one delivery report from the producer's thread to whoever waits on the loop."""

    def __init__(self, delivered: "asyncio.Future[Delivery]", topic: str, limit: int) -> None:
        self._delivered = delivered
        self._topic = topic
        self._limit = limit

    def __call__(self, error: KafkaError | None, message: Message) -> None:
        loop = self._delivered.get_loop()
        try:
            if error is None:
                loop.call_soon_threadsafe(self._settle, delivery_of(message))
            else:
                loop.call_soon_threadsafe(self._settle, delivery_error(error, self._topic, self._limit))
        except RuntimeError:  # the loop has ended, and with it whoever waited
            logger.debug("a delivery report came after the end")

    def _settle(self, outcome: Delivery | Exception) -> None:
        if self._delivered.done():  # the sender went away
            return
        if isinstance(outcome, Exception):
            self._delivered.set_exception(outcome)
        else:
            self._delivered.set_result(outcome)


def _answers(producer: Producer, topic: str | None) -> bool:
    try:
        found = producer.list_topics(topic, READY_SECONDS) if topic else producer.list_topics(timeout=READY_SECONDS)
    except KafkaException:
        return False
    if topic is None:
        return bool(found.brokers)
    partitions = found.topics[topic].partitions.values()
    return bool(partitions) and all(partition.leader >= 0 for partition in partitions)
