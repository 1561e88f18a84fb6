"""The restore procedure of ``docs/production.md``, step by step, on real servers."""

from typing import Any
from uuid import uuid4

import pytest
from tests.support.databases import Server, superuser_of
from tests.support.reconciliation import Reconciled, photo
from tests.support.syncing import sync_ports

from local_stack import Endpoints, Stack
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.migrations.upgrade import upgrade
from photo_pipeline.use_cases.bi_sync import sync_outcomes


@pytest.fixture
def server(stack: Endpoints, test_stack: Stack) -> Server:
    """The test stack's PostgreSQL."""
    return Server(stack, superuser_of(test_stack))


def _name(world: Reconciled) -> str:
    ((name,),) = world.pipeline.rows("SELECT current_database()")
    return str(name)


def _versions(world: Reconciled) -> dict[str, Any]:
    rows = world.pipeline.rows("""SELECT topic || '-' || "partition" || '-' || "offset", version FROM ingest_record""")
    return {str(name): version for name, version in rows}


def _indexed(world: Reconciled) -> dict[str, Any]:
    world.search.admin.indices.refresh(index=world.search.alias)
    found = world.search.admin.search(index=world.search.alias, size=100, version=True)
    return {hit["_id"]: hit["_version"] for hit in found["hits"]["hits"]}


def _full_sync(world: Reconciled) -> int:
    database = world.pipeline.database
    reading, writing = (make_engine(settings, "tests") for settings in (database.bi, database.pipeline))
    try:
        return sync_outcomes(sync_ports(reading, writing, world.search.index()), full=True).conflicts
    finally:
        reading.dispose()
        writing.dispose()


def test_what_was_committed_after_the_backup_is_processed_again(world: Reconciled, server: Server) -> None:
    """After the steps everything adds up in all four places, and documents of the lost time are gone."""
    pipeline, name, backup = world.pipeline, _name(world), f"test_{uuid4().hex}"
    customer = world.ingest(photo(1), photo(2))
    server.snapshot(name, backup)
    pipeline.send(customer, *(photo(number) for number in range(3, 9)))
    pipeline.ingest()
    # Newer versions than the same outcomes will have in the time that follows the restore.
    pipeline.execute("UPDATE customer SET display_name = 'Renamed' WHERE customer_id = :id", id=customer)
    world.sync()
    assert max(_indexed(world).values()) > 1

    server.restore(backup, name)  # step 2
    engine = make_engine(pipeline.database.owner, "tests")
    upgrade(engine)
    engine.dispose()
    world.make_topics()
    world.search.administered().ensure_template()

    pipeline.send(customer, photo(9), photo(10))  # uploads went on
    assert sum(summary.processed for summary in pipeline.ingest()) == 8  # step 3
    pipeline.publish()

    assert _full_sync(world) == 0  # step 5
    assert _indexed(world) == _versions(world)
    assert len(_versions(world)) == 10
    assert world.findings("kafka", "ledger", "search") == []
    assert world.repairs("search") == []


def test_the_reconciliation_sees_documents_that_are_ahead_of_their_rows(world: Reconciled, server: Server) -> None:
    """Also where counts and sums agree, as after a failover that lost changes and no row."""
    pipeline, name, backup = world.pipeline, _name(world), f"test_{uuid4().hex}"
    customer = world.ingest(photo(1), photo(2))
    server.snapshot(name, backup)
    pipeline.execute("UPDATE customer SET display_name = 'Renamed' WHERE customer_id = :id", id=customer)
    world.sync()
    server.restore(backup, name)
    world.limits = {**world.limits, "rotation": 10_000}
    repaired = world.repairs("search")
    assert len(repaired) == 2
    assert all("a version that never was" in finding.problem for _, finding in repaired)
    assert pipeline.rows("SELECT count(*) FROM bi_refused") == [(0,)]
