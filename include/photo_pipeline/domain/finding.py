"""Finding photos among many: what is asked for, what there is to ask for, and how many there are of each month."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from unicodedata import normalize
from uuid import UUID

from photo_pipeline.domain.gallery import GalleryPhoto, PhotoOrder, Place
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.photo import Source

LOOKED_AT = 10_000
"""Photos that are looked at for one page, whatever is found among them."""
COUNTED = 200_000
"""Photos that are counted in one answer."""
CHOICES = 50
"""Of each kind that are named, the most frequent ones."""


@dataclass(frozen=True, slots=True)
class PhotoFilter:
    """What photos are to have, all of it together; ``None`` asks for nothing.

    Attributes:
        name: part of the file's name, in letters of any case.
        first_day: in the list's order: as the camera told it, or by upload in UTC.
        last_day: as ``first_day``, and with it.
    """

    name: str | None = None
    source: Source | None = None
    device_id: UUID | None = None
    camera: str | None = None
    format: SniffedFormat | None = None
    first_day: date | None = None
    last_day: date | None = None

    @property
    def asks_for_nothing(self) -> bool:
        """Whether every photo fits."""
        return self == PhotoFilter()

    @property
    def part_of_name(self) -> str | None:
        """``name`` with each letter as one character: two forms of the same name are one to whoever reads it."""
        return None if self.name is None else normalize("NFC", self.name)

    @property
    def since(self) -> datetime | None:
        """When the first day begins, as if it were UTC."""
        return None if self.first_day is None else datetime.combine(self.first_day, time(), UTC)

    @property
    def before(self) -> datetime | None:
        """When the last day is over, as if it were UTC; ``None`` also at the end of the calendar."""
        if self.last_day is None or self.last_day == date.max:
            return None
        return datetime.combine(self.last_day + timedelta(days=1), time(), UTC)


@dataclass(frozen=True, slots=True)
class Search:
    """A page of the photos that fit.

    Attributes:
        limit: of photos in it.
        after: where it begins.
        looked_at: so many photos are looked at, at most.
    """

    wanted: PhotoFilter
    order: PhotoOrder
    limit: int
    after: Place | None = None
    looked_at: int = LOOKED_AT


@dataclass(frozen=True, slots=True)
class Found:
    """Photos that fit, and where to go on: fewer than asked for, or none, where enough were looked at for one page."""

    photos: Sequence[GalleryPhoto]
    next: Place | None


@dataclass(frozen=True, slots=True)
class Month:
    """How many photos fit, of those that are listed in a month."""

    begins: date
    photos: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """Months with photos that fit, newest first; ``is_complete`` where no older photo was left out of the count."""

    months: Sequence[Month]
    is_complete: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that photos have, and how many have it. ``label`` is its name, where it has one."""

    value: str
    photos: int
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to ask for, the most frequent first."""

    sources: Sequence[Choice]
    devices: Sequence[Choice]
    cameras: Sequence[Choice]
    formats: Sequence[Choice]
