"""Airflow's scheduler or triggerer dies in the middle of a run: what it leaves is finished, without anybody's help."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any
from uuid import uuid4

import httpx
import psutil
import psycopg
import pytest
from tests.support.replicas import wait_for
from tests.support.uploading import photo, signed_in, upload

from local_stack import Endpoints, Stack

PHOTOS = 3
FINISH_SECONDS = 300.0

Receipt = dict[str, Any]
Place = tuple[str, int, int]


@pytest.fixture
def customer(full_stack: Endpoints) -> Iterator[httpx.Client]:
    """Give somebody who uploads."""
    with closing(signed_in(full_stack.api_url)) as client:
        yield client


@pytest.fixture
def ledger(full_stack: Endpoints) -> Iterator[psycopg.Connection]:
    """Give the ledger as its owner sees it, each query by itself."""
    with psycopg.connect(full_stack.database_url, autocommit=True) as connection:
        yield connection


@contextmanager
def stalled(stack: Stack) -> Iterator[None]:
    """The DataNode stands still, so that a run that has begun stays in its middle."""
    pid = stack.pid_of("datanode")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize(
    ("victim", "and_its_tasks"),
    [("airflow-triggerer", False), ("airflow-scheduler", False), ("airflow-scheduler", True)],
    ids=["triggerer", "scheduler alone", "scheduler and its tasks"],
)
def test_the_next_run_finishes_what_a_dead_one_left(
    test_stack: Stack, customer: httpx.Client, ledger: psycopg.Connection, victim: str, *, and_its_tasks: bool
) -> None:
    """Killed while a slice is written, photos coming before and after: each is processed once, no slice stays open."""
    with stalled(test_stack):
        receipts = [accepted(customer) for _ in range(PHOTOS)]
        wait_for(lambda: bool(begun(ledger, receipts)), "a slice with these photos is being written", FINISH_SECONDS)
        slices = begun(ledger, receipts)
        kill(test_stack.pid_of(victim), and_its_tasks=and_its_tasks)
        receipts.append(accepted(customer))
    wait_for(lambda: not unfinished(ledger, receipts), "every photo has its outcome", FINISH_SECONDS)
    for receipt in receipts:
        assert outcomes(ledger, receipt) == [("processed", receipt["photo_id"])]
    query = "SELECT state, attempt FROM slice WHERE slice_id = ANY(%s)"
    states = ledger.execute(query, (slices,)).fetchall()
    assert {state for state, _ in states} == {"committed"}
    if and_its_tasks:  # others took their slices over
        assert min(attempt for _, attempt in states) > 1


def kill(pid: int, *, and_its_tasks: bool) -> None:
    """Kill a process with its group. Tasks have groups of their own: they live on, unless the machine goes away."""
    tasks = psutil.Process(pid).children(recursive=True) if and_its_tasks else []
    os.killpg(pid, signal.SIGKILL)
    for task in tasks:
        with suppress(psutil.NoSuchProcess):
            task.kill()


def accepted(customer: httpx.Client) -> Receipt:
    """The receipt of a photo that nobody has sent before."""
    receipt: Receipt = upload(customer, photo(uuid4().int % 2**32)).raise_for_status().json()["receipts"][0]
    return receipt


def place(receipt: Receipt) -> Place:
    """Where Kafka has the record."""
    return receipt["topic"], receipt["partition"], receipt["offset"]


def begun(ledger: psycopg.Connection, receipts: list[Receipt]) -> list[int]:
    """The slices that are being processed and hold some of these photos."""
    query = (
        "SELECT slice_id FROM slice WHERE state = 'running' AND topic = %s AND \"partition\" = %s "
        'AND %s BETWEEN "start" AND "end" - 1'
    )
    found = [ledger.execute(query, place(receipt)).fetchone() for receipt in receipts]
    return sorted({row[0] for row in found if row})


def unfinished(ledger: psycopg.Connection, receipts: list[Receipt]) -> bool:
    """Whether a photo waits, a slice is open, or an event is still to be published."""
    if not all(outcomes(ledger, receipt) for receipt in receipts):
        return True
    query = (
        "SELECT (SELECT count(*) FROM slice WHERE state <> 'committed')"
        " + (SELECT count(*) FROM outbox WHERE published_at IS NULL)"
    )
    return ledger.execute(query).fetchone() != (0,)


def outcomes(ledger: psycopg.Connection, receipt: Receipt) -> list[tuple[Any, ...]]:
    """The records where the receipt says: one, or none yet."""
    query = (
        'SELECT outcome, photo_id::text FROM ingest_record WHERE (topic, "partition", "offset") = '
        "(%s::text, %s::int, %s::bigint)"
    )
    return ledger.execute(query, place(receipt)).fetchall()
