"""The services of a stack, one module per server: plain functions from settings to values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from local_stack.distributions import all_distributions, fetch
from local_stack.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from local_stack.credentials import Credentials
    from local_stack.endpoints import Endpoints
    from local_stack.layout import Layout
    from local_stack.settings import StackSettings


# Four servers start on a laptop's few cores. One simple collector and the quick compiler alone halve the CPU time to
# readiness (38 s to 19 s for all), and moving photos through Kafka and HDFS costs no more than with the defaults.
JVM_OPTIONS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")


@dataclass(frozen=True, slots=True)
class Context:
    """What every module of this package builds its services from."""

    settings: StackSettings
    layout: Layout
    credentials: Credentials
    endpoints: Endpoints
    java_home: Path

    @property
    def authority(self) -> Authority:
        """Who signs the servers' certificates, in a secured stack."""
        return Authority(self.layout.tls / "ca.pem", self.layout.secrets)

    @property
    def java(self) -> str:
        """The Java launcher."""
        return str(self.java_home / "bin" / "java")

    def installed(self, distribution: str) -> Path:
        """Return where a server is unpacked, or will be."""
        return all_distributions()[distribution].folder(self.settings.cache)

    def download(self, distribution: str) -> Callable[[], None] | None:
        """Return what downloads a server, or nothing when it is there."""
        if self.installed(distribution).is_dir():
            return None

        def download() -> None:
            fetch(all_distributions()[distribution], self.settings.cache)

        return download

    def names(self, server: str) -> list[str]:
        """Return the service names of a server: plain for one instance, numbered for several."""
        count = self.settings.instances.get(server, 1)
        return [server] if count == 1 else [f"{server}-{number}" for number in range(1, count + 1)]


def base_environment(context: Context) -> dict[str, str]:
    """Return what every process with the platform's code in it needs."""
    return {
        "PYTHONPATH": str(context.settings.repository / "include"),
        "PYTHONUNBUFFERED": "1",
        "MALLOC_ARENA_MAX": "2",  # as in the images (docs/adr/0203)
        "HADOOP_USER_NAME": context.endpoints.hdfs_user,
    }


def write_if_changed(path: Path, text: str) -> None:
    """Write a generated file; leave an equal one alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.touch(mode=0o600)
        path.write_text(text)
