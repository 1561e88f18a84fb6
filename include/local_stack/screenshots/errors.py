"""What can keep a picture from being taken. Each message is one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_stack.errors import StackError

if TYPE_CHECKING:
    from pathlib import Path


class BrowserFailedError(StackError):
    """Chromium is there, but does not start."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Chromium does not start: {reason}")


class PageNotReadyError(StackError):
    """A page did not become what the picture is to show."""

    def __init__(self, title: str, reason: str) -> None:
        super().__init__(f"{title} did not show what it should: {reason}")


class NothingToShowError(StackError):
    """What the pages tell of has not happened yet."""

    def __init__(self, missing: str) -> None:
        super().__init__(f"{missing}: run `make demo` first, it fills the pages")


class PictureTooLargeError(StackError):
    """A picture cannot be made small enough for the repository."""

    def __init__(self, path: Path, length: int, limit: int) -> None:
        super().__init__(f"{path.name} takes {length:,} bytes, {limit:,} are allowed: show less of the page")
