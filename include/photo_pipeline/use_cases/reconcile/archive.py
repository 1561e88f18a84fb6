"""The ledger against HDFS: every shard is there and whole, and what is there belongs to somebody."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import PurePosixPath
from zlib import crc32

from photo_pipeline.domain.errors import ArchiveMemberError, ServerUnavailableError
from photo_pipeline.domain.photo import RenditionKind, sha256_hex
from photo_pipeline.domain.reconciliation import Detail, MemberPosition, MemberRow, ShardRow
from photo_pipeline.domain.retention import KEEP, LATEST
from photo_pipeline.domain.shard import ArchiveFile
from photo_pipeline.ports.archive import Archive
from photo_pipeline.use_cases.reconcile.run import CheckRun

FOLDERS = ("archive", "held")
FOLDERS_REMEMBERED = 4
"""Shards come in the order of their commits: those of midnight and held ones lie in other folders."""
LIVE = "live"
REMOVED = "removed"
HOLD = "hold"
UNREADABLE_SHARDS = 3
"""Members of so many shards that cannot be read, and none that can: rather HDFS is away."""


def check_shards(run: CheckRun) -> Detail:
    """Every live shard has a file of the right length; files of removed shards are gone; others are counted."""
    archive = run.ports.archive
    # An archive that does not answer is an error of the run, not a finding about every shard.
    archive.length(run.ports.archive_root)
    folders = _Folders(archive)
    shards = 0
    for shard in _shards(run):
        shards += 1
        _check_age(run, shard)
        _check_shard(run, shard, folders)
    return {"shards": shards, **_check_files(run)}


def _shards(run: CheckRun) -> Iterator[ShardRow]:
    position = (datetime.min.replace(tzinfo=UTC), 0)
    while page := run.ports.archive_index.shards(position, run.limits.page):
        yield from page
        position = (page[-1].committed_at, page[-1].shard_id)


def _check_age(run: CheckRun, shard: ShardRow) -> None:
    """Invariant 4, never late. A hold shard stays for as long as its holds."""
    age = run.now - shard.committed_at
    if shard.kind != HOLD and age > KEEP + LATEST:
        hours = age.total_seconds() / 3600
        run.findings.add(
            shard.path,
            f"is {hours:.0f} hours old and should have been removed: see why photo_archive_retention fails",
            shard_id=shard.shard_id,
            committed_at=shard.committed_at.isoformat(),
        )


def _check_shard(run: CheckRun, shard: ShardRow, folders: "_Folders") -> None:
    # One that is being removed may be there or not.
    if shard.state != LIVE or folders.length(shard.path) == shard.length:
        return
    # The folder was listed before: asked again, what has been removed meanwhile is no longer live.
    length = run.ports.archive.length(shard.path)
    if length == shard.length or run.ports.archive_index.shard_states([shard.path]).get(shard.path) != LIVE:
        return
    problem = "the file is missing" if length is None else f"has {length} bytes instead of {shard.length}"
    run.findings.add(shard.path, problem, shard_id=shard.shard_id, length=length, expected=shard.length)


class _Folders:
    """What lies in the folders that were asked for last."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._listings: OrderedDict[str, Mapping[str, int]] = OrderedDict()

    def length(self, path: str) -> int | None:
        """The length of a file by its folder's listing."""
        folder = str(PurePosixPath(path).parent)
        if folder not in self._listings:
            self._listings[folder] = {file.path: file.length for file in self._archive.list(folder)}
            if len(self._listings) > FOLDERS_REMEMBERED:
                self._listings.popitem(last=False)
        self._listings.move_to_end(folder)
        return self._listings[folder].get(path)


def _check_files(run: CheckRun) -> Detail:
    """Files that no shard row names are normal for a while (a worker's, before its commit): they are counted."""
    unnamed = unnamed_bytes = files = 0
    for batch in _files(run):
        states = run.ports.archive_index.shard_states([file.path for file in batch])
        files += len(batch)
        for file in batch:
            state = states.get(file.path)
            if state == REMOVED:
                run.findings.add(file.path, "the ledger says that it was removed, but it is there", length=file.length)
            elif state is None:
                unnamed += 1
                unnamed_bytes += file.length
    return {"files": files, "unnamed_files": unnamed, "unnamed_bytes": unnamed_bytes}


def _files(run: CheckRun) -> Iterator[list[ArchiveFile]]:
    for folder in FOLDERS:
        files = run.ports.archive.list(f"{run.ports.archive_root}/{folder}")
        while batch := list(islice(files, run.limits.page)):
            yield batch


def check_members(run: CheckRun) -> Detail:
    """Reads the next members of shards, going on where the last run stopped, and begins again after the last one."""
    position = _start(run)
    first = position
    read = read_bytes = 0
    wrapped = False
    unreadable = _Unreadable()
    while read < run.limits.sample_members:
        members = run.ports.archive_index.members(position, min(run.limits.page, run.limits.sample_members - read))
        if wrapped:
            members = [member for member in members if _key(member.position) <= _key(first)]
        for member in members:
            _check_member(run, member, unreadable)
            read_bytes += member.length
        read += len(members)
        if members:
            position = members[-1].position
        elif wrapped or first == MemberPosition():
            break
        else:
            wrapped, position = True, MemberPosition()
    return {"members": read, "bytes": read_bytes, "shard_id": position.shard_id, "offset": position.offset}


def _start(run: CheckRun) -> MemberPosition:
    if run.earlier is None:
        return MemberPosition()
    figures = run.earlier.figures
    return MemberPosition(int(str(figures.get("shard_id", 0))), int(str(figures.get("offset", -1))))


def _key(position: MemberPosition) -> tuple[int, int]:
    return (position.shard_id, position.offset)


class _Unreadable:
    """Tells damage, which is a finding, from an outage, which is an error."""

    def __init__(self) -> None:
        self._shards: set[int] = set()
        self._any_readable = False

    def note_read(self) -> None:
        """A member could be read: HDFS is there."""
        self._any_readable = True

    def note_failure(self, shard_id: int, error: ServerUnavailableError) -> None:
        """A member could not be read.

        Raises:
            ServerUnavailableError: when it looks as if none could be.
        """
        self._shards.add(shard_id)
        if not self._any_readable and len(self._shards) >= UNREADABLE_SHARDS:
            raise error


def _check_member(run: CheckRun, member: MemberRow, unreadable: _Unreadable) -> None:
    problem = _problem(run.ports.archive, member, unreadable)
    if problem is None or not run.ports.archive_index.is_indexed(member):
        return
    subject = f"{member.path} {member.photo_id}.{member.kind}"
    run.findings.add(
        subject, problem, shard_id=member.position.shard_id, offset=member.position.offset, length=member.length
    )


def _problem(archive: Archive, member: MemberRow, unreadable: _Unreadable) -> str | None:
    try:
        data = archive.read(member.path, member.position.offset, member.length)
    except ArchiveMemberError as error:
        unreadable.note_read()
        return f"cannot be read: {error}"
    except ServerUnavailableError as error:
        # HDFS knows its blocks' checksums: where every copy is damaged or gone it refuses, as it does when it is away.
        archive.length(member.path)
        unreadable.note_failure(member.position.shard_id, error)
        return f"cannot be read: {error}"
    unreadable.note_read()
    if crc32(data) != member.crc32:
        return "its CRC-32 is not the one that was written"
    if member.kind is RenditionKind.ORIGINAL and sha256_hex(data) != member.sha256:
        return "its sha256 is not the customer's"
    return None
