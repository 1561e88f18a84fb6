"""A log that ends below what was read of it, as after a restored disk: it is told, and never skipped over."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.accepting import open_door
from tests.support.databases import Database, fresh_database
from tests.support.pipeline import Pipeline, own_pipeline
from tests.support.reconciliation import photo
from tests.support.settling import settle, told
from tests.support.spare_servers import data_folder, spare_servers

from local_stack import Endpoints, Stack
from local_stack.credentials import Credentials
from photo_pipeline.domain.errors import LogCutError
from photo_pipeline.domain.photo import Source

pytestmark = pytest.mark.shares_servers

STATES = "SELECT topic, incarnation, state, next_offset FROM partition_progress ORDER BY topic DESC, incarnation"


@pytest.fixture
def database(stack: Endpoints, test_stack: Stack) -> Iterator[Database]:
    """Give an empty, migrated database of this test's own."""
    superuser = Credentials(test_stack.settings.home / "secrets").password("postgres")
    with fresh_database(stack, superuser) as fresh:
        yield fresh


@contextmanager
def disk_restored(spare: Stack, topics: Sequence[str], folder: Path) -> Iterator[None]:
    """Between a copy of the topics' logs and its return lies what this lasts for."""
    logs = [data_folder(spare, "kafka") / f"{topic}-0" for topic in topics]
    spare.stop(["kafka"])
    for log in logs:
        shutil.copytree(log, folder / log.name)
    spare.up(["kafka"])
    yield
    spare.stop(["kafka"])
    for log in logs:
        owner = log.stat()
        shutil.rmtree(log)
        shutil.copytree(folder / log.name, log)
        for path in (log, *log.iterdir()):
            shutil.chown(path, owner.st_uid, owner.st_gid)
    spare.up(["kafka"])


def test_a_restored_disk_is_told_and_nothing_is_skipped(stack: Endpoints, database: Database, tmp_path: Path) -> None:
    """Uploads end below the ledger; what was streamed has grown past it again, which the leader's epoch tells.

    Nothing of either is read, both are named, and what an operator decides brings every record that Kafka holds: those
    that were read before as duplicates.
    """
    with spare_servers(tmp_path / "spare") as spare:
        servers = replace(stack, kafka_bootstrap_servers=spare.up(["kafka"]).kafka_bootstrap_servers)
        try:
            with own_pipeline(servers, database) as pipeline:
                restored_disk(pipeline, spare, tmp_path)
        finally:
            spare.down()


def restored_disk(pipeline: Pipeline, spare: Stack, folder: Path) -> None:
    """Read three of each, then two more of each that the disk forgets."""
    uploaded, streamed = pipeline.settings.topics.incoming
    customer = pipeline.sign_up()

    with open_door(pipeline) as door:

        def send(source: Source, *seeds: int) -> list[str]:
            # By a producer of its own each time: one that was there before would miss what the disk forgets.
            return door.accept(customer, *(photo(seed) for seed in seeds), source=source)

        send(Source.UPLOAD, 1, 2, 3)
        send(Source.STREAM, 11, 12, 13)
        pipeline.ingest()
        with disk_restored(spare, [uploaded, streamed], folder):
            forgotten = send(Source.UPLOAD, 4, 5)
            send(Source.STREAM, 14, 15)
            pipeline.ingest()
            unread = send(Source.UPLOAD, 6)
            pipeline.plan("dies")
            pipeline.execute("UPDATE slice SET lease_expires_at = now() WHERE state <> 'committed'")
        send(Source.STREAM, 21, 22, 23)

        assert {each.subject for each in told(pipeline)} == {f"log {uploaded}-0"}
        (of_stream,) = pipeline.plan()
        with pytest.raises(LogCutError, match=f"{streamed}-0 was cut below offset 5"):
            pipeline.process(of_stream)
        assert {each.subject for each in told(pipeline)} == {f"log {uploaded}-0", f"log {streamed}-0"}
        assert pipeline.plan() == []
        send(Source.UPLOAD, 31, 32, 33, 34)
        assert pipeline.plan() == []
        assert pipeline.rows(STATES) == [(uploaded, 1, "cut", 5), (streamed, 1, "cut", 5)]

        assert [each.unread for each in settle(pipeline, uploaded)] == [1]
        settle(pipeline, streamed, 0)
        came_to = {summary.log.topic: (summary.duplicate, summary.processed) for summary in pipeline.ingest()}
        assert came_to == {uploaded: (3, 4), streamed: (3, 3)}
        assert told(pipeline) == []
        assert door.states(forgotten) == {"processed": 2}
        assert door.states(unread) == {"lost": 1}
