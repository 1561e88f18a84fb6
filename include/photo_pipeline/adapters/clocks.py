"""The clocks of several machines, each asked for the time."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import uuid4

from photo_pipeline.adapters.hdfs import HdfsArchive
from photo_pipeline.domain.clocks import Reading
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.ports.clock import Clock

DATABASE = "PostgreSQL"
NAMENODE = "the HDFS NameNode"
WORKER = "this worker"
"""As people know them."""


class NamedClocks:
    """The ``ClockWitnesses`` port on any clocks, by the names of their machines."""

    def __init__(self, clocks: Mapping[str, Clock]) -> None:
        self._clocks = clocks

    def readings(self) -> Sequence[Reading]:
        """See the port. One after the other: what is tolerated has room for that."""
        return [Reading(name, clock.now()) for name, clock in self._clocks.items()]


class NameNodeClock:
    """The ``Clock`` port on the NameNode that serves: it stamps a folder that is made and removed again.

    Args:
        archive: the way to it.
        root: below which the folder is made.
    """

    def __init__(self, archive: HdfsArchive, root: str) -> None:
        self._archive = archive
        self._root = root

    def now(self) -> datetime:
        """See the port.

        Raises:
            ServerUnavailableError: when HDFS does not answer.
        """
        folder = f"{self._root}/_staging/clock/{uuid4().hex}"
        self._archive.make_folder(folder)
        try:
            made_at = self._archive.written_at(folder)
        finally:
            self._archive.remove_folder(folder)
        if made_at is None:
            raise ServerUnavailableError("HDFS", f"{folder}: somebody else has removed it")
        return made_at
