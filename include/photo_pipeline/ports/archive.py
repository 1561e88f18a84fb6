"""HDFS: files that are written once, read in ranges and removed."""

from collections.abc import Iterator
from typing import Protocol

from photo_pipeline.domain.shard import ArchiveFile


class ArchiveWriter(Protocol):
    """A file being written, front to back."""

    def write(self, data: bytes) -> None:
        """Append."""
        ...

    def close(self) -> None:
        """Make all of it durable."""
        ...


class Archive(Protocol):
    """HDFS, as the pipeline uses it."""

    def create(self, path: str) -> ArchiveWriter:
        """A new file; its parent folders come into being, an older file of that name is replaced."""
        ...

    def rename(self, source: str, target: str) -> None:
        """Move a file; the target's parent folders come into being. Atomic."""
        ...

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Exactly that range.

        Raises:
            ArchiveMemberError: when the file is missing or shorter than that.
        """
        ...

    def delete(self, path: str) -> bool:
        """Remove a file; ``False`` where there was none."""
        ...

    def length(self, path: str) -> int | None:
        """The file's length in bytes, or ``None`` where there is none."""
        ...

    def list(self, folder: str) -> Iterator[ArchiveFile]:
        """Every file below the folder; nothing where it does not exist."""
        ...


class OpenedFile(Protocol):
    """A file of which several ranges are read, one after the other."""

    def read(self, offset: int, length: int) -> bytes:
        """Exactly that range. Raises ``ArchiveMemberError`` or ``ServerUnavailableError``."""
        ...


class RangeReader(Protocol):
    """The part of the ``Archive`` port that is needed here."""

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Exactly that range. Raises ``ArchiveMemberError`` or ``ServerUnavailableError``."""
        ...

    def open(self, path: str) -> OpenedFile:
        """A file to read more than once. Raises ``ArchiveMemberError`` or ``ServerUnavailableError``."""
        ...
