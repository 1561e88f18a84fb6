"""A step of the pipeline in a process of its own, frozen (SIGSTOP) at a chosen boundary and woken again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from tests.faults.crash_worker import settings_to_json

from photo_pipeline.composition import PipelineSettings

REPOSITORY = Path(__file__).resolve().parents[2]
REACH_SECONDS = 90.0
"""How long a step may take to the boundary, and from there to its end."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a woken process ended: exit code, what it printed, the end of what it complained about."""

    code: int
    output: str
    complaint: str


class Frozen:
    """A process that stands still."""

    def __init__(self, child: "subprocess.Popen[str]", boundary: str) -> None:
        self._child = child
        self._wait_until_stopped(boundary)

    def wake(self) -> Ended:
        """Let it go on, and wait for its end."""
        self.thaw()
        return self.end()

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self._child.pid, signal.SIGCONT)

    def end(self) -> Ended:
        """Wait for the end of one that goes on."""
        output, complaint = self._child.communicate(timeout=REACH_SECONDS)
        return Ended(self._child.returncode, output, complaint[-3000:])

    def _wait_until_stopped(self, boundary: str) -> None:
        deadline = time.monotonic() + REACH_SECONDS
        what = os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT
        while (found := os.waitid(os.P_PID, self._child.pid, what)) is None:
            assert time.monotonic() < deadline, f"{boundary} was not reached in {REACH_SECONDS:.0f} s"
            time.sleep(0.05)
        if found.si_code != os.CLD_STOPPED:
            _, complaint = self._child.communicate()
            raise AssertionError(f"{boundary} was not reached: {complaint[-2000:]}")


@contextmanager
def frozen(settings: PipelineSettings, step: str, boundary: str, nth: int = 1, **arguments: object) -> Iterator[Frozen]:
    """Run a step up to a boundary and hold it there; it is killed in the end if nobody has woken it."""
    order = {
        "settings": settings_to_json(settings),
        "step": step,
        "boundary": boundary,
        "nth": nth,
        "how": signal.SIGSTOP,
        "arguments": arguments,
    }
    with TemporaryFile("w+") as paper:
        json.dump(order, paper)
        paper.seek(0)
        with subprocess.Popen(
            [sys.executable, "-m", "tests.faults.crash_worker"],
            stdin=paper,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": f"{REPOSITORY / 'include'}{os.pathsep}{REPOSITORY}"},
        ) as child:
            try:
                yield Frozen(child, boundary)
            finally:
                if child.returncode is None:
                    child.kill()
