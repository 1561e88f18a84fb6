"""The standbys of the highly available profile take over: PostgreSQL's by hand, the NameNode's by itself."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from tests.faults.crash_worker import process
from tests.faults.test_ingest_crashes import Batch
from tests.faults.test_outages import retried
from tests.support.databases import fresh_database
from tests.support.freezing import frozen
from tests.support.pipeline import Pipeline, own_pipeline
from tests.support.replicas import wait_for
from tests.support.spare_servers import spare_servers

from local_stack import Endpoints, Stack
from local_stack.credentials import Credentials
from local_stack.services import hdfs_pair, postgres
from local_stack.services.hdfs import client_options

pytestmark = pytest.mark.shares_servers

TWO_TRIES = 240.0
"""Seconds: making a NameNode active is given up after a minute, and told again."""


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give two PostgreSQL servers and two NameNodes, as the highly available profile has them."""
    with spare_servers(tmp_path_factory.mktemp("spare") / "stack", standby=1, journalnode=3) as spare:
        spare.up(["postgres", "hdfs"])
        yield spare


@pytest.fixture(scope="module")
def pipeline(stack: Endpoints, pairs: Stack) -> Iterator[Pipeline]:
    """Give a pipeline whose database and archive are there; Kafka is the test stack's."""
    context = pairs._context()
    servers = replace(context.endpoints, kafka_bootstrap_servers=stack.kafka_bootstrap_servers)
    superuser = Credentials(pairs.settings.home / "secrets").password("postgres")
    with fresh_database(servers, superuser) as database, own_pipeline(servers, database) as own:
        client = own.settings.hdfs.model_copy(update={"client_config": client_options(context)})
        yield replace(own, settings=replace(own.settings, hdfs=client)).with_limits(workers=1, lease_seconds=1)


@pytest.fixture
def batch(pipeline: Pipeline) -> Batch:
    """Give photos and a record of noise that have just been accepted."""
    return Batch(pipeline, pipeline.sign_up(), uuid4().int % 2**32)


def test_a_standby_of_postgresql_takes_over(pairs: Stack, pipeline: Pipeline, batch: Batch) -> None:
    """The primary dies right after a commit, and in the middle of the next slice: what was committed is there.

    The task that was about to commit fails or goes on; the retry finds the new primary under the same URL. The old one
    comes back as its standby.
    """
    retried(pipeline.ingest)
    old = postgres.primary(pairs._context()).name
    following = Batch(pipeline, batch.customer, uuid4().int % 2**32)
    (slice_id,) = pipeline.plan("run")
    with frozen(process, "before ledger.commit", settings=pipeline.settings, owner="run", slice_id=slice_id) as task:
        os.kill(pairs.pid_of(old), signal.SIGKILL)
        assert pairs.fail_over("postgres") != old
        ended = task.wake()
    assert ended.code == 0 or "ServerUnavailableError" in ended.complaint, ended.complaint
    batch.assert_exactly_once()
    retried(following.recover)
    following.assert_exactly_once()
    following.assert_contiguous()
    assert all(status.ready for status in pairs.status(["postgres"]))


def test_a_namenode_takes_over(pairs: Stack, pipeline: Pipeline, batch: Batch) -> None:
    """The active NameNode dies while a file is being written: the other one goes on, and so does the pipeline."""
    context = pairs._context()
    old = hdfs_pair.active(context)
    assert old is not None
    (slice_id,) = pipeline.plan("run")
    with frozen(process, "before file.close", settings=pipeline.settings, owner="run", slice_id=slice_id) as task:
        os.kill(pairs.pid_of(old), signal.SIGKILL)
        wait_for(lambda: hdfs_pair.active(context) not in {None, old}, "the other NameNode is active", TWO_TRIES)
        ended = task.wake()
    assert ended.code == 0 or "ServerUnavailableError" in ended.complaint, ended.complaint
    retried(batch.recover)
    batch.assert_exactly_once()
    batch.assert_contiguous()
    wait_for(lambda: all(status.ready for status in pairs.status(["hdfs"])), "the old one stands by")
    assert pairs.fail_over("namenode") == old
