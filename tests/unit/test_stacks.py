"""Each process that shares the suite has servers of its own."""

from pathlib import Path

import pytest
from tests.support.spare_servers import spare_offset
from tests.support.stacks import secure_stack, stack_of_this_process

from local_stack import StackSettings, load_settings

EPHEMERAL = 32768
"""Where Linux begins to hand out ports to outgoing connections."""


def stack_of(process: str, environ: pytest.MonkeyPatch) -> StackSettings:
    """The stack of a process that pytest-xdist calls so."""
    environ.setenv("PYTEST_XDIST_WORKER", process)
    return stack_of_this_process()


def spare_stack_of(process: str, environ: pytest.MonkeyPatch) -> StackSettings:
    """The spare servers of such a process."""
    environ.setenv("PYTEST_XDIST_WORKER", process)
    return load_settings({}, home=Path(process), port_offset=spare_offset())


@pytest.mark.parametrize("chosen", ["", "8000"])
def test_no_two_processes_meet(monkeypatch: pytest.MonkeyPatch, chosen: str) -> None:
    """Neither in a folder nor in a port, wherever the ports of all begin; nor do their spare servers."""
    monkeypatch.setenv("PHOTO_PORT_OFFSET", chosen)
    processes = [f"gw{number}" for number in range(4)]
    stacks = [stack_of(process, monkeypatch) for process in processes]
    stacks += [spare_stack_of(process, monkeypatch) for process in processes]
    stacks.append(secure_stack())
    assert len({stack.home for stack in stacks}) == len(stacks)
    ports = [port for stack in stacks for port in stack.ports.numbers.values()]
    assert len(set(ports)) == len(ports)
    assert max(ports) < EPHEMERAL


def test_the_only_process_is_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that is run by hand finds the servers that the whole suite has left running."""
    first = stack_of("gw0", monkeypatch)
    monkeypatch.delenv("PYTEST_XDIST_WORKER")
    assert stack_of_this_process() == first


def test_a_port_that_was_chosen_is_the_first_processs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others cannot have it, too."""
    monkeypatch.setenv("PHOTO_PORT_KAFKA", "29092")
    assert stack_of("gw0", monkeypatch).ports("kafka") == 29092
    assert stack_of("gw1", monkeypatch).ports("kafka") != 29092
