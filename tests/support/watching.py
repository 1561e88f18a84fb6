"""A session of tests that cannot hang, nor keep its failures to itself until an end that may never come.

pytest-timeout ends a test's own function, where Python gets to run at all. This ends what else there is: a fixture's
setup and teardown, a wait for a turn, a call into C that does not return, the end of the session.
"""

import faulthandler
import os
import signal
import sys
from collections.abc import Callable, Generator
from typing import Any

import pytest
from tests.support.scheduling import Scheduling
from xdist.remote import Producer
from xdist.workermanage import WorkerController

STEP_SECONDS = 420
"""For a test's setup, call or teardown, each; more than pytest-timeout gives to the call."""
SILENCE_SECONDS = STEP_SECONDS + 240
"""For all processes together to say nothing: one that hangs has been ended by then, and is waited for in vain."""


def watch(config: pytest.Config, bury: Callable[[int], None], step: float = STEP_SECONDS) -> None:
    """Watch this process; in the one that the others report to, tell of failures as they come.

    Args:
        config: of this process.
        bury: takes the number of a process that died, counted from 0, and stops what that has left running.
        step: the seconds for a step.
    """
    # The real one: pytest begins to capture what is written there after this.
    errors = os.dup(sys.__stderr__.fileno() if sys.__stderr__ else 2)
    if hasattr(config, "workerinput"):
        faulthandler.register(signal.SIGTERM, file=errors, chain=True)
    else:
        signal.signal(signal.SIGTERM, _interrupt)
    shared = config.getoption("dist", "no") != "no"
    config.pluginmanager.register(Watchdog(step + (SILENCE_SECONDS - STEP_SECONDS) * shared, errors))
    if shared:
        config.pluginmanager.register(Witness(config, bury))


def _interrupt(*_: object) -> None:
    """End as after Ctrl-C: with a summary of what failed, and servers stopped."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


class Watchdog:
    """Ends this process, with a stack of each of its threads, when a step takes too long."""

    def __init__(self, seconds: float, errors: int) -> None:
        self._seconds = seconds
        self._errors = errors

    def _begin(self) -> None:
        # A thread in C, which waits for no lock of Python's.
        faulthandler.dump_traceback_later(self._seconds, exit=True, file=self._errors)

    def pytest_sessionstart(self) -> None:
        """Watch the collection."""
        self._begin()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """Watch a test with all that is done around it; then a process may wait for its next one."""
        self._begin()
        try:
            return (yield)
        finally:
            faulthandler.cancel_dump_traceback_later()

    def pytest_runtest_logreport(self) -> None:
        """Watch the next step."""
        self._begin()

    @pytest.hookimpl(trylast=True)
    def pytest_exception_interact(self) -> None:
        """Watch the teardown after a failure: pytest calls the watch off, lest it disturb a debugger."""
        self._begin()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Watch the session's end, and the process's."""
        self._begin()


class Witness:
    """Stands beside the processes that share the tests, and tells what becomes of them."""

    def __init__(self, config: pytest.Config, bury: Callable[[int], None]) -> None:
        self._config = config
        self._bury = bury
        self._dead: list[str] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> Scheduling | None:
        """Hand out tests in a way that outlives a process."""
        return Scheduling(config, log) if config.getoption("dist") == "loadgroup" else None

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: WorkerController, error: object | None) -> None:
        """Remember a process that died, and stop what it cannot stop any more."""
        if error is not None:
            self._dead.append(node.gateway.id)
            self._bury(int(node.gateway.id.removeprefix("gw")))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell of a failure now; the closing summary tells of it once more."""
        if report.failed:
            terminal = self._terminal()
            terminal.ensure_newline()
            terminal.write_sep("_", f"FAILED in {report.when}: {report.nodeid}", red=True)
            terminal.write_line(report.longreprtext)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A process that died fails the run, also one that had no test at the time."""
        if self._dead and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self) -> None:
        """Name the processes that died."""
        if self._dead:
            self._terminal().write_line(f"died, their stacks are above: {', '.join(self._dead)}", red=True)

    def _terminal(self) -> Any:
        return self._config.pluginmanager.getplugin("terminalreporter")
