"""Reads a shard from front to back, as any tar reader would, and lays it out anew without some of its photos."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

from photo_pipeline.domain.errors import ArchiveMemberError
from photo_pipeline.domain.shard import BLOCK, END_OF_ARCHIVE
from photo_pipeline.domain.shard_copy import read_header

ReadFile = Callable[[int, int], bytes]
"""Offset and length to exactly those bytes of a file; ``ArchiveMemberError`` where they are not there."""
_END = bytes(BLOCK)


@dataclass(frozen=True, slots=True)
class StoredMember:
    """A member as it stands in a file: its name, where its header begins, and its content's length, all in bytes."""

    name: str
    begin: int
    size: int

    @property
    def content(self) -> int:
        """Where its content begins."""
        return self.begin + BLOCK

    @property
    def end(self) -> int:
        """Where the next member begins."""
        return self.content + self.size + -self.size % BLOCK

    @property
    def photo_id(self) -> UUID | None:
        """Whose it is; ``None`` for a name that is none of ours."""
        try:
            return UUID(self.name.partition(".")[0])
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Remainder:
    """What is left of a file without some of its photos.

    Attributes:
        members: what stays, in its order, where it will stand.
        runs: ranges ``[begin, end)`` of the old file that make up the new one, before its end.
        moved: where the content of each member that stays begins, by where it began.
        photos: how many of them there are.
    """

    members: tuple[StoredMember, ...]
    runs: tuple[tuple[int, int], ...]
    moved: Mapping[int, int]
    photos: int

    @property
    def length(self) -> int:
        """Of the new file, in bytes."""
        return (self.members[-1].end if self.members else 0) + len(END_OF_ARCHIVE)


def members_in(read: ReadFile, path: str) -> Iterator[StoredMember]:
    """The members of a whole file, in their order; only their headers are read.

    Raises:
        ArchiveMemberError: where no member, and no end, stands where one should.
    """
    at = 0
    while (block := read(at, BLOCK)) != _END:
        header = read_header(path, block)
        member = StoredMember(header.name, at, header.size)
        yield member
        at = member.end


def photos_begun_in(read: ReadFile, path: str) -> set[UUID]:
    """Whose members stand in a file that may not be whole, as far as it goes."""
    found: set[UUID] = set()
    try:
        for member in members_in(read, path):
            if member.photo_id is not None:
                found.add(member.photo_id)
    except ArchiveMemberError:
        return found
    return found


def without(members: Iterable[StoredMember], photos: Collection[UUID]) -> Remainder:
    """Lay a file out anew without these photos."""
    kept: list[StoredMember] = []
    runs: list[tuple[int, int]] = []
    moved: dict[int, int] = {}
    for member in members:
        if member.photo_id in photos:
            continue
        there = replace(member, begin=kept[-1].end if kept else 0)
        kept.append(there)
        moved[member.content] = there.content
        if runs and runs[-1][1] == member.begin:
            runs[-1] = (runs[-1][0], member.end)
        else:
            runs.append((member.begin, member.end))
    return Remainder(tuple(kept), tuple(runs), moved, len({each.photo_id for each in kept}))
