"""Photos that a customer has chosen: to be thrown away, brought back, downloaded or shown to others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from photo_pipeline.domain.gallery import Absence
from photo_pipeline.domain.ledger import ArchiveLocation


@dataclass(frozen=True, slots=True)
class Moved:
    """What came of putting photos into the bin, or of taking them out.

    Attributes:
        done: those that are where they were wanted now, whether they were before or not.
        expired: the customer's, whose time has passed.
    """

    done: frozenset[UUID]
    expired: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class ChosenPhoto:
    """A photo to download, in one form.

    Attributes:
        taken_at: the camera's local time; its zone is ``taken_at_offset``, unknown where that is ``None``.
        crc32: of its bytes.
    """

    photo_id: UUID
    filename: str | None
    content_type: str
    taken_at: datetime | None
    taken_at_offset: str | None
    uploaded_at: datetime
    location: ArchiveLocation
    crc32: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is there of a selection, and why the rest is not."""

    photos: Sequence[ChosenPhoto]
    absent: Mapping[UUID, Absence]
