"""Where a worker's time goes: into its photo, or into waiting for a machine that is busy (docs/adr/0184).

A photo answers for the CPU time that it takes, and for a decoder that sleeps though nothing keeps it from running. What
the machine takes (no CPU free, throttled by a quota, paging, traced) is counted apart.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

SLICE_SECONDS = 0.5
"""How long its parent waits at most before it looks at a worker."""
_PROCESS_CPU_CLOCK = 2
"""The lowest bits of a clock id for the CPU time of all of a process's threads (clock_getcpuclockid(3))."""


class WorkerTimedOutError(Exception):
    """The worker had the time that a photo may take, and did not answer.

    Attributes:
        slept: it took no CPU time, but slept.
    """

    def __init__(self, detail: str, *, slept: bool) -> None:
        self.slept = slept
        super().__init__(detail)


class WorkerHeldUpError(Exception):
    """The machine kept the worker from running for too long: nothing is known about the photo."""

    def __init__(self, held_up: float, ran: float) -> None:
        super().__init__(f"a worker waited {held_up:.0f} s for this machine and ran for {ran:.1f} s")


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """What a worker may take for one photo.

    Attributes:
        own_seconds: CPU time; as long again may it sleep.
        machine_seconds: how long the machine may keep it waiting.
    """

    own_seconds: float
    machine_seconds: float


class Process(Protocol):
    """A process as the kernel sees it."""

    def cpu_seconds(self) -> float:
        """CPU time of all its threads so far."""
        ...

    def sleeps(self) -> bool:
        """Whether all its threads sleep: none runs, waits for a CPU or a disk, or is held by a tracer."""
        ...

    def wake(self) -> None:
        """Let it go on where it was stopped; does nothing otherwise."""
        ...


@dataclass(frozen=True, slots=True)
class LinuxProcess:
    """A child process, by its id. One that has ended used no more time, and sleeps."""

    pid: int

    def cpu_seconds(self) -> float:
        """See the port."""
        try:
            return time.clock_gettime(~self.pid << 3 | _PROCESS_CPU_CLOCK)
        except OSError:
            return 0.0

    def sleeps(self) -> bool:
        """See the port. A stop by a signal is sleep: ``wake`` ends it, and a decoder could do it to itself."""
        return all(state in "SITXZ" for state in self._states())

    def wake(self) -> None:
        """See the port."""
        if "T" in self._states():
            os.kill(self.pid, signal.SIGCONT)

    def _states(self) -> str:
        """One letter for each thread (proc_pid_stat(5))."""
        try:
            tasks = list(Path(f"/proc/{self.pid}/task").iterdir())
            return "".join((task / "stat").read_text("ascii", "replace").rpartition(")")[2][1] for task in tasks)
        except (OSError, IndexError):
            return ""


@dataclass(frozen=True, slots=True)
class OpaqueProcess:
    """A process on a system that does not tell: whatever time passes is its own."""

    def cpu_seconds(self) -> float:
        """See the port."""
        return 0.0

    def sleeps(self) -> bool:
        """See the port."""
        return True

    def wake(self) -> None:
        """See the port."""


def process_of(pid: int) -> Process:
    """The process, as far as this system lets one look at it."""
    return LinuxProcess(pid) if sys.platform == "linux" else OpaqueProcess()


class WorkerTime:
    """The time of one request.

    It runs only while the parent does: a parent that was stopped, with its whole machine or alone, must not blame the
    photo. However long passes between two looks at the clock, at most two slices of it count.
    """

    def __init__(self, process: Process, limits: TimeLimits, clock: Callable[[], float]) -> None:
        self._process = process
        self._limits = limits
        self._clock = clock
        self._last, self._last_cpu = clock(), process.cpu_seconds()
        self._ran = self._slept = self._held_up = 0.0

    def count(self, *, progress: bool) -> None:
        """Count the time since the last call.

        Args:
            progress: bytes went to or came from the worker, so that it may have slept for want of its parent.

        Raises:
            WorkerTimedOutError: where the photo has had its time.
            WorkerHeldUpError: where the machine has had its own.
        """
        now, cpu = self._clock(), self._process.cpu_seconds()
        passed, ran = min(now - self._last, 2 * SLICE_SECONDS), max(0.0, cpu - self._last_cpu)
        self._last, self._last_cpu = now, max(cpu, self._last_cpu)
        self._ran += ran
        rest = max(0.0, passed - ran)
        if not progress:
            self._blame(rest)
        self._hold_to_limits()

    def _blame(self, rest: float) -> None:
        if self._process.sleeps():
            self._slept += rest
            self._process.wake()
        else:
            self._held_up += rest

    def _hold_to_limits(self) -> None:
        if self._ran > self._limits.own_seconds:
            raise WorkerTimedOutError(f"no result after {self._ran:.1f} s of CPU time", slept=False)
        if self._slept > self._limits.own_seconds:
            raise WorkerTimedOutError(f"no result, and the decoder slept for {self._slept:.1f} s", slept=True)
        if self._held_up > self._limits.machine_seconds:
            raise WorkerHeldUpError(self._held_up, self._ran)
