"""``python -m local_stack.screenshots``: takes README's pictures again, from the platform that runs.

A customer of its own sends the demo's painted photos, so that nobody else's are shown in the gallery.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from local_stack.demo.narrator import Narrator
from local_stack.demo.places import read_places
from local_stack.errors import StackError
from local_stack.screenshots.browser import chromium, find_chromium
from local_stack.screenshots.files import save
from local_stack.screenshots.pages import PICTURES, Photographer
from local_stack.screenshots.sitter import require_a_demo, sitter
from local_stack.settings import REPOSITORY, load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local_stack.demo.places import Places

FAILED = 1
INTERRUPTED = 130
REPORT = REPOSITORY / ".local" / "report.html"
FOLDER = REPOSITORY / "docs" / "pictures"


def main(arguments: Sequence[str] | None = None) -> int:
    """Take all pictures; return the exit code."""
    options = _parser().parse_args(arguments)
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        ready = look_around()
        if not options.check:
            take_all(ready, options.report, options.folder, Narrator(Console(highlight=False, soft_wrap=True)))
    except StackError as error:
        errors.print(f"error: {error}", markup=False)
        return FAILED
    except KeyboardInterrupt:
        errors.print("interrupted; the pictures taken so far are kept")
        return INTERRUPTED
    return 0


@dataclass(frozen=True, slots=True)
class Ready:
    """What pictures are taken with: the stack that was started here, and the browser's program."""

    places: Places
    chromium: str


def look_around() -> Ready:
    """Find out whether pictures can be taken.

    Raises:
        StackError: One of its kinds: no stack, no browser, nothing to show.
    """
    places = read_places(load_settings().home / "endpoints.env")
    executable = find_chromium()
    require_a_demo(places)
    return Ready(places, executable)


def take_all(ready: Ready, report: Path, folder: Path, narrator: Narrator) -> None:
    """Take every picture.

    Args:
        ready: Where, and with what.
        report: The analysts' report.
        folder: Where the pictures go.
        narrator: Told what happens.

    Raises:
        StackError: One of its kinds.
    """
    with chromium(ready.chromium) as browser:
        with narrator.step("sending photos to a gallery"):
            customer = sitter(ready.places)
        photographer = Photographer(browser, ready.places, customer, report)
        for name, take in PICTURES.items():
            length = save(take(photographer), folder / name)
            narrator.say(f"{folder / name}: {length / 1000:.0f} kB")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_stack.screenshots", description="README's pictures.")
    parser.add_argument("--check", action="store_true", help="only find out whether pictures can be taken")
    parser.add_argument(
        "--report", type=Path, default=REPORT, help="the analysts' report (default: .local/report.html)"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pictures go (default: docs/pictures)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
