"""An archive in memory, behind the port of retention, and clocks that a test sets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from photo_pipeline.domain.clocks import Reading
from photo_pipeline.domain.errors import ArchiveMemberError
from photo_pipeline.domain.shard import ArchiveFile


@dataclass(slots=True)
class ManualClock:
    """A clock that stands still until it is told otherwise."""

    time: datetime

    def now(self) -> datetime:
        """See the port."""
        return self.time


@dataclass(slots=True)
class ManualClocks:
    """The ``ClockWitnesses`` port: machines that all show one clock's time, each as far off as a test wants it."""

    clock: ManualClock
    off: dict[str, timedelta] = field(
        default_factory=lambda: dict.fromkeys(("PostgreSQL", "the HDFS NameNode", "this worker"), timedelta(0))
    )

    def readings(self) -> Sequence[Reading]:
        """See the port."""
        return [Reading(name, self.clock.time + off) for name, off in self.off.items()]


@dataclass(slots=True)
class MemoryWriter:
    """A file that has no content before it is closed, as on HDFS."""

    archive: "MemoryArchive"
    path: str
    written: bytearray = field(default_factory=bytearray)

    def write(self, data: bytes) -> None:
        """See the port."""
        self.written += data

    def close(self) -> None:
        """See the port."""
        if self.path not in self.archive.files:
            raise ArchiveMemberError(self.path, "was removed or replaced while it was being written")
        self.archive.files[self.path] = bytes(self.written)
        self.archive.stamps[self.path] = self.archive.clock.now()


@dataclass(frozen=True, slots=True)
class MemoryReader:
    """The ``OpenedFile`` port."""

    archive: "MemoryArchive"
    path: str

    def read(self, offset: int, length: int) -> bytes:
        """See the port."""
        return self.archive.read(self.path, offset, length)


@dataclass(slots=True)
class MemoryArchive:
    """The ``RetainedArchive`` port."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(datetime(2026, 1, 1, tzinfo=UTC)))
    files: dict[str, bytes] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    stamps: dict[str, datetime] = field(default_factory=dict)

    def create(self, path: str) -> MemoryWriter:
        """See the port."""
        self._put(path, b"")
        return MemoryWriter(self, path)

    def rename(self, source: str, target: str) -> None:
        """See the port."""
        if source not in self.files or target in self.files:
            raise ArchiveMemberError(source, "there is no such file to rename")
        self._put(target, self.files.pop(source))
        self.stamps[target] = self.stamps.pop(source)

    def read(self, path: str, offset: int, length: int) -> bytes:
        """See the port."""
        data = self.files.get(path, b"")[offset : offset + length]
        if len(data) != length:
            raise ArchiveMemberError(path, "there is no such range")
        return data

    def open(self, path: str) -> "MemoryReader":
        """See the port ``RangeReader``."""
        return MemoryReader(self, path)

    def delete(self, path: str) -> bool:
        """See the port."""
        return self.files.pop(path, None) is not None

    def length(self, path: str) -> int | None:
        """See the port."""
        return len(self.files[path]) if path in self.files else None

    def written_at(self, path: str) -> datetime | None:
        """See the port."""
        return self.stamps.get(path) if path in self.files else None

    def list(self, folder: str) -> Iterator[ArchiveFile]:
        """See the port."""
        return iter(
            [ArchiveFile(path, len(data)) for path, data in self.files.items() if path.startswith(f"{folder}/")]
        )

    def empty_folders(self, folder: str) -> Iterator[str]:
        """See the port."""
        below = [path for path in self.folders if path.rpartition("/")[0] == folder]
        return iter([path for path in below if next(self.list(path), None) is None])

    def remove_folder(self, path: str) -> bool:
        """See the port."""
        if path not in self.folders or next(self.list(path), None) is not None:
            return False
        self.folders.remove(path)
        return True

    def _put(self, path: str, data: bytes) -> None:
        self.files[path] = data
        self.stamps[path] = self.clock.now()
        self.folders.add(path.rpartition("/")[0])
