"""Brings services up together: each waits only for those it needs, and for its own real readiness."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Protocol

from local_stack.errors import NotReadyError, ServiceFailedError, StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from local_stack.progress import Progress
    from local_stack.service import Service
    from local_stack.supervision import ProcessState

POLL_SECONDS = 0.25
TAIL_LINES = 8
RESTARTS_ALLOWED = 2
ENDED = {"FATAL", "UNKNOWN"}
RUNS = {"RUNNING", "STARTING", "BACKOFF"}


class Runner(Protocol):
    """What starts processes and knows their state; the supervisor, outside tests."""

    def states(self) -> dict[str, ProcessState]:
        """Return the state of every service by name."""

    def start_service(self, service: Service) -> None:
        """Start one service, or let it run when it does."""


class CancelledError(StackError):
    """Another service failed, so this one was not waited for."""


class Launch:
    """One start of some services.

    Args:
        services: What to start; a service named in ``needs`` but not here counts as ready.
        runner: Starts the processes.
        log_of: Gives a service's log file.
        progress: Who is told.
    """

    def __init__(
        self, services: Sequence[Service], runner: Runner, log_of: Callable[[str], Path], progress: Progress
    ) -> None:
        self._services = services
        self._runner = runner
        self._log_of = log_of
        self._progress = progress
        self._ready = {service.name: Event() for service in services}
        self._cancelled = Event()

    def run(self) -> None:
        """Return when every service is ready.

        Raises:
            StackError: The first failure; the others are no longer waited for.
        """
        with ThreadPoolExecutor(max_workers=max(1, len(self._services))) as pool:
            futures = [pool.submit(self._bring_up, service) for service in self._services]
            try:
                errors = [error for error in (future.exception() for future in futures) if error]
            except BaseException:  # the user pressed Ctrl-C: let the threads go, then pass it on
                self._cancelled.set()
                raise
        for error in sorted(errors, key=lambda error: isinstance(error, CancelledError)):
            raise error

    def _bring_up(self, service: Service) -> None:
        try:
            self._wait_for_needs(service)
            runs = self._runner.states().get(service.name)
            if not runs or runs.state not in RUNS:
                self._prepare(service)
                self._progress.update(service.title, "starting")
                self._runner.start_service(service)
            self._wait_until_ready(service)
            service.finish()
        except BaseException:
            self._progress.update(service.title, "failed")
            self._cancelled.set()
            raise
        self._progress.update(service.title, "ready")
        self._ready[service.name].set()

    def _prepare(self, service: Service) -> None:
        if service.download:
            self._progress.update(service.title, "downloading")
            service.download()
        self._progress.update(service.title, "preparing")
        service.prepare()

    def _wait_for_needs(self, service: Service) -> None:
        for name in service.needs:
            while name in self._ready and not self._ready[name].wait(POLL_SECONDS):
                self._check_cancelled(service)

    def _wait_until_ready(self, service: Service) -> None:
        deadline = time.monotonic() + service.start_timeout
        pids: set[int] = set()
        while True:
            self._check_cancelled(service)
            try:
                service.probe()
            except NotReadyError as error:
                reason = str(error)
            else:
                return
            self._check_alive(service, pids)
            if time.monotonic() > deadline:
                raise self._failure(service, f"was not ready after {service.start_timeout:.0f} s ({reason})")
            time.sleep(POLL_SECONDS)

    def _check_alive(self, service: Service, pids: set[int]) -> None:
        state = self._runner.states().get(service.name)
        if state is None:
            raise self._failure(service, "was stopped while it was starting")
        pids.update({state.pid} if state.pid else set())
        if state.state in ENDED or len(pids) > RESTARTS_ALLOWED:
            raise self._failure(service, "ends again and again instead of starting")

    def _check_cancelled(self, service: Service) -> None:
        if self._cancelled.is_set():
            raise CancelledError(f"{service.title} was not waited for")

    def _failure(self, service: Service, reason: str) -> ServiceFailedError:
        log = self._log_of(service.name)
        return ServiceFailedError(service.title, reason, log, tail(log, TAIL_LINES))


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines of a log, or none when there is no log."""
    try:
        with path.open(errors="replace") as file:
            return [line.rstrip("\n") for line in deque(file, maxlen=lines)]
    except OSError:
        return []
