"""What can go wrong with the local stack. Each message is one line that names the fix."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class StackError(Exception):
    """Base of all failures that the command line prints as one line."""


class SettingsError(StackError):
    """A setting has a value that cannot be used."""


class UnknownServiceError(StackError):
    """A name given to ``--only`` or ``--service`` is no service."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"no service is called {name!r}; choose from: {', '.join(known)}")


class MissingProgramError(StackError):
    """A program the stack needs is not installed, or is too old."""

    def __init__(self, program: str, found: str, install: str) -> None:
        super().__init__(f"{program} is needed, {found}; install it with: {install}")


class DownloadError(StackError):
    """Maven could not fetch a server."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"cannot download {name}: {reason}")


class DiskFullError(StackError):
    """Too little room to start servers that write."""

    def __init__(self, folder: Path, free: int, needed: int) -> None:
        super().__init__(
            f"the disk of {folder} has {free / 2**30:.1f} GiB free, the stack wants {needed / 2**30:.1f} GiB: "
            "free some, or set PHOTO_STACK_HOME to a folder on another disk"
        )


class PortTakenError(StackError):
    """Another process listens where a service should."""

    def __init__(self, service: str, name: str, port: int) -> None:
        super().__init__(
            f"port {port} for {service} is taken by another program: stop that program, "
            f"or choose another port with PHOTO_PORT_{name.upper()} (or move all with PHOTO_PORT_OFFSET)"
        )


class UnreadableForServiceUserError(StackError):
    """Root starts some servers as another user, and that user cannot reach a folder."""

    def __init__(self, user: str, folder: Path, variable: str) -> None:
        super().__init__(f"user {user!r} cannot read {folder}: set {variable} to a folder that every user may enter")


class ServiceUserError(StackError):
    """The user for servers that refuse root could not be made."""


class PrepareError(StackError):
    """A one-time step before the first start of a service failed."""

    def __init__(self, step: str, output: str) -> None:
        lines = output.strip().splitlines() or ["no output"]
        super().__init__("\n".join([f"{step} failed:", *(f"    {line}" for line in lines[-8:])]))


class ServiceFailedError(StackError):
    """A service ended, or did not become ready in time."""

    def __init__(self, service: str, reason: str, log: Path, tail: list[str]) -> None:
        super().__init__("\n".join([f"{service} {reason}; its log is {log}", *(f"    {line}" for line in tail)]))


class OtherSettingsError(StackError):
    """The stack runs, started with settings that differ from the ones now in force."""

    def __init__(self) -> None:
        super().__init__("the stack is running with other settings: run `make down` first, then `make up`")


class SupervisorError(StackError):
    """The process supervisor did not start or does not answer."""


class LeftoverProcessError(StackError):
    """Processes outlived the stop."""

    def __init__(self, processes: list[str]) -> None:
        super().__init__(f"these processes did not end: {', '.join(processes)}")


class BalancerError(StackError):
    """The load balancer does not answer, or a replica does not do as it should."""


class FailoverError(StackError):
    """A standby did not take over."""


class SetupFailedError(StackError):
    """The DAG platform_setup did not succeed."""


class NotReadyError(Exception):
    """A probe's answer: not yet. Never shown as it is; the wait ends in ServiceFailedError."""
