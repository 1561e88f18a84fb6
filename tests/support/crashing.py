"""Crashes at the ports: wraps an adapter so that the process is killed at one chosen call. The product knows nothing.

A crash is SIGKILL to the process itself: no ``finally``, no flush, no goodbye. A freeze is SIGSTOP: all threads stand
still, connections stay open, and the process goes on from there when somebody sends SIGCONT.
"""

import os
import signal
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from sqlalchemy import Engine, event
from tests.support.forking import Forked

Ports = TypeVar("Ports")
Step = Callable[..., Any]
"""What a process of its own does: takes a crash point, then the step's own arguments by name."""


@dataclass(slots=True)
class CrashPoint:
    """Dies, or freezes, at the ``nth`` passing of ``boundary``, for example ``after archive.rename``.

    Attributes:
        boundary: ``before`` or ``after``, a blank, ``port.method``.
        nth: 1 for the first passing.
        how: SIGKILL, or SIGSTOP for a freeze.
    """

    boundary: str
    nth: int = 1
    how: signal.Signals = signal.SIGKILL
    passed: int = field(default=0, init=False)

    def pass_(self, boundary: str) -> None:
        """Note that a boundary is being passed; from the chosen one, it returns at most after SIGCONT."""
        if boundary == self.boundary:
            self.passed += 1
            if self.passed == self.nth:
                os.kill(os.getpid(), self.how)


class Crashing:
    """Stands before an adapter and tells a crash point of every call, before and after."""

    def __init__(self, inner: Any, port: str, point: CrashPoint) -> None:
        self._inner = inner
        self._port = port
        self._point = point

    def __getattr__(self, method: str) -> Any:
        attribute = getattr(self._inner, method)
        return self._watched(attribute, f"{self._port}.{method}") if callable(attribute) else attribute

    def _watched(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
        def watched(*args: Any, **keywords: Any) -> Any:
            self._point.pass_(f"before {name}")
            result = call(*args, **keywords)
            self._point.pass_(f"after {name}")
            if name == "archive.create":
                return Crashing(result, "file", self._point)
            if name == "ledger.outbox":
                return self._watched_outbox(result)
            return result

        return watched

    @contextmanager
    def _watched_outbox(self, entries: Any) -> Any:
        with entries as waiting:
            yield waiting
            self._point.pass_("before outbox marked")
        self._point.pass_("after outbox marked")


def crashing(ports: Ports, point: CrashPoint, *names: str, **before: Callable[[Any], Any]) -> Ports:
    """A use case's ports, of which those of these names tell the crash point of every call.

    Args:
        ports: a dataclass.
        point: where the process dies.
        names: of the ports that tell.
        before: by a port's name, what stands before it, and is not told of.
    """
    watched = {name: Crashing(getattr(ports, name), name, point) for name in names}
    put_before = {name: wrap(watched[name]) for name, wrap in before.items()}
    return replace(ports, **{**watched, **put_before})  # type: ignore[type-var] # every use case's ports are one


def crash_at_statements(point: CrashPoint) -> None:
    """Tell the crash point of every SQL statement that any engine of this process is about to send."""

    def before(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        point.pass_(f"before sql {statement.split(maxsplit=1)[0].lower()}")
        point.pass_("before sql")

    def before_commit(_connection: object) -> None:
        point.pass_("before sql commit")

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "commit", before_commit)


def take(step: Step, point: CrashPoint, arguments: dict[str, Any]) -> Any:
    """What the process does: the step until its crash point; what it returns where that is not passed."""
    if "sql" in point.boundary:
        crash_at_statements(point)
    return step(point, **arguments)


def see_killed(step: Step, boundary: str, nth: int = 1, *, seconds: float = 60, **arguments: Any) -> None:
    """Take a step in a process of its own and see it killed."""
    with Forked(take, step, CrashPoint(boundary, nth), arguments) as child:
        code = child.wait(seconds)
        assert code == -signal.SIGKILL, f"{boundary} was not reached: {child.complaint}"
