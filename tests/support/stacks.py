"""The stacks that the suite runs against: one for each process that shares it, so that nobody waits for an outage."""

import os
from pathlib import Path

from local_stack import StackSettings, load_settings

REPOSITORY = Path(__file__).resolve().parents[2]
PORT_OFFSET = 10_000
STRIDE = -230
"""From one process's ports to the next one's. Other stacks lie whole thousands apart: no two of these meet."""
SECURED = 4
"""The secured stack's place among them, behind those of four processes."""


def first_stack() -> StackSettings:
    """Where the only process, or the first, finds its servers."""
    return load_settings(home=REPOSITORY / ".local-test", port_offset=PORT_OFFSET)


def stack_of_this_process() -> StackSettings:
    """Where this process does."""
    number = number_of_this_process()
    return further_stack(number) if number else first_stack()


def number_of_this_process() -> int:
    """Which of the processes that share the suite this is, counted from 0."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def further_stack(number: int) -> StackSettings:
    """Where one of the others does, counted from 1. Ports that were chosen one by one are the first's."""
    offset = int(os.environ.get("PHOTO_PORT_OFFSET") or PORT_OFFSET) + number * STRIDE
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PHOTO_PORT_")}
    return load_settings(environ, home=REPOSITORY / f".local-test-{number + 1}", port_offset=offset)


def secure_stack() -> StackSettings:
    """Where the tests of a secured stack do, in whichever process that is."""
    offset = int(os.environ.get("PHOTO_PORT_OFFSET") or PORT_OFFSET) + SECURED * STRIDE
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PHOTO_PORT_")}
    chosen = {"STACK": "secure", "PHOTO_PORT_OFFSET": str(offset)}
    return load_settings(environ | chosen, home=REPOSITORY / ".local-test-secure")
