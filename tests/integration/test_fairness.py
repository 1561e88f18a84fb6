"""One customer's flood and another's one photo, on real Kafka, HDFS and PostgreSQL."""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.support.accepting import Door, open_door
from tests.support.heavy_photos import many_scans
from tests.support.images import encoded, scene
from tests.support.pipeline import Pipeline, fresh_pipeline

from local_stack import Endpoints, Stack
from photo_pipeline.adapters.kafka import KafkaPhotoLogReader
from photo_pipeline.domain.events import OutboundRecord
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.lanes import Lane
from photo_pipeline.domain.photo import TopicPartition, photo_id_for, sha256_hex
from photo_pipeline.web.buckets import Rate
from photo_pipeline.web.fair_lanes import FairLanes

SMALL, HEAVY = 1000, 5
SHARE = Rate(per_second=0.001, burst=1.0)
"""Fifty small photos, or three heavy ones."""
SLICE_RECORDS = 60
"""More than a share, and little of the flood: the test ends when it has seen that it goes on."""


@pytest.fixture(scope="module")
def pipeline(stack: Endpoints, test_stack: Stack) -> Iterator[Pipeline]:
    """A pipeline whose topics have two partitions, as on a laptop."""
    with fresh_pipeline(stack, test_stack, partitions=2) as own:
        kafka = own.settings.kafka.model_copy(update={"bulk_share": 0.5})
        yield replace(own, settings=replace(own.settings, kafka=kafka)).with_limits(
            workers=1, slice_max_records=SLICE_RECORDS
        )


@pytest.fixture(scope="module")
def door(pipeline: Pipeline) -> Iterator[Door]:
    """The way in that both web applications share."""
    with open_door(pipeline, FairLanes(SHARE, time.monotonic)) as opened:
        yield opened


def numbered(photo: bytes, count: int) -> list[bytes]:
    """As many photos of the same picture: what comes after the end of a JPEG no decoder looks at."""
    return [photo + number.to_bytes(2, "big") for number in range(count)]


def test_a_flood_holds_nobody_up_for_more_than_two_micro_batches(pipeline: Pipeline, door: Door) -> None:
    """A thousand photos and some that are heavy; then somebody else's one, while a run is at the flood already.

    The next run has nothing of the flood to wait for, and the one photo is there while most of the flood still waits.
    """
    flooder, other = pipeline.sign_up(), pipeline.sign_up()
    small = encoded(scene(64, 48, seed=1), SniffedFormat.JPEG)
    flood = door.accept(flooder, *numbered(many_scans(4000, 3000, 10), HEAVY), *numbered(small, SMALL))
    of_the_flood = pipeline.plan("first run")
    (photo,) = door.accept(other, encoded(scene(64, 48, seed=2), SniffedFormat.JPEG))
    lanes = pipeline.lanes_of(of_the_flood)
    assert lanes == [Lane.NORMAL, Lane.BULK]
    pipeline.process(of_the_flood[0], "first run")

    of_both = pipeline.plan("second run")
    assert pipeline.lanes_of(of_both) == [Lane.NORMAL]
    pipeline.process(of_both[0], "second run")
    assert door.states([photo]) == {"processed": 1}
    assert door.states(flood)["pending"] > SMALL // 2

    assert pipeline.process(of_the_flood[1], "first run").processed == SLICE_RECORDS


def test_records_lie_where_their_lane_is(pipeline: Pipeline, door: Door) -> None:
    """Kafka has a customer's share in one partition and the rest in another, each under its photo's id."""
    customer = pipeline.sign_up()
    photos = numbered(encoded(scene(64, 48, seed=3), SniffedFormat.JPEG), 80)
    before = pipeline.ends()
    door.accept(customer, *photos)
    added = {where: end - before[where] for where, end in pipeline.ends().items()}
    topic = pipeline.settings.topics.uploaded
    normal, bulk = TopicPartition(topic, 1), TopicPartition(topic, 0)
    assert added[normal] + added[bulk] == 80
    assert 40 < added[normal] < 60
    fed = pipeline.produce(OutboundRecord(topic, b"key", photos[0], [], lane=Lane.BULK))
    assert [each.coordinates.partition for each in fed] == [bulk.partition]  # as dead letters are fed again
    (record,) = KafkaPhotoLogReader(pipeline.settings.kafka).read(bulk, before[bulk], before[bulk] + 1)
    assert record.key == str(photo_id_for(customer, sha256_hex(record.value))).encode()
