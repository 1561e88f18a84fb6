"""What the stack knows about one service: a value, made by the modules in ``services``, run by ``stack``."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from local_stack.settings import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


class Layer(IntEnum):
    """Stop order: the highest layer stops first, one layer's services together."""

    STORAGE = 1
    AIRFLOW = 2
    WEB = 3


def nothing() -> None:
    """Do nothing: a service without that step."""


@dataclass(frozen=True, slots=True)
class Service:
    """One supervised process, and how to get it ready.

    Attributes:
        name: Unique; also names its log.
        unit: What ``--only`` calls it; several services may share a unit.
        title: For people.
        layer: When it stops.
        command: Program and arguments.
        directory: Working folder.
        environment: Added to the supervisor's.
        ports: Port name (as in ``stack.toml``) to number.
        host: Where it listens on them.
        user: Run as this user; the caller when left out.
        needs: Names of services that must be ready before ``prepare`` runs.
        download: Fetches the server's program; nothing when it is there.
        prepare: Runs before the process starts. May run again, must not mind.
        probe: Raises NotReadyError until the service does its work.
        finish: Runs once the probe passes. May run again, must not mind.
        start_timeout: Seconds from start to ready.
        stop_signal: What asks the process to end.
        stop_timeout: Seconds after which it is made to end.
    """

    name: str
    unit: str
    title: str
    layer: Layer
    command: tuple[str, ...]
    directory: Path
    probe: Callable[[], None]
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    host: str = HOST
    user: str | None = None
    needs: tuple[str, ...] = ()
    download: Callable[[], None] | None = None
    prepare: Callable[[], None] = nothing
    finish: Callable[[], None] = nothing
    start_timeout: float = 300
    stop_signal: str = "TERM"
    stop_timeout: int = 45
