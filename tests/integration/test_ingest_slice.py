"""A slice from Kafka to its commit, on real Kafka, HDFS and PostgreSQL."""

import io
import json
import tarfile
import zlib
from uuid import uuid4

from confluent_kafka import Consumer
from tests.support.images import encoded, scene
from tests.support.pipeline import Pipeline

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.domain.events import OutboundRecord
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.photo import Source, photo_id_for, sha256_hex


def photo(seed: int) -> bytes:
    """A small photo of its own."""
    return encoded(scene(320, 240, seed), SniffedFormat.JPEG)


def consume(servers: str, topic: str, count: int) -> list[dict[str, object]]:
    """What any consumer of a topic would see: key, value and headers of the first ``count`` records."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": str(uuid4()), "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    records: list[dict[str, object]] = []
    try:
        while len(records) < count:
            message = consumer.poll(20)
            assert message is not None, f"only {len(records)} of {count} records on {topic}"
            assert message.error() is None
            headers = {name: (value or b"").decode() for name, value in message.headers() or []}
            records.append({"key": message.key(), "value": message.value(), "headers": headers})
    finally:
        consumer.close()
    return records


def test_shard_holds_what_the_index_says(pipeline: Pipeline) -> None:
    """An ordinary tar reader finds each photo's four members, in offset order, where the database says they are."""
    customer = pipeline.sign_up()
    photos = [photo(seed) for seed in range(3)]
    pipeline.send(customer, *photos)
    (summary,) = pipeline.ingest()
    assert (summary.processed, summary.duplicate, summary.rejected) == (3, 0, 0)
    assert summary.shard_path is not None
    assert pipeline.files() == [summary.shard_path]
    assert pipeline.files("_staging") == []
    shard = pipeline.read_file(summary.shard_path)
    assert pipeline.rows("SELECT length, photos FROM shard") == [(len(shard), 3)]
    ids = [str(photo_id_for(customer, sha256_hex(data))) for data in photos]
    with tarfile.open(fileobj=io.BytesIO(shard)) as tar:
        names = [f"{key}.{kind}" for key in ids for kind in ("original.jpg", "web.jpg", "thumb.jpg", "json")]
        assert tar.getnames() == names
        description = json.load(tar.extractfile(f"{ids[0]}.json"))  # type: ignore[arg-type] # it is a regular file
    assert description["filename"] == "Größe.jpg"
    for photo_id, kind, offset, length, crc32 in pipeline.rows(
        'SELECT photo_id, kind, "offset", length, crc32 FROM rendition'
    ):
        content = shard[int(str(offset)) : int(str(offset)) + int(str(length))]
        assert zlib.crc32(content) == crc32
        if kind == "original":
            assert sha256_hex(content) == sha256_hex(photos[ids.index(str(photo_id))])


def test_one_range_read_gives_the_original(pipeline: Pipeline) -> None:
    """What the gallery reads through the archive port is the customer's file, byte for byte."""
    data = photo(1)
    pipeline.send(pipeline.sign_up(), data)
    pipeline.ingest()
    ((path, offset, length),) = pipeline.rows(
        "SELECT s.path, r.\"offset\", r.length FROM rendition r JOIN shard s USING (shard_id) WHERE r.kind = 'original'"
    )
    archive = HdfsArchive(pipeline.settings.hdfs)
    assert archive.read(str(path), int(str(offset)), int(str(length))) == data


def test_every_record_gets_its_outcome(pipeline: Pipeline) -> None:
    """Good, repeated, damaged, headerless and unknown customers' records in one slice: each ends as it should."""
    customer = pipeline.sign_up()
    good, damaged = photo(1), photo(2)[:-2000]
    topic = pipeline.settings.topics.uploaded
    pipeline.send(customer, good, damaged, good, damaged)
    pipeline.produce(OutboundRecord(topic, None, b"\x00\x01random", []), OutboundRecord(topic, None, None, []))
    pipeline.send(uuid4(), good)
    pipeline.send(customer, photo(3))
    (summary,) = pipeline.ingest()
    assert (summary.start, summary.end) == (0, 8)
    assert pipeline.rows('SELECT "offset", outcome, reason FROM ingest_record ORDER BY 1') == [
        (0, "processed", None),
        (1, "rejected", "truncated"),
        (2, "duplicate", None),
        (3, "rejected", "truncated"),
        (4, "rejected", "not_a_cloudevent"),
        (5, "rejected", "not_a_cloudevent"),
        (6, "rejected", "unknown_customer"),
        (7, "processed", None),
    ]


def test_outbox_reaches_both_topics(pipeline: Pipeline) -> None:
    """One event per processed photo with the web rendition, and a copy of each rejected record with its reason."""
    customer = pipeline.sign_up()
    data = photo(1)
    pipeline.send(customer, data, data)
    pipeline.produce(OutboundRecord(pipeline.settings.topics.streamed, b"key", b"noise", [("mine", b"1")]))
    pipeline.ingest()
    first, second = pipeline.publish(), pipeline.publish()
    assert (first.processed, first.dead_letters, first.skipped) == (1, 1, 0)
    assert (second.processed, second.dead_letters) == (0, 0)
    servers, topics = pipeline.settings.kafka.bootstrap_servers, pipeline.settings.topics
    (event,) = consume(servers, topics.processed, 1)
    photo_id = photo_id_for(customer, sha256_hex(data))
    headers = event["headers"]
    assert isinstance(headers, dict)
    assert event["key"] == str(photo_id).encode()
    assert event["value"][:2] == b"\xff\xd8"  # type: ignore[index] # bytes
    assert headers["ce_type"] == "photo.processed.v1"
    assert headers["ce_subject"] == str(customer)
    assert (headers["ce_width"], headers["ce_height"], headers["ce_format"]) == ("320", "240", "jpeg")
    assert headers["ce_archive"].startswith(pipeline.files()[0])
    (dead,) = consume(servers, topics.rejected, 1)
    assert (dead["key"], dead["value"]) == (b"key", b"noise")
    assert isinstance(dead["headers"], dict)
    assert dead["headers"]["mine"] == "1"
    assert dead["headers"]["reject_reason"] == "not_a_cloudevent"


def test_byte_limit_ends_a_slice_early(pipeline: Pipeline) -> None:
    """A slice stops at its byte limit and the next run goes on from there, without a hole."""
    photos = [photo(seed) for seed in range(4)]
    pipeline.send(pipeline.sign_up(), *photos)
    more_than_one_record = len(photos[0]) + len(photos[1]) // 2  # headers count too
    bounded = pipeline.with_limits(slice_max_bytes=more_than_one_record, workers=1)
    ranges = [(summary.start, summary.end) for _ in range(3) for summary in bounded.ingest()]
    assert ranges == [(0, 2), (2, 4)]
    assert pipeline.rows("SELECT next_offset FROM partition_progress WHERE next_offset > 0") == [(4,)]


def test_same_photo_by_upload_and_stream(pipeline: Pipeline) -> None:
    """The same photo through both applications is one: processed once, a duplicate once, indexed in one shard."""
    customer, data = pipeline.sign_up(), photo(1)
    pipeline.send(customer, data)
    pipeline.send(customer, data, source=Source.STREAM)
    pipeline.ingest()
    assert pipeline.rows("SELECT outcome FROM ingest_record ORDER BY 1") == [("duplicate",), ("processed",)]
    assert pipeline.rows("SELECT count(*), count(DISTINCT shard_id) FROM rendition") == [(3, 1)]


def test_consumer_group_shows_no_lag(pipeline: Pipeline) -> None:
    """After the commit the consumer group stands where the ledger does, so that ordinary tools show the lag."""
    pipeline.send(pipeline.sign_up(), photo(1), photo(2))
    pipeline.ingest()
    consumer = Consumer({"bootstrap.servers": pipeline.settings.kafka.bootstrap_servers, "group.id": "photo_ingest"})
    try:
        from confluent_kafka import TopicPartition  # noqa: PLC0415 - the domain has a class of that name too

        (position,) = consumer.committed([TopicPartition(pipeline.settings.topics.uploaded, 0)], timeout=10)
    finally:
        consumer.close()
    assert position.offset == 2
