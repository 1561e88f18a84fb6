"""The command line: ``python -m local_stack up|down|restart|failover|status|clean|logs|env|fetch``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from local_stack.distributions import all_distributions, fetch
from local_stack.distributions.lock import lock_checksums
from local_stack.errors import StackError, UnknownServiceError
from local_stack.progress import ConsoleProgress
from local_stack.settings import load_settings
from local_stack.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FAILED = 1
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    options = _parser().parse_args(arguments)
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        return int(COMMANDS[options.command](options))
    except StackError as error:
        errors.print(f"error: {error}", markup=False)
        return FAILED
    except KeyboardInterrupt:
        errors.print("interrupted; `make down` stops what runs")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_stack", description="The platform's servers, here.")
    parser.add_argument("command", choices=sorted(COMMANDS))
    parser.add_argument("--home", type=Path, help="state folder (default: $PHOTO_STACK_HOME or .local)")
    parser.add_argument("--only", default="", help="comma-separated services: postgres,kafka,hdfs,elasticsearch,...")
    parser.add_argument("--service", default="", help="of whom to follow the log: kafka, airflow, ... (default: all)")
    parser.add_argument("--no-setup", action="store_true", help="do not run the DAG platform_setup")
    parser.add_argument("--port-offset", type=int, default=0, help="added to every port")
    return parser


def _units(options: argparse.Namespace) -> tuple[str, ...]:
    return tuple(name.strip() for name in options.only.split(",") if name.strip())


def _up(options: argparse.Namespace) -> int:
    settings = load_settings(home=options.home, port_offset=options.port_offset)
    with ConsoleProgress() as progress:
        stack = Stack(settings, progress)
        was_running = stack.runs_all(_units(options))
        endpoints = stack.up(_units(options), setup=not options.no_setup)
    if was_running:
        print("everything was running already")
    if not options.only:
        print(f"gallery  {endpoints.api_url}")
        print(f"stream   {endpoints.stream_url}")
        login = f"user {endpoints.airflow_user}, password {endpoints.airflow_password}"
        print(f"Airflow  {endpoints.airflow_url}  ({login})")
    print(f"all addresses and log-ins: {settings.home / 'endpoints.env'}")
    return 0


def _down(options: argparse.Namespace) -> int:
    settings = load_settings(home=options.home, port_offset=options.port_offset)
    with ConsoleProgress() as progress:
        was_running = Stack(settings, progress).down()
    print("stopped; data kept" if was_running else "nothing was running")
    return 0


def _restart(options: argparse.Namespace) -> int:
    settings = load_settings(home=options.home, port_offset=options.port_offset)
    with ConsoleProgress() as progress:
        Stack(settings, progress).restart_replicas()
    print("restarted the upload API, one replica after the other")
    return 0


def _failover(options: argparse.Namespace) -> int:
    settings = load_settings(home=options.home, port_offset=options.port_offset)
    with ConsoleProgress() as progress:
        stack = Stack(settings, progress)
        took_over = [stack.fail_over(unit) for unit in _units(options) or ("postgres", "namenode")]
    print(f"at work now: {', '.join(took_over)}")
    return 0


def _clean(options: argparse.Namespace) -> int:
    settings = load_settings(home=options.home, port_offset=options.port_offset)
    with ConsoleProgress() as progress:
        Stack(settings, progress).clean()
    print(f"removed {settings.home}")
    return 0


def _status(options: argparse.Namespace) -> int:
    settings = load_settings(home=options.home, port_offset=options.port_offset)
    stack = Stack(settings)
    statuses = stack.status(_units(options))
    table = Table(box=None, pad_edge=False)
    for column in ("service", "state", "ready", "pid", "up", "detail"):
        table.add_column(column, overflow="fold")
    for status in statuses:
        up = f"{status.seconds:.0f} s" if status.pid else ""
        ready = "yes" if status.ready else "no"
        table.add_row(status.title, status.state.lower(), ready, str(status.pid or ""), up, status.detail)
    Console(highlight=False, width=None if sys.stdout.isatty() else 140).print(table)
    if orphans := stack.orphans():
        print(f"the supervisor has crashed and left {orphans} processes behind; `make up` or `make down` ends them")
    wanted = [status for status in statuses if status.state != "STOPPED"]
    return 0 if wanted and all(status.ready for status in wanted) else FAILED


def _fetch(options: argparse.Namespace) -> int:
    settings = load_settings(home=options.home)
    with ConsoleProgress() as progress:
        for name, distribution in all_distributions().items():
            progress.update(name, "downloading")
            fetch(distribution, settings.cache)
            progress.update(name, "ready")
    return 0


def _lock(_: argparse.Namespace) -> int:
    lock_checksums()
    return 0


def _logs(options: argparse.Namespace) -> int:
    settings = load_settings(home=options.home, port_offset=options.port_offset)
    logs = logs_of(Stack(settings).logs, options.service.strip())
    os.execvp("tail", ["tail", "-n", "20", "-F", *map(str, logs)])  # noqa: S606 - no shell is wanted


def logs_of(folder: Path, service: str) -> list[Path]:
    """Return the logs of one service, of several that share a name's beginning (``airflow``), or of all (empty).

    Raises:
        UnknownServiceError: There is none by that name; the message says which there are.
        StackError: There are no logs at all.
    """
    logs = sorted(folder.glob("*.log"), key=lambda path: path.stem)
    if not logs:
        raise StackError(f"there are no logs in {folder}; has the stack been started?")
    exact = [path for path in logs if path.stem == service]
    found = exact or [path for path in logs if not service or path.stem.startswith(f"{service}-")]
    if not found:
        raise UnknownServiceError(service, [path.stem for path in logs])
    return found


def _env(options: argparse.Namespace) -> int:
    settings = load_settings(home=options.home, port_offset=options.port_offset)
    path = settings.home / "endpoints.env"
    if not path.exists():
        raise StackError(f"{path} does not exist yet; `make up` writes it")
    print(path.read_text(), end="")
    return 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "up": _up,
    "down": _down,
    "restart": _restart,
    "failover": _failover,
    "clean": _clean,
    "status": _status,
    "logs": _logs,
    "lock": _lock,
    "env": _env,
    "fetch": _fetch,
}
