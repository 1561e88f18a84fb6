"""Tests take turns with those that take servers away."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue

from tests.support.turns import one_at_a_time, turn

SOON, LATE = 0.2, 30.0
"""Seconds: what does not happen is waited for that long; what does happen may take that long."""


class Visitor:
    """Somebody else, who stays until told to go."""

    def __init__(self, folder: Path, *, alone: bool) -> None:
        self._inside, self._leave = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._visit, args=(folder, alone))
        self._thread.start()

    def is_inside(self, seconds: float = LATE) -> bool:
        """Whether it got in within that time."""
        return self._inside.wait(seconds)

    def go(self) -> None:
        """Leave, now or as soon as it has been in."""
        self._leave.set()
        self._thread.join(LATE)

    def _visit(self, folder: Path, alone: bool) -> None:  # noqa: FBT001 - a thread's arguments have no names
        with turn(folder, alone=alone):
            self._inside.set()
            self._leave.wait(LATE)


@contextmanager
def visitor(folder: Path, *, alone: bool) -> Iterator[Visitor]:
    """Somebody who has gone at the end."""
    other = Visitor(folder, alone=alone)
    try:
        yield other
    finally:
        other.go()


def test_those_who_share_are_there_together(tmp_path: Path) -> None:
    """Tests that leave the servers alone do not wait for one another."""
    with visitor(tmp_path, alone=False) as other:
        assert other.is_inside()
        with turn(tmp_path, alone=False):
            pass


def test_nobody_is_there_beside_one_who_is_alone(tmp_path: Path) -> None:
    """While a server is away nobody begins a test that needs it."""
    with ExitStack() as visitors:
        with turn(tmp_path, alone=True):
            other = visitors.enter_context(visitor(tmp_path, alone=False))
            assert not other.is_inside(SOON)
        assert other.is_inside()


def test_whoever_wants_to_be_alone_is_not_overtaken(tmp_path: Path) -> None:
    """It waits for those who are there, and those who come later wait for it."""
    with visitor(tmp_path, alone=False) as first:
        assert first.is_inside()
        with visitor(tmp_path, alone=True) as alone:
            assert not alone.is_inside(SOON)
            with visitor(tmp_path, alone=False) as later:
                assert not later.is_inside(SOON)
                first.go()
                assert alone.is_inside()
                alone.go()
                assert later.is_inside()


def test_a_start_is_awaited(tmp_path: Path) -> None:
    """Two processes do not start the servers at the same time."""
    order: SimpleQueue[str] = SimpleQueue()

    def second() -> None:
        with one_at_a_time(tmp_path / "start.lock"):
            order.put("second")

    with one_at_a_time(tmp_path / "start.lock"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(SOON)
        order.put("first")
    thread.join(LATE)
    assert [order.get(timeout=LATE) for _ in range(2)] == ["first", "second"]
