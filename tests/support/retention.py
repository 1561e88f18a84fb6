"""A platform in memory, behind the ports of retention, and ways to disturb a run at any of its calls."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tests.support.memory_archive import ManualClock, ManualClocks, MemoryArchive
from tests.support.memory_ledger import MemoryLedger, PhotoRow
from tests.support.memory_months import MemoryMonths

from photo_pipeline.domain.ledger import ShardFile
from photo_pipeline.domain.months import month_of
from photo_pipeline.domain.photo import Log, RenditionKind, photo_id_for, sha256_hex
from photo_pipeline.domain.retention import SliceState
from photo_pipeline.domain.shard import Member, ShardWriter, shard_path, staging_path
from photo_pipeline.use_cases.retention import RetentionPorts

ROOT = "/photos"
PARTITION = Log("photos.uploaded", 0)


class Attempt:
    """A worker's attempt at a slice: its file is staged, renamed, and at last named by the ledger."""

    def __init__(self, platform: "Platform", customer_id: UUID, contents: Sequence[bytes]) -> None:
        self._platform = platform
        self._customer_id = customer_id
        self._contents = {photo_id_for(customer_id, sha256_hex(data)): data for data in contents}
        self._start = len(platform.ledger.slices)
        self._day = platform.clock.now().date()
        self._accepted_at = platform.clock.now()
        self.path = staging_path(ROOT, PARTITION, self._start, 1)
        platform.ledger.slices[PARTITION, self._start] = SliceState(1, committed=False)
        self._renditions, self._length = write_shard(platform.archive, self.path, self._contents)

    def rename(self) -> None:
        """Give the file its final name."""
        end = self._start + len(self._contents)
        staged, self.path = self.path, shard_path(ROOT, self._day, PARTITION, self._start, end, 1)
        self._platform.archive.rename(staged, self.path)

    def commit(self, stamped_ago: timedelta = timedelta(0)) -> list[UUID]:
        """The transaction ends now, and bears the time at which it began."""
        ledger = self._platform.ledger
        ledger.customers.add(self._customer_id)
        ledger.slices[PARTITION, self._start] = SliceState(1, committed=True)
        file, stamp = ShardFile(self.path, self._length), self._platform.clock.now() - stamped_ago
        shard_id = ledger.add_shard("archive", file, len(self._contents), stamp)
        for photo_id, renditions in self._renditions.items():
            ledger.photos[photo_id] = PhotoRow(
                photo_id, self._customer_id, shard_id, renditions, accepted_at=self._accepted_at
            )
        return list(self._contents)

    def supersede(self, *, committed: bool = False) -> None:
        """Another worker has taken the slice over, and may have committed it."""
        self._platform.ledger.slices[PARTITION, self._start] = SliceState(2, committed=committed)


class Platform:
    """A ledger and an archive, and an ingest that fills them as the real one does."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.clock = ManualClock(start)
        self.ledger = MemoryLedger(self.clock)
        self.archive = MemoryArchive(self.clock)
        self.clocks = ManualClocks(self.clock)
        self.months = MemoryMonths(made={month_of(start + timedelta(days=days)) for days in range(0, 400, 28)})
        self.ports = RetentionPorts(self.ledger, self.ledger, self.archive, self.clocks, self.ledger, ROOT, self.months)

    def ingest(self, customer_id: UUID, *contents: bytes) -> list[UUID]:
        """Archive photos in one slice."""
        attempt = Attempt(self, customer_id, contents)
        attempt.rename()
        return attempt.commit()

    def original(self, photo_id: UUID) -> bytes | None:
        """What the gallery would serve; ``None`` for an expired photo."""
        photo = self.ledger.photos[photo_id]
        if photo.shard_id is None:
            return None
        original = next(r for r in photo.renditions if r.kind is RenditionKind.ORIGINAL)
        return self.archive.read(self.ledger.shards[photo.shard_id].path, original.offset, original.length)


def write_shard(archive: Any, path: str, contents: Mapping[UUID, bytes]) -> tuple[dict[UUID, Sequence[Any]], int]:
    """Write a shard of photos whose members hold little but are where they should be; the index and the length."""
    file = archive.create(path)
    tar = ShardWriter(file.write)
    renditions: dict[UUID, Sequence[Any]] = {}
    for photo_id, data in contents.items():
        members = (
            Member(RenditionKind.ORIGINAL, "png", data, "image/png", 4, 3),
            Member(RenditionKind.WEB, "jpg", b"web of " + data, "image/jpeg", 4, 3),
            Member(RenditionKind.THUMB, "jpg", b"", "image/jpeg", 2, 1),
        )
        description = {"photo_id": str(photo_id), "filename": "Größe.png"}
        renditions[photo_id] = tar.add(photo_id, members, description, datetime(2026, 1, 1, 2, 3, 4, tzinfo=UTC))
    length = tar.finish()
    file.close()
    return renditions, length


class Killed(BaseException):
    """What stands for the death of the process: nothing in the product catches it."""


@dataclass(slots=True)
class Disturbance:
    """Does something just before one call to any of a run's ports.

    Attributes:
        at: which call: its number from 0, or the first one of this name.
        happens: what happens there.
        calls: the calls that were begun, in order.
    """

    at: int | str
    happens: Callable[[], object]
    calls: list[str] = field(default_factory=list)

    def begin(self, call: str) -> None:
        """A call is about to be made."""
        number, is_first = len(self.calls), call not in self.calls
        self.calls.append(call)
        if number == self.at or (is_first and call == self.at):
            self.happens()


class Disturbed:
    """Stands before a port, or a file that one has opened, and tells of every call."""

    def __init__(self, inner: Any, name: str, disturbance: Disturbance) -> None:
        self._inner = inner
        self._name = name
        self._disturbance = disturbance

    def __getattr__(self, method: str) -> Any:
        call = getattr(self._inner, method)

        def disturbed(*args: Any) -> Any:
            self._disturbance.begin(f"{self._name}.{method}")
            result = call(*args)
            return Disturbed(result, "file", self._disturbance) if method == "create" else result

        return disturbed


def disturbed_ports(ports: RetentionPorts, disturbance: Disturbance) -> RetentionPorts:
    """The same ports, each call of which is told of."""
    wrapped: dict[str, Any] = {
        name: Disturbed(getattr(ports, name), name, disturbance)
        for name in ("ledger", "index", "archive", "clocks", "book")
    }
    return replace(ports, **wrapped)


def kill() -> None:
    """The process dies here.

    Raises:
        Killed: always.
    """
    raise Killed
