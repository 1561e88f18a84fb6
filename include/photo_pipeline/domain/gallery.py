"""What customers see of their photos."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, StrEnum
from uuid import UUID

from photo_pipeline.domain.ledger import ArchiveLocation
from photo_pipeline.domain.photo import RecordCoordinates, RenditionKind, Source


class PhotoStatus(StrEnum):
    """What became of a photo."""

    PROCESSED = "processed"
    EXPIRED = "expired"
    REJECTED = "rejected"


class ReceiptState(StrEnum):
    """What became of an accepted record."""

    PENDING = "pending"
    PROCESSED = "processed"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    EXPIRED = "expired"
    LOST = "lost"
    """Its record was gone from Kafka before it was read, and no other record has brought the photo: send it again."""


class PhotoOrder(StrEnum):
    """By which time photos are listed, newest first."""

    UPLOADED = "uploaded"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands in a list, newest first.

    Attributes:
        moment: by which the list is ordered, to the microsecond.
        key: what tells rows apart that have everything else in common.
        name: of photos, their file's: what a burst is ordered by where its moments are the same. ``None`` where it
            is not known: cursors of older versions did not say.
        uploaded_at: of photos, where the name is known.
    """

    moment: datetime
    key: str
    name: str | None = None
    uploaded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page of a list begins, and how long it is: rows that come after a place, newest first.

    After a place without a name come all photos of its moment, seen ones included: some twice, none left out.
    """

    limit: int
    after: Place | None = None
    order: PhotoOrder = PhotoOrder.UPLOADED


@dataclass(frozen=True, slots=True)
class GalleryRendition:
    """One form of a photo. ``tag`` changes with its content."""

    kind: RenditionKind
    content_type: str
    width: int
    height: int
    length: int
    tag: str


@dataclass(frozen=True, slots=True)
class GalleryPhoto:
    """A photo as its customer sees it.

    Attributes:
        taken_at: the camera's local time; its zone is ``taken_at_offset``, unknown where that is ``None``.
        archived_at: from when the time that it is kept counts; ``None`` once expired.
        held: it does not expire for now.
        held_by_customer: its customer keeps it, and may end that.
        binned_at: since when it is in its customer's bin, where it is.
        device_id: which device says that it has sent it.
        renditions: none once expired.
    """

    photo_id: UUID
    status: PhotoStatus
    sha256: str
    source: Source
    filename: str | None
    content_type: str
    format: str
    width: int
    height: int
    bytes: int
    camera: str | None
    taken_at: datetime | None
    taken_at_offset: str | None
    blurhash: str | None
    dominant_color: str | None
    uploaded_at: datetime
    processed_at: datetime
    expired_at: datetime | None
    archived_at: datetime | None
    held: bool
    renditions: Sequence[GalleryRendition]
    held_by_customer: bool = False
    binned_at: datetime | None = None
    device_id: UUID | None = None

    @property
    def listed_at(self) -> datetime:
        """Where it stands in the order by time taken: the camera's local time, or else its upload in UTC."""
        return self.uploaded_at if self.taken_at is None else self.taken_at.replace(tzinfo=UTC)

    def place(self, order: PhotoOrder) -> Place:
        """Where it stands in that order: by time, then by name, then by upload."""
        moment = self.listed_at if order is PhotoOrder.TAKEN else self.uploaded_at
        return Place(moment, str(self.photo_id), self.filename or "", self.uploaded_at)

    @property
    def place_in_bin(self) -> Place:
        """Where it stands in the bin."""
        return Place(self.binned_at or self.uploaded_at, str(self.photo_id))


@dataclass(frozen=True, slots=True)
class RejectedPhoto:
    """A record that could not become a photo. ``photo_id`` is unknown where the record could not be understood."""

    coordinates: RecordCoordinates
    photo_id: UUID | None
    reason: str
    source: Source | None
    filename: str | None
    bytes: int | None
    accepted_at: datetime | None
    processed_at: datetime

    @property
    def place(self) -> Place:
        """Where it stands among the rejected."""
        return Place(self.processed_at, str(self.coordinates))


@dataclass(frozen=True, slots=True)
class ReceiptStatus:
    """What became of the record that a receipt names. ``reason`` is there for rejected ones."""

    state: ReceiptState
    reason: str | None = None
    processed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CustomerOutcome:
    """What became of one record, for the customer whose it was."""

    customer_id: UUID
    coordinates: RecordCoordinates
    photo_id: UUID | None
    filename: str | None
    status: ReceiptStatus


@dataclass(frozen=True, slots=True)
class OutcomeBatch:
    """What was committed since another position. ``position`` is for the next question."""

    position: str
    outcomes: Sequence[CustomerOutcome]


@dataclass(frozen=True, slots=True)
class StoredRendition:
    """Where a rendition lies, and what its bytes are."""

    location: ArchiveLocation
    content_type: str
    tag: str
    filename: str | None
    archived_at: datetime
    held: bool


@dataclass(frozen=True, slots=True)
class RenditionName:
    """One form of one photo, as its customer asks for it."""

    customer_id: UUID
    photo_id: UUID
    kind: RenditionKind


class Absence(Enum):
    """Why there is no such rendition."""

    UNKNOWN = "unknown"
    """The customer has no such photo, or not yet."""
    EXPIRED = "expired"
    """It was there, and its time has passed."""
    BINNED = "binned"
    """Its customer has put it into the bin."""
    UNREADABLE = "unreadable"
    """It should be there, and could not be read of late."""
