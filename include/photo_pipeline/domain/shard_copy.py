"""Takes one photo out of a shard, as it went in, so that it can be written into another."""

import json
import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from photo_pipeline.domain.errors import ArchiveMemberError
from photo_pipeline.domain.ledger import ArchivedRendition
from photo_pipeline.domain.retention import ShardPhoto
from photo_pipeline.domain.shard import BLOCK, Member

ReadRange = Callable[[str, int, int], bytes]
"""Path, offset and length to exactly those bytes; ``ArchiveMemberError`` where they are not there."""


@dataclass(frozen=True, slots=True)
class PhotoEntry:
    """All that a shard says of a photo: what ``ShardWriter.add`` was given."""

    photo_id: UUID
    members: tuple[Member, ...]
    description: Mapping[str, object]
    modified: datetime


def read_entry(read: ReadRange, path: str, photo: ShardPhoto) -> PhotoEntry:
    """Read a photo's members and description, and check them against the index. Holds one photo in memory.

    Raises:
        ArchiveMemberError: when the shard does not hold what the index says.
    """
    in_order = sorted(photo.renditions, key=lambda rendition: rendition.offset)
    if not in_order:
        raise ArchiveMemberError(path, f"the index knows no rendition of {photo.photo_id}")
    found = [_read_member(read, path, photo.photo_id, rendition) for rendition in in_order]
    last = in_order[-1]
    description = _read_description(read, path, photo.photo_id, last.offset + last.length)
    _, modified = found[0]
    return PhotoEntry(photo.photo_id, tuple(member for member, _ in found), description, modified)


def _read_member(read: ReadRange, path: str, photo_id: UUID, rendition: ArchivedRendition) -> tuple[Member, datetime]:
    content = read(path, rendition.offset - BLOCK, BLOCK + rendition.length)
    header, data = read_header(path, content[:BLOCK]), content[BLOCK:]
    stem, _, extension = header.name.rpartition(".")
    if stem != f"{photo_id}.{rendition.kind}" or header.size != rendition.length:
        raise ArchiveMemberError(path, f"{header.name} stands where {photo_id}.{rendition.kind} should")
    if zlib.crc32(data) != rendition.crc32:
        raise ArchiveMemberError(path, f"{header.name} has changed since it was written")
    member = Member(rendition.kind, extension, data, rendition.content_type, rendition.width, rendition.height)
    return member, datetime.fromtimestamp(header.mtime, UTC)


def _read_description(read: ReadRange, path: str, photo_id: UUID, end: int) -> dict[str, Any]:
    """The photo's JSON, which follows its last member."""
    at = end + -end % BLOCK
    header = read_header(path, read(path, at, BLOCK))
    if header.name != f"{photo_id}.json":
        raise ArchiveMemberError(path, f"{header.name} stands where {photo_id}.json should")
    try:
        description: dict[str, Any] = json.loads(read(path, at + BLOCK, header.size))
    except ValueError as error:
        raise ArchiveMemberError(path, f"{header.name} is not JSON") from error
    return description


def read_header(path: str, block: bytes) -> tarfile.TarInfo:
    """What a member's header says.

    Raises:
        ArchiveMemberError: when it is none.
    """
    try:
        return tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError) as error:
        raise ArchiveMemberError(path, f"no member begins where the index says: {error}") from error
