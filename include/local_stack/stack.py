"""One stack: bring it up, ask how it is, take it down."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from local_stack import processes
from local_stack.credentials import Credentials
from local_stack.endpoints import endpoints_of
from local_stack.errors import (
    DiskFullError,
    LeftoverProcessError,
    NotReadyError,
    OtherSettingsError,
    PortTakenError,
    SetupFailedError,
    UnknownServiceError,
)
from local_stack.launch import RUNS, Launch
from local_stack.layout import ensure_service_user, layout_of
from local_stack.programs import find_java_home
from local_stack.progress import Progress, Silent
from local_stack.service import Layer
from local_stack.services import (
    Context,
    airflow,
    balancer,
    elasticsearch,
    hdfs,
    hdfs_pair,
    kafka,
    metrics,
    postgres,
    web,
)
from local_stack.services.balancer import BalancerControl
from local_stack.supervision import ProcessState, Supervisor, render
from platform_start.account import AirflowAccount
from platform_start.api import airflow_client
from platform_start.errors import SetupFailedError as PlatformNotSetUpError
from platform_start.setup import PlatformSetup

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from local_stack.endpoints import Endpoints
    from local_stack.service import Service
    from local_stack.settings import StackSettings

SERVERS = ("postgres", "kafka", "hdfs", "elasticsearch")
GRACE_SECONDS = 15.0
DRAIN_SECONDS = 60.0
SETUP_TITLE = "platform_setup"
STOPPED = ProcessState("STOPPED", 0, 0, "")


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """How one service is.

    Attributes:
        title: For people.
        state: The supervisor's word; STOPPED when that does not run.
        ready: Whether it does its work now.
        pid: 0 when it does not run.
        seconds: How long it has been running.
        detail: Why it is not ready, or where it listens.
    """

    title: str
    state: str
    ready: bool
    pid: int
    seconds: float
    detail: str


class Stack:
    """The servers of one state folder.

    Args:
        settings: Where and how; see :func:`local_stack.settings.load_settings`.
        progress: Who is told what happens.
    """

    def __init__(self, settings: StackSettings, progress: Progress | None = None) -> None:
        self.settings = settings
        self._progress = progress or Silent()
        self._layout = layout_of(settings)
        self._supervisor = Supervisor(settings, self._layout)

    @property
    def logs(self) -> Path:
        """The folder with one log per service."""
        return self._layout.logs

    def up(self, only: Iterable[str] = (), *, setup: bool = True) -> Endpoints:
        """Start the services that do not run, and return when all of them do their work.

        Args:
            only: Units to start (``postgres``, ``kafka``, ...); everything when empty.
            setup: Whether to run ``platform_setup`` where Airflow is among them and it did not run since the start.

        Raises:
            StackError: One of its kinds, with one line that names the fix.
        """
        self._check_disk()
        self._layout.make()
        with self._locked():
            ensure_service_user(self._layout)
            context = self._context()
            if self.settings.secure:
                self._layout.make_public(self._layout.tls)
                context.authority.make()
            everything = all_services(context)
            chosen = choose(everything, tuple(only))
            self._start_supervisor(everything, chosen)
            context.endpoints.write(self._layout.endpoints)
            self._launch([service for service in chosen if service.layer is not Layer.WEB])
            if setup and any(service.layer is Layer.AIRFLOW for service in chosen):
                self._set_up_platform(context.endpoints)
            # The applications come last: without topics and tables they could only refuse.
            self._launch([service for service in chosen if service.layer is Layer.WEB])
            return context.endpoints

    def is_running(self) -> bool:
        """Tell whether this stack's supervisor is there."""
        return self._supervisor.is_running()

    def runs_all(self, only: Iterable[str] = ()) -> bool:
        """Tell whether every service of these units runs, ready or not."""
        states = self._supervisor.states()
        if not states:
            return False
        chosen = choose(all_services(self._context()), tuple(only))
        return all(states.get(service.name, STOPPED).state in RUNS for service in chosen)

    def orphans(self) -> int:
        """Return how many processes a crashed supervisor has left behind; the next start or stop ends them."""
        return 0 if self.is_running() else len(processes.find(self._layout.home))

    def status(self, only: Iterable[str] = ()) -> list[ServiceStatus]:
        """Ask every service how it is."""
        self._layout.make()
        chosen = choose(all_services(self._context()), tuple(only))
        states = self._supervisor.states()
        with ThreadPoolExecutor(max_workers=len(chosen)) as pool:
            return list(pool.map(lambda service: _status(service, states.get(service.name, STOPPED)), chosen))

    def stop(self, units: Iterable[str]) -> None:
        """Stop some units of a running stack; the rest goes on."""
        for service in reversed(choose(all_services(self._context()), tuple(units))):
            self._supervisor.stop_service(service)

    def restart_replicas(self) -> None:
        """Restart the upload API's replicas one after the other; behind the balancer no request fails.

        Raises:
            StackError: A replica did not come back; the others still run.
        """
        everything = all_services(self._context())
        control = BalancerControl(self._layout.balancer_socket)
        balanced = any(service.unit == "balancer" for service in everything)
        for replica in choose(everything, ("api",)):
            if balanced:
                control.drain(replica.name, DRAIN_SECONDS)
            self._supervisor.stop_service(replica)
            self._launch([replica])
            if balanced:
                control.readmit(replica.name, DRAIN_SECONDS)

    def fail_over(self, unit: str) -> str:
        """Let a standby take over; return the service that does the work now.

        PostgreSQL's primary is stopped first, so that there are never two; it comes back as the standby of the other.

        Raises:
            StackError: There is no standby, or it did not take over.
        """
        context = self._context()
        if unit == "namenode":
            return hdfs_pair.fail_over(context)
        if unit != "postgres":
            raise UnknownServiceError(unit, ["namenode", "postgres"])
        old = postgres.primary(context).name
        self._supervisor.stop_service(next(each for each in all_services(context) if each.name == old))
        new = postgres.promote_standby(context).name
        self.up(["postgres"])
        return new

    def pid_of(self, service: str) -> int:
        """Return the process id of a running service, 0 when it does not run."""
        return self._supervisor.states().get(service, STOPPED).pid

    def down(self) -> bool:
        """Stop everything and leave no process behind; tell whether anything had been running.

        Raises:
            LeftoverProcessError: A process could not be ended.
        """
        was_running = self._supervisor.is_running()
        if was_running:
            for layer in self._supervisor.running_layers():
                self._stop_layer(layer)
            self._supervisor.shutdown()
        left = processes.find(self._layout.home)
        survivors = processes.end(left, GRACE_SECONDS)
        if survivors:
            raise LeftoverProcessError(survivors)
        self._layout.supervisor_socket.unlink(missing_ok=True)
        return was_running or bool(left)

    def clean(self) -> None:
        """Stop everything and drop all data, logs and secrets."""
        self.down()
        self._layout.remove()

    def _launch(self, services: Sequence[Service]) -> None:
        Launch(services, self._supervisor, self._layout.log_of, self._progress).run()

    def _set_up_platform(self, endpoints: Endpoints) -> None:
        if not self._layout.platform_is_set_up.exists():
            self._progress.update(SETUP_TITLE, "running")
            account = AirflowAccount(endpoints.airflow_url, endpoints.airflow_user, endpoints.airflow_password)
            try:
                with airflow_client(account) as client:
                    setup = PlatformSetup(client, account, f"start__{uuid.uuid4()}")
                    setup.run(self.settings.repository / "dags", self._layout.woken_dags)
            except PlatformNotSetUpError as error:
                self._progress.update(SETUP_TITLE, "failed")
                raise SetupFailedError(str(error)) from error
            self._layout.platform_is_set_up.touch()
        self._progress.update(SETUP_TITLE, "ready")

    def _stop_layer(self, layer: Layer) -> None:
        title = f"{layer.name.lower()} services"
        self._progress.update(title, "stopping")
        self._supervisor.stop_layer(layer)
        self._progress.update(title, "stopped")

    def _context(self) -> Context:
        credentials = Credentials(self._layout.secrets)
        endpoints = endpoints_of(self.settings, credentials)
        return Context(self.settings, self._layout, credentials, endpoints, self._java_home)

    @cached_property
    def _java_home(self) -> Path:
        """Asked once: the answer is a Java that starts and ends."""
        return find_java_home()

    def _start_supervisor(self, everything: Sequence[Service], chosen: Sequence[Service]) -> None:
        config = render(everything, self.settings, self._layout)
        running = self._supervisor.is_running()
        if running and not self._supervisor.runs_with(config):
            raise OtherSettingsError
        if not running:  # whatever still carries this stack's mark was left by a supervisor that crashed
            processes.end(processes.find(self._layout.home), GRACE_SECONDS)
        states = self._supervisor.states()
        here = [service for service in chosen if service.name not in self.settings.placements]
        check_ports(service for service in here if states.get(service.name, STOPPED).state not in RUNS)
        if not running:
            self._layout.platform_is_set_up.unlink(missing_ok=True)
            self._supervisor.start(config)

    def _check_disk(self) -> None:
        for folder in {self._layout.home, self._layout.data}:
            existing = next(path for path in (folder, *folder.parents) if path.exists())
            free = shutil.disk_usage(existing).free
            if free < self.settings.limits.free_disk_bytes:
                raise DiskFullError(folder, free, self.settings.limits.free_disk_bytes)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with os.fdopen(os.open(self._layout.lock, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._progress.update("another start of this stack", "waiting")
                fcntl.flock(file, fcntl.LOCK_EX)
                self._progress.update("another start of this stack", "ready")
            yield


def check_ports(services: Iterable[Service]) -> None:
    """Refuse to start services whose ports another program holds.

    Raises:
        PortTakenError: Names the port, the service and the variable that moves it.
    """
    for service in services:
        for name, port in service.ports.items():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
                try:
                    probe.bind((service.host, port))
                except OSError as error:
                    raise PortTakenError(service.title, name, port) from error


def all_services(context: Context) -> list[Service]:
    """Return every service of the stack."""
    builders = (postgres, kafka, hdfs, elasticsearch, airflow, web, metrics, balancer)
    return [service for builder in builders for service in builder.services(context)]


def choose(services: Sequence[Service], units: tuple[str, ...]) -> list[Service]:
    """Return the services of these units, all of them when no unit is named.

    Raises:
        UnknownServiceError: A name is no unit.
    """
    known = list(dict.fromkeys(service.unit for service in services))
    for unit in units:
        if unit not in known:
            raise UnknownServiceError(unit, known)
    return [service for service in services if not units or service.unit in units]


def _status(service: Service, state: ProcessState) -> ServiceStatus:
    ready, detail = False, state.detail
    if state.pid:
        try:
            service.probe()
        except NotReadyError as error:
            detail = str(error)
        else:
            ready, detail = True, " ".join(f"{service.host}:{port}" for port in service.ports.values())
    seconds = time.time() - state.since if state.pid else 0.0
    return ServiceStatus(service.title, state.state, ready, state.pid, seconds, detail)
