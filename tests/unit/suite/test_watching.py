"""A session of tests ends, whatever hangs in it, and names what did."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
CONFTEST = """
from pathlib import Path
import ctypes, threading, pytest
from tests.support.watching import watch

def pytest_configure(config):
    watch(config, bury=lambda number: Path(f"buried-{number}").touch(), step=STEP)

def hang_in_c():
    ctypes.PyDLL(None).sleep(600)  # nothing of Python's runs meanwhile, in no thread

def hang_in_python():
    thread = threading.Thread(target=threading.Event().wait)
    thread.start()
    thread.join()
"""
HANGING = """
@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    if item.name == "test_whose_turn_never_comes":
        hang_in_python()
    return (yield)

@pytest.fixture
def never_there():
    hang_in_c()

@pytest.fixture
def never_gone():
    yield
    hang_in_python()

@pytest.fixture(scope="session")
def never_ending():
    yield
    hang_in_python()
"""
HANGING_TESTS = """
import pytest
from pathlib import Path

pytestmark = pytest.mark.xdist_group("together")

def test_before(): pass
def test_whose_fixture_is_never_there(never_there): pass
def test_between(): pass
def test_that_fails_and_then_never_goes(never_gone): assert "this" == "that"
def test_whose_turn_never_comes(): pass
def test_at_the_end_of_the_session(never_ending): Path("last").touch()
"""
HANGING_AT_THE_END = """
def pytest_sessionfinish(session):
    if hasattr(session.config, "workerinput"):
        hang_in_c()
"""
FAILING_THEN_WAITING = """
import pytest, time
from pathlib import Path

pytestmark = pytest.mark.xdist_group("together")

def test_that_fails(): assert "this" == "that"
def test_that_waits():
    Path("waits").touch()
    time.sleep(60)
"""


def _arguments(folder: Path, conftest: str, tests: str, *options: str, step: float = 2) -> list[str]:
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "conftest.py").write_text(CONFTEST.replace("STEP", str(step)) + conftest)
    (folder / "test_it.py").write_text(tests)
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--dist=loadgroup", *options]


def _environment() -> dict[str, str]:
    """Without what pytest tells the processes of this session."""
    left = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return left | {"PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "include")])}


def _run(folder: Path, conftest: str, tests: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = _arguments(folder, conftest, tests, *options)
    # The command is a constant of this test.
    return subprocess.run(  # noqa: S603 - so
        command,
        cwd=folder,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


def test_whatever_hangs_is_ended_and_named_and_the_others_run(tmp_path: Path) -> None:
    """What hangs in C or in a thread, before or after a test or at a session's end, costs that test alone."""
    run = _run(tmp_path, HANGING, HANGING_TESTS, "-n1", "--max-worker-restart=9", "-rA")

    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout
    said, _, summary = run.stdout.partition("short test summary info")
    hung = (
        "test_whose_fixture_is_never_there",
        "test_that_fails_and_then_never_goes",
        "test_whose_turn_never_comes",
        "test_at_the_end_of_the_session",
    )
    for number, name in enumerate(hung):
        assert f"crashed while running 'test_it.py::{name}@together'" in said
        assert f"FAILED test_it.py::{name}@together" in summary
        assert (tmp_path / f"buried-{number}").exists(), "what it left running is stopped"
    assert "PASSED test_it.py::test_before@together" in summary
    assert "PASSED test_it.py::test_between@together" in summary
    assert (tmp_path / "last").exists()
    assert "assert 'this' == 'that'" in said, "the failure before the hang"
    assert said.count(", line ") > len(hung), "each one's stack"
    assert "in hang_in_c" in said
    assert "in never_gone" in said
    assert "in never_ending" in said
    assert "in pytest_runtest_protocol" in said


def test_a_session_whose_end_hangs_fails(tmp_path: Path) -> None:
    """All tests passed, and the process never said so: that is no success."""
    run = _run(tmp_path, HANGING_AT_THE_END, "def test_passes(): pass\n", "-n1", "--max-worker-restart=1")

    assert run.returncode != pytest.ExitCode.OK, run.stdout
    assert "in hang_in_c" in run.stdout
    assert "died, their stacks are above: gw0, gw1" in run.stdout


def test_a_failure_is_told_when_it_comes_and_once_more_at_a_forced_end(tmp_path: Path) -> None:
    """Who ends a run from outside with SIGTERM finds the failures told before, a summary, and the stacks."""
    command = _arguments(tmp_path, "", FAILING_THEN_WAITING, "-n1", step=60)
    # The command is a constant of this test.
    with subprocess.Popen(  # noqa: S603 - so
        command,
        cwd=tmp_path,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as run:
        assert run.stdout is not None
        told = ""
        while "test_it.py:7: AssertionError" not in told:
            line = run.stdout.readline()
            assert line, told
            told += line
        assert "FAILED in call: test_it.py::test_that_fails@together" in told
        assert "FAILURES" not in told
        while not (tmp_path / "waits").exists():
            time.sleep(0.01)
        os.killpg(run.pid, signal.SIGTERM)
        rest, _ = run.communicate(timeout=60)

    assert run.returncode == pytest.ExitCode.INTERRUPTED
    assert "FAILED test_it.py::test_that_fails@together" in rest
    assert "in test_that_waits" in rest
