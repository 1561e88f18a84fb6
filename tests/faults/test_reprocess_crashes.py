"""The crash matrix of reprocessing: SIGKILL at every boundary, then the same request again."""

from collections import Counter
from collections.abc import Iterator
from uuid import uuid4

import pytest
from tests.faults.reprocess_crash_worker import feed, rederive
from tests.support.crashing import Step, see_killed
from tests.support.images import encoded, scene
from tests.support.pipeline import Pipeline, fresh_pipeline
from tests.support.reprocessing import Reprocessing

from local_stack import Endpoints, Stack
from photo_pipeline.adapters.kafka import KafkaPhotoLogReader
from photo_pipeline.domain.events import OutboundRecord
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.photo import TopicPartition, sha256_hex
from photo_pipeline.domain.reprocess import Request

pytestmark = pytest.mark.shares_servers

PHOTOS = 2
WRITES_PER_PHOTO = 11
"""Four members, each a header and its content, and padding for those whose length is no multiple of 512."""
DEAD_LETTERS = 4

RENDITIONS = [
    ("before ledger.begin", 1),
    ("before sql insert", 1),
    ("after ledger.begin", 1),
    ("after archive.read", 2),
    ("after archive.create", 1),
    *(("after file.write", nth) for nth in range(1, PHOTOS * WRITES_PER_PHOTO + 1)),
    ("before file.close", 1),
    ("after file.close", 1),
    ("before archive.rename", 1),
    ("after archive.rename", 1),
    ("before ledger.swap", 1),
    *(("before sql update", nth) for nth in range(2, 4)),
    ("before sql delete", 1),
    *(("before sql insert", nth) for nth in range(2, 4)),
    ("after ledger.swap", 1),
]
FEEDING = [
    *((boundary, nth) for nth in (1, 2) for boundary in ("before ledger.announce", "after ledger.announce")),
    *((boundary, nth) for nth in (1, 2) for boundary in ("before writer.publish", "after writer.publish")),
    *((boundary, nth) for nth in (1, 2) for boundary in ("before ledger.settle", "after ledger.settle")),
    ("after ledger.rejected", 3),
]


@pytest.fixture(scope="module")
def pipeline(stack: Endpoints, test_stack: Stack) -> Iterator[Pipeline]:
    """Give one pipeline for all boundaries: each has its own request."""
    with fresh_pipeline(stack, test_stack) as own:
        yield own.with_limits(workers=1)


@pytest.mark.parametrize(("boundary", "nth"), RENDITIONS, ids=[f"{name} {nth}" for name, nth in RENDITIONS])
def test_photos_are_replaced_once(pipeline: Pipeline, boundary: str, nth: int) -> None:
    """After the kill every photo is whole; after the next run each has been replaced once, and no file is left over."""
    customer = pipeline.sign_up()
    photos = [encoded(scene(64, 48, int(customer) % 10**6 + number), SniffedFormat.JPEG) for number in range(PHOTOS)]
    pipeline.send(customer, *photos)
    pipeline.ingest()
    again = Reprocessing(pipeline)
    request = again.ask(f"request {boundary} {nth}", customer_id=str(customer))
    crash(rederive, pipeline, request, boundary, nth)
    assert originals(pipeline, customer) == sorted(map(sha256_hex, photos))
    again.rederive(request)
    assert originals(pipeline, customer) == sorted(map(sha256_hex, photos))
    assert pipeline.rows(
        "SELECT s.kind, count(*), count(DISTINCT s.shard_id) FROM photo JOIN shard s USING (shard_id) "
        "WHERE customer_id = :id GROUP BY 1",
        id=customer,
    ) == [("reprocess", PHOTOS, 1)]
    assert pipeline.rows(
        "SELECT count(*) FROM reprocess_attempt WHERE request_id = :id AND state = 'committed'", id=request.request_id
    ) == [(1,)]
    assert again.plan(request) == []
    again.tidy(request)
    named = {str(path) for (path,) in pipeline.rows("SELECT path FROM shard")}
    assert set(pipeline.files()) == named
    assert pipeline.files("_staging") == []


@pytest.mark.parametrize(("boundary", "nth"), FEEDING, ids=[f"{name} {nth}" for name, nth in FEEDING])
def test_records_are_fed_once(pipeline: Pipeline, boundary: str, nth: int) -> None:
    """After the kill and the request's next run each dead letter is in its topic once more, and only once."""
    stranger = uuid4()
    sent = pipeline.send(stranger, *(f"{stranger} {number}".encode() for number in range(DEAD_LETTERS)))
    noise = OutboundRecord(pipeline.settings.topics.uploaded, None, b"noise", [])
    pipeline.ingest()
    again = Reprocessing(pipeline)
    request = again.ask_for_dead_letters(f"feed {boundary} {nth}", customer_id=str(stranger))
    crash(feed, pipeline, request, boundary, nth)
    pipeline.produce(noise)
    assert again.feed(request).fed == DEAD_LETTERS
    copies = Counter(reprocessed(pipeline, request))
    assert copies == Counter({str(delivery.coordinates): 1 for delivery in sent})


def crash(step: Step, pipeline: Pipeline, request: Request, boundary: str, nth: int) -> None:
    """Work on the request in a process of its own and see it killed where it should be."""
    see_killed(step, boundary, nth, seconds=120, settings=pipeline.settings, request=request)


def originals(pipeline: Pipeline, customer: object) -> list[str]:
    """The sha256 of every original of a customer, read where the index says that it lies."""
    rows = pipeline.rows(
        'SELECT s.path, r."offset", r.length FROM rendition r JOIN photo p USING (photo_id, shard_id) '
        "JOIN shard s USING (shard_id) WHERE r.kind = 'original' AND p.customer_id = :id",
        id=customer,
    )
    found = []
    for path, offset, length in rows:
        start = int(str(offset))
        found.append(sha256_hex(pipeline.read_file(str(path))[start : start + int(str(length))]))
    return sorted(found)


def reprocessed(pipeline: Pipeline, request: Request) -> Iterator[str]:
    """What each record that this request has fed was fed for."""
    partition = TopicPartition(pipeline.settings.topics.uploaded, 0)
    reader = KafkaPhotoLogReader(pipeline.settings.kafka)
    for record in reader.read(partition, 0, reader.watermarks([partition.topic])[partition].high):
        headers = dict(record.headers)
        if headers.get("ce_reprocessrequest") == request.request_id.encode():
            yield headers["ce_reprocessof"].decode()
