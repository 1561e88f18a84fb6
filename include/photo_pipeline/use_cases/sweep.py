"""Sweep: remove from HDFS what no shard row names and nobody can commit any more.

A killed worker leaves files behind. Whether one is abandoned is read from its name and the ledger: an attempt, or a
claim, that another one has superseded can never commit. What bears its final name is noted first and removed by a run
an hour later or more, once what it holds is known to be in another file. And where that would be much of the archive,
the ledger is rather to be doubted than the files.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from photo_pipeline.domain.errors import UnknownFilesError, UnnamedFilesError
from photo_pipeline.domain.removal import Look, Removal, RemovedThing, most_files
from photo_pipeline.domain.retention import (
    HoldFile,
    Leftover,
    ReprocessFile,
    RetentionPolicy,
    RewrittenFile,
    ShardState,
    SliceFile,
    WrittenFile,
    file_of,
    leftover_kind,
)
from photo_pipeline.domain.shard import ArchiveFile
from photo_pipeline.ports.removal import RemovalBook
from photo_pipeline.ports.retention import RetainedArchive
from photo_pipeline.ports.sweep import ArchiveIndex

logger = logging.getLogger(__name__)

BATCH_FILES = 1000
STAGED = "_staging"
ARCHIVED = ("archive", "held")
WHY = "no shard names it and nobody can commit it"
Copy = HoldFile | ReprocessFile | RewrittenFile
"""Files of photos that lie in another shard, or in an older file of it."""


@dataclass(frozen=True, slots=True)
class SweepPorts:
    """The outside world, as the sweep needs it."""

    index: ArchiveIndex
    archive: RetainedArchive
    book: RemovalBook
    archive_root: str


@dataclass(slots=True)
class SweepSummary:
    """What a sweep came to.

    Attributes:
        files: removed.
        folders: empty ones, removed.
        noted: files that are to be removed by a later run.
        foreign: files that are nobody's that the ledger knows.
        failures: why files were left that should go.
    """

    files: int = 0
    folders: int = 0
    noted: int = 0
    foreign: int = 0
    failures: list[str] = field(default_factory=list)


def sweep_archive(ports: SweepPorts, look: Look, policy: RetentionPolicy) -> SweepSummary:
    """Remove abandoned files and empty folders; files of unknown origin are left where they are, and reported."""
    return _Sweep(ports, look, policy).run()


@dataclass(frozen=True, slots=True)
class UnnamedFile:
    """A file that no shard row names: whose it is by its name, and what to think of it."""

    file: ArchiveFile
    owner: WrittenFile | None
    leftover: Leftover


def files_in(archive: RetainedArchive, folder: str) -> Iterator[list[ArchiveFile]]:
    """All files below a folder, many at a time."""
    files = archive.list(folder)
    while batch := list(islice(files, BATCH_FILES)):
        yield batch


def unnamed_among(
    files: Sequence[ArchiveFile], index: ArchiveIndex, archive: RetainedArchive, *, staged: bool
) -> Iterator[UnnamedFile]:
    """Those of the files that no shard row names. A copy whose source is not there is nobody's to remove."""
    owners = {file.path: file_of(file.path) for file in files}
    # In this order: what was committed by the time of the states is named by the time of the names.
    slices = index.slice_states({own.slice_key for own in owners.values() if isinstance(own, SliceFile)})
    shards = index.shard_states({own.shard_id for own in owners.values() if isinstance(own, Copy)})
    named = index.named(owners)
    for file in files:
        owner = owners[file.path]
        if file.path in named:
            continue
        kind = leftover_kind(owner, slices, shards, staged=staged)
        if kind is Leftover.ABANDONED and not staged and not _is_elsewhere(owner, shards, archive):
            kind = Leftover.FOREIGN
        yield UnnamedFile(file, owner, kind)


def _is_elsewhere(owner: WrittenFile | None, shards: Mapping[int, ShardState], archive: RetainedArchive) -> bool:
    """Whether the shard that a copy was made of is removed on purpose, or its file is still there."""
    if not isinstance(owner, Copy):
        return True
    source = shards[owner.shard_id]
    return source.state == "removed" or archive.length(source.path) is not None


@dataclass(frozen=True, slots=True)
class _Abandoned:
    file: ArchiveFile
    is_copy: bool
    """Of photos that lie in another shard, whose file is there."""

    @property
    def thing(self) -> RemovedThing:
        return RemovedThing(Removal.FILES, self.file.path, 1, self.file.length, WHY)


class _Sweep:
    """One sweep."""

    def __init__(self, ports: SweepPorts, look: Look, policy: RetentionPolicy) -> None:
        self._ports = ports
        self._look = look
        self._policy = policy
        self._files = 0
        self._strange = 0
        self._summary = SweepSummary()

    def run(self) -> SweepSummary:
        for abandoned in self._abandoned(STAGED):
            self._remove_at_once(abandoned)
        found = [abandoned for folder in ARCHIVED for abandoned in self._abandoned(folder)]
        self._settle_notes(found)
        self._remove_noted(found)
        self._remove_empty_folders()
        if self._strange > self._most:
            self._summary.failures.append(str(UnknownFilesError(self._strange, self._files)))
        return self._summary

    @property
    def _most(self) -> int:
        return most_files(self._policy, self._files)

    def _abandoned(self, folder: str) -> Iterator[_Abandoned]:
        staged = folder == STAGED
        for batch in files_in(self._ports.archive, f"{self._ports.archive_root}/{folder}"):
            self._files += 0 if staged else len(batch)
            for unnamed in unnamed_among(batch, self._ports.index, self._ports.archive, staged=staged):
                if unnamed.leftover is Leftover.ABANDONED:
                    yield _Abandoned(unnamed.file, not isinstance(unnamed.owner, SliceFile))
                elif unnamed.leftover is Leftover.FOREIGN:
                    self._leave_alone(unnamed.file, staged=staged)

    def _leave_alone(self, file: ArchiveFile, *, staged: bool) -> None:
        self._summary.foreign += 1
        self._strange += not staged
        logger.warning("left alone, unknown to this ledger: path=%s", file.path)

    def _settle_notes(self, found: Sequence[_Abandoned]) -> None:
        """A run may have died between removing a file and saying so; and a file may have come to be needed."""
        paths = {abandoned.file.path for abandoned in found}
        for path in self._ports.book.noted(self._look.now) - paths:
            if self._ports.archive.length(path) is None:
                self._ports.book.removed(self._look.run_id, path, self._look.now)
        self._ports.book.keep_notes(paths)

    def _remove_noted(self, found: Sequence[_Abandoned]) -> None:
        noted = self._ports.book.noted(self._look.now - self._policy.wait)
        self._note(found)
        ready = [each for each in found if each.is_copy or each.file.path in noted]
        if len(found) > self._most and not self._is_permitted(ready):
            self._summary.failures.append(str(UnnamedFilesError(len(found), self._files)))
            return
        for each in ready:
            if each.is_copy:
                self._remove_at_once(each)
            else:
                self._remove(each.file.path)
                self._ports.book.removed(self._look.run_id, each.file.path, self._look.now)

    def _note(self, found: Sequence[_Abandoned]) -> None:
        known = self._ports.book.noted(self._look.now)
        fresh = [each.thing for each in found if not each.is_copy and each.file.path not in known]
        if fresh:
            self._ports.book.note(self._look.run_id, fresh, self._look.now)
            self._summary.noted = len(fresh)

    def _is_permitted(self, ready: Sequence[_Abandoned]) -> bool:
        if not ready:
            return False
        return self._ports.book.permitted(Removal.FILES, self._look.name, self._look.now) >= len(ready)

    def _remove_at_once(self, abandoned: _Abandoned) -> None:
        if self._remove(abandoned.file.path):
            self._ports.book.record(self._look.run_id, [abandoned.thing], self._look.now)

    def _remove(self, path: str) -> bool:
        was_there = self._ports.archive.delete(path)
        self._summary.files += was_there
        logger.info("swept path=%s was_there=%s", path, was_there)
        return was_there

    def _remove_empty_folders(self) -> None:
        for folder in ARCHIVED:
            # A list first: the listing must not be under way while its folders go.
            for empty in list(self._ports.archive.empty_folders(f"{self._ports.archive_root}/{folder}")):
                self._summary.folders += self._ports.archive.remove_folder(empty)
