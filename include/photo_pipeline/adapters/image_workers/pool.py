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
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from photo_pipeline.adapters.image_workers.frames import BrokenFrameError, Frame, WorkerSettings, processed_image
from photo_pipeline.adapters.image_workers.process import (
    WORKER_COMMAND,
    WorkerDiedError,
    WorkerProcess,
    WorkerTimedOutError,
)
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.imaging import ImageLimits, ImageRejected, ProcessedImage
from photo_pipeline.domain.outcomes import RejectReason

_START_SECONDS = 60.0
_RECYCLE_AFTER = 50
_RECYCLE_GROWTH_BYTES = 192 * 1024 * 1024
"""What a healthy worker may keep for its next photo (allocator, caches) above what it had when it started."""
_VERDICTS = frozenset(reason.value for reason in RejectReason)


@dataclass(frozen=True, slots=True)
class _Job:
    data: bytes
    future: Future[ProcessedImage] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class _PoolSettings:
    command: Sequence[str]
    limits: ImageLimits
    memory_bytes: int
    timeout_seconds: float
    clock: Callable[[], float]


class WorkerPool:
    """Processes photos in child processes, each photo under a time and a memory limit.

    Bytes wait in memory until a worker is free, so whoever submits bounds what is in flight.

    Args:
        workers: how many processes; more than cores gain nothing.
        limits: how large an image may be.
        timeout_seconds: time for one photo, after which its worker is killed.
        memory_bytes: what a worker may allocate above its idle size (about 60 MiB); 1 GiB decodes all but the largest.
        command: another program that speaks the worker's protocol; by default this package's own.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        *,
        workers: int,
        limits: ImageLimits,
        timeout_seconds: float,
        memory_bytes: int,
        command: Sequence[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        settings = _PoolSettings(
            command=command or WORKER_COMMAND,
            limits=limits,
            memory_bytes=memory_bytes,
            timeout_seconds=timeout_seconds,
            clock=clock,
        )
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._attendants = [_Attendant(settings, self._jobs) for _ in range(workers)]
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

        The future raises ``ImageRejected`` where the photo cannot be used, and ``ServerUnavailableError`` where no
        worker could be started, which says nothing about the photo.
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

    def __init__(self, settings: _PoolSettings, jobs: "SimpleQueue[_Job | None]") -> None:
        super().__init__(name="image-worker", daemon=True)
        self._settings = settings
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
        """One photo; on a second, fresh worker where the first one's end may not have been the photo's doing."""
        worker_was_used = self._served > 0
        try:
            return self._once(data)
        except ImageRejected as rejected:
            # Killed from outside, perhaps; or short of memory because of what earlier photos left behind.
            crashed = rejected.reason is RejectReason.DECODER_CRASHED
            short = rejected.reason is RejectReason.DECODER_OUT_OF_MEMORY
            if not (crashed or (short and worker_was_used)):
                raise
        return self._once(data)

    def _once(self, data: bytes) -> ProcessedImage:
        worker = self._worker or self._start()
        try:
            reply = worker.exchange(Frame({}, data), self._settings.timeout_seconds)
            self._served += 1
            return self._result(reply)
        except WorkerTimedOutError:
            self._discard()
            limit = f"no result after {self._settings.timeout_seconds:g} s"
            raise ImageRejected(RejectReason.DECODER_TIMEOUT, limit) from None
        except (WorkerDiedError, BrokenFrameError) as error:
            self._discard()
            self._refuse_if_closing()
            short = isinstance(error, WorkerDiedError) and error.out_of_memory
            reason = RejectReason.DECODER_OUT_OF_MEMORY if short else RejectReason.DECODER_CRASHED
            raise ImageRejected(reason, str(error)) from error

    def _result(self, reply: Frame) -> ProcessedImage:
        rejected = reply.head.get("rejected")
        grown = reply.head.get("resident_bytes", 0) - self._idle_bytes > _RECYCLE_GROWTH_BYTES
        if rejected == RejectReason.DECODER_OUT_OF_MEMORY or (grown and self._served >= _RECYCLE_AFTER):
            self._discard()
        if rejected is None:
            return processed_image(reply)
        if rejected not in _VERDICTS:
            raise BrokenFrameError("a reason that does not exist")
        raise ImageRejected(RejectReason(rejected), str(reply.head.get("detail", "")))

    def _start_ahead(self) -> None:
        try:
            self._start()
        except ServerUnavailableError:
            return  # the first photo tries again, and whoever waits for it is told

    def _start(self) -> WorkerProcess:
        self._refuse_if_closing()
        settings = self._settings
        started_by = WorkerSettings(os.getpid(), settings.memory_bytes, settings.limits)
        try:
            worker = WorkerProcess(settings.command, started_by, settings.clock)
        except OSError as error:
            raise ServerUnavailableError("image workers", f"none could be started: {error}") from error
        with self._handover:
            self._worker = worker
            if self._closing.is_set():
                worker.kill()
        try:
            ready = worker.receive(_START_SECONDS)
        except (WorkerTimedOutError, WorkerDiedError) as error:
            self._discard()
            raise ServerUnavailableError("image workers", f"none could be started: {error}") from error
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
