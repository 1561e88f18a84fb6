"""The stacks that the suite runs against: one, or two where several processes share the suite.

What drives the whole platform or takes servers away has the first for itself then, so that nobody waits for it.
"""

import os
from pathlib import Path

from local_stack import StackSettings, load_settings

REPOSITORY = Path(__file__).resolve().parents[2]
PORT_OFFSET = 10_000
BETWEEN = -500
"""From the first stack's ports to the second's: those of other stacks lie whole thousands apart."""
FIRST_PROCESS = "gw0"
"""pytest-xdist's name of the process that gets the first group of tests, which is the platform's."""


def first_stack() -> StackSettings:
    """Where the only process, or the first, finds its servers."""
    return load_settings(home=REPOSITORY / ".local-test", port_offset=PORT_OFFSET)


def second_stack() -> StackSettings:
    """Where all other processes do. Ports that were chosen one by one are the first stack's."""
    offset = int(os.environ.get("PHOTO_PORT_OFFSET") or PORT_OFFSET) + BETWEEN
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PHOTO_PORT_")}
    return load_settings(environ, home=REPOSITORY / ".local-test-2", port_offset=offset)


def stack_of_this_process() -> StackSettings:
    """The one that this process's tests use."""
    is_first = os.environ.get("PYTEST_XDIST_WORKER", FIRST_PROCESS) == FIRST_PROCESS
    return first_stack() if is_first else second_stack()
