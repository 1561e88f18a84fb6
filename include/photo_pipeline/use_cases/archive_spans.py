"""Renditions that lie close together in a shard, to be read in one go."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from photo_pipeline.domain.ledger import ArchiveLocation, ProcessedEntry

GAP_BYTES = 128 * 1024
"""Reading so much in between costs no more than a range read of its own."""
SPAN_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry whose photo has not expired, and where its bytes lie."""

    entry: ProcessedEntry
    original: ArchiveLocation
    web: ArchiveLocation


@dataclass(frozen=True, slots=True)
class Span:
    """Entries whose ``web`` renditions follow each other in one shard."""

    photos: tuple[Placed, ...]

    @property
    def path(self) -> str:
        """The shard's."""
        return self.photos[0].web.path

    @property
    def offset(self) -> int:
        """Where the first rendition begins, in bytes."""
        return self.photos[0].web.offset

    @property
    def length(self) -> int:
        """Up to the end of the last one, in bytes."""
        return self.photos[-1].web.end - self.offset

    def takes(self, photo: Placed) -> bool:
        """Whether this one lies close enough behind."""
        last, web = self.photos[-1].web, photo.web
        behind = web.path == last.path and 0 <= web.offset - last.end <= GAP_BYTES
        return behind and web.end - self.offset <= SPAN_BYTES

    def cut(self, data: bytes) -> list[tuple[Placed, bytes]]:
        """Each photo with its rendition, out of the bytes of the whole span."""
        return [(each, data[each.web.offset - self.offset : each.web.end - self.offset]) for each in self.photos]


def spans_of(entries: Iterable[ProcessedEntry]) -> Iterator[Span]:
    """The entries in their order, in as few spans as may be; those that have expired are left out."""
    photos: list[Placed] = []
    for entry in entries:
        if entry.web is None or entry.original is None:
            continue
        photo = Placed(entry, entry.original, entry.web)
        if photos and not Span(tuple(photos)).takes(photo):
            yield Span(tuple(photos))
            photos = []
        photos.append(photo)
    if photos:
        yield Span(tuple(photos))
