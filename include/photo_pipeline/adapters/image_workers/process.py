"""One worker process, as its parent holds it: started, spoken to under a time limit, ended, reaped."""

import fcntl
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import photo_pipeline
from photo_pipeline.adapters.image_workers.frames import BrokenFrameError, Frame, FrameReader, WorkerSettings
from photo_pipeline.adapters.image_workers.worker_time import SLICE_SECONDS, TimeLimits, WorkerTime, process_of

WORKER_COMMAND = (sys.executable, "-P", "-m", "photo_pipeline.adapters.image_workers.main")

_READ_BYTES = 256 * 1024
_PHOTO_BYTES, _REPLY_BYTES = 512 * 1024, 256 * 1024
"""What the pipes hold: a photo of 3 MB goes in six pieces instead of fifty, between each of which its sender sleeps."""
_STDERR_KEPT = 4096
_PROGRESS_BYTES = 4096
"""Whoever waits for the other side of a pipe finds it full or empty: so many bytes move at least, or the last ones."""
_MOMENT_SECONDS, _MOMENT_STEPS = 1.0, 100
_SENT_FROM_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT})
_OUT_OF_MEMORY_SIGNS = ("MemoryError", "memory allocation of", "bad_alloc")
"""How Python, Rust and C++ say that memory ran out, when they end because of it."""

_KEPT_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH")
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(32 * 1024**2), "MALLOC_TRIM_THRESHOLD_": str(64 * 1024**2)}
"""glibc would return every freed picture to the kernel and fetch it again, zeroed, for the next one: a quarter of the
time of a 12-megapixel JPEG (docs/adr/0021)."""


class WorkerDiedError(Exception):
    """The worker ended, or spoke gibberish, instead of answering.

    Attributes:
        out_of_memory: it said that memory was why.
        killed: a signal ended it that no decoder's mistake raises.
        peak_bytes: the most memory that it had.
    """

    def __init__(self, detail: str, *, out_of_memory: bool = False, killed: bool = False, peak_bytes: int = 0) -> None:
        self.out_of_memory = out_of_memory
        self.killed = killed
        self.peak_bytes = peak_bytes
        super().__init__(detail)


class WorkerProcess:
    """One child process. Must be started by the thread that uses it: it dies when that thread ends (prctl(2))."""

    def __init__(self, command: Sequence[str], settings: WorkerSettings, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._outbox: deque[memoryview] = deque()
        self._inbox = FrameReader()
        self._errors = b""
        self._stderr_open = True
        self._peak_seen = 0
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, or what the caller was built with
            [*command, settings.to_argument()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=_environment(os.environ),
        )
        # Linux counts what this process had when it started the child as the child's own (execve keeps ru_maxrss).
        self._inherited_peak = _bytes_of(resource.getrusage(resource.RUSAGE_SELF))
        pipes = (
            (self._process.stdin, _PHOTO_BYTES),
            (self._process.stdout, _REPLY_BYTES),
            (self._process.stderr, None),
        )
        self._stdin, self._stdout, self._stderr = (
            _unblocked(stream.fileno(), holds) for stream, holds in pipes if stream is not None
        )

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether the child runs."""
        return self._process.poll() is None

    def exchange(self, frame: Frame, limits: TimeLimits) -> Frame:
        """Send one request and wait for its reply.

        Raises:
            WorkerTimedOutError: when the photo has had its time; the worker is then of no further use.
            WorkerHeldUpError: when the machine kept it from running for too long; likewise.
            WorkerDiedError: likewise.
        """
        self._outbox.extend(memoryview(part) for part in frame.parts() if part)
        return self.receive(limits)

    def receive(self, limits: TimeLimits) -> Frame:
        """Wait for one frame. Raises as ``exchange`` does."""
        spent = WorkerTime(process_of(self.pid), limits, self._clock)
        try:
            while (frame := self._inbox.take()) is None:
                moved = self._move(SLICE_SECONDS)
                progress = moved >= _PROGRESS_BYTES
                spent.count(progress=progress)
                if not progress:
                    self._peak_seen = max(self._peak_seen, _peak_of(self.pid))
        except BrokenFrameError as error:
            raise WorkerDiedError(str(error)) from error
        return frame

    def end(self) -> None:
        """End the child now, and reap it."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def kill(self) -> None:
        """End the child; for another thread than its own, which then finds it dead and reaps it."""
        self._process.kill()

    def _move(self, seconds: float) -> int:
        """Wait at most that long, move whatever can be moved, and say how many bytes of frames were."""
        ready = self._ready(seconds)
        moved = 0
        if self._stderr in ready:
            self._note_errors()
        if self._stdout in ready:
            moved += self._receive_some()
        if self._stdin in ready:
            moved += self._send_some()
        return moved

    def _ready(self, seconds: float) -> set[int]:
        poller = select.poll()
        poller.register(self._stdout, select.POLLIN)
        if self._stderr_open:
            poller.register(self._stderr, select.POLLIN)
        if self._outbox:
            poller.register(self._stdin, select.POLLOUT)
        return {descriptor for descriptor, _ in poller.poll(seconds * 1000)}

    def _receive_some(self) -> int:
        piece = os.read(self._stdout, _READ_BYTES)
        if not piece:
            raise self._death()
        self._inbox.feed(piece)
        return len(piece)

    def _note_errors(self) -> None:
        piece = os.read(self._stderr, _READ_BYTES)
        self._stderr_open = bool(piece)
        self._errors = (self._errors + piece)[-_STDERR_KEPT:]

    def _send_some(self) -> int:
        part = self._outbox[0]
        try:
            sent = os.write(self._stdin, part[:_PHOTO_BYTES])
        except BrokenPipeError:
            self._outbox.clear()  # it is dying: its standard output will end
            return 0
        if sent < len(part):
            self._outbox[0] = part[sent:]
        else:
            self._outbox.popleft()
        return sent

    def _death(self) -> WorkerDiedError:
        status, peak_bytes = self._reap()
        while self._stderr_open and self._stderr in self._ready(0):
            self._note_errors()
        said = self._errors.decode(errors="replace").strip()
        last_line = said.splitlines()[-1] if said else "nothing on standard error"
        return WorkerDiedError(
            f"the worker ended ({_named(status)}): {last_line}",
            out_of_memory=any(sign in said for sign in _OUT_OF_MEMORY_SIGNS),
            killed=-status in _SENT_FROM_OUTSIDE,
            peak_bytes=peak_bytes,
        )

    def _reap(self) -> tuple[int, int]:
        """Exit status, and the most memory that it had. One that has closed its output and lives on is ended."""
        for _ in range(_MOMENT_STEPS):
            pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(_MOMENT_SECONDS / _MOMENT_STEPS)
        else:
            self._process.kill()
            _, status, usage = os.wait4(self.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        peak = _bytes_of(usage)
        return self._process.returncode, peak if peak > self._inherited_peak else self._peak_seen


def _bytes_of(usage: resource.struct_rusage) -> int:
    return usage.ru_maxrss * 1024


def _peak_of(pid: int) -> int:
    """The most memory that a running process had, in bytes; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


def _unblocked(descriptor: int, holds: int | None = None) -> int:
    """A pipe's end that never waits; of a pipe that holds so many bytes, where this user may have it so (pipe(7))."""
    os.set_blocking(descriptor, False)
    if holds is not None and sys.platform == "linux":
        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, holds)
    return descriptor


def _named(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def _environment(parent: Mapping[str, str]) -> dict[str, str]:
    """Only what a decoder needs: passwords in the parent's environment are none of its business."""
    package_root = str(Path(photo_pipeline.__file__).resolve().parents[1])
    kept = {name: parent[name] for name in _KEPT_ENVIRONMENT if name in parent}
    return {**kept, **ALLOCATOR, "PYTHONPATH": package_root, "LANG": "C.UTF-8"}
