"""The shard format: plain tar (POSIX ustar) in the WebDataset convention.

A photo's members stand next to each other and share its id as the name up to the first dot:
``<photo_id>.original.<ext>``, ``<photo_id>.web.jpg``, ``<photo_id>.thumb.jpg``, where it is of use
``<photo_id>.thumb2x.jpg``, and ``<photo_id>.json``. Each member's content starts at a known byte offset, so that one
photo is one range read and no tar reader is needed to serve it.

Source of the format: POSIX.1-2017, pax, "ustar Interchange Format"; WebDataset, "The WebDataset Format".
"""

import json
import tarfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from photo_pipeline.domain.ledger import ArchivedRendition
from photo_pipeline.domain.photo import Log, RenditionKind

BLOCK = 512
END_OF_ARCHIVE = bytes(2 * BLOCK)


@dataclass(frozen=True, slots=True)
class Member:
    """One form of a photo on its way into a shard. ``width`` and ``height`` in pixels, as seen upright."""

    kind: RenditionKind
    extension: str
    data: bytes
    content_type: str
    width: int
    height: int


class ShardWriter:
    """Writes members front to back and says where each one landed. Holds no more than one member at a time."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._position = 0
        self.photos = 0

    def add(
        self, photo_id: UUID, members: tuple[Member, ...], description: Mapping[str, object], modified: datetime
    ) -> tuple[ArchivedRendition, ...]:
        """Append a photo: its members, then its description as JSON.

        Args:
            photo_id: names the members.
            members: in the order in which they are to stand.
            description: what ``<photo_id>.json`` says.
            modified: the members' modification time; the same input gives the same bytes.

        Returns:
            Offset, length and CRC-32 of each member's content, in the members' order.
        """
        mtime = int(modified.timestamp())
        archived = tuple(
            self._add_member(f"{photo_id}.{member.kind}.{member.extension}", member, mtime) for member in members
        )
        document = json.dumps(description, ensure_ascii=False, sort_keys=True).encode()
        self._add_content(f"{photo_id}.json", document, mtime)
        self.photos += 1
        return archived

    def finish(self) -> int:
        """Write the end of the archive; the shard's length in bytes."""
        self._emit(END_OF_ARCHIVE)
        return self._position

    def _add_member(self, name: str, member: Member, mtime: int) -> ArchivedRendition:
        return ArchivedRendition(
            kind=member.kind,
            offset=self._add_content(name, member.data, mtime),
            length=len(member.data),
            crc32=zlib.crc32(member.data),
            content_type=member.content_type,
            width=member.width,
            height=member.height,
        )

    def _add_content(self, name: str, data: bytes, mtime: int) -> int:
        header = tarfile.TarInfo(name)
        header.size = len(data)
        header.mtime = mtime
        self._emit(header.tobuf(tarfile.USTAR_FORMAT))
        start = self._position
        self._emit(data)
        self._emit(bytes(-len(data) % BLOCK))
        return start

    def _emit(self, data: bytes) -> None:
        if data:
            self._write(data)
            self._position += len(data)


def staging_path(root: str, log: Log, start: int, attempt: int) -> str:
    """Where an attempt writes before anyone may see it."""
    return f"{root}/_staging/{log}-{start}-{attempt}.tar"


def shard_path(root: str, dt: date, log: Log, start: int, end: int, attempt: int) -> str:
    """A shard's final name. ``dt`` is the UTC day of planning, so a retry past midnight lands in the same folder."""
    return f"{root}/archive/dt={dt:%Y-%m-%d}/{log}-{start}-{end}-{attempt}.tar"


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A file of the archive: absolute path and length in bytes."""

    path: str
    length: int
