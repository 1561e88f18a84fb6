"""Airflow's commands, each in a process forked from one that has imported Airflow: imports are most of what they cost.

This module is that process's program, too. It reads orders from standard input, a line of JSON each, and answers each
with the command's exit status. It has no connection and no thread, so that its children begin as new processes do.
"""

import asyncio
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Self

from photo_pipeline import composition, orchestration

REPOSITORY = Path(__file__).resolve().parents[2]
RUN_SECONDS = 280


class WarmAirflow:
    """Runs Airflow's commands, one at a time; it is started by the first of them.

    Args:
        environment: of the process that imports Airflow. Where Airflow's home and metadata are holds for all commands.
        log: where that process complains.
    """

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        paths = os.pathsep.join((environment["PYTHONPATH"], str(REPOSITORY)))
        with log.open("w") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - this module
                [sys.executable, "-m", __name__],
                env={**environment, "PYTHONPATH": paths},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._log = log

    def __enter__(self) -> Self:
        """It has begun to import."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.communicate()

    def run(self, environment: Mapping[str, str], output: Path, *arguments: str) -> int:
        """Run a command to its end; its exit status.

        Args:
            environment: the command's whole environment.
            output: where what it says goes.
            arguments: what follows ``airflow`` in a shell.
        """
        order = {"environment": dict(environment), "output": str(output), "arguments": arguments}
        print(json.dumps(order), file=_there(self._process.stdin), flush=True)
        answer = _there(self._process.stdout).readline()
        assert answer, self._log.read_text()[-3000:]
        assert int(answer) >= 0, f"ended by signal {answer}: {output.read_text()[-3000:]}"
        return int(answer)


def _there(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _import_airflow() -> None:
    """Do once what every run of a DAG would do again, up to its first question to the database."""
    import airflow.cli.commands.dag_command  # noqa: F401, PLC0415 - only in that process
    import httpx  # noqa: PLC0415 - so
    from airflow.providers_manager import ProvidersManager  # noqa: PLC0415 - so
    from airflow.sdk.execution_time.supervisor import in_process_api_server  # noqa: PLC0415 - so
    from sqlalchemy.orm import configure_mappers  # noqa: PLC0415 - so

    async def ask_for_nothing() -> None:
        # What answers a task in the place of an API server makes its routes when it is first asked for any.
        async with httpx.AsyncClient(transport=in_process_api_server().atransport, base_url="http://tests") as client:
            await client.get("/")

    asyncio.run(ask_for_nothing())
    configure_mappers()
    ProvidersManager().initialize_providers_configuration()
    for package in (composition, orchestration):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)


def _forked(answers: int) -> Mapping[str, Any] | None:
    """Answer orders; in a child, return its own."""
    for line in sys.stdin:
        if (pid := os.fork()) == 0:
            os.close(answers)
            order: Mapping[str, Any] = json.loads(line)
            return order
        _, status = os.waitpid(pid, 0)
        os.write(answers, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    return None


def _become(order: Mapping[str, Any]) -> None:
    """Run the command, which ends this process as it would end its own."""
    from airflow.__main__ import main  # noqa: PLC0415 - only in that process

    signal.alarm(RUN_SECONDS)
    os.environ.clear()
    os.environ.update(order["environment"])
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for taken, given in ((nothing, sys.stdin), (output, sys.stdout), (output, sys.stderr)):
        os.dup2(taken, given.fileno())
    sys.argv = ["airflow", *order["arguments"]]
    main()


if __name__ == "__main__":
    answers_only = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # Airflow logs there
    _import_airflow()
    assert threading.active_count() == 1, threading.enumerate()
    if (mine := _forked(answers_only)) is not None:
        _become(mine)
