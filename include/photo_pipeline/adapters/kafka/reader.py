"""Reads planned offset ranges: the position comes from the ledger, never from a consumer group."""

import operator
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future
from functools import cached_property

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    Message,
)
from confluent_kafka import TopicPartition as KafkaTopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined] # it re-exports these without saying so
    AdminClient,
    ListOffsetsResultInfo,
    OffsetSpec,
)

from photo_pipeline.adapters.kafka.client import (
    ADMIN_SECONDS,
    MIB,
    SERVER,
    Config,
    admin_client,
    client_config,
    coordinates_of,
    describe_existing,
    logger,
    results,
    time_of,
    topic_id_of,
    unavailable,
)
from photo_pipeline.domain.errors import LogChangedError, OffsetOutOfRangeError, ServerUnavailableError
from photo_pipeline.domain.events import Headers, Record
from photo_pipeline.domain.ledger import Watermarks
from photo_pipeline.domain.photo import Log, TopicPartition
from photo_pipeline.settings import KafkaSettings

QUEUE_BYTES = FETCH_BYTES = 8 * MIB
"""What librdkafka fetches ahead, beyond the range's end as well; it holds twice that, as a fetch may be under way."""
POLL_SECONDS = 0.5
EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call] # the library has no types here
LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call] # as above
OUT_OF_RANGE = frozenset({KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET})  # noqa: SLF001 - its public name
EOF = KafkaError._PARTITION_EOF  # noqa: SLF001 - its public name

_CHECKED_HEADERS = operator.methodcaller("headers")


class KafkaPhotoLogReader:
    """``PhotoLogReader`` on librdkafka. Usable from one thread at a time; made in the process that uses it.

    Args:
        settings: how to reach Kafka.
        group: the consumer group under which the lag is shown.
        idle_seconds: how long Kafka may send nothing before it counts as unavailable.
    """

    def __init__(self, settings: KafkaSettings, group: str = "photo_ingest", idle_seconds: float = 15.0) -> None:
        self._settings = settings
        self._group = group
        self._idle_seconds = idle_seconds

    def watermarks(self, topics: Collection[str]) -> Mapping[TopicPartition, Watermarks]:
        """What Kafka holds of every partition of these topics, as a reader of committed records sees it.

        ``high`` is the last stable offset: a range that is planned below it can be read to its end. A topic that does
        not exist, or is made anew while this asks, is left out.

        Raises:
            ServerUnavailableError: when Kafka does not answer.
        """
        found = describe_existing(self._admin, topics)
        partitions = [
            KafkaTopicPartition(name, partition.id) for name, topic in found.items() for partition in topic.partitions
        ]
        if not partitions:
            return {}
        low = self._list_offsets(partitions, EARLIEST)
        high = self._list_offsets(partitions, LATEST)
        lows, highs = results(low, "asking for offsets"), results(high, "asking for offsets")
        # Offsets are asked by name: they are those of this topic only if it was there before and after.
        topic_ids = {name: topic_id_of(topic) for name, topic in found.items()}
        same = {name for name, topic_id in self._topic_ids(topic_ids).items() if topic_id == topic_ids[name]}
        return {
            TopicPartition(partition.topic, partition.partition): Watermarks(
                lows[partition].offset, highs[partition].offset, topic_ids[partition.topic]
            )
            for partition in partitions
            if partition.topic in same
        }

    def read(self, log: Log | TopicPartition, start: int, end: int, epoch: int | None = None) -> Iterator[Record]:
        """The records of ``[start, end)`` in offset order. Returning means that every one of them was yielded.

        Offsets that hold none (transaction markers, aborted records) are left out. The consumer is closed however the
        reading ends. With an epoch, Kafka's client sees whether the log was cut before ``start`` and has grown again
        (KIP-320).

        Raises:
            LogChangedError: when Kafka has another log in its place, before the first record or after the last.
            OffsetOutOfRangeError: when Kafka has deleted ``start``, or has lost what came before it.
            ServerUnavailableError: when Kafka sends nothing for ``idle_seconds``, or its log ends below ``end``.
        """
        if start >= end:
            return
        meant = log if isinstance(log, Log) else Log(log.topic, log.partition)
        self.confirm(meant)
        troubles = _Troubles()
        consumer = Consumer(self._consumer_config(troubles), logger=logger)
        try:
            consumer.assign([_position(meant, start, epoch)])
            yield from self._until(consumer, meant, start, end, troubles)
        finally:
            consumer.close()
        self.confirm(meant)

    def confirm(self, log: Log) -> None:
        """See that Kafka still has this log; nothing is asked for one without ``topic_id``.

        Raises:
            LogChangedError: when its topic was deleted, or made anew.
            ServerUnavailableError: when Kafka does not answer.
        """
        if log.topic_id is None:
            return
        found = self._topic_ids([log.topic])
        if log.topic not in found or not log.may_be(found[log.topic]):
            raise LogChangedError(str(log))

    def report_progress(self, positions: Mapping[TopicPartition, int]) -> None:
        """Commit the group's offsets, so that ordinary tools show the lag.

        Raises:
            ServerUnavailableError: when they could not be committed. Nothing rests on them.
        """
        if not positions:
            return
        offsets = [KafkaTopicPartition(where.topic, where.partition, offset) for where, offset in positions.items()]
        request = [ConsumerGroupTopicPartitions(self._group, offsets)]
        futures = self._admin.alter_consumer_group_offsets(request, request_timeout=ADMIN_SECONDS)
        for answer in results(futures, f"committing group {self._group}").values():
            for partition in answer.topic_partitions or ():
                if partition.error is not None:
                    raise unavailable(partition.error, f"committing group {self._group}")

    @cached_property
    def _admin(self) -> AdminClient:
        return admin_client(self._settings)

    def _topic_ids(self, topics: Collection[str]) -> Mapping[str, str | None]:
        return {name: topic_id_of(topic) for name, topic in describe_existing(self._admin, topics).items()}

    def _list_offsets(
        self, partitions: list[KafkaTopicPartition], which: OffsetSpec
    ) -> "dict[KafkaTopicPartition, Future[ListOffsetsResultInfo]]":
        return self._admin.list_offsets(
            dict.fromkeys(partitions, which),
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=ADMIN_SECONDS,
        )

    def _consumer_config(self, troubles: "_Troubles") -> Config:
        tuning: Config = {
            "queued.max.messages.kbytes": QUEUE_BYTES // 1024,
            "fetch.max.bytes": FETCH_BYTES,
            "max.partition.fetch.bytes": FETCH_BYTES,
            "receive.message.max.bytes": max(FETCH_BYTES, self._settings.max_message_bytes) + MIB,
            # A full queue pauses fetching for this long; the default of 1 s leaves the workers without photos.
            "fetch.queue.backoff.ms": 20,
            "fetch.wait.max.ms": 100,
        }
        fixed: Config = {
            "group.id": self._group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
        }
        return {**client_config(self._settings, tuning, fixed), "error_cb": troubles.note}  # type: ignore[dict-item] # a callback is a setting, too

    def _until(self, consumer: Consumer, log: Log, start: int, end: int, troubles: "_Troubles") -> Iterator[Record]:
        position = start
        heard_at = time.monotonic()
        while True:
            message = consumer.poll(POLL_SECONDS)
            if message is None or _is_end_below(message, end):
                if time.monotonic() - heard_at > self._idle_seconds:
                    raise ServerUnavailableError(SERVER, f"{log} sends nothing at {position}{troubles}")
                continue
            if _is_past(message, log, position, end):
                return
            record = _record(message, log)
            position = record.coordinates.offset + 1
            yield record
            if position >= end:
                return
            heard_at = time.monotonic()  # not before the yield: the caller's time is not Kafka's


class _Troubles:
    """The client's last complaint, for the message of an error."""

    def __init__(self) -> None:
        self._last = ""

    def note(self, error: KafkaError) -> None:
        self._last = f": {error.name()}, {error.str()}"

    def __str__(self) -> str:
        return self._last


def _is_end_below(message: Message, end: int) -> bool:
    """Whether the log ends here although the range goes on: its rest may still come, as after a change of leader."""
    error = message.error()
    return error is not None and error.code() == EOF and (message.offset() or 0) < end


def _is_past(message: Message, log: Log, position: int, end: int) -> bool:
    """Whether the range has no more records.

    Raises:
        OffsetOutOfRangeError: when Kafka has deleted ``position``, or has lost what came before it.
        ServerUnavailableError: for any other error.
    """
    error = message.error()
    if error is None:
        return (message.offset() or 0) >= end
    if error.code() == EOF:
        return True
    if error.code() in OUT_OF_RANGE:
        raise OffsetOutOfRangeError(log.topic, log.partition, position)
    raise unavailable(error, f"reading {log} at {position}")


def _position(log: Log, start: int, epoch: int | None) -> KafkaTopicPartition:
    if epoch is None:
        return KafkaTopicPartition(log.topic, log.partition, start)
    return KafkaTopicPartition(log.topic, log.partition, start, "", epoch)


def _record(message: Message, log: Log) -> Record:
    return Record(
        coordinates=log.at(coordinates_of(message).offset),
        timestamp=time_of(message),
        key=message.key(),
        value=message.value() or b"",
        headers=_headers(message),
        leader_epoch=message.leader_epoch(),
    )


def _headers(message: Message) -> Headers:
    """The record's headers. A name that is no UTF-8 cannot be read: then it is as if the record had none.

    For such a name confluent-kafka's extension returns a list with a hole in it *and* leaves an exception set. A call
    from specialised bytecode does not notice, and the hole crashes the process; a call through ``methodcaller`` is
    always checked by the interpreter and raises ``SystemError``. Asked again, the message would hand out that list.
    """
    try:
        found = _CHECKED_HEADERS(message) or []
    except SystemError:
        logger.warning("%s has a header whose name is no UTF-8; its headers are not read", coordinates_of(message))
        return ()
    pairs = found.items() if isinstance(found, dict) else found
    return [(name, value.encode() if isinstance(value, str) else value or b"") for name, value in pairs]
