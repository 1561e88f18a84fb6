"""A selection of photos as one ZIP that is made while it is sent.

Photos do not get smaller, so they are stored as they are: the whole length is known before the first byte, and so are
each photo's length and checksum, which stand before its bytes and are checked against them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from stat import S_IFREG
from uuid import UUID
from zlib import crc32

from stream_zip import NO_COMPRESSION_32, NO_COMPRESSION_64, MemberFile, Method, ZipIntegrityError, stream_zip

from photo_pipeline.api.file_names import file_name, safe_name, unlike_each_other
from photo_pipeline.domain.errors import ArchiveMemberError
from photo_pipeline.domain.gallery import Absence
from photo_pipeline.domain.ledger import ArchiveLocation
from photo_pipeline.domain.selection import Chosen, ChosenPhoto
from photo_pipeline.ports.archive import OpenedFile, RangeReader

PIECE_BYTES = 1024 * 1024
MISSING = "MISSING.txt"
"""Names what was asked for and is not in the ZIP. No photo is called so: its name ends like a picture's."""
_MODE = S_IFREG | 0o644
_ZIP64_FROM = 0xFFFF_0000
"""Of this length on, the ZIP is one that says its positions in 64 bits. It has fewer than 65,535 members."""
_FIRST, _LAST = datetime(1980, 1, 1, tzinfo=UTC), datetime(2037, 12, 31, tzinfo=UTC)
"""What both of a ZIP's ways to tell a time can tell."""
_REASONS = {
    Absence.UNKNOWN: "is none of your photos",
    Absence.EXPIRED: "has expired",
    Absence.BINNED: "is in the bin",
    Absence.UNREADABLE: "cannot be read just now: please try again later",
}

LookAgain = Callable[[UUID], ChosenPhoto | None]
"""Where a photo lies now; ``None`` where it is not there any more."""
Failed = Callable[[UUID], None]
"""Hears which photo a ZIP broke off at."""


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    modified_at: datetime
    size: int
    crc32: int
    content: ChosenPhoto | bytes


class PhotoZip:
    """The ZIP of a selection.

    Args:
        chosen: what is in it, in the order in which it is read.
    """

    def __init__(self, chosen: Chosen, now: datetime) -> None:
        self._members = [*_photos(chosen.photos), *_missing(chosen, now)]
        content = sum(member.size for member in self._members)
        headers = self._headers(NO_COMPRESSION_64(0, 0))
        self._wide = content + headers >= _ZIP64_FROM
        self._length = content + (headers if self._wide else self._headers(NO_COMPRESSION_32(0, 0)))

    @property
    def length(self) -> int:
        """In bytes."""
        return self._length

    def pieces(self, archive: RangeReader, look_again: LookAgain, failed: Failed) -> Iterator[bytes]:
        """All of it, in pieces of at most ``PIECE_BYTES``. It blocks.

        Raises:
            ArchiveMemberError: when a photo is not there any more, or not what the index says.
            ServerUnavailableError: when the archive or the database does not answer.
            ZipIntegrityError: when a photo's bytes are not those that were archived.
        """
        reading = _Reading(archive, look_again)
        members = (_as_member(member, self._method(member), reading.content(member)) for member in self._members)
        try:
            yield from stream_zip(members, chunk_size=PIECE_BYTES)
        except (ArchiveMemberError, ZipIntegrityError):
            if reading.photo_id is not None:
                failed(reading.photo_id)
            raise

    def _method(self, member: _Member) -> Method:
        return (NO_COMPRESSION_64 if self._wide else NO_COMPRESSION_32)(member.size, member.crc32)

    def _headers(self, method: Method) -> int:
        """How long the same is without content: what surrounds that does not depend on its length."""
        return sum(map(len, stream_zip(_as_member(member, method, ()) for member in self._members)))


class _Reading:
    """Reads photos one after the other; a shard stays open for as long as the next one lies in it."""

    def __init__(self, archive: RangeReader, look_again: LookAgain) -> None:
        self._archive = archive
        self._look_again = look_again
        self._open: tuple[str, OpenedFile] | None = None
        self.photo_id: UUID | None = None
        """Of the photo that is being read."""

    def content(self, member: _Member) -> Iterator[bytes]:
        """A member's bytes."""
        if isinstance(member.content, bytes):
            yield member.content
            return
        photo = member.content
        self.photo_id = photo.photo_id
        location = photo.location
        for done in range(0, member.size, PIECE_BYTES):
            length = min(PIECE_BYTES, member.size - done)
            try:
                yield self._piece(location, done, length)
            except ArchiveMemberError:
                # Sent again, held or derived anew, it lies elsewhere, and the shard of before may be gone by now.
                location = self._moved(photo)
                yield self._piece(location, done, length)

    def _moved(self, photo: ChosenPhoto) -> ArchiveLocation:
        found = self._look_again(photo.photo_id)
        if found is None or (found.crc32, found.location.length) != (photo.crc32, photo.location.length):
            raise ArchiveMemberError(photo.location.path, f"photo {photo.photo_id} is not there any more")
        return found.location

    def _piece(self, location: ArchiveLocation, done: int, length: int) -> bytes:
        if self._open is None or self._open[0] != location.path:
            self._open = (location.path, self._archive.open(location.path))
        return self._open[1].read(location.offset + done, length)


def _photos(photos: Sequence[ChosenPhoto]) -> Iterator[_Member]:
    names = (safe_name(file_name(each.filename, each.content_type, each.photo_id)) for each in photos)
    for photo, name in zip(photos, unlike_each_other(names), strict=True):
        yield _Member(name, _moment(photo), photo.location.length, photo.crc32, photo)


def _missing(chosen: Chosen, now: datetime) -> Iterator[_Member]:
    if chosen.absent:
        lines = (f"{photo_id} {_REASONS[absence]}\r\n" for photo_id, absence in chosen.absent.items())
        content = "".join(["These photos were asked for and are not in this file:\r\n", *lines]).encode()
        yield _Member(MISSING, now, len(content), crc32(content), content)


def _moment(photo: ChosenPhoto) -> datetime:
    """When it was taken, on the camera's clock; as if in UTC where nobody knows that clock's zone."""
    moment = photo.uploaded_at
    if photo.taken_at is not None:
        moment = photo.taken_at.replace(tzinfo=_zone(photo.taken_at_offset))
    return min(max(moment, _FIRST), _LAST)


def _zone(offset: str | None) -> timezone:
    if offset is None:
        return UTC
    sign = -1 if offset.startswith("-") else 1
    hours, _, minutes = offset.lstrip("+-").partition(":")
    return timezone(sign * timedelta(hours=int(hours), minutes=int(minutes or 0)))


def _as_member(member: _Member, method: Method, content: Iterator[bytes] | tuple[bytes, ...]) -> MemberFile:
    return member.name, member.modified_at, _MODE, method, content
