"""Partitions and slow lines between the platform's processes and its servers, which all stay well.

A process that is cut off runs in a network namespace; the servers are the test stack's and notice nothing else.
"""

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.faults.crash_worker import plan, process, publish
from tests.faults.test_ingest_crashes import Batch
from tests.faults.test_outages import ANSWER_SECONDS, assert_refused, retried
from tests.support.crashing import CrashPoint, Step, take
from tests.support.forking import Forked
from tests.support.freezing import REACH_SECONDS, Frozen, frozen
from tests.support.lines import Tripwire, Weather
from tests.support.network import Network, own_network, why_no_network
from tests.support.pipeline import Pipeline, fresh_pipeline
from tests.support.replicas import answers, api_environment, running_replicas, wait_for
from tests.support.uploading import photo, signed_in, upload

from local_stack import Endpoints, Stack
from local_stack.credentials import Credentials
from local_stack.stack import all_services

pytestmark = [
    pytest.mark.shares_servers,
    pytest.mark.skipif(why_no_network() is not None, reason=str(why_no_network())),
]

SLOW = Weather(delay=0.1, loss=0.05)
"""200 ms there and back."""
SHORT_SECONDS = 2.0
"""A partition that heals before anybody gives up."""
SILENCE_SECONDS = 3
"""After so long without a sign of each other both ends of a connection to PostgreSQL give it up."""
COMMIT = ("before sql commit", 3)
"""The slice's one commit: those before it are the lease's and the look at the customers."""


@pytest.fixture(scope="module")
def pipeline(stack: Endpoints, test_stack: Stack) -> Iterator[Pipeline]:
    """Give one pipeline for all tests: each brings its own photos."""
    with fresh_pipeline(stack, test_stack) as own:
        yield own.with_limits(workers=1, lease_seconds=1)


@pytest.fixture
def network() -> Iterator[Network]:
    """Give a namespace from which all servers can be reached."""
    with own_network() as own:
        yield own


@pytest.fixture
def batch(pipeline: Pipeline) -> Batch:
    """Give photos and a record of noise that have just been accepted."""
    return Batch(pipeline, pipeline.sign_up(), uuid4().int % 2**32)


def ports(stack: Stack, unit: str) -> frozenset[int]:
    """Where the servers of a unit listen."""
    services = all_services(stack._context())
    return frozenset(port for service in services if service.unit == unit for port in service.ports.values())


def impatient(batch: Batch) -> Batch:
    """The same, for those who give up a silent PostgreSQL soon."""
    settings = batch.pipeline.settings
    database = settings.database.model_copy(update={"silence_seconds": SILENCE_SECONDS})
    batch.pipeline = replace(batch.pipeline, settings=replace(settings, database=database))
    return batch


@contextmanager
def worker_at(batch: Batch, network: Network, boundary: str, nth: int = 1) -> Iterator[Frozen]:
    """A task in that network which stands still on its way through its slice."""
    (slice_id,) = batch.pipeline.plan("run")
    settings = batch.pipeline.settings
    with frozen(process, boundary, nth, network.file, settings=settings, owner="run", slice_id=slice_id) as task:
        yield task


def run_in(network: Network, pipeline: Pipeline, step: Step, **arguments: object) -> Any:
    """Run a step of the ingest in that network; what it returns. Tried again as Airflow does."""
    order = {"settings": pipeline.settings, **arguments}
    while True:
        with Forked(take, step, CrashPoint(""), order, network=network.file) as child:
            if child.wait(REACH_SECONDS) == 0:
                return json.loads(child.result)
            assert "ServerUnavailableError" in child.complaint, child.complaint


@pytest.mark.parametrize("passes", [False, True], ids=["COMMIT is lost", "its answer is lost"])
def test_a_partition_that_heals_in_the_middle_of_a_commit(
    test_stack: Stack, batch: Batch, network: Network, *, passes: bool
) -> None:
    """The same task goes on when packets pass again: the commit is done, once, and it knows."""
    port = test_stack.settings.ports("postgres")
    with worker_at(batch, network, *COMMIT) as task:
        network.line.cut_at(Tripwire(b"COMMIT", port, passes, frozenset({port})))
        task.thaw()
        assert network.line.tripped.wait(ANSWER_SECONDS)
        time.sleep(SHORT_SECONDS)
        network.line.heal()
        ended = task.end()
    assert ended.code == 0, ended.complaint
    batch.assert_exactly_once()
    batch.assert_contiguous()


@pytest.mark.parametrize("passes", [False, True], ids=["COMMIT is lost", "its answer is lost"])
def test_a_partition_that_stays_in_the_middle_of_a_commit(
    test_stack: Stack, batch: Batch, network: Network, *, passes: bool
) -> None:
    """Task and server give each other up in time; the retry finds out which of the two it was."""
    batch, port = impatient(batch), test_stack.settings.ports("postgres")
    with worker_at(batch, network, *COMMIT) as task:
        network.line.cut_at(Tripwire(b"COMMIT", port, passes, frozenset({port})))
        ended = task.wake()
    assert network.line.tripped.is_set()
    assert (ended.code, "ServerUnavailableError" in ended.complaint) == (1, True), ended.complaint
    batch.recover()
    batch.assert_exactly_once()
    batch.assert_contiguous()


@pytest.mark.parametrize(
    ("unit", "boundary"),
    [("kafka", "after ledger.lease"), ("hdfs", "after log.read"), ("hdfs", "before file.close")],
    ids=["Kafka before reading", "HDFS before the file is made", "HDFS before it is closed"],
)
def test_a_partition_in_the_middle_of_a_slice(
    test_stack: Stack, batch: Batch, network: Network, unit: str, boundary: str
) -> None:
    """The task waits until packets pass again, or fails and gives its slice back; the photos go through, once."""
    with worker_at(batch, network, boundary) as task:
        network.line.cut(ports(test_stack, unit))
        task.thaw()
        time.sleep(SHORT_SECONDS)
        network.line.heal()
        ended = task.end()
    assert ended.code == 0 or "ServerUnavailableError" in ended.complaint, ended.complaint
    batch.recover()
    batch.assert_exactly_once()
    batch.assert_contiguous()


def test_a_slow_line_to_every_server(batch: Batch, network: Network) -> None:
    """200 ms and lost packets make a worker late, and no more: nothing is lost, nothing is there twice."""
    network.line.change(SLOW)
    (slice_id,) = run_in(network, batch.pipeline, plan, owner="run")
    run_in(network, batch.pipeline, process, owner="run", slice_id=slice_id)
    run_in(network, batch.pipeline, publish)
    batch.assert_exactly_once()
    batch.assert_contiguous()
    assert batch.pipeline.rows("SELECT count(*) FROM outbox WHERE published_at IS NULL") == [(0,)]


def test_a_partition_between_the_api_and_kafka(
    test_stack: Stack, pipeline: Pipeline, network: Network, tmp_path: Path
) -> None:
    """Uploads get 503 with ``Retry-After`` in time, the replica says that it is not ready, all else goes on.

    When packets pass again, uploads do. What was accepted is there, over a slow line as well.
    """
    environment = api_environment(pipeline, Credentials(tmp_path).signing_key_file())
    with (
        running_replicas(environment, 1, tmp_path, network) as [replica],
        closing(signed_in(replica.url, ANSWER_SECONDS)) as client,
    ):
        receipts = [accepted(client, 1)]
        network.line.cut(ports(test_stack, "kafka"))
        assert_refused(replica, client)
        network.line.heal()
        wait_for(lambda: answers(f"{replica.url}/readyz"), "the replica is ready again")
        receipts.append(accepted(client, 2))
        network.line.change(SLOW)
        receipts += [accepted(client, seed) for seed in range(3, 6)]
        assert replica.is_alive()
    retried(pipeline.ingest)
    at = [receipt["offset"] for receipt in receipts]
    found = pipeline.rows('SELECT outcome FROM ingest_record WHERE "offset" = ANY(:at)', at=at)
    # An upload that was refused may have been written all the same: sent again, it is the same photo once more.
    assert len(found) == len(receipts)
    assert set(found) <= {("processed",), ("duplicate",)}
    ids = [receipt["photo_id"] for receipt in receipts]
    kept = "SELECT count(*) FROM photo WHERE status = 'processed' AND photo_id = ANY(CAST(:ids AS uuid[]))"
    assert pipeline.rows(kept, ids=ids) == [(len(ids),)]


def accepted(client: httpx.Client, seed: int) -> dict[str, Any]:
    """Upload a photo; its receipt."""
    (receipt,) = upload(client, photo(seed)).raise_for_status().json()["receipts"]
    return dict(receipt)
