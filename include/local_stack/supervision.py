"""Supervisor (supervisord.org) starts the processes, watches them, rotates their logs and stops them.

Its configuration is generated from the service values; commands go over its XML-RPC interface on a Unix socket.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
import xmlrpc.client
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from supervisor.xmlrpc import Faults, SupervisorTransport

from local_stack import processes
from local_stack.errors import SupervisorError
from local_stack.service import Layer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local_stack.layout import Layout
    from local_stack.service import Service
    from local_stack.settings import StackSettings

START_SECONDS = 15.0
SHUTDOWN_SECONDS = 60.0
POLL_SECONDS = 0.2
RETRIES = 3
OVER = frozenset({"STOPPED", "FATAL", "UNKNOWN"})
"""States in which a process stays until somebody starts it."""
PASSING = frozenset({"EXITED", "STARTING", "STOPPING"})
"""States that another follows in a moment."""
# Of the caller's environment the servers see only this: a stray AIRFLOW__ or HADOOP_ variable must not reach them.
INHERITED = ("PATH", "HOME", "USER", "LOGNAME", "TZ", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "JAVA_HOME")


@dataclass(frozen=True, slots=True)
class ProcessState:
    """What the supervisor says of one process.

    Attributes:
        state: RUNNING, STARTING, BACKOFF, STOPPING, STOPPED, EXITED or FATAL.
        pid: 0 when it does not run.
        since: Start time in Unix seconds, 0 when it never ran.
        detail: The supervisor's own words.
    """

    state: str
    pid: int
    since: int
    detail: str


def render(services: Iterable[Service], settings: StackSettings, layout: Layout) -> str:
    """Return the supervisor's configuration file for these services."""
    services = list(services)
    lines = [
        "[unix_http_server]",
        f"file={_value(layout.supervisor_socket)}",
        "chmod=0700",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "[supervisord]",
        f"logfile={_value(layout.log_of('supervisord'))}",
        f"logfile_maxbytes={settings.limits.log_bytes}",
        f"logfile_backups={settings.limits.log_backups}",
        f"pidfile={_value(layout.supervisor_pid)}",
        f"directory={_value(layout.home)}",
        "umask=077",
    ]
    lines += [f"user={settings.user}"] if settings.is_root else []
    for layer in Layer:
        members = [service for service in services if service.layer is layer]
        if members:
            names = ",".join(service.name for service in members)
            lines += [f"[group:{layer.name.lower()}]", f"programs={names}", f"priority={layer.value}"]
    for service in services:
        lines += _program(service, settings, layout)
    return "\n".join(lines) + "\n"


def _program(service: Service, settings: StackSettings, layout: Layout) -> list[str]:
    environment = ",".join(f"{key}='{_value(value)}'" for key, value in service.environment.items())
    return [
        f"[program:{service.name}]",
        f"command={_value(shlex.join((*_enter(service, settings), *service.command)))}",
        f"directory={_value(service.directory)}",
        f"environment={environment}",
        *([f"user={service.user}"] if service.user else []),
        "autostart=false",
        "autorestart=true",
        f"startretries={RETRIES}",
        f"stopsignal={service.stop_signal}",
        f"stopwaitsecs={service.stop_timeout}",
        "stopasgroup=true",
        "killasgroup=true",
        "redirect_stderr=true",
        f"stdout_logfile={_value(layout.log_of(service.name))}",
        f"stdout_logfile_maxbytes={settings.limits.log_bytes}",
        f"stdout_logfile_backups={settings.limits.log_backups}",
    ]


def _enter(service: Service, settings: StackSettings) -> tuple[str, ...]:
    return settings.placements[service.name].enter if service.name in settings.placements else ()


def _value(value: object) -> str:
    return str(value).replace("%", "%%")


class Supervisor:
    """One stack's supervisor: start it, ask it, tell it."""

    def __init__(self, settings: StackSettings, layout: Layout) -> None:
        self._settings = settings
        self._layout = layout

    def is_running(self) -> bool:
        """Tell whether it answers."""
        try:
            self._call("getState")
        except SupervisorError:
            return False
        return True

    def runs_with(self, config: str) -> bool:
        """Tell whether the running supervisor was started with exactly this configuration."""
        path = self._layout.supervisor_config
        return path.exists() and path.read_text() == config

    def start(self, config: str) -> None:
        """Start it as a daemon, with every service stopped.

        Raises:
            SupervisorError: It did not come up.
        """
        path = self._layout.supervisor_config
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(config)
        self._layout.supervisor_socket.unlink(missing_ok=True)
        command = [str(self._settings.python), "-m", "supervisor.supervisord", "-c", str(path)]
        done = subprocess.run(
            command,
            env=self._environment(),
            cwd=self._layout.home,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            raise SupervisorError(f"the supervisor did not start: {(done.stderr or done.stdout).strip()}")
        self._wait_until_running()

    def states(self) -> dict[str, ProcessState]:
        """Return the state of every service by name; nothing when the supervisor does not run."""
        try:
            infos = self._call("getAllProcessInfo")
        except SupervisorError:
            return {}
        return {
            info["name"]: ProcessState(info["statename"], info["pid"], info["start"], info["description"])
            for info in infos
        }

    def running_layers(self) -> list[Layer]:
        """Return the layers in which something runs, in the order in which they stop."""
        infos = self._call("getAllProcessInfo")
        names = {info["group"] for info in infos if info["pid"]}
        return sorted((layer for layer in Layer if layer.name.lower() in names), reverse=True)

    def start_service(self, service: Service) -> None:
        """Start one service, or let it run when it does."""
        try:
            self._call("startProcess", f"{service.layer.name.lower()}:{service.name}", False)  # noqa: FBT003 - RPC
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != Faults.ALREADY_STARTED:
                raise SupervisorError(f"the supervisor cannot start {service.name}: {fault.faultString}") from fault

    def stop_service(self, service: Service) -> None:
        """Stop one service and wait for it; one that does not run is left as it is.

        Raises:
            SupervisorError: It cannot be stopped.
        """
        self._stop("stopProcess", f"{service.layer.name.lower()}:{service.name}", "name", service.name)

    def stop_layer(self, layer: Layer) -> None:
        """Stop the services of one layer together and wait for them.

        Raises:
            SupervisorError: One of them cannot be stopped.
        """
        group = layer.name.lower()
        self._stop("stopProcessGroup", group, "group", group)

    def _stop(self, method: str, target: str, key: str, value: str) -> None:
        """Stop until all is over.

        What has just died by itself the supervisor would not stop, and start again a moment later. And a process that
        it has just made may not hear a signal yet.
        """
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        while not (states := self._states_of(key, value)) <= OVER:
            if time.monotonic() > deadline:
                raise SupervisorError(f"the supervisor cannot stop {value}: {', '.join(sorted(states))}")
            if states & PASSING:
                time.sleep(POLL_SECONDS)
            else:
                self._stop_now(method, target)

    def _states_of(self, key: str, value: str) -> set[str]:
        return {info["statename"] for info in self._call("getAllProcessInfo") if info[key] == value}

    def _stop_now(self, method: str, target: str) -> None:
        try:
            self._call(method, target)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != Faults.NOT_RUNNING:
                raise SupervisorError(f"the supervisor cannot stop {target}: {fault.faultString}") from fault

    def shutdown(self) -> None:
        """Stop what still runs, then end the supervisor itself."""
        pid = self._call("getPID")
        self._call("shutdown")
        processes.wait_for_end(pid, SHUTDOWN_SECONDS)

    def _wait_until_running(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.is_running():
            if time.monotonic() > deadline:
                raise SupervisorError(
                    f"the supervisor does not answer; its log is {self._layout.log_of('supervisord')}"
                )
            time.sleep(POLL_SECONDS)

    def _environment(self) -> dict[str, str]:
        environment = {key: os.environ[key] for key in INHERITED if key in os.environ}
        return {**environment, "LANG": "C.UTF-8", **processes.marker(self._layout.home)}

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(serverurl=f"unix://{self._layout.supervisor_socket}")
        proxy = xmlrpc.client.ServerProxy("http://localhost", transport=transport)
        try:
            return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, HTTPException) as error:
            raise SupervisorError("the supervisor does not answer") from error
        finally:
            transport.close()
