"""The room on the disk that holds a folder."""

import shutil
from pathlib import Path

from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.health import DiskSpace


class DiskOf:
    """The ``Disk`` port on this machine's file systems.

    Args:
        folder: on that disk; it need not be its root.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def space(self) -> DiskSpace:
        """See the port."""
        try:
            found = shutil.disk_usage(self._folder)
        except OSError as error:
            raise ServerUnavailableError("the disk", f"{self._folder}: {error.strerror or error}") from error
        return DiskSpace(found.total, found.free)
