"""Servers of one test's own, beside the suite's: for what would be in the way of all other tests."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir
from types import MappingProxyType

from tests.support.turns import one_at_a_time

from local_stack import Stack, load_settings
from local_stack.layout import layout_of
from local_stack.settings import Placement

ALL_HERE: Mapping[str, Placement] = MappingProxyType({})
SPARE_PORT_OFFSET = 11_000
"""Between the test suite's stack (+10000) and the stack that tests itself (+12000)."""
LOCK = Path(gettempdir()) / f"photo-spare-servers-{os.getuid()}.lock"


@contextmanager
def spare_servers(home: Path, placements: Mapping[str, Placement] = ALL_HERE, **instances: int) -> Iterator[Stack]:
    """Give a stack whose units are up to the test; nothing of it is left afterwards. Others wait for its ports.

    Args:
        home: a folder of the test's own.
        placements: services that run in a network of their own.
        instances: how many of a server, where that is not one.
    """
    settings = load_settings({}, home=home, port_offset=SPARE_PORT_OFFSET)
    counts: Mapping[str, int] = {**settings.instances, **instances}
    settings = replace(settings, instances=counts, placements=placements)
    stack = Stack(settings)
    with one_at_a_time(LOCK):
        try:
            yield stack
        finally:
            stack.clean()


def data_folder(stack: Stack, server: str) -> Path:
    """Where one of its servers stores its data; there even before that has started."""
    folder = layout_of(stack.settings).data / server
    folder.mkdir(parents=True, exist_ok=True)
    return folder
