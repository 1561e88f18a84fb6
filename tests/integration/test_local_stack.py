"""The stack itself, with a real PostgreSQL and Kafka in a folder of its own."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from local_stack import Stack, load_settings, processes
from local_stack.errors import OtherSettingsError, PortTakenError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from local_stack import Endpoints, StackSettings

PORT_OFFSET = 12_000
PATIENCE_SECONDS = 60


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    """Give the settings of a stack that is neither the demo's nor the test suite's."""
    return load_settings({**os.environ, "PHOTO_PORT_OFFSET": str(PORT_OFFSET)}, home=tmp_path / "stack")


@pytest.fixture
def own_stack(settings: StackSettings) -> Iterator[Stack]:
    """Give that stack; nothing of it is left afterwards."""
    stack = Stack(settings)
    yield stack
    stack.clean()


def eventually(check: Callable[[], bool]) -> bool:
    """Wait until something is so; tell whether it came to be."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if check():
            return True
        time.sleep(0.2)
    return False


def one(endpoints: Endpoints, statement: str) -> object:
    """Run a statement as the owner of the photos database."""
    with psycopg.connect(endpoints.database_url) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchone() if cursor.description else None


def test_data_survives_a_stop_and_a_start(own_stack: Stack) -> None:
    """`make down` keeps what the servers stored, and leaves no process behind."""
    endpoints = own_stack.up(["postgres"])
    one(endpoints, "CREATE TABLE kept AS SELECT 42 AS answer")
    pids = [process.pid for process in processes.find(own_stack.settings.home)]
    assert pids
    assert own_stack.down()
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    assert processes.find(own_stack.settings.home) == []
    assert own_stack.up(["postgres"]) == endpoints
    assert one(endpoints, "SELECT answer FROM kept") == (42,)


def test_roles_can_do_no_more_than_log_in(own_stack: Stack) -> None:
    """Rights come from the migrations; a fresh database gives the login roles none, and strangers no way in."""
    endpoints = own_stack.up(["postgres"])
    one(endpoints, "CREATE TABLE secret (x int)")
    for url in (endpoints.api_database_url, endpoints.pipeline_database_url, endpoints.bi_database_url):
        with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM secret")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(endpoints.database_url.replace("photo_owner:", "photo_owner:x"))


def test_a_server_that_dies_comes_back(own_stack: Stack) -> None:
    """The supervisor starts it again; the next `make up` finds it running and changes nothing."""
    endpoints = own_stack.up(["postgres"])
    pid = own_stack.pid_of("postgres")
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: own_stack.pid_of("postgres") not in {0, pid} and own_stack.status(["postgres"])[0].ready)
    again = own_stack.pid_of("postgres")
    own_stack.up(["postgres"])
    assert own_stack.pid_of("postgres") == again
    assert one(endpoints, "SELECT 1") == (1,)


def test_a_start_after_a_crashed_supervisor_cleans_up_first(own_stack: Stack) -> None:
    """Servers without their supervisor hold their ports; they are ended by their mark, then started anew."""
    endpoints = own_stack.up(["postgres"])
    orphan = own_stack.pid_of("postgres")
    supervisor = int((own_stack.settings.home / "supervisord.pid").read_text())
    os.kill(supervisor, signal.SIGKILL)
    assert eventually(lambda: not own_stack.is_running())
    assert own_stack.orphans() > 0
    own_stack.up(["postgres"])
    assert not psutil.pid_exists(orphan)
    assert one(endpoints, "SELECT 1") == (1,)


def test_down_ends_what_a_crashed_supervisor_left(own_stack: Stack) -> None:
    """`make down` works without a supervisor."""
    own_stack.up(["postgres"])
    os.kill(int((own_stack.settings.home / "supervisord.pid").read_text()), signal.SIGKILL)
    assert eventually(lambda: not own_stack.is_running())
    assert own_stack.down()
    assert processes.find(own_stack.settings.home) == []


def test_a_running_stack_is_not_mixed_with_other_settings(own_stack: Stack, tmp_path: Path) -> None:
    """Other ports on the same state folder are refused with the fix; another folder with the same ports too."""
    own_stack.up(["postgres"])
    moved = load_settings({"PHOTO_PORT_OFFSET": str(PORT_OFFSET + 1)}, home=own_stack.settings.home)
    with pytest.raises(OtherSettingsError, match="make down"):
        Stack(moved).up(["postgres"])
    same_ports = load_settings({"PHOTO_PORT_OFFSET": str(PORT_OFFSET)}, home=tmp_path / "other")
    with pytest.raises(PortTakenError, match="PHOTO_PORT_POSTGRES"):
        Stack(same_ports).up(["postgres"])


def test_one_unit_can_be_stopped_and_started_alone(own_stack: Stack) -> None:
    """Fault tests take servers away and give them back."""
    own_stack.up(["postgres", "kafka"])
    own_stack.stop(["kafka"])
    postgres, kafka = own_stack.status(["postgres", "kafka"])
    assert (postgres.ready, kafka.state) == (True, "STOPPED")
    own_stack.up(["kafka"])
    assert all(status.ready for status in own_stack.status(["postgres", "kafka"]))
