"""The crash matrix of the ingest: SIGKILL at every boundary, then what the next run makes of it.

The process under test runs the product's own use cases on the real servers; the kill comes from wrappers around its
ports.
"""

import time
import zlib
from collections.abc import Iterator
from uuid import UUID

import pytest
from confluent_kafka import Consumer, TopicPartition
from tests.faults.crash_worker import plan, process, publish
from tests.support.crashing import Step, see_killed
from tests.support.images import encoded, scene
from tests.support.pipeline import Pipeline, fresh_pipeline
from tests.support.replicas import wait_for

from local_stack import Endpoints, Stack
from photo_pipeline.domain.events import OutboundRecord
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.photo import photo_id_for, sha256_hex

pytestmark = pytest.mark.shares_servers

PHOTOS = 2
WRITES_PER_PHOTO = 11
"""Four members, each a header and its content, and padding for the three whose length is no multiple of 512 here."""

PLAN = [
    ("before ledger.follow", 1),
    ("before sql commit", 2),
    ("after ledger.follow", 1),
    ("before ledger.plan", 1),
    ("before sql commit", 4),
    ("after ledger.plan", 1),
]
"""What is known of logs is read first, and once more after it was followed: two commits that change nothing."""
PROCESS = [
    ("before ledger.lease", 1),
    ("after ledger.lease", 1),
    ("after log.read", 1),
    ("before archive.create", 1),
    ("after archive.create", 1),
    *(("after file.write", nth) for nth in range(1, 2 * WRITES_PER_PHOTO + 1)),
    ("before file.close", 1),
    ("after file.close", 1),
    ("before archive.rename", 1),
    ("after archive.rename", 1),
    ("before ledger.commit", 1),
    ("before sql update", 2),
    ("before sql update", 3),
    *(("before sql insert", nth) for nth in range(1, 7)),
    ("before sql commit", 3),
    ("after ledger.commit", 1),
    ("before log.report_progress", 1),
    ("after log.report_progress", 1),
]
PUBLISH = [
    ("before writer.publish", 1),
    ("after writer.publish", 1),
    ("before writer.publish", 3),
    ("after writer.publish", 3),
    ("before outbox marked", 1),
    ("after outbox marked", 1),
]


@pytest.fixture(scope="module")
def pipeline(stack: Endpoints, test_stack: Stack) -> Iterator[Pipeline]:
    """Give one pipeline for all boundaries: each brings its own photos."""
    with fresh_pipeline(stack, test_stack) as own:
        yield own.with_limits(workers=1, lease_seconds=1)


@pytest.fixture(scope="module")
def customer(pipeline: Pipeline) -> UUID:
    """Give the one who sends them all."""
    return pipeline.sign_up()


@pytest.fixture
def batch(pipeline: Pipeline, customer: UUID, request: pytest.FixtureRequest) -> "Batch":
    """Give photos and a record of noise that have just been accepted."""
    return Batch(pipeline, customer, zlib.crc32(request.node.name.encode()))


class Batch:
    """Some accepted records, and the proof that each came out exactly once."""

    def __init__(self, pipeline: Pipeline, customer: UUID, seed: int) -> None:
        self.pipeline = pipeline
        self.customer = customer
        self.photos = [encoded(scene(64, 48, seed + number), SniffedFormat.JPEG) for number in range(PHOTOS)]
        noise = OutboundRecord(pipeline.settings.topics.uploaded, None, seed.to_bytes(9, "big"), [])
        deliveries = [*pipeline.send(customer, *self.photos), *pipeline.produce(noise)]
        self.offsets = [delivery.coordinates.offset for delivery in deliveries]

    def crash(self, step: Step, boundary: str, nth: int = 1, **arguments: object) -> None:
        """Take a step in a process of its own and see it killed where it should be."""
        see_killed(step, boundary, nth, settings=self.pipeline.settings, **arguments)

    def assert_exactly_once(self) -> None:
        """One row for each offset, one photo for each photo, bytes in the archive that the index points to."""
        topic = self.pipeline.settings.topics.uploaded
        outcomes = self.pipeline.rows(
            'SELECT "offset", outcome FROM ingest_record WHERE topic = :topic AND "offset" = ANY(:offsets) ORDER BY 1',
            topic=topic,
            offsets=self.offsets,
        )
        expected = ["processed"] * PHOTOS + ["rejected"]
        assert outcomes == list(zip(self.offsets, expected, strict=True))
        for data in self.photos:
            ((path, offset, length),) = self.pipeline.rows(
                'SELECT s.path, r."offset", r.length FROM rendition r JOIN shard s USING (shard_id) '
                "WHERE r.kind = 'original' AND r.photo_id = :photo",
                photo=photo_id_for(self.customer, sha256_hex(data)),
            )
            with self.pipeline.webhdfs.read(str(path), offset=offset, length=length) as reader:
                assert reader.read() == data

    def assert_contiguous(self) -> None:
        """The ledger has no hole and no offset twice up to ``next_offset``."""
        assert self.pipeline.rows(
            "SELECT count(*) FROM partition_progress p WHERE (SELECT count(*) FROM ingest_record r WHERE r.topic = "
            'p.topic AND r."partition" = p."partition") <> p.next_offset - p.first_offset'
        ) == [(0,)]

    def recover(self) -> None:
        """What the next run does: plan (once the dead worker's lease has run out), process, publish."""
        while self.pipeline.rows("SELECT 1 FROM slice WHERE state <> 'committed' AND lease_expires_at > now()"):
            time.sleep(0.02)
        self.pipeline.ingest()
        self.pipeline.publish()


@pytest.mark.parametrize(("boundary", "nth"), PLAN, ids=[f"{boundary} {nth}" for boundary, nth in PLAN])
def test_killed_while_planning(batch: Batch, boundary: str, nth: int) -> None:
    """A planner that dies before or after its commits leaves nothing that the next run does not finish."""
    batch.crash(plan, boundary, nth, owner="dead run")
    batch.recover()
    batch.assert_exactly_once()
    batch.assert_contiguous()


@pytest.mark.parametrize(("boundary", "nth"), PROCESS, ids=[f"{boundary} {nth}" for boundary, nth in PROCESS])
def test_killed_while_processing(batch: Batch, boundary: str, nth: int) -> None:
    """A worker that dies anywhere leaves the same rows and bytes after its retry as one that did not."""
    (slice_id,) = batch.pipeline.plan("run")
    batch.crash(process, boundary, nth, owner="run", slice_id=slice_id)
    batch.pipeline.process(slice_id, "run")
    batch.assert_exactly_once()
    batch.assert_contiguous()
    batch.pipeline.publish()


@pytest.mark.parametrize(("boundary", "nth"), PUBLISH, ids=[f"{boundary} {nth}" for boundary, nth in PUBLISH])
def test_killed_while_publishing(batch: Batch, boundary: str, nth: int) -> None:
    """A publisher that dies between two records, or before it notes them, repeats some and drops none."""
    batch.pipeline.ingest()
    batch.crash(publish, boundary, nth)
    # What the dead one had taken is passed over until PostgreSQL has noticed its death.
    wait_for(lambda: published_everything(batch.pipeline), "the outbox is empty")
    topics = batch.pipeline.settings.topics
    ids = [photo_id_for(batch.customer, sha256_hex(data)) for data in batch.photos]
    events = [event for event in all_events(batch.pipeline, topics.processed) if event[0] in ids]
    assert {photo_id for photo_id, _ in events} == set(ids)
    assert len({event_id for _, event_id in events}) == PHOTOS


def published_everything(pipeline: Pipeline) -> bool:
    """Publish once; whether nothing waits any more."""
    pipeline.publish()
    return pipeline.rows("SELECT count(*) FROM outbox WHERE published_at IS NULL") == [(0,)]


def all_events(pipeline: Pipeline, topic: str) -> list[tuple[UUID, str]]:
    """Photo and event id of everything on ``photos.processed``."""
    consumer = Consumer({"bootstrap.servers": pipeline.settings.kafka.bootstrap_servers, "group.id": "faults"})
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=20)
        consumer.assign([TopicPartition(topic, 0, low)])
        events: list[tuple[UUID, str]] = []
        while len(events) < high - low:
            message = consumer.poll(20)
            assert message is not None
            headers = dict(message.headers() or [])
            events.append((UUID(_text(message.key())), _text(headers["ce_id"])))
        return events
    finally:
        consumer.close()


def _text(value: str | bytes | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
