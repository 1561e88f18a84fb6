"""What can end the demo early. Each message is one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_stack.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class NotUpError(StackError):
    """The platform is not running, or not on this machine."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: run `make up` first")


class UnusableFolderError(StackError):
    """``PHOTOS`` names no folder with photos."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"PHOTOS={folder} {reason}: name a folder with photos, or leave PHOTOS out")


class RequestRefusedError(StackError):
    """A server answered, but not as its contract says."""

    def __init__(self, request: str, status: int, detail: str) -> None:
        super().__init__(f"{request} was answered {status}: {' '.join(detail.split())[:300]}")


class NotAcknowledgedError(StackError):
    """Kafka did not take a record of the demo's own producer."""


class StalledError(StackError):
    """Nothing more happened where something should."""

    def __init__(self, waited_for: str, seconds: float, look: str) -> None:
        super().__init__(f"{waited_for}: nothing has moved for {seconds:.0f} s; look at {look}")


class RunFailedError(StackError):
    """A DAG run that the demo started failed."""

    def __init__(self, dag_id: str, address: str) -> None:
        super().__init__(f"the run of {dag_id} failed; look at {address}")


class FiguresDifferError(StackError):
    """The figures of the four places are not the same."""

    def __init__(self, differences: Sequence[str]) -> None:
        super().__init__(f"the figures differ: {'; '.join(differences)}")
