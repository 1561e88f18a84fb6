"""Decoding away from this process: a pool of disposable workers behind the ``ImageProcessor`` port.

The parent is an Airflow task, forked with threads, so the workers are fresh interpreters and not ``multiprocessing``
children. Each is held by one thread of the parent. Whatever an image does to its worker, it ends as an outcome of that
image, and the neighbours go on.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from photo_pipeline.adapters.image_workers.frames import BrokenFrameError, Frame, WorkerSettings, processed_image
from photo_pipeline.adapters.image_workers.process import (
    WORKER_COMMAND,
    WorkerDiedError,
    WorkerProcess,
)
from photo_pipeline.adapters.image_workers.turns import Turns
from photo_pipeline.adapters.image_workers.worker_time import TimeLimits, WorkerHeldUpError, WorkerTimedOutError
from photo_pipeline.domain.errors import MachineBusyError, ServerUnavailableError
from photo_pipeline.domain.imaging import ImageLimits, ImageRejected, ProcessedImage
from photo_pipeline.domain.outcomes import RejectReason

_START_SECONDS = 60.0
_RECYCLE_AFTER = 50
_RECYCLE_GROWTH_BYTES = 192 * 1024 * 1024
"""What a healthy worker may keep for its next photo (allocator, caches) above what it had when it started."""
_ROUNDS = 2
"""Of one worker beside others, one alone, and one without a photo."""
_SOME_SECONDS = 1.0
_FULL_SHARE = 0.9
"""Of its limit: a worker that had so much when it was killed had used it up."""
_VERDICTS = frozenset(reason.value for reason in RejectReason)


class WorkerKilledError(Exception):
    """Something outside ended the worker, or the decoder did so to itself."""


def kernel_kills() -> int:
    """How many processes the kernel has killed on this machine because memory ran out (proc_vmstat(5))."""
    try:
        lines = Path("/proc/vmstat").read_text("ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


@dataclass(frozen=True, slots=True)
class _Job:
    data: bytes
    future: Future[ProcessedImage] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class _PoolSettings:
    command: Sequence[str]
    limits: ImageLimits
    memory_bytes: int
    time_limits: TimeLimits
    clock: Callable[[], float]


class WorkerPool:
    """Processes photos in child processes, each photo under a time and a memory limit.

    Bytes wait in memory until a worker is free, so whoever submits bounds what is in flight.

    Args:
        workers: how many processes; more than cores gain nothing.
        limits: how large an image may be.
        time_limits: what one photo may take, after which its worker is killed.
        memory_bytes: what a worker may allocate above its idle size (about 60 MiB); 1 GiB decodes all but the largest.
        command: another program that speaks the worker's protocol; by default this package's own.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        *,
        workers: int,
        limits: ImageLimits,
        time_limits: TimeLimits,
        memory_bytes: int,
        command: Sequence[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        settings = _PoolSettings(
            command=command or WORKER_COMMAND,
            limits=limits,
            memory_bytes=memory_bytes,
            time_limits=time_limits,
            clock=clock,
        )
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        turns = Turns()
        self._attendants = [_Attendant(settings, self._jobs, turns) for _ in range(workers)]
        self._state = threading.Lock()
        self._open = False

    def __enter__(self) -> Self:
        """Start all workers, at the same time, without waiting for them."""
        with self._state:
            self._open = True
        for attendant in self._attendants:
            attendant.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """See ``close``."""
        self.close()

    def submit(self, data: bytes) -> Future[ProcessedImage]:
        """Process one photo.

        The future raises ``ImageRejected`` where the photo cannot be used, ``MachineBusyError`` where this machine kept
        every worker from finding out, and ``ServerUnavailableError`` where the pool was closed meanwhile.
        """
        job = _Job(data)
        with self._state:
            if not self._open:
                raise ServerUnavailableError("image workers", "the pool is not open")
            self._jobs.put(job)
        return job.future

    def close(self) -> None:
        """End the workers now. Photos that wait are cancelled; one that is being decoded is given up."""
        with self._state:
            if not self._open:
                return
            self._open = False
        for attendant in self._attendants:
            attendant.close()
        for _ in self._attendants:
            self._jobs.put(None)
        for attendant in self._attendants:
            attendant.join()


class _Attendant(threading.Thread):
    """The thread that starts one worker after the other, and feeds the one that lives."""

    def __init__(self, settings: _PoolSettings, jobs: "SimpleQueue[_Job | None]", turns: Turns) -> None:
        super().__init__(name="image-worker", daemon=True)
        self._settings = settings
        self._turns = turns
        self._jobs = jobs
        self._closing = threading.Event()
        self._handover = threading.Lock()
        self._worker: WorkerProcess | None = None
        self._served = 0
        self._idle_bytes = 0

    def run(self) -> None:
        """Take jobs until told to stop."""
        try:
            self._start_ahead()
            while (job := self._jobs.get()) is not None:
                self._serve(job)
        finally:
            self._discard()

    def close(self) -> None:
        """Stop soon, whatever the worker is doing; called from another thread."""
        with self._handover:
            self._closing.set()
            if self._worker is not None:
                self._worker.kill()

    def _serve(self, job: _Job) -> None:
        if self._closing.is_set():
            job.future.cancel()
        if not job.future.set_running_or_notify_cancel():
            return
        try:
            job.future.set_result(self._process(job.data))
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, and the next photo must be served
            job.future.set_exception(error)

    def _process(self, data: bytes) -> ProcessedImage:
        """One photo; on other workers where the first one's end may not have been the photo's doing."""
        killed_before = kernel_kills()
        for _ in range(_ROUNDS):
            begun = self._settings.clock()
            try:
                return self._twice(data)
            except WorkerTimedOutError as error:
                raise ImageRejected(RejectReason.DECODER_TIMEOUT, str(error)) from error
            except WorkerKilledError as error:
                killed = error
            if kernel_kills() != killed_before or not self._idle_one_lives(self._settings.clock() - begun):
                raise MachineBusyError(f"something ends image workers, or memory ran out: {killed}")
        raise ImageRejected(RejectReason.DECODER_CRASHED, f"again and again, and only with this photo: {killed}")

    def _twice(self, data: bytes) -> ProcessedImage:
        """Once more, on a fresh worker and alone, where it ended in a way that others could have caused."""
        worker_was_used = self._served > 0
        with self._turns.beside_others():
            try:
                return self._once(data)
            except WorkerKilledError:
                pass
            except WorkerTimedOutError as error:
                if not error.slept:
                    raise
            except ImageRejected as rejected:
                crashed = rejected.reason is RejectReason.DECODER_CRASHED
                # Short of memory because of what earlier photos left behind, perhaps.
                short = rejected.reason is RejectReason.DECODER_OUT_OF_MEMORY
                if not (crashed or (short and worker_was_used)):
                    raise
        with self._turns.alone():
            return self._once(data)

    def _idle_one_lives(self, seconds: float) -> bool:
        """Whether a worker without a photo outlives the time in which those with it were killed."""
        worker = self._worker or self._start()
        self._closing.wait(max(seconds, _SOME_SECONDS))
        self._refuse_if_closing()
        if worker.is_alive():
            return True
        self._discard()
        return False

    def _once(self, data: bytes) -> ProcessedImage:
        worker = self._worker or self._start()
        try:
            reply = worker.exchange(Frame({}, [data]), self._settings.time_limits)
            self._served += 1
            return self._result(reply)
        except WorkerHeldUpError as error:
            self._discard()
            raise MachineBusyError(str(error)) from error
        except WorkerTimedOutError:
            self._discard()
            raise
        except (WorkerDiedError, BrokenFrameError) as error:
            self._discard()
            self._refuse_if_closing()
            raise self._verdict(error) from error

    def _verdict(self, error: WorkerDiedError | BrokenFrameError) -> Exception:
        """What a worker's end says about its photo."""
        if isinstance(error, BrokenFrameError):
            return ImageRejected(RejectReason.DECODER_CRASHED, str(error))
        full = error.peak_bytes - self._idle_bytes >= _FULL_SHARE * self._settings.memory_bytes
        if error.out_of_memory or (error.killed and full):
            return ImageRejected(RejectReason.DECODER_OUT_OF_MEMORY, str(error))
        return (
            WorkerKilledError(str(error)) if error.killed else ImageRejected(RejectReason.DECODER_CRASHED, str(error))
        )

    def _result(self, reply: Frame) -> ProcessedImage:
        rejected, trouble = reply.head.get("rejected"), reply.head.get("trouble")
        grown = reply.head.get("resident_bytes", 0) - self._idle_bytes > _RECYCLE_GROWTH_BYTES
        if trouble or rejected == RejectReason.DECODER_OUT_OF_MEMORY or (grown and self._served >= _RECYCLE_AFTER):
            self._discard()
        if trouble:
            raise MachineBusyError(str(trouble))
        if rejected is None:
            return processed_image(reply)
        if rejected not in _VERDICTS:
            raise BrokenFrameError("a reason that does not exist")
        raise ImageRejected(RejectReason(rejected), str(reply.head.get("detail", "")))

    def _start_ahead(self) -> None:
        try:
            self._start()
        except (MachineBusyError, ServerUnavailableError):
            return  # the first photo tries again, and whoever waits for it is told

    def _start(self) -> WorkerProcess:
        self._refuse_if_closing()
        settings = self._settings
        started_by = WorkerSettings(os.getpid(), settings.memory_bytes, settings.limits)
        try:
            worker = WorkerProcess(settings.command, started_by, settings.clock)
        except OSError as error:
            raise MachineBusyError(f"no image worker could be started: {error}") from error
        with self._handover:
            self._worker = worker
            if self._closing.is_set():
                worker.kill()
        try:
            ready = worker.receive(TimeLimits(_START_SECONDS, settings.time_limits.machine_seconds))
        except (WorkerTimedOutError, WorkerHeldUpError, WorkerDiedError) as error:
            self._discard()
            raise MachineBusyError(f"no image worker could be started: {error}") from error
        self._served, self._idle_bytes = 0, ready.head.get("resident_bytes", 0)
        return worker

    def _refuse_if_closing(self) -> None:
        if self._closing.is_set():
            raise ServerUnavailableError("image workers", "the pool was closed")

    def _discard(self) -> None:
        with self._handover:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()
