"""The command line: exit codes, and one line for a user's mistake."""

from __future__ import annotations

import io
import shutil
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from local_stack import cli, stack
from local_stack.errors import StackError
from local_stack.programs import find_java_home
from local_stack.progress import ConsoleProgress

if TYPE_CHECKING:
    from pathlib import Path


def test_a_mistake_is_one_line_on_stderr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback, exit code 1, nothing on stdout."""
    monkeypatch.setenv("PHOTO_PORT_KAFKA", "many")
    assert cli.main(["up", "--home", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: PHOTO_PORT_KAFKA must be a whole number, not 'many'\n"


def test_a_full_disk_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line says how much is free, how much is wanted, and how to use another disk."""
    usage = shutil.disk_usage(tmp_path)._replace(free=2**30)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert cli.main(["up", "--home", str(tmp_path / "home")]) == 1
    error = capsys.readouterr().err
    assert "1.0 GiB free" in error
    assert "PHOTO_STACK_HOME" in error
    assert not (tmp_path / "home").exists()


def test_missing_java_is_one_line_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command to type is in it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(stack, "ensure_service_user", lambda _: None)
    assert cli.main(["up", "--home", str(tmp_path / "home")]) == 1
    assert "apt-get install openjdk-17-jre-headless" in capsys.readouterr().err


def test_an_old_java_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka, Hadoop and Elasticsearch need 17."""
    program = tmp_path / "bin" / "java"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019' >&2\n")
    program.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match="is Java 11"):
        find_java_home()


def test_stopping_what_does_not_run_is_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`make down` twice is fine."""
    assert cli.main(["down", "--home", str(tmp_path / "home")]) == 0
    assert "nothing was running" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["env", "logs"])
def test_asking_before_the_first_start_names_the_fix(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is nothing to show yet, and the line says why."""
    assert cli.main([command, "--home", str(tmp_path / "home")]) == 1
    assert "start" in capsys.readouterr().err.replace("make up", "start")


@pytest.mark.parametrize(
    ("service", "wanted"),
    [
        ("", ["airflow-scheduler", "airflow-triggerer", "kafka", "kafka-2", "supervisord"]),
        ("kafka", ["kafka"]),
        ("kafka-2", ["kafka-2"]),
        ("airflow", ["airflow-scheduler", "airflow-triggerer"]),
    ],
)
def test_logs_are_those_of_the_named_service(service: str, wanted: list[str], tmp_path: Path) -> None:
    """A whole name means that service alone, the beginning of several means these, none means all."""
    for name in ("kafka", "kafka-2", "airflow-scheduler", "airflow-triggerer", "supervisord"):
        (tmp_path / f"{name}.log").touch()
    (tmp_path / "kafka.log.1").touch()
    assert [path.stem for path in cli.logs_of(tmp_path, service)] == wanted


@pytest.mark.parametrize("service", ["kafak", "kaf", "../kafka", "*"])
def test_an_unknown_services_log_is_one_line_that_names_the_services(
    service: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slip of the finger shows what could have been typed."""
    folder = tmp_path / "home" / "logs"
    folder.mkdir(parents=True)
    for name in ("kafka", "airflow-scheduler"):
        (folder / f"{name}.log").touch()
    assert cli.main(["logs", "--home", str(tmp_path / "home"), "--service", service]) == 1
    error = capsys.readouterr().err
    assert error == f"error: no service is called {service!r}; choose from: airflow-scheduler, kafka\n"


def test_a_change_is_printed_once_where_there_is_no_terminal() -> None:
    """A log gets one line per change, not one per look."""
    output = io.StringIO()
    with ConsoleProgress(Console(file=output)) as progress:
        for state in ("starting", "starting", "ready"):
            progress.update("Kafka", state)
    assert [line.split()[-1] for line in output.getvalue().splitlines()] == ["starting", "ready"]


def test_a_terminal_gets_a_table_with_the_last_state() -> None:
    """One row per service, whatever it went through."""
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=80)
    progress = ConsoleProgress(console)
    with progress:
        progress.update("Kafka", "starting")
        progress.update("Kafka", "ready")
        progress.update("HDFS NameNode", "failed")
    final = output.getvalue().rsplit("Kafka", 1)[1]
    assert "ready" in final
    assert "failed" in final
