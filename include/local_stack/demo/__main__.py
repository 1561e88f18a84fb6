"""``python -m local_stack.demo``: the whole platform at work, with figures at the end.

``PHOTOS=folder`` sends the reader's own photos, at most ``PHOTOS_LIMIT`` of them (500).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from local_stack.demo.places import read_places
from local_stack.demo.story import Story
from local_stack.errors import SettingsError, StackError
from local_stack.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILED = 1
INTERRUPTED = 130
DEFAULT_LIMIT = 500
WIDTH_OF_A_LOG = 140


def main(environ: Mapping[str, str] = os.environ) -> int:
    """Run the demo; return the exit code."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OF_A_LOG)
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        limit = _limit(environ.get("PHOTOS_LIMIT") or str(DEFAULT_LIMIT))
        folder = Path(environ["PHOTOS"]).expanduser() if environ.get("PHOTOS") else None
        places = read_places(load_settings(environ).home / "endpoints.env")
        Story(places, console, folder, limit).tell()
    except StackError as error:
        errors.print(f"error: {error}", markup=False)
        return FAILED
    except KeyboardInterrupt:
        errors.print("interrupted; `make down` stops the servers")
        return INTERRUPTED
    return 0


def _limit(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise SettingsError(f"PHOTOS_LIMIT must be a whole number above 0, not {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
