"""The Kafka adapter against a real broker."""

import asyncio
import ctypes
import itertools
import os
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, Producer, cimpl
from confluent_kafka import TopicPartition as KafkaTopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined] # it re-exports these without saying so
    AdminClient,
    NewTopic,
)
from tests.support.replicas import wait_for

from local_stack import Endpoints
from photo_pipeline.adapters.kafka import (
    AsyncKafkaPhotoLogWriter,
    KafkaPhotoLogReader,
    KafkaPhotoLogWriter,
    KafkaTopics,
    RecordTooLargeError,
)
from photo_pipeline.domain.errors import OffsetOutOfRangeError, ServerUnavailableError
from photo_pipeline.domain.events import Delivery, OutboundRecord
from photo_pipeline.domain.ledger import Watermarks
from photo_pipeline.domain.photo import MAX_PHOTO_BYTES, TopicPartition
from photo_pipeline.settings import KafkaSettings, TopicNames

HEADERS = [("ce_specversion", b"1.0"), ("ce_filename", "Größe.jpg".encode()), ("twice", b"1"), ("twice", b"2")]
SHORT = 3.0
"""Seconds that these tests let a client wait for a server that is away."""


@pytest.fixture
def settings(stack: Endpoints) -> KafkaSettings:
    """Give the way to the real broker."""
    return KafkaSettings(bootstrap_servers=stack.kafka_bootstrap_servers)


@pytest.fixture
def admin(settings: KafkaSettings) -> AdminClient:
    """Give a client of the tests' own."""
    return AdminClient({"bootstrap.servers": settings.bootstrap_servers})


@pytest.fixture
def make_topic(admin: AdminClient, settings: KafkaSettings) -> Iterator[Callable[[int], str]]:
    """Give a maker of topics; they are dropped afterwards."""
    names = []

    def make(partitions: int = 1) -> str:
        name = f"test.{uuid4()}"
        config = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(settings.max_message_bytes)}
        admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result()
        names.append(name)
        return name

    yield make
    for future in admin.delete_topics(names).values() if names else ():
        future.result()


@pytest.fixture
def log(make_topic: Callable[[int], str]) -> TopicPartition:
    """Give an empty topic of one partition."""
    return TopicPartition(make_topic(1), 0)


@pytest.fixture
def unreachable() -> KafkaSettings:
    """Give the way to a broker that is not there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    return KafkaSettings(bootstrap_servers=f"127.0.0.1:{port}")


def write(settings: KafkaSettings, log: TopicPartition, values: list[bytes]) -> None:
    """Write records, in order."""
    KafkaPhotoLogWriter(settings).publish([OutboundRecord(log.topic, b"k", value, HEADERS) for value in values])


def transaction(settings: KafkaSettings, log: TopicPartition, values: list[bytes], *, commit: bool) -> None:
    """Write records in one transaction, and end it with a marker, which Kafka writes after it has answered."""
    reader = KafkaPhotoLogReader(settings)
    end = reader.watermarks([log.topic])[log].high + len(values) + 1
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "transactional.id": str(uuid4())})
    producer.init_transactions()
    producer.begin_transaction()
    for value in values:
        producer.produce(log.topic, value)
    producer.flush()
    if commit:
        producer.commit_transaction()
    else:
        producer.abort_transaction()
    wait_for(lambda: reader.watermarks([log.topic])[log].high == end, "the marker is in the log")


def write_raw_headers(settings: KafkaSettings, log: TopicPartition, name: bytes, count: int) -> None:
    """Write records whose header has any bytes as its name, which only a C program can do: so through librdkafka."""
    library = ctypes.CDLL(cimpl.__file__)
    library.rd_kafka_conf_new.restype = library.rd_kafka_new.restype = ctypes.c_void_p
    problem = ctypes.create_string_buffer(256)
    size = ctypes.c_size_t(len(problem))
    conf = ctypes.c_void_p(library.rd_kafka_conf_new())
    servers = settings.bootstrap_servers.encode()
    assert library.rd_kafka_conf_set(conf, b"bootstrap.servers", servers, problem, size) == 0, problem.value
    producer = ctypes.c_void_p(library.rd_kafka_new(0, conf, problem, size))
    topic, value, header = (
        (1, log.topic.encode()),
        (4, b"raw", ctypes.c_size_t(3)),
        (9, name, b"x", ctypes.c_ssize_t(1)),
    )
    arguments = [ctypes.c_int(part) if isinstance(part, int) else part for part in (*topic, *value, *header, 0)]
    for _ in range(count):
        assert library.rd_kafka_producev(producer, *arguments) == 0
    assert library.rd_kafka_flush(producer, 10_000) == 0
    library.rd_kafka_destroy(producer)


def values_of(settings: KafkaSettings, log: TopicPartition, start: int, end: int) -> dict[int, bytes]:
    """Read a range as offset and value."""
    records = KafkaPhotoLogReader(settings, idle_seconds=SHORT).read(log, start, end)
    return {record.coordinates.offset: record.value for record in records}


def reading_threads() -> int:
    """Count the native threads of this process; every librdkafka client has some."""
    return len(list(Path("/proc/self/task").iterdir()))


class TestReading:
    """Ranges come out exactly as planned."""

    def test_a_range_is_read_from_start_to_before_end(self, settings: KafkaSettings, log: TopicPartition) -> None:
        """Records below and above the range stay unread."""
        write(settings, log, [b"%d" % number for number in range(10)])
        assert values_of(settings, log, 3, 7) == {number: b"%d" % number for number in range(3, 7)}

    def test_the_whole_log_ends_without_waiting_for_more(self, settings: KafkaSettings, log: TopicPartition) -> None:
        """Reading up to the high watermark ends."""
        write(settings, log, [b"a", b"b"])
        assert values_of(settings, log, 0, 2) == {0: b"a", 1: b"b"}

    def test_an_empty_range_needs_no_broker(self, unreachable: KafkaSettings) -> None:
        """Nothing to read is nothing to ask."""
        assert values_of(unreachable, TopicPartition("none", 0), 5, 5) == {}

    def test_a_record_arrives_with_all_that_was_written(self, settings: KafkaSettings, log: TopicPartition) -> None:
        """Key, value, every header in order, coordinates and the broker's append time in UTC."""
        before = datetime.now(UTC) - timedelta(seconds=1)
        write(settings, log, [b"value"])
        (record,) = KafkaPhotoLogReader(settings).read(log, 0, 1)
        assert (record.key, record.value, list(record.headers)) == (b"k", b"value", HEADERS)
        assert (record.coordinates.topic_partition, record.coordinates.offset) == (log, 0)
        assert before <= record.timestamp <= datetime.now(UTC) + timedelta(seconds=1)

    def test_null_and_empty_values_are_records(self, settings: KafkaSettings, log: TopicPartition) -> None:
        """A tombstone reads as an empty value, as does an empty value."""
        KafkaPhotoLogWriter(settings).publish(
            [OutboundRecord(log.topic, None, None, []), OutboundRecord(log.topic, None, b"", [("null", b"")])]
        )
        assert values_of(settings, log, 0, 2) == {0: b"", 1: b""}

    def test_a_null_header_reads_as_empty(self, settings: KafkaSettings, log: TopicPartition) -> None:
        """Kafka allows a header without a value."""
        producer = Producer({"bootstrap.servers": settings.bootstrap_servers})
        producer.produce(log.topic, b"v", headers=[("h", None)])
        assert producer.flush(10) == 0
        (record,) = KafkaPhotoLogReader(settings).read(log, 0, 1)
        assert list(record.headers) == [("h", b"")]

    def test_a_header_name_that_is_no_text_stops_nothing(self, settings: KafkaSettings, log: TopicPartition) -> None:
        """Such records read as ones without headers, however many come, and the next one is fine."""
        write_raw_headers(settings, log, b"\xff\xfe", count=100)
        write(settings, log, [b"next"])
        *odd, last = KafkaPhotoLogReader(settings).read(log, 0, 101)
        assert [(record.value, list(record.headers)) for record in odd] == [(b"raw", [])] * 100
        assert (last.value, list(last.headers)) == (b"next", HEADERS)

    def test_aborted_records_and_markers_are_left_out(self, settings: KafkaSettings, log: TopicPartition) -> None:
        """Offsets of an aborted transaction and of markers hold no record; those around them do."""
        write(settings, log, [b"first"])  # 0
        transaction(settings, log, [b"x", b"y"], commit=False)  # 1, 2, marker 3
        transaction(settings, log, [b"good"], commit=True)  # 4, marker 5
        write(settings, log, [b"last"])  # 6
        assert values_of(settings, log, 0, 7) == {0: b"first", 4: b"good", 6: b"last"}

    @pytest.mark.parametrize("commit", [True, False])
    def test_a_range_that_ends_with_a_marker_ends(
        self, settings: KafkaSettings, log: TopicPartition, *, commit: bool
    ) -> None:
        """No record follows, and none is waited for."""
        transaction(settings, log, [b"x"], commit=commit)
        assert KafkaPhotoLogReader(settings).watermarks([log.topic])[log] == Watermarks(0, 2)
        assert values_of(settings, log, 0, 2) == ({0: b"x"} if commit else {})

    def test_a_range_of_markers_before_other_records_ends(self, settings: KafkaSettings, log: TopicPartition) -> None:
        """A range without any record ends although the log goes on."""
        transaction(settings, log, [b"x", b"y"], commit=False)
        write(settings, log, [b"later"])
        assert values_of(settings, log, 0, 3) == {}

    def test_an_open_transaction_is_not_in_the_watermarks(self, settings: KafkaSettings, log: TopicPartition) -> None:
        """What may still be aborted is not planned."""
        write(settings, log, [b"done"])
        producer = Producer({"bootstrap.servers": settings.bootstrap_servers, "transactional.id": str(uuid4())})
        producer.init_transactions()
        producer.begin_transaction()
        producer.produce(log.topic, b"open")
        producer.flush()
        try:
            assert KafkaPhotoLogReader(settings).watermarks([log.topic])[log] == Watermarks(0, 1)
        finally:
            producer.abort_transaction()

    def test_a_deleted_offset_is_out_of_range(
        self, settings: KafkaSettings, log: TopicPartition, admin: AdminClient
    ) -> None:
        """It is an error, never a silent reset, and the watermark says where the log begins."""
        write(settings, log, [b"0", b"1", b"2", b"3"])
        partition = KafkaTopicPartition(log.topic, 0, 3)
        admin.delete_records([partition])[partition].result()
        with pytest.raises(OffsetOutOfRangeError):
            values_of(settings, log, 1, 4)
        assert KafkaPhotoLogReader(settings).watermarks([log.topic])[log] == Watermarks(3, 4)
        assert values_of(settings, log, 3, 4) == {3: b"3"}

    def test_a_log_that_ends_below_the_range_is_unavailable(self, settings: KafkaSettings, log: TopicPartition) -> None:
        """Offsets that Kafka may still give to a record must not pass as empty."""
        write(settings, log, [b"0"])
        reader = KafkaPhotoLogReader(settings, idle_seconds=SHORT)
        with pytest.raises(ServerUnavailableError):
            list(reader.read(log, 0, 5))

    def test_reading_may_stop_early(self, settings: KafkaSettings, log: TopicPartition) -> None:
        """A generator that is closed closes its consumer: its threads end."""
        write(settings, log, [b"%d" % number for number in range(50)])
        threads = reading_threads()
        for _ in range(3):
            records = KafkaPhotoLogReader(settings).read(log, 0, 50)
            assert next(records).value == b"0"
            assert reading_threads() > threads
            records.close()  # type: ignore[attr-defined] # it is a generator
        # One of an earlier test's may have ended meanwhile.
        assert reading_threads() <= threads

    def test_the_largest_photo_makes_the_round_trip(self, settings: KafkaSettings, log: TopicPartition) -> None:
        """32 MiB in, the same 32 MiB out, several in a row."""
        photos = [os.urandom(MAX_PHOTO_BYTES) for _ in range(3)]
        for photo in photos:
            write(settings, log, [photo])
        assert values_of(settings, log, 0, 3) == dict(enumerate(photos))

    def test_a_topic_that_is_not_there_stops_no_other(self, settings: KafkaSettings, log: TopicPartition) -> None:
        """Reading it does not wait for ever; asking for watermarks leaves it out and answers for the others."""
        missing = TopicPartition("never.made", 0)
        reader = KafkaPhotoLogReader(settings, idle_seconds=SHORT)
        with pytest.raises(ServerUnavailableError):
            list(reader.read(missing, 0, 1))
        assert reader.watermarks([missing.topic]) == {}
        assert set(reader.watermarks([missing.topic, log.topic])) == {log}

    def test_a_broker_that_is_away_is_unavailable(self, unreachable: KafkaSettings) -> None:
        """Reading gives up after the idle time."""
        reader = KafkaPhotoLogReader(unreachable, idle_seconds=SHORT)
        with pytest.raises(ServerUnavailableError, match="Kafka"):
            list(reader.read(TopicPartition("any", 0), 0, 1))


class TestWatermarksAndProgress:
    """What Kafka holds, and how far the group is shown to be."""

    def test_every_partition_of_every_topic_is_there(
        self, settings: KafkaSettings, make_topic: Callable[[int], str]
    ) -> None:
        """Empty partitions as well."""
        wide, narrow = make_topic(3), make_topic(1)
        write(settings, TopicPartition(narrow, 0), [b"x"])
        found = KafkaPhotoLogReader(settings).watermarks([wide, narrow])
        expected = {TopicPartition(wide, number): Watermarks(0, 0) for number in range(3)}
        assert found == expected | {TopicPartition(narrow, 0): Watermarks(0, 1)}

    def test_no_topics_have_no_watermarks(self, settings: KafkaSettings) -> None:
        """Nothing is asked."""
        assert KafkaPhotoLogReader(settings).watermarks([]) == {}

    def test_progress_is_the_groups_committed_offset(self, settings: KafkaSettings, log: TopicPartition) -> None:
        """Ordinary tools find it, also when it goes back."""
        write(settings, log, [b"x"] * 5)
        group = f"test-{uuid4()}"
        reader = KafkaPhotoLogReader(settings, group)
        for position in (4, 2):
            reader.report_progress({log: position})
            assert committed(settings, group, log) == position
        reader.report_progress({})

    def test_progress_without_a_broker_is_unavailable(
        self, unreachable: KafkaSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The caller learns of it and may go on."""
        monkeypatch.setattr("photo_pipeline.adapters.kafka.reader.ADMIN_SECONDS", SHORT)
        with pytest.raises(ServerUnavailableError):
            KafkaPhotoLogReader(unreachable).report_progress({TopicPartition("any", 0): 1})


def committed(settings: KafkaSettings, group: str, log: TopicPartition) -> int:
    """Ask Kafka for a group's offset."""
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    request = ConsumerGroupTopicPartitions(group, [KafkaTopicPartition(log.topic, log.partition)])
    partitions = admin.list_consumer_group_offsets([request])[group].result().topic_partitions
    return int(partitions[0].offset)


class TestWriting:
    """Nobody is told "written" before Kafka says so."""

    def test_deliveries_are_where_the_records_are(
        self, settings: KafkaSettings, make_topic: Callable[[int], str]
    ) -> None:
        """Coordinates and times of the acknowledgement are those that a reader finds, in the records' order."""
        topic = make_topic(3)
        records = [OutboundRecord(topic, b"%d" % number, b"v%d" % number, HEADERS) for number in range(20)]
        deliveries = KafkaPhotoLogWriter(settings).publish(records)
        reader = KafkaPhotoLogReader(settings)
        for sent, delivery in zip(records, deliveries, strict=True):
            at = delivery.coordinates
            (found,) = reader.read(at.topic_partition, at.offset, at.offset + 1)
            assert (found.key, found.value, found.timestamp) == (sent.key, sent.value, delivery.timestamp)

    def test_more_bytes_than_the_queue_holds_go_through(self, settings: KafkaSettings, log: TopicPartition) -> None:
        """A full queue makes the writer wait, not fail."""
        writer = KafkaPhotoLogWriter(settings, queue_bytes=1)  # raised to two of the largest records
        photo = os.urandom(MAX_PHOTO_BYTES)
        deliveries = writer.publish(OutboundRecord(log.topic, None, photo, []) for _ in range(4))
        assert [delivery.coordinates.offset for delivery in deliveries] == [0, 1, 2, 3]

    def test_nothing_to_write_is_nothing(self, unreachable: KafkaSettings) -> None:
        """An empty outbox needs no broker."""
        assert KafkaPhotoLogWriter(unreachable).publish([]) == []

    def test_a_record_no_topic_takes_is_its_own_error(self, settings: KafkaSettings, log: TopicPartition) -> None:
        """Sending it again would never help, whether the client or the broker refuses it."""
        for size in (settings.max_message_bytes + 1024, settings.max_message_bytes * 2):
            record = OutboundRecord(log.topic, None, bytes(size), [])
            with pytest.raises(RecordTooLargeError):
                KafkaPhotoLogWriter(settings).publish([record])

    def test_a_broker_that_is_away_is_unavailable(self, unreachable: KafkaSettings) -> None:
        """The writer gives up after its time."""
        writer = KafkaPhotoLogWriter(unreachable, timeout_seconds=SHORT)
        with pytest.raises(ServerUnavailableError, match="Kafka"):
            writer.publish([OutboundRecord("any", None, b"x", [])])


class TestAsyncWriting:
    """Many senders wait at once, each for their own record."""

    def test_each_sender_gets_their_own_delivery(
        self, settings: KafkaSettings, make_topic: Callable[[int], str]
    ) -> None:
        """A hundred at once, no acknowledgement mixed up."""
        topic = make_topic(3)

        async def senders() -> list[tuple[bytes, Delivery]]:
            writer = AsyncKafkaPhotoLogWriter(settings, 10)
            values = [b"%d" % number for number in range(100)]
            records = [OutboundRecord(topic, value, value, []) for value in values]
            try:
                return list(zip(values, await asyncio.gather(*map(writer.append, records)), strict=True))
            finally:
                await writer.close()

        reader = KafkaPhotoLogReader(settings)
        written = asyncio.run(senders())
        marks = reader.watermarks([topic])
        found = {
            record.coordinates: record
            for log, mark in marks.items()
            for record in reader.read(log, mark.low, mark.high)
        }
        assert len(found) == 100
        for value, delivery in written:
            assert found[delivery.coordinates].value == value
            assert found[delivery.coordinates].timestamp == delivery.timestamp

    def test_a_broker_that_is_away_is_unavailable_and_not_ready(self, unreachable: KafkaSettings) -> None:
        """Every sender is told within the time; closing does not hang."""

        async def attempt() -> None:
            writer = AsyncKafkaPhotoLogWriter(unreachable, SHORT)
            assert not await writer.ready()
            async with asyncio.timeout(SHORT * 2):
                outcomes = await asyncio.gather(
                    *(writer.append(OutboundRecord("any", None, b"x", [])) for _ in range(3)), return_exceptions=True
                )
            assert [type(outcome) for outcome in outcomes] == [ServerUnavailableError] * 3
            await writer.close()

        asyncio.run(attempt())

    def test_a_full_queue_is_told_at_once(self, unreachable: KafkaSettings) -> None:
        """What cannot be held in memory is refused rather than kept waiting."""

        async def attempt() -> None:
            writer = AsyncKafkaPhotoLogWriter(unreachable, SHORT, queue_bytes=1)
            photo = bytes(MAX_PHOTO_BYTES)
            outcomes = await asyncio.gather(
                *(writer.append(OutboundRecord("any", None, photo, [])) for _ in range(4)), return_exceptions=True
            )
            assert sum("too many" in str(outcome) for outcome in outcomes) >= 1
            assert all(isinstance(outcome, ServerUnavailableError) for outcome in outcomes)
            await writer.close()

        asyncio.run(attempt())

    def test_a_sender_who_goes_away_disturbs_nobody(self, settings: KafkaSettings, log: TopicPartition) -> None:
        """A cancelled append leaves the writer working."""

        async def attempt() -> None:
            writer = AsyncKafkaPhotoLogWriter(settings, 10)
            impatient = asyncio.create_task(writer.append(OutboundRecord(log.topic, None, b"x", [])))
            await asyncio.sleep(0)
            impatient.cancel()
            delivery = await writer.append(OutboundRecord(log.topic, None, b"y", []))
            assert delivery.coordinates.topic_partition == log
            assert impatient.cancelled()
            await writer.close()

        asyncio.run(attempt())

    def test_a_producer_beyond_recovery_is_replaced(self, settings: KafkaSettings, log: TopicPartition) -> None:
        """After a fatal error the next record goes through a new producer, and no thread stays behind."""

        async def attempt() -> None:
            writer = AsyncKafkaPhotoLogWriter(settings, 10)
            await writer.append(OutboundRecord(log.topic, None, b"x", []))
            first = writer._connected()
            first._note(KafkaError(KafkaError._FATAL, "as librdkafka says it", fatal=True))
            await writer.append(OutboundRecord(log.topic, None, b"y", []))
            assert writer._connected() is not first
            await writer.close()
            first._thread.join(timeout=10)
            assert not first._thread.is_alive()

        asyncio.run(attempt())

    def test_ready_names_a_topic_that_is_not_there(self, settings: KafkaSettings, log: TopicPartition) -> None:
        """A broker that answers but lacks the topic is no place to write to."""

        async def attempt() -> None:
            writer = AsyncKafkaPhotoLogWriter(settings, 10)
            assert await writer.ready()
            assert await writer.ready(log.topic)
            assert not await writer.ready("never.made")
            await writer.close()

        asyncio.run(attempt())


class TestTopics:
    """The topics are as the contract says, however often it is said."""

    @pytest.fixture
    def names(self, admin: AdminClient) -> Iterator[TopicNames]:
        """Give four names of this test's own."""
        prefix = f"test.{uuid4()}"
        names = TopicNames(
            uploaded=f"{prefix}.uploaded",
            streamed=f"{prefix}.streamed",
            processed=f"{prefix}.processed",
            rejected=f"{prefix}.rejected",
        )
        yield names
        made = [name for name in admin.list_topics(timeout=10).topics if name.startswith(prefix)]
        for future in admin.delete_topics(made).values() if made else ():
            future.result()

    def test_topics_are_made_once(self, settings: KafkaSettings, names: TopicNames) -> None:
        """The first call makes them as the contract says, the second changes nothing."""
        topics = KafkaTopics(settings)
        made = topics.ensure(names)
        assert {(change.topic, change.setting) for change in made} == {(name, "topic") for name in four(names)}
        assert topics.ensure(names) == []
        for name, state in topics.describe(four(names)).items():
            assert (state.partitions, state.replication_factor) == (6, 1)
            margin = 65536 if name == names.rejected else 0
            assert state.config == {
                "cleanup.policy": "delete",
                "compression.type": "uncompressed",
                "retention.ms": "604800000",
                "segment.ms": "21600000",
                "message.timestamp.type": "LogAppendTime",
                "max.message.bytes": str(33 * 1024 * 1024 + margin),
                "min.insync.replicas": "1",
            }

    def test_a_live_topic_is_brought_in_line(self, settings: KafkaSettings, names: TopicNames) -> None:
        """Only what differs is changed, and said; the records stay."""
        KafkaTopics(settings).ensure(names)
        log = TopicPartition(names.uploaded, 0)
        producer = Producer({"bootstrap.servers": settings.bootstrap_servers})
        producer.produce(log.topic, b"x", partition=0)
        assert producer.flush(10) == 0
        changed = settings.model_copy(update={"retention_ms": 3_600_000, "partitions": 8})
        changes = KafkaTopics(changed).ensure(names)
        assert {(change.topic, change.setting, change.before, change.after) for change in changes} == set(
            itertools.chain.from_iterable(
                [(name, "retention.ms", "604800000", "3600000"), (name, "partitions", "6", "8")] for name in four(names)
            )
        )
        assert KafkaTopics(changed).ensure(names) == []
        assert values_of(settings, log, 0, 1) == {0: b"x"}

    def test_partitions_are_never_taken_away(self, settings: KafkaSettings, names: TopicNames) -> None:
        """A smaller number in the settings leaves the topic as it is."""
        KafkaTopics(settings).ensure(names)
        smaller = KafkaTopics(settings.model_copy(update={"partitions": 2}))
        assert smaller.ensure(names) == []
        assert {state.partitions for state in smaller.describe(four(names)).values()} == {6}

    def test_settings_that_someone_changed_come_back(
        self, settings: KafkaSettings, names: TopicNames, admin: AdminClient
    ) -> None:
        """A topic made by hand, with the broker's defaults, is brought in line as well."""
        admin.create_topics([NewTopic(names.streamed, 6, 1, config={"cleanup.policy": "compact"})])[
            names.streamed
        ].result()
        changes = [change for change in KafkaTopics(settings).ensure(names) if change.topic == names.streamed]
        assert ("cleanup.policy", "compact", "delete") in {
            (change.setting, change.before, change.after) for change in changes
        }
        assert all(change.setting != "topic" for change in changes)

    def test_two_setups_at_once_agree(self, settings: KafkaSettings, names: TopicNames) -> None:
        """Each topic is made once, and neither setup fails."""
        with_errors: list[Exception] = []

        def ensure() -> None:
            try:
                KafkaTopics(settings).ensure(names)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
                with_errors.append(error)

        threads = [threading.Thread(target=ensure) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert with_errors == []
        assert set(KafkaTopics(settings).describe(four(names))) == set(four(names))

    def test_describing_leaves_out_what_is_not_there(self, settings: KafkaSettings) -> None:
        """No topic, no state."""
        assert KafkaTopics(settings).describe(["never.made"]) == {}

    def test_a_compressed_bomb_never_reaches_a_reader(self, settings: KafkaSettings, names: TopicNames) -> None:
        """What is larger than the limit once unpacked is refused; what is not, is stored."""
        KafkaTopics(settings).ensure(names)
        producer = Producer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "compression.type": "gzip",
                "message.max.bytes": 3 * settings.max_message_bytes,
            }
        )
        codes = []
        for size in (2 * settings.max_message_bytes, 1024):
            producer.produce(
                names.streamed,
                bytes(size),
                partition=0,
                on_delivery=lambda error, _: codes.append(error and error.code()),
            )
        assert producer.flush(60) == 0
        assert codes == [KafkaError.MSG_SIZE_TOO_LARGE, None]
        assert values_of(settings, TopicPartition(names.streamed, 0), 0, 1) == {0: bytes(1024)}

    def test_a_dead_letter_of_the_largest_record_fits(self, settings: KafkaSettings, names: TopicNames) -> None:
        """A record that the incoming topics take can be copied to the rejected one with its reason."""
        KafkaTopics(settings).ensure(names)
        largest = bytes(settings.max_message_bytes - 200)
        writer = KafkaPhotoLogWriter(settings)
        writer.publish([OutboundRecord(names.streamed, None, largest, [])])
        reason = [("reject_detail", b"x" * 1000)]
        (delivery,) = writer.publish([OutboundRecord(names.rejected, None, largest, reason)])
        assert delivery.coordinates.topic == names.rejected


def four(names: TopicNames) -> tuple[str, ...]:
    """Give all topics."""
    return (*names.incoming, names.processed, names.rejected)
