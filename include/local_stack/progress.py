"""Shows how far each service is: a live table on a terminal, one line per change elsewhere."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from types import TracebackType

DONE = {"ready", "stopped"}
FAILED = "failed"
STYLES = {"ready": "green", "stopped": "green", "failed": "red"}


class Progress(Protocol):
    """Where the stack reports what it does."""

    def update(self, title: str, state: str) -> None:
        """Report the state of one service. Called from several threads."""


class Silent:
    """Reports to nobody."""

    def update(self, title: str, state: str) -> None:
        """Drop the report."""


class ConsoleProgress:
    """Reports on a terminal or in a log."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._rows: dict[str, tuple[str, float]] = {}
        self._live = Live(get_renderable=self._table, console=self._console, refresh_per_second=8)

    def __enter__(self) -> Self:
        """Begin the live display on a terminal."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the last state on the screen."""
        if self._console.is_terminal:
            self._live.stop()

    def update(self, title: str, state: str) -> None:
        """Show that a service is in a state."""
        with self._lock:
            if self._rows.get(title, ("", 0.0))[0] == state:
                return
            seconds = time.monotonic() - self._started
            self._rows[title] = (state, seconds)
            if not self._console.is_terminal:
                self._console.print(f"{seconds:6.1f} s  {title:<22} {state}")

    def _table(self) -> Table:
        with self._lock:
            rows = dict(self._rows)
        table = Table.grid(padding=(0, 2))
        for title, (state, seconds) in rows.items():
            table.add_row(_sign(state), title, Text(state, style=STYLES.get(state, "")), f"{seconds:.1f} s")
        return table


def _sign(state: str) -> Text | Spinner:
    if state in DONE:
        return Text("✓", style="green")
    return Text("✗", style="red") if state == FAILED else Spinner("dots")
