"""Zombies: tasks frozen until others have taken their work over, then woken. They may find out; they may not publish.

A frozen process (SIGSTOP) is what a paused container, a swapping machine or a long garbage collection look like from
outside: its connections stay open, its lease runs out, and it does not know.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from tests.faults.crash_worker import plan, process, publish
from tests.faults.test_ingest_crashes import Batch, all_events
from tests.support.clocks import HOUR, run_at
from tests.support.freezing import frozen
from tests.support.pipeline import Pipeline, fresh_pipeline

from local_stack import Endpoints, Stack
from photo_pipeline.composition.retention import retention_ports
from photo_pipeline.domain.photo import photo_id_for, sha256_hex

pytestmark = pytest.mark.shares_servers

LEASE_SECONDS = 2
IDLE_SECONDS = 3
LEDGER = ("slice", "partition_progress", "ingest_record", "photo", "rendition", "shard", "outbox")
FROZEN = [
    ("after ledger.lease", 1),
    ("after log.read", 1),
    ("after archive.create", 1),
    ("after file.write", 3),
    ("after file.close", 1),
    ("before archive.rename", 1),
    ("after archive.rename", 1),
    ("before ledger.commit", 1),
]
INSIDE = [("before sql insert", 1), ("before sql insert", 6), ("before sql commit", 4)]
"""Inside the one transaction that makes a slice visible: behind the fence, in its middle, right before its end."""


@pytest.fixture(scope="module")
def pipeline(stack: Endpoints, test_stack: Stack) -> Iterator[Pipeline]:
    """Give one pipeline for all; leases are short, and so is the server's patience with idle transactions."""
    with fresh_pipeline(stack, test_stack) as own:
        limited = own.with_limits(workers=1, lease_seconds=LEASE_SECONDS)
        impatient = limited.settings.database.model_copy(update={"idle_transaction_seconds": IDLE_SECONDS})
        yield replace(limited, settings=replace(limited.settings, database=impatient))


@pytest.fixture
def batch(pipeline: Pipeline) -> Batch:
    """Give photos and a record of noise that have just been accepted."""
    return Batch(pipeline, pipeline.sign_up(), uuid4().int % 2**32)


def snapshot(pipeline: Pipeline) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the ledger."""
    return {table: pipeline.rows(f"SELECT t::text FROM {table} t ORDER BY 1") for table in LEDGER}


def wait_for_lease_end(pipeline: Pipeline) -> None:
    """Until no open slice is leased any more."""
    while pipeline.rows("SELECT 1 FROM slice WHERE state <> 'committed' AND lease_expires_at > now()"):
        time.sleep(0.1)


def take_over(pipeline: Pipeline, slice_id: int) -> None:
    """What the next run does once the lease has run out."""
    wait_for_lease_end(pipeline)
    assert pipeline.plan("next run") == [slice_id]
    assert pipeline.process(slice_id, "next run").attempt > 1


def sweep(pipeline: Pipeline) -> None:
    """What the hourly sweep does: one notes what another, an hour later, removes."""
    with retention_ports(pipeline.settings.database, pipeline.settings.hdfs) as ports:
        for hours in (1, 2):
            run_at(ports, hours * HOUR)


def assert_only_named_files(pipeline: Pipeline) -> None:
    """The archive holds what shard rows name, and nothing else."""
    named = {str(path) for (path,) in pipeline.rows("SELECT path FROM shard")}
    assert set(pipeline.files("archive")) == named
    assert pipeline.files("_staging") == []


@pytest.mark.parametrize(("boundary", "nth"), FROZEN, ids=[f"{boundary} {nth}" for boundary, nth in FROZEN])
def test_woken_after_another_has_committed(batch: Batch, boundary: str, nth: int) -> None:
    """It loses its lease, changes no row, and what it left on HDFS is swept."""
    pipeline = batch.pipeline
    (slice_id,) = pipeline.plan("zombie")
    with frozen(process, boundary, nth, settings=pipeline.settings, owner="zombie", slice_id=slice_id) as zombie:
        take_over(pipeline, slice_id)
        pipeline.publish()
        before = snapshot(pipeline)
        ended = zombie.wake()
    assert ended.code == 1
    assert "LeaseLostError" in ended.complaint
    assert snapshot(pipeline) == before
    sweep(pipeline)
    assert_only_named_files(pipeline)
    batch.assert_exactly_once()
    batch.assert_contiguous()


def test_woken_while_another_is_half_way(batch: Batch) -> None:
    """The one that came later has the slice, also while it is not done: the first finds out, the second commits."""
    pipeline = batch.pipeline
    (slice_id,) = pipeline.plan("zombie")
    at = "before ledger.commit"
    with frozen(process, at, settings=pipeline.settings, owner="zombie", slice_id=slice_id) as zombie:
        wait_for_lease_end(pipeline)
        assert pipeline.plan("next run") == [slice_id]
        with frozen(process, at, settings=pipeline.settings, owner="next run", slice_id=slice_id) as other:
            before = snapshot(pipeline)
            ended = zombie.wake()
            assert (ended.code, "LeaseLostError" in ended.complaint) == (1, True), ended.complaint
            assert snapshot(pipeline) == before
            finished = other.wake()
    assert finished.code == 0, finished.complaint
    batch.assert_exactly_once()
    batch.assert_contiguous()
    pipeline.publish()
    sweep(pipeline)
    assert_only_named_files(pipeline)


@pytest.mark.parametrize(("boundary", "nth"), INSIDE, ids=[f"{boundary} {nth}" for boundary, nth in INSIDE])
def test_frozen_inside_the_ledgers_transaction(batch: Batch, boundary: str, nth: int) -> None:
    """It holds the slice's row, so nobody gets past it; the server ends its transaction, and then somebody does."""
    # One long lease: its renewals would be statements of their own, and are not what is counted here.
    pipeline = batch.pipeline.with_limits(workers=1, lease_seconds=60)
    (slice_id,) = pipeline.plan("zombie")
    with frozen(process, boundary, nth, settings=pipeline.settings, owner="zombie", slice_id=slice_id) as zombie:
        # As if the lease had run out: waits for the row until the server has ended the zombie's transaction.
        pipeline.execute("UPDATE slice SET lease_expires_at = now() WHERE slice_id = :id", id=slice_id)
        take_over(batch.pipeline, slice_id)
        before = snapshot(pipeline)
        ended = zombie.wake()
    assert ended.code == 1
    assert "ServerUnavailableError" in ended.complaint
    assert snapshot(pipeline) == before
    batch.assert_exactly_once()
    batch.assert_contiguous()
    pipeline.publish()


def test_a_planner_with_old_offsets_plans_nothing_twice(batch: Batch) -> None:
    """It has asked Kafka, then stood still while another run did everything: what it knows is over."""
    pipeline = batch.pipeline
    with frozen(plan, "before ledger.plan", settings=pipeline.settings, owner="zombie") as zombie:
        pipeline.ingest()
        before = snapshot(pipeline)
        ended = zombie.wake()
    assert (ended.code, json.loads(ended.output or "null")) == (0, []), ended.complaint
    assert snapshot(pipeline) == before
    batch.assert_exactly_once()
    pipeline.publish()


def test_two_planners_at_once(batch: Batch) -> None:
    """Both know the same backlog: each slice is planned once, and one of them gets it."""
    pipeline = batch.pipeline
    at = "before ledger.plan"
    with (
        frozen(plan, at, settings=pipeline.settings, owner="one") as one,
        frozen(plan, at, settings=pipeline.settings, owner="two") as two,
    ):
        one.thaw()
        two.thaw()
        ends = {"one": one.end(), "two": two.end()}
    assert [end.code for end in ends.values()] == [0, 0], ends
    planned = {owner: json.loads(end.output) for owner, end in ends.items()}
    ((owner, slice_id),) = [(owner, slice_id) for owner, slices in planned.items() for slice_id in slices]
    pipeline.process(slice_id, owner)
    batch.assert_exactly_once()
    batch.assert_contiguous()
    pipeline.publish()


@pytest.mark.parametrize("nth", [2, 4], ids=["following", "planning"])
def test_a_planner_frozen_inside_its_transaction_holds_nobody_up_for_ever(batch: Batch, nth: int) -> None:
    """It has the planners' lock; the server takes it away after a while, and the next planner plans."""
    pipeline = batch.pipeline
    with frozen(plan, "before sql commit", nth, settings=pipeline.settings, owner="zombie") as zombie:
        (slice_id,) = pipeline.plan("next run")
        ended = zombie.wake()
    assert ended.code == 1
    assert "ServerUnavailableError" in ended.complaint
    pipeline.process(slice_id, "next run")
    batch.assert_exactly_once()
    batch.assert_contiguous()
    pipeline.publish()


def test_a_frozen_publisher_does_not_hold_up_the_others(batch: Batch) -> None:
    """What it has taken is its own until the server ends its transaction; then it goes out again."""
    pipeline = batch.pipeline
    pipeline.ingest()
    with frozen(publish, "after writer.publish", settings=pipeline.settings) as zombie:
        later = Batch(pipeline, batch.customer, uuid4().int % 2**32)
        pipeline.ingest()
        pipeline.publish()
        assert published(pipeline, later) == photo_ids(later)
        while pipeline.rows("SELECT 1 FROM outbox WHERE published_at IS NULL"):
            time.sleep(0.5)
            pipeline.publish()
        before = snapshot(pipeline)
        ended = zombie.wake()
    assert ended.code == 1
    assert "ServerUnavailableError" in ended.complaint
    assert snapshot(pipeline) == before
    assert published(pipeline, batch) == photo_ids(batch)
    assert pipeline.rows("SELECT count(*) FROM outbox WHERE published_at IS NULL") == [(0,)]


def photo_ids(batch: Batch) -> set[UUID]:
    """The photos of a batch."""
    return {photo_id_for(batch.customer, sha256_hex(data)) for data in batch.photos}


def published(pipeline: Pipeline, batch: Batch) -> set[UUID]:
    """Those of a batch that ``photos.processed`` has; one event id for each, however often it is there."""
    wanted = photo_ids(batch)
    events = {event for event in all_events(pipeline, pipeline.settings.topics.processed) if event[0] in wanted}
    assert len(events) == len({photo_id for photo_id, _ in events})
    return {photo_id for photo_id, _ in events}
