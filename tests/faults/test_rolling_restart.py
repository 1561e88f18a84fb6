"""Replicas of the upload API restarted and killed behind the load balancer of the highly available profile."""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.pipeline import Pipeline, fresh_pipeline
from tests.support.replicas import Replica, api_environment, running_balancer, running_replicas
from tests.support.uploading import SteadyUploads

from local_stack import Endpoints, Stack
from local_stack.credentials import Credentials
from local_stack.services.balancer import BalancerControl

pytestmark = [
    pytest.mark.shares_servers,
    pytest.mark.skipif(
        shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin") is None,
        reason="HAProxy is not installed; install it with: apt-get install haproxy",
    ),
]

ROUNDS = 2
PHOTOS = 20
DRAIN_SECONDS = 60


@pytest.fixture
def pipeline(stack: Endpoints, test_stack: Stack) -> Iterator[Pipeline]:
    """Give a pipeline of this test's own."""
    with fresh_pipeline(stack, test_stack) as own:
        yield own.with_limits(workers=1)


@pytest.fixture
def replicas(pipeline: Pipeline, tmp_path: Path) -> Iterator[list[Replica]]:
    """Give two replicas of the upload API, which share the key that signs receipts."""
    key_file = Credentials(tmp_path).signing_key_file()
    with running_replicas(api_environment(pipeline, key_file), 2, tmp_path) as running:
        yield running


@pytest.fixture
def balanced(replicas: list[Replica], tmp_path: Path) -> Iterator[tuple[str, BalancerControl]]:
    """Give the balancer before them."""
    with running_balancer(replicas, tmp_path) as balancer:
        yield balancer


def assert_all_recorded(pipeline: Pipeline, load: SteadyUploads) -> None:
    """Every receipt's record has its outcome, once, and there is no record that nobody has a receipt for but failed."""
    while pipeline.ingest():
        pass
    rows = pipeline.rows('SELECT "partition", "offset", outcome FROM ingest_record')
    outcomes = {(partition, offset): outcome for partition, offset, outcome in rows}
    receipts = [(receipt["partition"], receipt["offset"]) for receipt in load.receipts]
    assert Counter(outcomes.get(at) for at in receipts) == {"processed": len(receipts)}
    assert len(set(receipts)) == len(receipts)


def test_a_rolling_restart_fails_no_request(
    pipeline: Pipeline, replicas: list[Replica], balanced: tuple[str, BalancerControl]
) -> None:
    """Drained, stopped, started, readmitted, one after the other: customers notice nothing."""
    url, control = balanced
    with SteadyUploads(url, clients=3) as load:
        for _ in range(ROUNDS):
            for number, replica in enumerate(replicas, start=1):
                load.go_on(PHOTOS)
                control.drain(f"api-{number}", DRAIN_SECONDS)
                replica.stop()
                load.go_on(PHOTOS)
                replica.start()
                control.readmit(f"api-{number}", DRAIN_SECONDS)
        load.go_on(PHOTOS)
    assert load.failures == []
    assert_all_recorded(pipeline, load)


def test_a_killed_replica_costs_at_most_what_it_was_doing(
    pipeline: Pipeline, replicas: list[Replica], balanced: tuple[str, BalancerControl]
) -> None:
    """Nobody who asks after the kill is turned away; of those it was answering each has at most one failure."""
    url, control = balanced
    with SteadyUploads(url, clients=3) as load:
        load.go_on(PHOTOS)
        replicas[0].kill()
        load.go_on(PHOTOS)
        replicas[0].start()
        control.wait_until_up("api-1", DRAIN_SECONDS)
        load.go_on(PHOTOS)
    assert len(load.failures) <= load.clients
    assert_all_recorded(pipeline, load)
