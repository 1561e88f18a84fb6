"""Everything that can be chosen about the stack, read once from ``stack.toml`` and the environment."""

from __future__ import annotations

import getpass
import os
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_stack.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = "127.0.0.1"
# The second PostgreSQL and the second NameNode, at the first ones' ports: an Airflow connection has one port only.
STANDBY_HOST = "127.0.0.2"
REPOSITORY = Path(__file__).resolve().parents[2]
INSTANCE_STRIDE = 100
HIGHEST_PORT = 65535
# The supervisor's configuration knows no way to write these inside a quoted value.
UNWRITABLE = "'\"\n;#"


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports by name, for the first instance of each server."""

    numbers: Mapping[str, int]

    def __call__(self, name: str, instance: int = 1) -> int:
        """Return the port of one instance, counted from 1."""
        return self.numbers[name] + (instance - 1) * INSTANCE_STRIDE


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, and how many old logs are kept."""

    free_disk_bytes: int
    log_bytes: int
    log_backups: int
    message_bytes: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a service runs that is not to share this machine's network.

    Attributes:
        host: Where it listens.
        enter: What to put before its command.
    """

    host: str
    enter: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StackSettings:
    """One stack: where it lives, where it listens, what it may use.

    Attributes:
        repository: The checkout whose DAGs, plugins and applications are run.
        home: State folder; two stacks differ in it and in their ports.
        cache: Where unpacked servers are kept, shared by all stacks of this machine.
        ports: TCP ports, all on 127.0.0.1.
        memory: Java heap per server, in Java's notation.
        instances: How many of each server.
        limits: Sizes.
        python: The interpreter that runs Airflow, the applications and the supervisor.
        user: The user who starts the stack.
        is_root: Whether servers that refuse root need another user.
        api_processes: How many processes each upload API has.
        ingest_workers: How many photos of a slice are decoded at a time.
        secure: Whether clients have to log in to Kafka, and lines are encrypted.
        placements: By service name, those with a network of their own; fault tests cut that off.
    """

    repository: Path
    home: Path
    cache: Path
    ports: Ports
    memory: Mapping[str, str]
    instances: Mapping[str, int]
    limits: Limits
    python: Path
    user: str
    is_root: bool
    api_processes: int = 1
    ingest_workers: int = 2
    secure: bool = False
    placements: Mapping[str, Placement] = field(default_factory=dict)

    def host_of(self, service: str) -> str:
        """Return where a broker or a web application listens."""
        return self.placements[service].host if service in self.placements else HOST

    @property
    def ca_file(self) -> Path | None:
        """Whose certificates clients trust; nothing where there are none."""
        return self.home / "tls" / "ca.pem" if self.secure else None

    @property
    def postgres_trust(self) -> dict[str, str]:
        """Whose certificate PostgreSQL has to show, in libpq's words; nothing where there is none."""
        return {} if self.ca_file is None else {"sslmode": "verify-full", "sslrootcert": str(self.ca_file)}

    @property
    def hosts(self) -> tuple[str, ...]:
        """Where PostgreSQL and the NameNode listen: one of each, or two, the second of which stands by."""
        return (HOST, STANDBY_HOST) if self.instances.get("standby") else (HOST,)


@dataclass(frozen=True, slots=True)
class _Profile:
    """What a profile changes: the state folder's name, all ports, numbers of instances, and who asks who is there."""

    suffix: str = ""
    port_offset: int = 0
    instances: Mapping[str, int] = field(default_factory=dict)
    secure: bool = False


def load_settings(
    environ: Mapping[str, str] | None = None, *, home: Path | None = None, port_offset: int = 0
) -> StackSettings:
    """Read ``stack.toml`` and the environment; ``STACK`` names a profile, which has folder and ports of its own.

    Args:
        environ: The environment; the process's own when left out.
        home: State folder, over ``PHOTO_STACK_HOME`` and ``.local``, to which a profile adds its name.
        port_offset: Added to every port that ``PHOTO_PORT_<NAME>`` does not set; ``PHOTO_PORT_OFFSET`` goes over it.

    Raises:
        SettingsError: A value is unusable; the message names it.
    """
    env = os.environ if environ is None else environ
    table = tomllib.loads((Path(__file__).parent / "stack.toml").read_text())
    profile = _profile(table, env)
    instances = {**table["instances"], **profile.instances}
    is_root = os.geteuid() == 0
    chosen_home = home or Path(f"{env.get('PHOTO_STACK_HOME') or REPOSITORY / '.local'}{profile.suffix}")
    return StackSettings(
        repository=_writable_in_configuration(REPOSITORY),
        home=_writable_in_configuration(chosen_home.expanduser().resolve()),
        cache=_writable_in_configuration(_cache(env, is_root=is_root)),
        ports=Ports(_ports(table["ports"], instances, env, port_offset + profile.port_offset)),
        memory=dict(table["memory"]),
        instances=instances,
        limits=Limits(**table["limits"]),
        python=Path(sys.executable),
        user=getpass.getuser(),
        is_root=is_root,
        api_processes=_count(env, "PHOTO_API_PROCESSES", 1),
        ingest_workers=_count(env, "PHOTO_INGEST_WORKERS", 2),
        secure=profile.secure,
    )


def _count(env: Mapping[str, str], variable: str, default: int) -> int:
    count = _number(variable, env.get(variable) or str(default))
    if count < 1:
        raise SettingsError(f"{variable} must be at least 1, not {count}")
    return count


def _profile(table: Mapping[str, Any], env: Mapping[str, str]) -> _Profile:
    name = env.get("STACK", "")
    if not name:
        return _Profile()
    if name not in table["profiles"]:
        raise SettingsError(f"STACK must be one of: {', '.join(table['profiles'])} (or unset), not {name!r}")
    found = table["profiles"][name]
    return _Profile(f"-{name}", found["port_offset"], found["instances"], found.get("secure", False))


def _cache(env: Mapping[str, str], *, is_root: bool) -> Path:
    if env.get("PHOTO_CACHE"):
        return Path(env["PHOTO_CACHE"]).expanduser().resolve()
    if is_root:  # root's home is closed to the users that PostgreSQL and Elasticsearch run as
        return Path("/var/cache/photo-pipeline")
    return Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache").resolve() / "photo-pipeline"


def _ports(
    defaults: Mapping[str, int], instances: Mapping[str, Any], env: Mapping[str, str], offset: int
) -> dict[str, int]:
    offset = _number("PHOTO_PORT_OFFSET", env.get("PHOTO_PORT_OFFSET") or str(offset))
    numbers: dict[str, int] = {}
    used: dict[int, str] = {}
    for name, default in defaults.items():
        variable = f"PHOTO_PORT_{name.upper()}"
        numbers[name] = _number(variable, env[variable]) if env.get(variable) else default + offset
        for instance in range(int(instances.get(name.split("_")[0], 1))):
            port = numbers[name] + instance * INSTANCE_STRIDE
            if not 0 < port <= HIGHEST_PORT:
                raise SettingsError(f"{variable}: {port} is no TCP port (1 to {HIGHEST_PORT})")
            if port in used:
                raise SettingsError(f"{variable}: port {port} is already that of {used[port]}")
            used[port] = name
    return numbers


def _number(variable: str, text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise SettingsError(f"{variable} must be a whole number, not {text!r}") from error


def _writable_in_configuration(path: Path) -> Path:
    bad = sorted({char for char in str(path) if char in UNWRITABLE})
    if bad:
        raise SettingsError(f"the folder {str(path)!r} has {' '.join(bad)!r} in its name, which the stack cannot use")
    return path
