"""HAProxy before the web applications' replicas: one address for each, and replicas that come and go behind it."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from local_stack.errors import BalancerError
from local_stack.programs import find_haproxy
from local_stack.service import Layer, Service
from local_stack.services import write_if_changed
from local_stack.services.asking import ask
from local_stack.settings import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from local_stack.services import Context

PROBE_SECONDS = 5
COMMAND_SECONDS = 5.0
POLL_SECONDS = 0.1
BACKENDS = ("ready", "alive")
WELL = {"UP", "no"}  # "no check": of the only one it is not asked
CONFIGURATION = """\
# Bodies are streamed to a replica as they come, never spooled.
global
  maxconn 2048
  log stdout format raw local0 notice
  stats socket {socket} mode 600 level admin

defaults
  mode http
  log global
  option httplog
  option dontlognull
  # A replica that refuses the connection has read nothing, so another may be asked. An upload that has begun may have
  # been accepted already: it is not repeated for the sender, who is told 502.
  retries 3
  retry-on conn-failure
  option redispatch 1
  # Every request gets a new connection to its replica: one that lies idle might be closed as the request goes out.
  option http-server-close
  http-reuse never
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout http-request 10s
  # A WebSocket: the stream application ends those that are silent.
  timeout tunnel 1h
  default-server inter 1s fastinter 250ms downinter 500ms fall 2 rise 1 observe layer4 error-limit 1 on-error mark-down
"""
DOOR = """
frontend door{suffix}
  bind {host}:{port}{certificate}
  monitor-uri /haproxy
  http-request deny deny_status 404 if {{ path /metrics }}
  # Set, not appended: what the client claims here decides whose failed log-ins are counted.
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto {scheme}
  # When Kafka is away no replica is ready, but all of them still answer: uploads get their own 503 with Retry-After,
  # and the gallery, which needs no Kafka, goes on.
  use_backend alive{suffix} if {{ nbsrv(ready{suffix}) lt 1 }}
  default_backend ready{suffix}

backend ready{suffix}
  balance leastconn
  option httpchk GET /readyz
{servers}

backend alive{suffix}
  balance leastconn
  option httpchk GET /healthz
{servers}
"""


def services(context: Context) -> list[Service]:
    """Return the balancer; nothing where the stack has none."""
    if not context.settings.instances.get("balancer"):
        return []
    path = context.layout.config / "balancer" / "haproxy.cfg"
    return [
        Service(
            name="balancer",
            unit="balancer",
            title="Load balancer",
            layer=Layer.WEB,
            command=(find_haproxy(), "-db", "-f", str(path)),
            directory=context.layout.home,
            ports={name: context.settings.ports(name) for name in ("balancer", "balancer_stream")},
            needs=(*context.names("api"), *context.names("stream")),
            prepare=lambda: _prepare(context, path),
            probe=lambda: _probe(context),
        )
    ]


def configuration(
    port: int,
    control: Path,
    replicas: Mapping[str, str],
    stream: tuple[int, Mapping[str, str]] | None = None,
    certificate: Path | None = None,
) -> str:
    """Return haproxy.cfg.

    Args:
        port: Where it listens for the upload API.
        control: Unix socket on which it takes commands.
        replicas: ``host:port`` of each upload API, by name.
        stream: The same for the stream application: where it listens, and the replicas.
        certificate: PEM file with its certificate and key, where it is to speak HTTPS.
    """
    doors = [_door("", port, replicas, certificate), *([_door("_stream", *stream, certificate)] if stream else [])]
    return "".join([CONFIGURATION.format(socket=control), *doors])


def _door(suffix: str, port: int, replicas: Mapping[str, str], certificate: Path | None) -> str:
    # The only one has nobody to take its place: on a busy machine one late answer would send everybody away.
    check = " check" if len(replicas) > 1 else ""
    servers = "\n".join(f"  server {name} {address}{check}" for name, address in replicas.items())
    shown = f" ssl crt {certificate} ssl-min-ver TLSv1.2 alpn http/1.1" if certificate else ""
    scheme = "https" if certificate else "http"
    return DOOR.format(suffix=suffix, host=HOST, port=port, servers=servers, certificate=shown, scheme=scheme)


class BalancerControl:
    """Takes replicas out of a running balancer and back in, over HAProxy's runtime API.

    Args:
        control: Its Unix socket.
    """

    def __init__(self, control: Path) -> None:
        self._control = control

    def drain(self, replica: str, seconds: float) -> None:
        """Send no new request to a replica, and wait until it has answered those that it has.

        Raises:
            BalancerError: It has not in that time, or the balancer does not answer.
        """
        self._set(replica, "drain")
        self._wait(lambda: self._field(replica, "scur") == ["0", "0"], seconds, f"{replica} still has requests")

    def readmit(self, replica: str, seconds: float) -> None:
        """Send requests to a replica again, and wait until the balancer finds it well.

        Raises:
            BalancerError: It has not in that time, or the balancer does not answer.
        """
        self._set(replica, "ready")
        self.wait_until_up(replica, seconds)

    def wait_until_up(self, replica: str, seconds: float) -> None:
        """Wait until the balancer finds a replica well."""
        self._wait(lambda: set(self._field(replica, "status")) <= WELL, seconds, f"{replica} is not up")

    def _set(self, replica: str, state: str) -> None:
        for backend in BACKENDS:
            if answer := self._ask(f"set server {backend}/{replica} state {state}").strip():
                raise BalancerError(answer)

    def _field(self, replica: str, name: str) -> list[str]:
        header, *rows = self._ask("show stat").strip().splitlines()
        names = header.removeprefix("# ").split(",")
        table = [dict(zip(names, row.split(","), strict=False)) for row in rows]
        # While a check goes on, the state reads "UP 1/2".
        return [row[name].split(" ")[0] for row in table if row["svname"] == replica]

    def _ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(COMMAND_SECONDS)
            try:
                connection.connect(str(self._control))
                connection.sendall(f"{command}\n".encode())
                return b"".join(iter(lambda: connection.recv(65536), b"")).decode()
            except OSError as error:
                raise BalancerError(f"the load balancer does not answer on {self._control}: {error}") from error

    def _wait(self, condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise BalancerError(f"{otherwise} after {seconds:.0f} s")
            time.sleep(POLL_SECONDS)


def _configuration(context: Context) -> str:
    ports = context.settings.ports
    stream = (ports("balancer_stream"), _replicas(context, "stream"))
    replicas, control = _replicas(context, "api"), context.layout.balancer_socket
    return configuration(ports("balancer"), control, replicas, stream, _certificate(context))


def _certificate(context: Context) -> Path | None:
    return context.layout.config / "balancer" / "server.pem" if context.settings.secure else None


def _prepare(context: Context, path: Path) -> None:
    certificate = _certificate(context)
    if certificate is not None:
        issued = context.authority.issue("balancer")
        write_if_changed(certificate, issued.certificate + issued.key)
    write_if_changed(path, _configuration(context))


def _replicas(context: Context, server: str) -> dict[str, str]:
    settings = context.settings
    return {
        name: f"{settings.host_of(name)}:{settings.ports(server, instance)}"
        for instance, name in enumerate(context.names(server), 1)
    }


def _probe(context: Context) -> None:
    ask(f"{context.endpoints.api_url}/readyz", PROBE_SECONDS, context.settings.ca_file)
