"""Launch: order of start, readiness, and what happens when one service fails."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local_stack.errors import NotReadyError, PrepareError, ServiceFailedError
from local_stack.launch import Launch, tail
from local_stack.progress import Silent
from local_stack.service import Layer, Service, nothing
from local_stack.supervision import ProcessState

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class FakeRunner:
    """Starts nothing; each service's states come from a list, the last one stays."""

    script: dict[str, list[ProcessState]] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)

    def states(self) -> dict[str, ProcessState]:
        """Return the next state of every started or scripted service."""
        running = {name: ProcessState("RUNNING", 1, 1, "") for name in self.started}
        scripted = {name: states.pop(0) if len(states) > 1 else states[0] for name, states in self.script.items()}
        return {**running, **scripted}

    def start_service(self, service: Service) -> None:
        """Remember the start."""
        self.started.append(service.name)


@dataclass
class Probe:
    """Says "not yet" a number of times."""

    failures: int = 0

    def __call__(self) -> None:
        """Answer once."""
        if self.failures > 0:
            self.failures -= 1
            raise NotReadyError("still asleep")


def service(name: str, **changes: Any) -> Service:
    """Return a service that is ready at once."""
    plain = Service(
        name=name,
        unit=name,
        title=name,
        layer=Layer.STORAGE,
        command=("true",),
        directory=Path("/"),
        probe=Probe(),
        start_timeout=5,
    )
    return replace(plain, **changes)


def launch(runner: FakeRunner, *services: Service, log: Path = Path("/nowhere")) -> None:
    """Run a launch to its end."""
    Launch(services, runner, lambda _: log, Silent()).run()


def record(into: list[str], what: str) -> Callable[[], None]:
    """Return a step that notes when it ran."""
    return lambda: into.append(what)


def test_a_service_waits_until_those_it_needs_are_finished() -> None:
    """Roles and databases (``finish``) exist before the first service that logs in is prepared."""
    steps: list[str] = []
    database = service("database", probe=Probe(failures=2), finish=record(steps, "database finished"))
    client = service("client", needs=("database",), prepare=record(steps, "client prepared"))
    runner = FakeRunner()
    launch(runner, client, database)
    assert steps == ["database finished", "client prepared"]
    assert runner.started == ["database", "client"]


def test_a_need_that_is_not_part_of_the_launch_counts_as_met() -> None:
    """``--only`` may leave services out."""
    runner = FakeRunner()
    launch(runner, service("client", needs=("database",)))
    assert runner.started == ["client"]


def test_a_running_service_is_neither_prepared_nor_started_again() -> None:
    """`make up` on a running stack changes nothing."""
    runner = FakeRunner(script={"server": [ProcessState("RUNNING", 7, 1, "")]})

    def refuse() -> None:
        raise AssertionError

    launch(runner, service("server", prepare=refuse, download=refuse))
    assert runner.started == []


def test_a_missing_server_is_downloaded_before_it_is_prepared() -> None:
    """Download, prepare, in this order."""
    steps: list[str] = []
    launch(FakeRunner(), service("s", download=record(steps, "download"), prepare=record(steps, "prepare")))
    assert steps == ["download", "prepare"]


def test_a_service_that_cannot_start_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    """The one line names the log; the last lines of it follow."""
    log = tmp_path / "server.log"
    log.write_text("one\ntwo\nthe cause\n")
    runner = FakeRunner(script={"server": [ProcessState("STOPPED", 0, 0, ""), ProcessState("FATAL", 0, 0, "")]})
    with pytest.raises(ServiceFailedError) as caught:
        launch(runner, service("server", probe=Probe(failures=99)), log=log)
    first, *rest = str(caught.value).splitlines()
    assert str(log) in first
    assert rest[-1].strip() == "the cause"


def test_a_service_that_keeps_dying_is_not_waited_for_until_the_timeout() -> None:
    """Each restart has another pid; a few of them are proof enough."""
    states = [ProcessState("STOPPED", 0, 0, ""), *(ProcessState("RUNNING", pid, 1, "") for pid in (1, 2, 3, 4))]
    with pytest.raises(ServiceFailedError, match="again and again"):
        launch(FakeRunner(script={"server": states}), service("server", probe=Probe(failures=99), start_timeout=60))


def test_a_service_that_never_gets_ready_is_given_up() -> None:
    """The message carries the probe's last answer."""
    with pytest.raises(ServiceFailedError, match="still asleep"):
        launch(FakeRunner(), service("server", probe=Probe(failures=99), start_timeout=0))


def test_the_first_failure_stops_the_waiting_and_is_the_one_reported() -> None:
    """Others are not waited for, and their being cut short does not hide the cause."""

    def fail() -> None:
        raise PrepareError("formatting", "disk on fire")

    never = service("never", probe=Probe(failures=10**6), start_timeout=600)
    behind = service("behind", needs=("never",))
    with pytest.raises(PrepareError, match="disk on fire"):
        launch(FakeRunner(), never, behind, service("broken", prepare=fail))


def test_a_stop_from_outside_ends_the_wait() -> None:
    """`make down` during `make up`: the supervisor is gone, so nothing will ever be ready."""
    runner = FakeRunner(script={"server": [ProcessState("RUNNING", 7, 1, "")]})

    def stop() -> None:
        runner.script.clear()
        raise NotReadyError("gone")

    with pytest.raises(ServiceFailedError, match="stopped while it was starting"):
        launch(runner, service("server", probe=stop, start_timeout=60))


def test_tail_of_a_log_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    """A server that died before it wrote a word has no log."""
    assert tail(tmp_path / "none.log", 5) == []


def test_nothing_does_nothing() -> None:
    """The default step can be called at any time."""
    nothing()
