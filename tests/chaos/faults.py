"""What is done to the servers: processes die by SIGKILL, standbys take over, lines are cut."""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from xmlrpc.client import Fault as Refusal

import psutil
from supervisor.xmlrpc import Faults
from tests.chaos import networks
from tests.support.network import Network

from local_stack import Stack, processes
from local_stack.layout import layout_of
from local_stack.service import Service
from local_stack.services import postgres
from local_stack.stack import all_services
from local_stack.supervision import Supervisor

TASK_TITLE = "airflow worker -- "
"""What Airflow calls the process that runs a task's code."""
TASK_WAIT_SECONDS = 20.0
TRIES = 50
FAILOVERS = ("failover-postgres", "failover-namenode")
"""A standby takes over: PostgreSQL's when its primary has died, the NameNode's in good order."""
KINDS = (
    "kafka",
    "datanode",
    "namenode",
    "postgres",
    "elasticsearch",
    "airflow-scheduler",
    "airflow-triggerer",
    "airflow-api-server",
    "api",
    "stream",
    "task",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is to happen.

    Attributes:
        kind: one of ``KINDS``, ``FAILOVERS`` or those of the network.
        pick: which of several, as a share of their number.
        down: seconds until it is started again, or the line healed; 0 leaves a process to the supervisor, which starts
            it at once.
        pause: seconds until the next fault.
    """

    kind: str
    pick: float
    down: float
    pause: float


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that happened: which process, how long it was held down."""

    at: float
    kind: str
    victim: str
    down: float


def faults(seed: int, kinds: Sequence[str] = KINDS, pace: float = 1.0) -> Iterator[Fault]:
    """Endless and repeatable: each kind once in random order, then again in another. A pace of 2 is twice as fast."""
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    while True:
        for kind in random.sample(kinds, len(kinds)):
            down = random.choice((0.0, random.uniform(5, 20)))
            pick, pause = random.random(), random.uniform(5, 15)
            if kind in networks.KINDS:  # a line that is cut stays so for a while
                down = random.uniform(5, 20)
            yield Fault(kind, pick, 0.0 if kind == "task" else down / pace, pause / pace)


_UNITS = {"postgres": "postgres", "namenode": "hdfs"}


class Killer:
    """Kills processes of one stack, and no others.

    Args:
        stack: whose.
        say: is told what happens.
        lines: the networks that parts of it run in, if they do.
    """

    def __init__(self, stack: Stack, say: Callable[[str], object], lines: Mapping[str, Network]) -> None:
        self._stack = stack
        self._lines = lines
        self._say = say
        self._supervisor = Supervisor(stack.settings, layout_of(stack.settings))
        self._services: Sequence[Service] = all_services(stack._context())
        self._began = time.monotonic()
        self.done: list[Done] = []

    def inject(self, plan: Iterable[Fault], seconds: float, most: int) -> None:
        """Do one fault after the other until the time, or their number, is up; all servers are started at the end."""
        deadline = time.monotonic() + seconds
        for number, fault in enumerate(plan):
            if number == most or time.monotonic() >= deadline:
                return
            self._inject(fault)
            time.sleep(max(0.0, min(fault.pause, deadline - time.monotonic())))

    def _inject(self, fault: Fault) -> None:
        if fault.kind == "task":
            self._kill_task(fault)
        elif fault.kind in FAILOVERS:
            self._fail_over(fault)
        elif fault.kind in networks.KINDS:
            self._disturb(fault)
        else:
            self._kill(fault)

    def _disturb(self, fault: Fault) -> None:
        self._note(fault, networks.disturb(fault.kind, self._stack.settings, self._lines))
        time.sleep(fault.down)
        networks.heal(self._lines)

    def _fail_over(self, fault: Fault) -> None:
        """A standby that is not up yet after an earlier fault cannot take over: then nothing is done."""
        unit = fault.kind.removeprefix("failover-")
        if not all(status.ready for status in self._stack.status([_UNITS[unit]])):
            return
        if unit == "postgres":
            os.killpg(self._stack.pid_of(postgres.primary(self._stack._context()).name), signal.SIGKILL)
        self._note(replace(fault, down=0.0), f"{self._stack.fail_over(unit)} takes over")

    def _kill(self, fault: Fault) -> None:
        members = [service for service in self._services if _is_of_kind(service.name, fault.kind)]
        if not members:
            return
        victim = members[int(fault.pick * len(members))]
        pid = self._stack.pid_of(victim.name)
        if not pid:
            return
        # The whole group, as when a container is taken away: each service is the leader of its own.
        os.killpg(pid, signal.SIGKILL)
        self._note(fault, f"killed {victim.name}")
        if fault.down:
            self._hold_down(victim)
            time.sleep(fault.down)
            self._supervisor.start_service(victim)

    def _hold_down(self, victim: Service) -> None:
        """The supervisor has started it again by now: it must not, and what it has started dies, too."""
        name = f"{victim.layer.name.lower()}:{victim.name}"
        for _ in range(TRIES):  # between its death and its next start it cannot be told to stop
            try:
                self._supervisor._call("stopProcess", name, False)  # noqa: FBT003 - RPC
            except Refusal as refusal:
                if refusal.faultCode != Faults.NOT_RUNNING:
                    raise
                time.sleep(0.1)
            else:
                break
        while pid := self._stack.pid_of(victim.name):
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            time.sleep(0.1)

    def _kill_task(self, fault: Fault) -> None:
        deadline = time.monotonic() + TASK_WAIT_SECONDS
        while time.monotonic() < deadline:
            tasks = [process for process in processes.find(self._stack.settings.home) if _runs_a_task(process)]
            if tasks:
                tasks[int(fault.pick * len(tasks))].kill()
                self._note(fault, "killed a running task")
                return
            time.sleep(0.2)

    def _note(self, fault: Fault, victim: str) -> None:
        at = time.monotonic() - self._began
        self.done.append(Done(at, fault.kind, victim, fault.down))
        self._say(f"{at:6.1f} s  {victim}" + (f", for {fault.down:.0f} s" if fault.down else ""))


def wait_until_all_run(stack: Stack, seconds: float) -> list[str]:
    """Wait until every service does its work, starting none; what is not well by then, in words."""
    deadline = time.monotonic() + seconds
    while True:
        ill = [f"{status.title} ({status.state}): {status.detail}" for status in stack.status() if not status.ready]
        if not ill or time.monotonic() > deadline:
            return ill
        time.sleep(2)


def _runs_a_task(process: psutil.Process) -> bool:
    try:
        return " ".join(process.cmdline()).startswith(TASK_TITLE)
    except psutil.Error:
        return False


def _is_of_kind(service: str, kind: str) -> bool:
    """``kafka`` is ``kafka``, and so are ``kafka-1`` to ``kafka-3``; a standby is of its server's kind."""
    name, _, number = service.rpartition("-")
    return kind in {service, name if number.isdigit() or number == "standby" else service}
