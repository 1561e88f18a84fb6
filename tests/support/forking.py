"""Processes of a test's own, forked from one that has imported the product already and holds nothing open.

A new interpreter spends most of its life on imports; Airflow forks its tasks from a process that has them, too.
"""

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import forkserver
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from tests.support.network import enter_network

REPOSITORY = Path(__file__).resolve().parents[2]
PRELOADED = "tests.support.preloaded"
_LOOK_SECONDS = 0.01


class Forked:
    """A process that calls a function; it is killed in the end if it has not ended by itself.

    What the function returns goes out as JSON. The process sees this one's environment as it is now.

    Args:
        work: a module's function.
        order: its arguments; they are pickled and go through a pipe, so they may hold passwords.
        network: the namespace in which it runs; this one's when left out.
    """

    def __init__(self, work: Callable[..., Any], *order: object, network: Path | None = None) -> None:
        _start_server()
        self._folder = TemporaryDirectory()
        arguments = (work, order, dict(os.environ), self._folder.name, network)
        self._process = multiprocessing.get_context("forkserver").Process(target=_work, args=arguments)

    def __enter__(self) -> Self:
        """Start it."""
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left of it."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def code(self) -> int | None:
        """The exit status, negative for a signal; ``None`` while it lives."""
        return self._process.exitcode

    @property
    def result(self) -> str:
        """What ``work`` returned, as JSON; empty where it did not return."""
        return self._read("result")

    @property
    def complaint(self) -> str:
        """The end of what it wrote to standard error."""
        return self._read("stderr")[-3000:]

    def wait(self, seconds: float) -> int:
        """Wait for its end; the exit status."""
        self._process.join(seconds)
        assert self.code is not None, f"no end within {seconds:.0f} s: {self.complaint}"
        return self.code

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait until something is so while it lives."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.code is None, f"{what} was not reached, exit status {self.code}: {self.complaint}"
            assert time.monotonic() < deadline, f"{what} was not reached in {seconds:.0f} s"
            time.sleep(_LOOK_SECONDS)

    def is_stopped(self) -> bool:
        """Whether all its threads stand still, by proc(5)."""
        tasks = Path(f"/proc/{self.pid}/task")
        try:
            states = [(task / "stat").read_text().rpartition(")")[2].split()[0] for task in tasks.iterdir()]
        except (FileNotFoundError, ProcessLookupError):  # a thread, or all of it, has just ended
            return False
        return set(states) == {"T"}

    def _read(self, name: str) -> str:
        path = Path(self._folder.name) / name
        return path.read_text() if path.exists() else ""


def _start_server() -> None:
    """The process that all others are forked from; it ends with this one."""
    multiprocessing.get_context("forkserver").set_forkserver_preload([PRELOADED])
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{REPOSITORY / 'include'}{os.pathsep}{REPOSITORY}"
    try:
        forkserver.ensure_running()
    finally:
        if inherited is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = inherited


def _work(
    work: Callable[..., Any],
    order: Sequence[object],
    environment: Mapping[str, str],
    folder: str,
    network: Path | None,
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    if network is not None:
        enter_network(network)
    with (Path(folder) / "stderr").open("w") as errors:
        os.dup2(errors.fileno(), sys.stdout.fileno())
        os.dup2(errors.fileno(), sys.stderr.fileno())
    result = work(*order)
    (Path(folder) / "result").write_text(json.dumps(result))
