"""A database of the last release, with its data, after migration 0009."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text
from tests.support.databases import Database, older_database
from tests.support.pipeline import Pipeline, own_pipeline
from tests.support.reconciliation import photo

from local_stack import Endpoints, Stack
from local_stack.credentials import Credentials
from photo_pipeline.adapters.kafka import KafkaTopics
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.migrations.upgrade import upgrade

LAST_RELEASE = "0008"
# What the last release's ingest leaves: an offset without a record and a rejected one, whose dead letter is still to be
# published, and which somebody has fed again.
LEFT = """
INSERT INTO partition_progress (topic, "partition", first_offset, next_offset) VALUES (:topic, 0, 0, 2);
INSERT INTO slice (topic, "partition", "start", "end", dt, state, attempt, committed_at)
VALUES (:topic, 0, 0, 2, current_date, 'committed', 1, now());
INSERT INTO ingest_record (topic, "partition", "offset", slice_id, outcome, reason, processed_at, accepted_at)
SELECT :topic, 0, o, slice_id, CASE o WHEN 0 THEN 'absent' ELSE 'rejected' END,
       CASE o WHEN 0 THEN 'no_record' ELSE 'corrupt' END, now(), now() FROM slice, generate_series(0, 1) o;
INSERT INTO outbox (kind, topic, "partition", "offset") VALUES ('dead_letter', :topic, 0, 1);
INSERT INTO reprocess_request (request_id, mode, parameters) VALUES ('asked', 'dead_letters', '{}');
INSERT INTO refed_record (topic, "partition", "offset", request_id, sought_from) VALUES (:topic, 0, 1, 'asked', '{}')
"""
RECORDS = 'SELECT "offset", outcome, reason, version, updated_xid::text FROM ingest_record ORDER BY "offset"'


@pytest.fixture
def old_database(stack: Endpoints, test_stack: Stack) -> Iterator[Database]:
    """Give a database as the last release left it, empty."""
    superuser = Credentials(test_stack.settings.home / "secrets").password("postgres")
    with older_database(stack, superuser, LAST_RELEASE) as older:
        yield older


@pytest.fixture
def pipeline(stack: Endpoints, old_database: Database) -> Iterator[Pipeline]:
    """Give a pipeline of this test's own on that database."""
    with own_pipeline(stack, old_database) as own:
        yield own


def test_the_last_releases_data_goes_on(pipeline: Pipeline, old_database: Database) -> None:
    """Nothing that was there changes, no row is written anew, and the ingest reads on where it was.

    With its first plan the ledger learns the topic's id; the last release's questions find the same rows meanwhile.
    """
    topic, customer = pipeline.settings.topics.uploaded, pipeline.sign_up()
    for statement in LEFT.split(";"):
        pipeline.execute(statement, topic=topic)
    pipeline.send(customer, photo(1), photo(2), photo(3))
    before = pipeline.rows(RECORDS)

    upgrade(pipeline.running.owner)

    assert pipeline.rows(RECORDS) == before
    standing = "SELECT incarnation, state, topic_id, next_offset FROM partition_progress WHERE topic = :topic"
    assert pipeline.rows(standing, topic=topic) == [(1, "current", None, 2)]
    engine = make_engine(old_database.api, "tests")
    with engine.connect() as connection:
        old_receipt = 'SELECT outcome FROM ingest_record WHERE (topic, "partition", "offset") IN ((:topic, 0, 1))'
        assert connection.execute(text(old_receipt), {"topic": topic}).scalar_one() == "rejected"
    engine.dispose()

    assert [summary.processed for summary in pipeline.ingest()] == [1]
    topic_id = KafkaTopics(pipeline.settings.kafka).describe([topic])[topic].topic_id
    assert pipeline.rows(standing, topic=topic) == [(1, "current", topic_id, 3)]
    published = pipeline.publish()
    assert (published.processed, published.dead_letters) == (1, 1)
    assert len(pipeline.files()) == 1
