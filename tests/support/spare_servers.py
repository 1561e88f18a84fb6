"""Servers of one test's own, beside the suite's: for what would be in the way of all other tests."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir
from types import MappingProxyType

from tests.support.stacks import STRIDE, number_of_this_process
from tests.support.turns import one_at_a_time

from local_stack import Stack, load_settings
from local_stack.layout import layout_of
from local_stack.settings import Placement

ALL_HERE: Mapping[str, Placement] = MappingProxyType({})
SPARE_PORT_OFFSET = 11_040
"""The first process's, between the test suite's stack (+10000) and the stack that tests itself (+12000).

The others' lie below: processes that wait for a server to come back do so at the same time. A multiple of a thousand
would have the fourth's where the first's own servers are.
"""


def spare_offset() -> int:
    """Where this process's spare servers have their ports."""
    return SPARE_PORT_OFFSET + number_of_this_process() * STRIDE


@contextmanager
def spare_servers(home: Path, placements: Mapping[str, Placement] = ALL_HERE, **instances: int) -> Iterator[Stack]:
    """Give a stack whose units are up to the test; nothing of it is left afterwards.

    Other sessions on this machine wait for its ports.

    Args:
        home: a folder of the test's own.
        placements: services that run in a network of their own.
        instances: how many of a server, where that is not one.
    """
    offset = spare_offset()
    settings = load_settings({}, home=home, port_offset=offset)
    counts: Mapping[str, int] = {**settings.instances, **instances}
    settings = replace(settings, instances=counts, placements=placements)
    stack = Stack(settings)
    with one_at_a_time(Path(gettempdir()) / f"photo-spare-servers-{os.getuid()}-{offset}.lock"):
        try:
            yield stack
        finally:
            stack.clean()


def data_folder(stack: Stack, server: str) -> Path:
    """Where one of its servers stores its data; there even before that has started."""
    folder = layout_of(stack.settings).data / server
    folder.mkdir(parents=True, exist_ok=True)
    return folder
