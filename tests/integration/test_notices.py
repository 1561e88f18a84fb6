"""People are told by real mail and a real webhook, from Airflow's own runs, and that is remembered in PostgreSQL."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from tests.support.dag_runs import DagRuns
from tests.support.databases import Database
from tests.support.notices import PASSWORD, TOKEN, Post, post_office
from tests.support.pipeline import Pipeline
from tests.support.reconciliation import Reconciled, photo

from photo_pipeline.adapters.clocks import NamedClocks
from photo_pipeline.adapters.kafka import KafkaPhotoLogReader
from photo_pipeline.adapters.kafka.ages import KafkaAppendTimes
from photo_pipeline.adapters.kafka.client import admin_client
from photo_pipeline.adapters.postgres.clock import DatabaseClock
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.health import PostgresHealth
from photo_pipeline.adapters.postgres.metrics import PostgresFigures
from photo_pipeline.adapters.postgres.notices import PostgresNoticeBook
from photo_pipeline.adapters.webhdfs import WebHdfsNamespace
from photo_pipeline.domain.events import OutboundRecord
from photo_pipeline.domain.notices import Condition, Message, NoticeKind
from photo_pipeline.domain.photo import TopicPartition
from photo_pipeline.use_cases.lateness import LateAfter, LatenessPorts, late
from photo_pipeline.use_cases.notices import tell_lateness


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    """A mail server and a webhook, and the connections to them."""
    with post_office() as post:
        for name, value in post.connections().items():
            monkeypatch.setenv(name, value)
        yield post


def test_stopped_ingest_is_told_once_and_its_end_once(
    world: Reconciled, dags: DagRuns, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A photo that nobody ingests: one mail and one chat message while it waits, one more once it is processed."""
    monkeypatch.setenv("PHOTO_NOTICE_LATE_INGEST_MINUTES", "0.001")
    customer = world.pipeline.sign_up()
    world.pipeline.send(customer, photo(1))
    run = dags.run("photo_watch")
    assert run.succeeded, run.log[-5000:]
    (subject,) = post.inbox.subjects
    assert subject.startswith("[photos] late: 1 photos wait in Kafka, the oldest since")
    assert "docs/operations.md#photoingestlate" in post.inbox.bodies[0]
    assert still_late(world.pipeline) == ("ingest", 0)
    world.pipeline.ingest()
    run = dags.run("photo_watch")
    assert [subject[:22] for subject in post.inbox.subjects] == ["[photos] late: 1 photo", "[photos] late, over: 1"]
    assert len(post.inbox.posts) == 2
    assert PASSWORD not in run.log
    assert TOKEN not in run.log


def still_late(pipeline: Pipeline) -> tuple[str, int]:
    """What the next look finds late, and how many notices it would send."""
    engine = make_engine(pipeline.database.pipeline, "tests")
    kafka = pipeline.settings.kafka
    ports = LatenessPorts(
        figures=PostgresFigures(engine),
        reader=KafkaPhotoLogReader(kafka),
        ages=KafkaAppendTimes(admin_client(kafka)),
        clock=DatabaseClock(engine),
        clocks=NamedClocks({"PostgreSQL": DatabaseClock(engine)}),
        health=PostgresHealth(engine),
        room=WebHdfsNamespace(pipeline.webhdfs, pipeline.settings.hdfs.root),
        incoming=pipeline.settings.topics.incoming,
    )
    try:
        (condition,) = late(ports, LateAfter(ingest=timedelta(), sync=timedelta(hours=1)))
        told = tell_lateness([condition], PostgresNoticeBook(engine), Silence())
    finally:
        engine.dispose()
    return condition.subject, told


class Silence:
    """Nobody is to be told now."""

    def send(self, message: Message) -> None:
        """See the port."""
        raise AssertionError(message)


def test_planted_discrepancy_is_told_once(world: Reconciled, dags: DagRuns, post: Post) -> None:
    """Two successive runs of the reconciliation are red for the same lost shard; one mail and one message say so."""
    world.ingest(photo(1))
    path = world.shard()
    world.pipeline.webhdfs.delete(path)
    for _ in range(2):
        run = dags.run("photo_reconcile")
        assert not run.succeeded
        (body,) = post.inbox.bodies
        assert body.count(f"archive_shards: {path}: the file is missing") == 1
        assert len(post.inbox.posts) == 1
    told = "SELECT count(*), count(told_at), count(DISTINCT subject) FROM notice WHERE kind = 'discrepancy'"
    assert world.pipeline.rows(told) == [(4, 4, 4)]  # the shard, and the three members in it


BROKEN = """
from airflow.sdk import dag, task
from photo_pipeline.orchestration.defaults import default_args

@dag(schedule=None, default_args=default_args(retries=0))
def broken():
    @task
    def step():
        raise ValueError("cannot reach ftp://someone:a-password@example.org")
    step()

broken()
"""


def test_failed_task_is_told_with_its_reason(dags: DagRuns, post: Post, tmp_path: Path) -> None:
    """By the platform's default arguments, a task that fails for good is told by its name and reason, no password."""
    (tmp_path / "broken.py").write_text(BROKEN)
    run = replace(dags, dags_folder=tmp_path).run("broken")
    assert not run.succeeded
    (subject,) = post.inbox.subjects
    assert subject.startswith("[photos] failed: broken.step in run"), run.log[-5000:]
    assert "cannot reach ftp://***@example.org" in post.inbox.bodies[0]
    assert "a-password" not in post.inbox.bodies[0] + str(post.inbox.posts)
    assert dags.pipeline.rows("SELECT subject FROM notice WHERE told_at IS NOT NULL") == [("broken.step",)]


@pytest.fixture
def book(database: Database) -> Iterator[PostgresNoticeBook]:
    """The book, under the pipeline's role."""
    engine = make_engine(database.pipeline, "tests")
    yield PostgresNoticeBook(engine)
    engine.dispose()


def test_book_hands_a_notice_to_one_teller_at_a_time(book: PostgresNoticeBook) -> None:
    """While one task tells it, another gets nothing; once told, nobody gets it again."""
    book.note(NoticeKind.FAILURE, [Condition("a.b", "it failed")])
    with book.untold(NoticeKind.FAILURE) as mine:
        assert len(mine) == 1
        with book.untold(NoticeKind.FAILURE) as others:
            assert others == []
    with book.untold(NoticeKind.FAILURE) as again:
        assert again == []


def test_book_keeps_what_could_not_be_told(book: PostgresNoticeBook) -> None:
    """An error while telling leaves it untold; what is over before it was told is never told."""
    book.note(NoticeKind.LATENESS, [Condition("ingest", "late")])
    with pytest.raises(RuntimeError), book.untold(NoticeKind.LATENESS):
        raise RuntimeError
    with book.untold(NoticeKind.LATENESS) as untold:
        assert [notice.summary for notice in untold] == ["late"]
    book.note(NoticeKind.LATENESS, [Condition("sync", "late too")])
    book.end_others(NoticeKind.LATENESS, [])
    with book.untold(NoticeKind.LATENESS) as ended:
        assert [(notice.summary, notice.over_at is not None) for notice in ended] == [("late", True)]


def test_book_forgets_what_was_told_long_ago(book: PostgresNoticeBook, database: Database) -> None:
    """What was told before the limit is told again when it is seen again; what was told lately is not."""
    conditions = [Condition("old", "old"), Condition("new", "new")]
    book.note(NoticeKind.FAILURE, conditions)
    with book.untold(NoticeKind.FAILURE):
        pass
    with psycopg.connect(database.owner.url.get_secret_value().replace("+psycopg", "")) as connection:
        connection.execute("UPDATE notice SET told_at = told_at - interval '7 hours' WHERE subject = 'old'")
    book.forget(NoticeKind.FAILURE, timedelta(hours=6), timedelta(days=1))
    book.note(NoticeKind.FAILURE, conditions)
    with book.untold(NoticeKind.FAILURE) as again:
        assert [notice.summary for notice in again] == ["old"]


def test_age_of_what_waits_is_found_without_reading_it(pipeline: Pipeline) -> None:
    """The append time of any offset, to a second, equals the record's own; what Kafka holds beyond does not matter."""
    topic = pipeline.settings.topics.uploaded
    for number in range(3):
        pipeline.produce(OutboundRecord(topic, b"key", bytes(2**20 * number), []))
    where = TopicPartition(topic, 0)
    records = list(KafkaPhotoLogReader(pipeline.settings.kafka).read(where, 0, 3))
    ages = KafkaAppendTimes(admin_client(pipeline.settings.kafka))
    for record in records:
        offset = record.coordinates.offset
        for _ in range(2):  # the second answer is remembered
            found = ages.of({where: offset}, datetime.now(UTC))[where]
            assert abs(found - record.timestamp) <= timedelta(seconds=1)
    assert ages.of({}, datetime.now(UTC)) == {}
