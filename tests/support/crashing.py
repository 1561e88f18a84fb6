"""Crashes at the ports: wraps an adapter so that the process is killed at one chosen call. The product knows nothing.

A crash is SIGKILL to the process itself: no ``finally``, no flush, no goodbye. A freeze is SIGSTOP: all threads stand
still, connections stay open, and the process goes on from there when somebody sends SIGCONT.
"""

import os
import signal
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event
from tests.support.forking import Forked


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


def crash_at_statements(point: CrashPoint) -> None:
    """Tell the crash point of every SQL statement that any engine of this process is about to send."""

    def before(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        point.pass_(f"before sql {statement.split(maxsplit=1)[0].lower()}")
        point.pass_("before sql")

    def before_commit(_connection: object) -> None:
        point.pass_("before sql commit")

    event.listen(Engine, "before_cursor_execute", before)
    event.listen(Engine, "commit", before_commit)


def see_killed(module: str, order: dict[str, Any], seconds: float = 60) -> None:
    """Run a worker module in a process of its own and see it killed."""
    with Forked(module, order) as child:
        code = child.wait(seconds)
        assert code == -signal.SIGKILL, f"{order['boundary']} was not reached: {child.complaint}"
