"""Processes are found by their mark and by nothing else, and none survives."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from local_stack import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SLEEP = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {SLEEP}"
RENAMED = f"import setproctitle; setproctitle.setproctitle('a title' * 400); {SLEEP}"
PARENT = f"""
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {SLEEP!r}], env={{}})
child.wait()
"""


@pytest.fixture
def start() -> Iterator[Callable[[str, dict[str, str]], subprocess.Popen[str]]]:
    """Give a way to start Python programs that are up when it returns."""
    started: list[subprocess.Popen[str]] = []

    def run(program: str, mark: dict[str, str]) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", program]
        process = subprocess.Popen(  # noqa: S603 - the programs stand above
            command, env={**os.environ, **mark}, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_only_marked_processes_are_found(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    """Another stack's processes, and everybody else's, are left alone."""
    ours = start(SLEEP, processes.marker(tmp_path / "a"))
    start(SLEEP, processes.marker(tmp_path / "b"))
    start(SLEEP, {})
    assert [process.pid for process in processes.find(tmp_path / "a")] == [ours.pid]


def test_descendants_are_found_even_with_another_environment(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """PostgreSQL's workers overwrite theirs."""
    parent = start(PARENT, processes.marker(tmp_path))
    assert len(processes.find(tmp_path)) == 2
    assert processes.end(processes.find(tmp_path), 10) == []
    assert parent.wait(10) is not None
    assert processes.find(tmp_path) == []


def test_a_renamed_process_is_found(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    """Airflow gives its processes titles, which would overwrite the mark."""
    renamed = start(RENAMED, processes.marker(tmp_path))
    assert psutil.Process(renamed.pid).cmdline()[0].startswith("a title")
    assert [process.pid for process in processes.find(tmp_path)] == [renamed.pid]


def test_a_process_that_ignores_the_request_is_made_to_end(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """`make down` leaves no process behind."""
    stubborn = start(STUBBORN, processes.marker(tmp_path))
    assert processes.end(processes.find(tmp_path), 0.2) == []
    assert not psutil.pid_exists(stubborn.pid)


def test_the_caller_is_never_among_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A command that was itself started inside a stack does not end itself."""
    own = psutil.Process()
    monkeypatch.setattr(psutil.Process, "environ", lambda _: processes.marker(tmp_path))
    found = {process.pid for process in processes.find(tmp_path)}
    assert own.pid not in found
    assert not found & {parent.pid for parent in own.parents()}


def test_waiting_for_a_process_that_is_gone_ends_at_once(start: Callable[..., subprocess.Popen[str]]) -> None:
    """A pid that does not exist is an ended process."""
    process = start(SLEEP, {})
    assert not processes.wait_for_end(process.pid, 0)
    process.kill()
    process.wait()
    assert processes.wait_for_end(process.pid, 10)
