"""A topic is compacted by mistake: a record of a photo that was sent twice is gone, and its receipt stays true."""

import time
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from tests.support.databases import fresh_database
from tests.support.pipeline import Pipeline, own_pipeline
from tests.support.replicas import wait_for
from tests.support.uploading import photo

from local_stack import Endpoints, Stack
from local_stack.credentials import Credentials
from photo_pipeline.adapters.kafka import KafkaPhotoLogReader
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.gallery import PostgresGallery
from photo_pipeline.domain.events import Delivery
from photo_pipeline.domain.photo import Receipt, TopicPartition, photo_id_for, sha256_hex

pytestmark = pytest.mark.shares_servers

SEGMENT_SECONDS = 0.1
MISTAKE = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01"}


@pytest.fixture
def pipeline(stack: Endpoints, test_stack: Stack) -> Iterator[Pipeline]:
    """Give a pipeline of this test's own."""
    superuser = Credentials(test_stack.settings.home / "secrets").password("postgres")
    with fresh_database(stack, superuser) as database, own_pipeline(stack, database) as own:
        yield own


def test_receipts_of_compacted_records_follow_their_photos(pipeline: Pipeline) -> None:
    """The photo is in the gallery by its other record: the receipt of the one that is gone says so."""
    customer = pipeline.sign_up()
    compact_by_mistake(pipeline)
    accepted = []
    for data in (photo(1), photo(1), photo(2)):
        accepted += [(data, delivery) for delivery in pipeline.send(customer, data)]
        time.sleep(2 * SEGMENT_SECONDS)  # the next record begins a new segment; closed ones alone are compacted
    gone, kept, other = accepted
    wait_for(lambda: gone[1].coordinates.offset not in offsets(pipeline, gone[1]), "the log is compacted")
    pipeline.ingest()
    reasons = pipeline.rows("SELECT reason FROM ingest_record WHERE outcome = 'absent'")
    assert reasons == [("no_record",)]
    receipts = [
        Receipt(photo_id_for(customer, sha256_hex(data)), sha256_hex(data), delivery.coordinates, delivery.timestamp)
        for data, delivery in (gone, kept, other)
    ]
    engine = make_engine(pipeline.database.api, "tests")
    told = [(status.state.value, status.reason) for status in PostgresGallery(engine).receipts(receipts)]
    engine.dispose()
    assert told == [("duplicate", None), ("processed", None), ("processed", None)]


def compact_by_mistake(pipeline: Pipeline) -> None:
    """What an operator may do to a topic."""
    entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in MISTAKE.items()]
    topic = ConfigResource(ResourceType.TOPIC, pipeline.settings.topics.uploaded, incremental_configs=entries)
    admin = AdminClient({"bootstrap.servers": pipeline.settings.kafka.bootstrap_servers})
    for future in admin.incremental_alter_configs([topic]).values():
        future.result()


def offsets(pipeline: Pipeline, delivery: Delivery) -> set[int]:
    """Those that hold a record."""
    reader = KafkaPhotoLogReader(pipeline.settings.kafka)
    partition = TopicPartition(delivery.coordinates.topic, delivery.coordinates.partition)
    high = reader.watermarks([partition.topic])[partition].high
    return {record.coordinates.offset for record in reader.read(partition, 0, high)}
