"""A step of the pipeline in a process of its own, frozen (SIGSTOP) at a chosen boundary and woken again."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.crashing import CrashPoint, Step, take
from tests.support.forking import Forked

REACH_SECONDS = 90.0
"""How long a step may take to the boundary, and from there to its end."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a woken process ended: exit code, what its step returned (as JSON), the end of what it complained about."""

    code: int
    output: str
    complaint: str


class Frozen:
    """A process that stands still."""

    def __init__(self, child: Forked, boundary: str) -> None:
        self._child = child
        child.wait_until(child.is_stopped, boundary, REACH_SECONDS)

    def wake(self) -> Ended:
        """Let it go on, and wait for its end."""
        self.thaw()
        return self.end()

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self._child.pid, signal.SIGCONT)

    def end(self) -> Ended:
        """Wait for the end of one that goes on."""
        code = self._child.wait(REACH_SECONDS)
        return Ended(code, self._child.result, self._child.complaint)


@contextmanager
def frozen(
    step: Step, boundary: str, nth: int = 1, network: Path | None = None, **arguments: object
) -> Iterator[Frozen]:
    """Take a step up to a boundary and hold it there; it is killed in the end if nobody has woken it."""
    with Forked(take, step, CrashPoint(boundary, nth, signal.SIGSTOP), arguments, network=network) as child:
        yield Frozen(child, boundary)
