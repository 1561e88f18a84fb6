"""Servers that are away, or full: the platform says so, loses nothing, and goes on by itself when they are back."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from tests.faults.crash_worker import process
from tests.faults.test_ingest_crashes import Batch
from tests.support.freezing import Frozen, frozen
from tests.support.pipeline import Pipeline, fresh_pipeline
from tests.support.replicas import Replica, api_environment, running_replicas, wait_for
from tests.support.tus import OCTETS
from tests.support.uploading import photo, signed_in, upload

from local_stack import Endpoints, Stack
from local_stack.credentials import Credentials
from photo_pipeline.domain.errors import ServerUnavailableError

LEASE_SECONDS = 2
LONG_LEASE_SECONDS = 600
ALLOWED_UPLOADS = 64
FAILED_CREATIONS = 70
ANSWER_SECONDS = 15.0
"""The API promises an answer within 5 s; a machine that runs a test suite may be slow besides."""


@pytest.fixture
def pipeline(stack: Endpoints, test_stack: Stack) -> Iterator[Pipeline]:
    """Give a pipeline of this test's own."""
    with own(stack, test_stack) as made:
        yield made


@pytest.fixture
def batch(pipeline: Pipeline) -> Batch:
    """Give photos and a record of noise that have just been accepted."""
    return batch_of(pipeline)


@contextmanager
def own(endpoints: Endpoints, test_stack: Stack) -> Iterator[Pipeline]:
    """A pipeline of a test's own, with leases that no outage outlasts."""
    with fresh_pipeline(endpoints, test_stack) as made:
        yield made.with_limits(workers=1, lease_seconds=LONG_LEASE_SECONDS)


def batch_of(pipeline: Pipeline) -> Batch:
    """Photos and a record of noise that this pipeline has just got."""
    return Batch(pipeline, pipeline.sign_up(), uuid4().int % 2**32)


@contextmanager
def stopped(stack: Stack, unit: str) -> Iterator[None]:
    """A server is shut down."""
    stack.stop([unit])
    try:
        yield
    finally:
        stack.up([unit])


@contextmanager
def silent(stack: Stack, unit: str) -> Iterator[None]:
    """A server keeps its connections and answers nothing."""
    pid = stack.pid_of(unit)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("outage", [stopped, silent])
def test_without_kafka_the_api_says_503_and_recovers(
    test_stack: Stack,
    pipeline: Pipeline,
    tmp_path: Path,
    outage: Callable[[Stack, str], AbstractContextManager[None]],
) -> None:
    """Uploads are refused in time with ``Retry-After``, the gallery goes on, and nobody has to restart anything."""
    key_file = Credentials(tmp_path).signing_key_file()
    with (
        running_replicas(api_environment(pipeline, key_file), 1, tmp_path) as [replica],
        closing(signed_in(replica.url, ANSWER_SECONDS)) as client,
    ):
        accepted = upload(client, photo(1)).raise_for_status().json()["receipts"]
        with outage(test_stack, "kafka"):
            assert_refused(replica, client)
        wait_for(lambda: upload(client, photo(2)).status_code == HTTPStatus.ACCEPTED, "uploads are accepted again")
        assert replica.is_alive()
    retried(pipeline.ingest)
    outcomes = pipeline.rows('SELECT outcome FROM ingest_record WHERE "offset" = :at', at=accepted[0]["offset"])
    assert outcomes == [("processed",)]


def test_creations_that_failed_are_in_nobodys_way(test_stack: Stack, pipeline: Pipeline, tmp_path: Path) -> None:
    """Kafka frozen, more creations with a body than a customer may have open: all are refused, the next one is 201.

    With 503; with 429 where so many others wait for Kafka at that moment.
    """
    key_file = Credentials(tmp_path).signing_key_file()
    with (
        running_replicas(api_environment(pipeline, key_file), 1, tmp_path) as [replica],
        closing(signed_in(replica.url)) as client,
        ThreadPoolExecutor(FAILED_CREATIONS) as senders,
    ):
        with silent(test_stack, "kafka"):
            failed = list(senders.map(lambda seed: begin_with_all(client, photo(seed)), range(FAILED_CREATIONS)))
            statuses = Counter(answer.status_code for answer in failed)
            assert statuses[HTTPStatus.SERVICE_UNAVAILABLE] >= ALLOWED_UPLOADS
            assert set(statuses) <= {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}
            assert all(int(answer.headers["Retry-After"]) > 0 for answer in failed)
            assert not [path for path in (tmp_path / "uploads" / "open").rglob("*") if path.is_file()]
        answers = []

        def accepted() -> bool:
            answers.append(begin_with_all(client, photo(FAILED_CREATIONS)))
            return answers[-1].status_code != HTTPStatus.SERVICE_UNAVAILABLE

        wait_for(accepted, "creations are accepted again")
        assert answers[-1].status_code == HTTPStatus.CREATED
        assert "Photo-Receipt" in answers[-1].headers


def begin_with_all(client: httpx.Client, data: bytes) -> httpx.Response:
    """Begin a resumable upload with all of its bytes."""
    return client.post("/uploads", content=data, headers={**OCTETS, "Upload-Length": str(len(data))})


@pytest.mark.parametrize(
    ("unit", "boundaries"),
    [("kafka", ["after ledger.lease"]), ("hdfs", ["after log.read", "before file.close"])],
    ids=["kafka before reading", "hdfs before the file is made and before it is closed"],
)
def test_a_server_that_goes_away_in_the_middle(
    test_stack: Stack, stack: Endpoints, unit: str, boundaries: list[str]
) -> None:
    """Each task fails and gives its slice back at once; when the server is back the next run finishes the slice.

    One outage for all places at which it is missed, with a pipeline for each.
    """
    with ExitStack() as held:
        batches = [batch_of(held.enter_context(own(stack, test_stack))) for _ in boundaries]
        with ExitStack() as under_way:
            tasks = [
                under_way.enter_context(waiting_at(boundary, batch))
                for boundary, batch in zip(boundaries, batches, strict=True)
            ]
            with stopped(test_stack, unit):
                for task in tasks:
                    task.thaw()
                ended = [task.end() for task in tasks]
        for each in ended:
            assert (each.code, "ServerUnavailableError" in each.complaint) == (1, True), each.complaint
        for batch in batches:
            assert batch.pipeline.rows("SELECT lease_owner, lease_expires_at FROM slice") == [(None, None)]
            retried(batch.pipeline.ingest)
            batch.assert_exactly_once()
            batch.assert_contiguous()


def waiting_at(boundary: str, batch: Batch) -> AbstractContextManager[Frozen]:
    """A task that stands still at this place of its slice."""
    (slice_id,) = batch.pipeline.plan("run")
    return frozen(process, boundary, settings=batch.pipeline.settings, owner="run", slice_id=slice_id)


def test_postgresql_goes_away_before_the_commit(test_stack: Stack, batch: Batch) -> None:
    """Nothing can be given back then: the lease runs out, and the next run takes the slice over."""
    pipeline = batch.pipeline.with_limits(workers=1, lease_seconds=LEASE_SECONDS)
    (slice_id,) = pipeline.plan("run")
    with (
        frozen(process, "before ledger.commit", settings=pipeline.settings, owner="run", slice_id=slice_id) as task,
        stopped(test_stack, "postgres"),
    ):
        ended = task.wake()
        with pytest.raises(ServerUnavailableError, match="PostgreSQL"):
            pipeline.plan("next run")
    assert (ended.code, "ServerUnavailableError" in ended.complaint) == (1, True), ended.complaint
    while pipeline.rows("SELECT 1 FROM slice WHERE lease_expires_at > now()"):
        time.sleep(0.1)
    assert pipeline.plan("next run") == [slice_id]
    pipeline.process(slice_id, "next run")
    batch.assert_exactly_once()
    batch.assert_contiguous()


def test_a_full_archive(batch: Batch) -> None:
    """HDFS refuses to write more: records wait in Kafka, and go through once there is room again."""
    pipeline = batch.pipeline
    (slice_id,) = pipeline.plan("run")
    set_space_quota(pipeline, 1)
    with pytest.raises(ServerUnavailableError, match="HDFS"):
        pipeline.process(slice_id, "run")
    assert pipeline.rows("SELECT count(*) FROM ingest_record") == [(0,)]
    set_space_quota(pipeline, -1)
    pipeline.process(slice_id, "run")
    batch.assert_exactly_once()
    batch.assert_contiguous()


def assert_refused(replica: Replica, client: httpx.Client) -> None:
    """What senders, a balancer and readers of the gallery see while Kafka is away."""
    refused = upload(client, photo(2))
    assert refused.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert client.get(f"{replica.url}/readyz").status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert client.get(f"{replica.url}/healthz").status_code == HTTPStatus.OK
    assert client.get("/photos").status_code == HTTPStatus.OK


def retried(step: Callable[[], object]) -> None:
    """Run a step again until its servers answer, as Airflow does. A broker is up before it leads."""

    def succeeds() -> bool:
        try:
            step()
        except ServerUnavailableError:
            return False
        return True

    wait_for(succeeds, "the step succeeds")


def set_space_quota(pipeline: Pipeline, size: int) -> None:
    """Limit the bytes below the archive's folder; -1 lifts it. Counted in whole blocks, before they are written."""
    pipeline.webhdfs.makedirs(pipeline.settings.hdfs.root)
    url = f"{pipeline.webhdfs_url}/webhdfs/v1{pipeline.settings.hdfs.root}"
    parameters: dict[str, str | int] = {"op": "SETQUOTA", "storagespacequota": size, "user.name": pipeline.hdfs_user}
    httpx.put(url, params=parameters, timeout=30, trust_env=False).raise_for_status()
