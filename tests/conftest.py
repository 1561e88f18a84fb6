"""The real servers the tests run against: a stack of their own, beside the one of ``make up``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from local_stack import Endpoints, Stack, load_settings
from local_stack.progress import ConsoleProgress
from local_stack.stack import SERVERS

if TYPE_CHECKING:
    from collections.abc import Iterator

TEST_HOME = Path(__file__).resolve().parents[1] / ".local-test"
TEST_PORT_OFFSET = 10_000


@pytest.fixture(scope="session")
def test_stack() -> Iterator[Stack]:
    """Give the test suite's stack, not started; a test that stops and kills servers works on this.

    It is stopped when the session ends, unless ``PHOTO_TEST_STACK_KEEP=1``: then the next session finds it running.
    """
    stack = Stack(load_settings(home=TEST_HOME, port_offset=TEST_PORT_OFFSET), ConsoleProgress())
    yield stack
    if os.environ.get("PHOTO_TEST_STACK_KEEP") != "1":
        stack.down()


@pytest.fixture(scope="session")
def stack(test_stack: Stack) -> Endpoints:
    """Give running servers: PostgreSQL, Kafka, HDFS and Elasticsearch."""
    return test_stack.up(SERVERS)


@pytest.fixture(scope="session")
def full_stack(test_stack: Stack, stack: Endpoints) -> Endpoints:  # noqa: ARG001 - servers first
    """Give everything running: the servers, Airflow with all DAGs, and both web applications."""
    return test_stack.up()
