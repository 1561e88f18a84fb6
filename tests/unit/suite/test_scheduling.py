"""Of the processes that share the suite some wait while the others compute, as long as there is something of both."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.support.scheduling import Scheduling
from xdist.remote import Producer

WAITING = ("faults/a", "faults/b", "faults/c", "faults/d")
COMPUTING = ("full_stack", "searched_stack", "unit/a", "unit/b")
TESTS = ("one", "two", "three")


class Node:
    """A process that does what it is told when the test says so."""

    def __init__(self, name: str) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.shutting_down = False
        self.told: list[int] = []

    def send_runtest_some(self, tests: Sequence[int]) -> None:
        """Take what is to be done."""
        self.told += tests

    def shutdown(self) -> None:
        """Take nothing more."""
        self.shutting_down = True


class Session:
    """A session of several processes.

    Args:
        processes: how many.
        groups: of tests, three in each, in the order in which they were found.
    """

    def __init__(self, processes: int, *groups: str) -> None:
        self.tests = [f"{group}.py::{test}@{group}" for group in groups for test in TESTS]
        self.nodes = [Node(f"gw{number}") for number in range(processes)]
        options = SimpleNamespace(loadscopereorder=False)
        config = SimpleNamespace(option=options, getvalue=lambda _: [f"{processes}*popen"])
        self.scheduling = Scheduling(cast("pytest.Config", config), Producer("test", enabled=False))
        for node in self.nodes:
            self.scheduling.add_node(cast("Any", node))
            self.scheduling.add_node_collection(cast("Any", node), self.tests)
        self.scheduling.schedule()

    def groups(self, number: int) -> list[str]:
        """What a process has been given."""
        told = [self.tests[index] for index in self.nodes[number].told]
        return list(dict.fromkeys(test.partition("@")[2] for test in told))

    def finish(self, number: int) -> None:
        """Let a process do all but the last of what it has been given: then it is given more."""
        assigned: Mapping[str, Mapping[str, bool]] = self.scheduling.assigned_work[cast("Any", self.nodes[number])]
        pending = [test for group in assigned.values() for test, done in group.items() if not done]
        for test in pending[:-1]:
            self.scheduling.mark_test_complete(cast("Any", self.nodes[number]), self.tests.index(test))


def test_of_three_processes_one_waits() -> None:
    """The first takes what is long, the second waits, also with its next group; the third computes."""
    session = Session(3, *COMPUTING, *WAITING)
    session.finish(1)
    session.finish(2)
    assert session.groups(0) == ["full_stack"]
    assert session.groups(1) == ["faults/a", "faults/b"]
    assert session.groups(2) == ["searched_stack", "unit/a"]


@pytest.mark.parametrize(
    ("processes", "first"),
    [
        (1, ["full_stack"]),
        (2, ["full_stack", "faults/a"]),
        (4, ["full_stack", "faults/a", "faults/b", "searched_stack"]),
        (5, ["full_stack", "faults/a", "faults/b", "searched_stack", "unit/a"]),
    ],
)
def test_half_of_them_wait_at_most(processes: int, first: list[str]) -> None:
    """In whatever number of processes the suite is run; never the first, which has the longest to do."""
    session = Session(processes, *COMPUTING, *WAITING)
    assert [session.groups(number)[0] for number in range(processes)] == first


@pytest.mark.parametrize("groups", [COMPUTING, WAITING])
def test_where_one_kind_is_left_it_is_for_all(groups: Sequence[str]) -> None:
    """No process ends before the others for want of what it would rather do, and every test is given to one."""
    session = Session(2, *groups)
    for _ in groups:
        session.finish(0)
        session.finish(1)
    assert len(session.groups(0)) > 1
    assert len(session.groups(1)) > 1
    assert sorted(session.nodes[0].told + session.nodes[1].told) == list(range(len(session.tests)))
