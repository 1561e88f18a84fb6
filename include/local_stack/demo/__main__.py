"""``python -m local_stack.demo``: the whole platform at work, with figures at the end.

``PHOTOS=folder`` sends the reader's own photos, at most ``PHOTOS_LIMIT`` of them (500).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from local_stack.demo.errors import UnusableFolderError
from local_stack.demo.places import read_places
from local_stack.demo.story import Story
from local_stack.errors import StackError
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
        places = read_places(load_settings(environ).home / "endpoints.env")
        folder = Path(environ["PHOTOS"]).expanduser() if environ.get("PHOTOS") else None
        Story(places, console, folder, _limit(environ)).tell()
    except StackError as error:
        errors.print(f"error: {error}", markup=False)
        return FAILED
    except KeyboardInterrupt:
        errors.print("interrupted; `make down` stops the servers")
        return INTERRUPTED
    return 0


def _limit(environ: Mapping[str, str]) -> int:
    text = environ.get("PHOTOS_LIMIT") or str(DEFAULT_LIMIT)
    if not text.isdecimal() or int(text) == 0:
        raise UnusableFolderError(Path(environ.get("PHOTOS", "")), f"cannot be cut at PHOTOS_LIMIT={text}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
