"""One of three DataNodes is away, as in the highly available profile: writing goes on, with two copies."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from tests.faults.test_ingest_crashes import Batch
from tests.faults.test_outages import retried
from tests.support.databases import fresh_database, superuser_of
from tests.support.pipeline import Pipeline, own_pipeline
from tests.support.spare_servers import spare_servers

from local_stack import Endpoints, Stack
from local_stack.services.hdfs import client_options
from local_stack.stack import all_services

pytestmark = pytest.mark.shares_servers

DATANODES = 3
VICTIM = "datanode-2"


@pytest.fixture
def hdfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give an HDFS with three DataNodes and three replicas."""
    with spare_servers(tmp_path_factory.mktemp("spare") / "stack", datanode=DATANODES) as spare:
        spare.up(["hdfs"])
        yield spare


@pytest.fixture
def pipeline(stack: Endpoints, test_stack: Stack, hdfs: Stack) -> Iterator[Pipeline]:
    """Give a pipeline whose archive is there, with the profile's own client options."""
    context = hdfs._context()
    servers = replace(stack, hdfs_namenode=context.endpoints.hdfs_namenode, webhdfs_url=context.endpoints.webhdfs_url)
    with fresh_database(stack, superuser_of(test_stack)) as database, own_pipeline(servers, database) as own:
        client = own.settings.hdfs.model_copy(update={"client_config": client_options(context)})
        yield replace(own, settings=replace(own.settings, hdfs=client)).with_limits(workers=1, lease_seconds=600)


def test_writing_goes_on_with_one_of_three_datanodes_down(pipeline: Pipeline, hdfs: Stack) -> None:
    """A slice gets through while it is away, retried as Airflow does.

    With as many DataNodes as replicas, new files may be sent to a silent one until the NameNode gives it up.
    """
    batch = Batch(pipeline, pipeline.sign_up(), uuid4().int % 2**32)
    (victim,) = [service for service in all_services(hdfs._context()) if service.name == VICTIM]
    hdfs._supervisor.stop_service(victim)
    retried(pipeline.ingest)
    batch.assert_exactly_once()
    batch.assert_contiguous()
    assert hdfs.pid_of(VICTIM) == 0
