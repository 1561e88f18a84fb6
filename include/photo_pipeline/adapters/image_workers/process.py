"""One worker process, as its parent holds it: started, spoken to under a time limit, ended, reaped."""

import os
import select
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import photo_pipeline
from photo_pipeline.adapters.image_workers.frames import BrokenFrameError, Frame, FrameReader, WorkerSettings

WORKER_COMMAND = (sys.executable, "-P", "-m", "photo_pipeline.adapters.image_workers.main")

_SLICE_SECONDS = 0.5
_READ_BYTES = 256 * 1024
_STDERR_KEPT = 4096
_MOMENT_SECONDS = 1.0
_OUT_OF_MEMORY_SIGNS = ("MemoryError", "memory allocation of", "bad_alloc")
"""How Python, Rust and C++ say that memory ran out, when they end because of it."""

_KEPT_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH")
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(32 * 1024**2), "MALLOC_TRIM_THRESHOLD_": str(64 * 1024**2)}
"""glibc would return every freed picture to the kernel and fetch it again, zeroed, for the next one: a quarter of the
time of a 12-megapixel JPEG (docs/adr/0021)."""


class WorkerTimedOutError(Exception):
    """The worker did not answer within its time."""

    def __init__(self) -> None:
        super().__init__("no answer in time")


class WorkerDiedError(Exception):
    """The worker ended, or spoke gibberish, instead of answering.

    Attributes:
        out_of_memory: it said that memory was why.
    """

    def __init__(self, detail: str, *, out_of_memory: bool) -> None:
        self.out_of_memory = out_of_memory
        super().__init__(detail)


class TimeBudget:
    """Time that runs only while this process does.

    A parent that was stopped, with its whole machine or alone, must not blame the photo for it: however long passes
    between two looks at the clock, at most two slices of it count.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._left = seconds
        self._clock = clock
        self._last = clock()

    def spend(self) -> float:
        """Count the time since the last call; returns the seconds that are left."""
        now = self._clock()
        self._left -= min(now - self._last, 2 * _SLICE_SECONDS)
        self._last = now
        return self._left


class WorkerProcess:
    """One child process. Must be started by the thread that uses it: it dies when that thread ends (prctl(2))."""

    def __init__(self, command: Sequence[str], settings: WorkerSettings, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._outbox: deque[memoryview] = deque()
        self._inbox = FrameReader()
        self._errors = b""
        self._stderr_open = True
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, or what the caller was built with
            [*command, settings.to_argument()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=_environment(os.environ),
        )
        self._stdin, self._stdout, self._stderr = (
            _unblocked(stream.fileno())
            for stream in (self._process.stdin, self._process.stdout, self._process.stderr)
            if stream is not None
        )

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def exchange(self, frame: Frame, seconds: float) -> Frame:
        """Send one request and wait for its reply.

        Raises:
            WorkerTimedOutError: after ``seconds``; the worker is then of no further use.
            WorkerDiedError: likewise.
        """
        self._outbox.extend(memoryview(part) for part in frame.parts() if part)
        return self.receive(seconds)

    def receive(self, seconds: float) -> Frame:
        """Wait for one frame. Raises as ``exchange`` does."""
        budget = TimeBudget(seconds, self._clock)
        try:
            while (frame := self._inbox.take()) is None:
                left = budget.spend()
                moved = self._move(min(max(left, 0.0), _SLICE_SECONDS))
                if left <= 0 and not moved:
                    raise WorkerTimedOutError
        except BrokenFrameError as error:
            raise WorkerDiedError(str(error), out_of_memory=False) from error
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

    def _move(self, seconds: float) -> bool:
        """Wait at most that long, move whatever can be moved, and say whether anything was."""
        ready = self._ready(seconds)
        if self._stderr in ready:
            self._note_errors()
        if self._stdout in ready:
            self._receive_some()
        if self._stdin in ready:
            self._send_some()
        return bool(ready)

    def _ready(self, seconds: float) -> set[int]:
        poller = select.poll()
        poller.register(self._stdout, select.POLLIN)
        if self._stderr_open:
            poller.register(self._stderr, select.POLLIN)
        if self._outbox:
            poller.register(self._stdin, select.POLLOUT)
        return {descriptor for descriptor, _ in poller.poll(seconds * 1000)}

    def _receive_some(self) -> None:
        piece = os.read(self._stdout, _READ_BYTES)
        if not piece:
            raise self._death()
        self._inbox.feed(piece)

    def _note_errors(self) -> None:
        piece = os.read(self._stderr, _READ_BYTES)
        self._stderr_open = bool(piece)
        self._errors = (self._errors + piece)[-_STDERR_KEPT:]

    def _send_some(self) -> None:
        part = self._outbox[0]
        try:
            rest = part[os.write(self._stdin, part[:_READ_BYTES]) :]
        except BrokenPipeError:
            self._outbox.clear()  # it is dying: its standard output will end
            return
        if rest:
            self._outbox[0] = rest
        else:
            self._outbox.popleft()

    def _death(self) -> WorkerDiedError:
        try:
            status = self._process.wait(_MOMENT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        while self._stderr_open and self._stderr in self._ready(0):
            self._note_errors()
        said = self._errors.decode(errors="replace").strip()
        last_line = said.splitlines()[-1] if said else "nothing on standard error"
        short_of_memory = any(sign in said for sign in _OUT_OF_MEMORY_SIGNS)
        return WorkerDiedError(f"the worker ended ({_named(status)}): {last_line}", out_of_memory=short_of_memory)


def _unblocked(descriptor: int) -> int:
    os.set_blocking(descriptor, False)
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
