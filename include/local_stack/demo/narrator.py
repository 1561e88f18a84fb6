"""Says what is going on: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

LINE_SECONDS = 10.0


class Step:
    """One thing that takes a while. May be advanced from several threads.

    Args:
        title: What is being done.
        total: When it is done.
        show: Told how much is done after each advance.
    """

    def __init__(self, title: str, total: int, show: Callable[[int], None]) -> None:
        self.title = title
        self.total = total
        self.done = 0
        self._started = time.monotonic()
        self._show = show
        self._lock = threading.Lock()

    def advance(self, count: int = 1) -> None:
        """Note that much more as done."""
        with self._lock:
            self.done += count
            self._show(self.done)

    @property
    def seconds(self) -> float:
        """Since the step began."""
        return time.monotonic() - self._started


class Narrator:
    """Shows steps, one after the other."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, title: str, total: int = 1) -> Iterator[Step]:
        """Show a step while it runs, and how long it took."""
        if self._console.is_terminal:
            with self._bar() as progress:
                task = progress.add_task(title, total=total)
                step = Step(title, total, lambda done: progress.update(task, completed=done))
                yield step
        else:
            self._console.print(f"  {title} ...")
            step = Step(title, total, self._line_now_and_then(title, total))
            yield step
        count = f"{step.done}, " if total > 1 else ""
        self._console.print(f"[green]✓[/] {title}: {count}{step.seconds:.1f} s")

    def say(self, text: str) -> None:
        """Print a line, however long."""
        self._console.print(text, soft_wrap=True)

    def _bar(self) -> Progress:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        return Progress(*columns, TimeElapsedColumn(), console=self._console, transient=True)

    def _line_now_and_then(self, title: str, total: int) -> Callable[[int], None]:
        spoken = time.monotonic()

        def show(done: int) -> None:
            nonlocal spoken
            if time.monotonic() - spoken > LINE_SECONDS:
                spoken = time.monotonic()
                self._console.print(f"  {title}: {done} of {total}")

        return show
