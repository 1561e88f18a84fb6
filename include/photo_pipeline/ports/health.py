"""Where it is seen whether the platform does its work as it usually does."""

from typing import Protocol

from photo_pipeline.domain.health import DiskSpace, LedgerHealth, Room


class HealthFigures(Protocol):
    """The ledger's last week, at a cost that does not grow with its history."""

    def health(self) -> LedgerHealth:
        """All that it tells.

        Raises:
            ServerUnavailableError: when the database is away, or takes too long.
        """
        ...


class ArchiveRoom(Protocol):
    """The disks below the archive."""

    def room(self) -> Room:
        """What there is, and what is left of it.

        Raises:
            ServerUnavailableError: when HDFS does not answer.
        """
        ...


class Disk(Protocol):
    """A disk that is no server's."""

    def space(self) -> DiskSpace:
        """How full it is.

        Raises:
            ServerUnavailableError: when it does not say.
        """
        ...


class VolumeBook(Protocol):
    """Remembers how full such disks are."""

    def note(self, name: str, space: DiskSpace) -> None:
        """Remember it for two days, by the database's clock.

        Raises:
            ServerUnavailableError: when the database is away.
        """
        ...
