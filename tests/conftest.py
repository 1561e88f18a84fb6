"""The real servers the tests run against: a stack of their own, beside the one of ``make up``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local_stack import Endpoints, Stack, load_settings
from local_stack.errors import OtherSettingsError
from local_stack.progress import ConsoleProgress
from local_stack.sharing import Share
from local_stack.stack import SERVERS

if TYPE_CHECKING:
    from collections.abc import Iterator

TEST_HOME = Path(__file__).resolve().parents[1] / ".local-test"
TEST_PORT_OFFSET = 10_000


@pytest.fixture(scope="session")
def test_stack() -> Iterator[Stack]:
    """Give the test suite's stack; a test that stops and kills servers works on this.

    Sessions that run at the same time share it. The last one stops it, unless ``PHOTO_TEST_STACK_KEEP=1``: then the
    next session finds it running. One that was started by an older checkout is started anew.
    """
    stack = Stack(load_settings(home=TEST_HOME, port_offset=TEST_PORT_OFFSET), ConsoleProgress())
    with Share(TEST_HOME / "users.lock") as share:
        _up(stack, share)
        yield stack
        if os.environ.get("PHOTO_TEST_STACK_KEEP") != "1" and share.take_alone():
            stack.down()


def _up(stack: Stack, share: Share) -> None:
    try:
        stack.up(SERVERS)
    except OtherSettingsError:
        if not share.take_alone():
            raise
        stack.down()
        share.take_shared()
        stack.up(SERVERS)


@pytest.fixture(scope="session")
def stack(test_stack: Stack) -> Endpoints:
    """Give running servers: PostgreSQL, Kafka, HDFS and Elasticsearch."""
    return test_stack.up(SERVERS)


@pytest.fixture(scope="session")
def full_stack(test_stack: Stack) -> Endpoints:
    """Give everything running: the servers, Airflow with all DAGs, and both web applications."""
    return test_stack.up()
