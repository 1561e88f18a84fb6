"""Finds the processes of a stack without trusting pid files: each one carries a mark in its environment.

A crashed supervisor leaves its children behind, and after a reboot a recorded pid may be anyone's. The mark is
inherited by every descendant and names the state folder, so exactly the processes of one stack are found.
"""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from pathlib import Path

MARKER = "LOCAL_STACK_PROCESS_OF"
POLL_SECONDS = 0.1


def marker(home: Path) -> dict[str, str]:
    """Return the environment variables that mark a process as this stack's, and keep the mark readable.

    Airflow renames its processes with setproctitle, which writes over the environment unless ``SPT_NOENV`` is set.
    """
    return {MARKER: str(home), "SPT_NOENV": "1"}


def find(home: Path) -> list[psutil.Process]:
    """Return the live processes of a stack with their descendants, without the caller and its ancestors."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        if process.pid not in own and _is_marked(process, home):
            found[process.pid] = process
            found.update({child.pid: child for child in _children(process) if child.pid not in own})
    return list(found.values())


def end(found: list[psutil.Process], grace_seconds: float) -> list[str]:
    """Ask processes to end, then make them; return a description of those that live on.

    SIGINT is what every server here takes as an orderly stop (PostgreSQL waits for its clients on SIGTERM).
    """
    for how, wait in ((signal.SIGINT, grace_seconds), (signal.SIGKILL, 5.0)):
        for process in found:
            _send(process, how)
        _, found = psutil.wait_procs(found, timeout=wait)
        found = [process for process in found if _is_alive(process)]
        if not found:
            return []
    return [describe(process) for process in found]


def describe(process: psutil.Process) -> str:
    """Return the pid and the program's name."""
    try:
        return f"{process.pid} ({process.name()})"
    except psutil.Error:
        return str(process.pid)


def wait_for_end(pid: int, seconds: float) -> bool:
    """Wait until a process has ended; tell whether it did."""
    deadline = time.monotonic() + seconds
    while psutil.pid_exists(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _is_marked(process: psutil.Process, home: Path) -> bool:
    try:
        return process.environ().get(MARKER) == str(home) and _is_alive(process)
    except (psutil.Error, OSError):  # ended meanwhile, or another user's
        return False


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.Error:
        return []


def _send(process: psutil.Process, how: signal.Signals) -> None:
    try:
        process.send_signal(how)
    except psutil.Error:
        return
