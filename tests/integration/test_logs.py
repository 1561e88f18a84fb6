"""Topics that are deleted and made anew, on real servers: nothing is taken for what it is not, nothing is skipped."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from tests.support.accepting import Door, open_door
from tests.support.databases import Database
from tests.support.pipeline import own_pipeline
from tests.support.reconciliation import Reconciled, photo
from tests.support.search import fresh_search
from tests.support.settling import settle, told

from local_stack import Endpoints
from photo_pipeline.adapters.kafka import KafkaPhotoLogReader
from photo_pipeline.composition.logs import log_book
from photo_pipeline.domain.errors import LogChangedError, NothingToSettleError, SliceVoidError
from photo_pipeline.domain.events import OutboundRecord
from photo_pipeline.domain.gallery import ReceiptState
from photo_pipeline.domain.photo import Log, Source
from photo_pipeline.domain.reconciliation import Status


@pytest.fixture
def world(searched_stack: Endpoints, database: Database) -> Iterator[Reconciled]:
    """A pipeline and a search index with its template, nothing in them."""
    with own_pipeline(searched_stack, database) as pipeline, fresh_search(searched_stack) as search:
        search.administered().ensure_template()
        yield Reconciled(pipeline, search)


@pytest.fixture
def door(world: Reconciled) -> Iterator[Door]:
    """Where photos come in."""
    with open_door(world.pipeline) as opened:
        yield opened


@pytest.fixture
def topic(world: Reconciled) -> str:
    """The topic of uploads."""
    return world.pipeline.settings.topics.uploaded


def make_anew(world: Reconciled, topic: str) -> None:
    """What an operator's mistake and ``platform_setup`` do to a topic."""
    world.delete_topic(topic)
    world.make_topics()


def test_every_photo_around_a_new_topic_ends_as_an_outcome(world: Reconciled, door: Door, topic: str) -> None:
    """40 photos, the topic made anew, 10 and 120 more: 170 outcomes, receipts, files and documents, each of its log.

    The recreation is told by the reconciliation and the watch in every run, until an operator has settled it.
    """
    customer = world.pipeline.sign_up()
    tokens = door.accept(customer, *(photo(seed) for seed in range(40)))
    world.pipeline.ingest()
    make_anew(world, topic)
    tokens += door.accept(customer, *(photo(seed) for seed in range(40, 50)))
    assert [each.subject for each in told(world.pipeline)] == [f"log {topic}-0"]
    world.pipeline.ingest()
    tokens += door.accept(customer, *(photo(seed) for seed in range(50, 170)))
    world.pipeline.ingest()

    assert door.states(tokens) == {"processed": 170}
    topic_ids = [door.tokens.verify_receipt(token).coordinates.topic_id for token in tokens]
    assert [len(set(topic_ids[:40])), len(set(topic_ids[40:])), len(set(topic_ids))] == [1, 1, 2]
    outcomes = 'SELECT incarnation, min("offset"), max("offset"), count(*) FROM ingest_record GROUP BY 1 ORDER BY 1'
    assert world.pipeline.rows(outcomes) == [(1, 0, 39, 40), (2, 0, 129, 130)]
    names = {path.rpartition("/")[2] for path in world.pipeline.files()}
    assert names == {f"{topic}-0-0-40-1.tar", f"{topic}~2-0-0-10-1.tar", f"{topic}~2-0-10-130-1.tar"}
    assert world.pipeline.publish().processed == 170
    world.sync()
    results = world.run()
    assert results["search_documents"].figures["rows"] == 170
    wrong = {name: [each.subject for each in found.findings] for name, found in results.items() if found.findings}
    assert wrong == {"kafka_offsets": [f"{topic}-0"]}

    assert [each.subject for each in told(world.pipeline)] == [f"log {topic}-0"]
    assert [each.log.incarnation for each in settle(world.pipeline, topic)] == [1]
    assert settle(world.pipeline, topic) == []
    assert told(world.pipeline) == []
    assert {result.status for result in world.run().values()} == {Status.OK}
    assert door.states(tokens) == {"processed": 170}


def test_what_was_lost_with_a_topic_waits_for_a_decision(world: Reconciled, door: Door, topic: str) -> None:
    """Receipts of photos that were never read are pending until an operator has given them up, then lost: no others."""
    customer = world.pipeline.sign_up()
    read = door.accept(customer, photo(1), photo(2))
    world.pipeline.ingest()
    lost = door.accept(customer, photo(3), photo(4), photo(5))
    world.pipeline.plan()  # and its workers die
    world.pipeline.execute("UPDATE slice SET lease_expires_at = now() WHERE state <> 'committed'")
    make_anew(world, topic)
    later = door.accept(customer, photo(6))
    world.pipeline.ingest()
    after = door.accept(customer, *(photo(seed) for seed in range(7, 12)))

    assert door.states(lost) == {"pending": 3}
    ((_, finding),) = world.findings("kafka")
    assert (finding.detail["unread"], finding.detail["next_offset"], finding.detail["kind"]) == (3, 2, "made_anew")
    (settled,) = settle(world.pipeline, topic, 0)
    assert (settled.log, settled.unread) == (Log(topic, 0), 3)
    assert {(status.state, status.reason) for status in door.statuses(lost)} == {(ReceiptState.LOST, "log_lost")}
    assert door.states([*read, *later]) == {"processed": 3}
    assert door.states(after) == {"pending": 5}
    world.pipeline.ingest()
    assert door.states(after) == {"processed": 5}
    assert world.pipeline.rows("SELECT state, count(*) FROM slice GROUP BY 1 ORDER BY 1") == [
        ("committed", 3),
        ("void", 1),
    ]


def test_a_slice_is_never_read_from_another_topic(world: Reconciled, topic: str) -> None:
    """A topic that is made anew between plan and process is refused, even where it holds the very offsets."""
    customer = world.pipeline.sign_up()
    world.pipeline.send(customer, photo(1), photo(2))
    (planned,) = world.pipeline.plan()
    make_anew(world, topic)
    world.pipeline.send(customer, photo(3), photo(4), photo(5))
    with pytest.raises(LogChangedError, match="made anew"):
        world.pipeline.process(planned)
    assert world.pipeline.rows("SELECT count(*) FROM ingest_record") == [(0,)]
    assert [summary.processed for summary in world.pipeline.ingest()] == [3]
    with pytest.raises(SliceVoidError):
        world.pipeline.process(planned)


def test_a_slice_that_was_being_read_is_not_committed(world: Reconciled, topic: str) -> None:
    """Made anew after the first record was read: who knows which log the others came from."""
    customer = world.pipeline.sign_up()
    world.pipeline.send(customer, photo(1), photo(2))
    (slice_id,) = world.pipeline.plan()
    reader = KafkaPhotoLogReader(world.pipeline.settings.kafka)
    with log_book(world.pipeline.settings.database, world.pipeline.settings.kafka) as (ledger, _):
        lease = ledger.lease(slice_id, "run", 60)
    assert lease is not None
    records = reader.read(lease.slice.log, 0, 2)
    next(iter(records))
    make_anew(world, topic)
    with pytest.raises(LogChangedError):
        reader.confirm(lease.slice.log)
    with pytest.raises(LogChangedError):
        list(records)


def test_a_dead_letter_is_no_other_logs_record(world: Reconciled, topic: str) -> None:
    """What was rejected in the old log is told by its reason alone: the new one has another record at its offset."""
    world.pipeline.produce(OutboundRecord(topic, None, b"noise", []))
    world.pipeline.ingest()
    make_anew(world, topic)
    world.pipeline.produce(OutboundRecord(topic, None, b"other", []))
    world.pipeline.ingest()
    assert world.pipeline.publish().dead_letters == 2
    rejected = world.pipeline.settings.topics.rejected
    letters = list(KafkaPhotoLogReader(world.pipeline.settings.kafka).read(Log(rejected, 0), 0, 2))
    found = {dict(letter.headers).get("reject_incarnation"): letter.value for letter in letters}
    assert found == {None: b"", b"2": b"other"}
    assert len({dict(letter.headers)["reject_id"] for letter in letters}) == 2


def test_a_topic_that_is_gone_stops_no_other(world: Reconciled, door: Door, topic: str) -> None:
    """While one topic is missing the others are read, and it is named; nothing has to be settled about it."""
    customer = world.pipeline.sign_up()
    waiting = door.accept(customer, photo(1))
    world.pipeline.plan()
    world.delete_topic(topic)
    streamed = door.accept(customer, photo(2), source=Source.STREAM)
    assert [summary.processed for summary in world.pipeline.ingest()] == [1]
    assert door.states([*waiting, *streamed]) == {"pending": 1, "processed": 1}
    (condition,) = told(world.pipeline)
    assert "Kafka has no such topic" in condition.summary
    with pytest.raises(NothingToSettleError):
        settle(world.pipeline, topic)
    world.make_topics()


def test_partitions_come_and_go(searched_stack: Endpoints, database: Database) -> None:
    """More partitions are new logs beside the old ones; a topic made anew with fewer ends those that it has not."""
    with own_pipeline(searched_stack, database) as pipeline, fresh_search(searched_stack) as search:
        world, topic = Reconciled(pipeline, search), pipeline.settings.topics.uploaded
        pipeline.plan()
        with changed_kafka(world, partitions=3):
            world.make_topics()
        pipeline.plan()
        assert told(world.pipeline) == []
        make_anew(world, topic)
        pipeline.plan()
        standing = 'SELECT "partition", incarnation, state FROM partition_progress WHERE topic = :topic ORDER BY 1, 2'
        assert pipeline.rows(standing, topic=topic) == [
            (0, 1, "ended"),
            (0, 2, "current"),
            (1, 1, "ended"),
            (2, 1, "ended"),
        ]


@contextmanager
def changed_kafka(world: Reconciled, **settings: int) -> Iterator[None]:
    """Other settings of Kafka, for as long as this lasts."""
    before = world.pipeline
    kafka = before.settings.kafka.model_copy(update=settings)
    world.pipeline = replace(before, settings=replace(before.settings, kafka=kafka))
    try:
        yield
    finally:
        world.pipeline = before
