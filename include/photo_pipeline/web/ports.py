"""What the web applications need of the database: people, their devices, and what became of their photos."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.domain.ledger import ArchiveLocation
from photo_pipeline.domain.photo import Receipt, RecordCoordinates, RenditionKind, Source


class EmailTakenError(PhotoPipelineError):
    """Somebody signed up with this address before."""


class TooManyDevicesError(PhotoPipelineError):
    """The customer has as many devices as are allowed."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"a customer may have {limit} devices")


class TooManyHoldsError(PhotoPipelineError):
    """The customer keeps as many photos longer as the operator allows."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"a customer may hold {limit} photos")


@dataclass(frozen=True, slots=True)
class Customer:
    """A person who signed up."""

    customer_id: UUID
    email: str
    display_name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a log-in is checked against. The hash is in argon2's encoded form."""

    customer_id: UUID
    password_hash: str


@dataclass(frozen=True, slots=True)
class Device:
    """A camera or program that streams photos for a customer."""

    device_id: UUID
    name: str
    created_at: datetime


class CustomerDirectory(Protocol):
    """Customers and their devices. Every method raises ``ServerUnavailableError`` when the database is away."""

    def add(self, customer_id: UUID, email: str, display_name: str, password_hash: str) -> Customer:
        """Sign somebody up.

        Raises:
            EmailTakenError: when the address, in any mix of cases, is taken.
        """
        ...

    def get(self, customer_id: UUID) -> Customer | None:
        """A customer."""
        ...

    def credentials(self, email: str) -> Credentials | None:
        """What the log-in of this address is checked against."""
        ...

    def replace_password_hash(self, customer_id: UUID, password_hash: str) -> None:
        """Store the same password hashed anew, with today's parameters."""
        ...

    def add_device(self, customer_id: UUID, device_id: UUID, name: str, limit: int) -> Device:
        """Register a device.

        Raises:
            TooManyDevicesError: when the customer has ``limit`` devices that are not revoked.
        """
        ...

    def devices(self, customer_id: UUID) -> Sequence[Device]:
        """A customer's devices that are not revoked, newest first."""
        ...

    def revoke_device(self, customer_id: UUID, device_id: UUID) -> bool:
        """End a device's right to stream; ``False`` where this customer has no such device."""
        ...

    def is_active_device(self, customer_id: UUID, device_id: UUID) -> bool:
        """Whether the device is this customer's and not revoked."""
        ...


@dataclass(frozen=True, slots=True)
class EndedSession:
    """A session that its customer ended. From ``forget_at`` on no token of it is good anyway."""

    session_id: UUID
    ended_at: datetime
    forget_at: datetime


class SessionDirectory(Protocol):
    """Sessions that were ended before their time. Raises ``ServerUnavailableError`` when the database is away."""

    def end(self, session_id: UUID, forget_at: datetime) -> None:
        """Note that a session has ended. Ended again, nothing changes."""
        ...

    def ended(self, since: datetime | None) -> Sequence[EndedSession]:
        """Those that ended at that time or later by the database's clock, or all; none that is to be forgotten."""
        ...


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


class PhotoOrder(StrEnum):
    """By which time photos are listed, newest first."""

    UPLOADED = "uploaded"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page of a list begins, and how long it is: rows that come after ``(moment, key)``, newest first."""

    limit: int
    after: tuple[datetime, str] | None = None
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

    @property
    def listed_at(self) -> datetime:
        """Where it stands in the order by time taken: the camera's local time, or else its upload in UTC."""
        return self.uploaded_at if self.taken_at is None else self.taken_at.replace(tzinfo=UTC)


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


class OutcomeFeed(Protocol):
    """Outcomes as they are committed. Every method raises ``ServerUnavailableError`` when the database is away."""

    def since(self, position: str | None, customers: Collection[UUID]) -> OutcomeBatch:
        """What was committed for these customers since that position, each once; nothing without a position."""
        ...

    def recent(self, customer_id: UUID, since: datetime, limit: int) -> Sequence[CustomerOutcome]:
        """A customer's outcomes from that time on, oldest first; the newest where there are more than ``limit``."""
        ...


@dataclass(frozen=True, slots=True)
class StoredRendition:
    """Where a rendition lies, and what its bytes are."""

    location: ArchiveLocation
    content_type: str
    tag: str
    filename: str | None
    archived_at: datetime
    held: bool


class ExpiredError(PhotoPipelineError):
    """The photo was there and its time has passed."""


class Gallery(Protocol):
    """A customer's photos. Another's are as if they did not exist.

    Every method raises ``ServerUnavailableError`` when the database is away.
    """

    def photos(self, customer_id: UUID, page: Page) -> Sequence[GalleryPhoto]:
        """Processed photos, newest first in the page's order; a page's key is the photo's id."""
        ...

    def rejected(self, customer_id: UUID, page: Page) -> Sequence[RejectedPhoto]:
        """Rejected records, newest first by ``processed_at``; a page's key is ``topic-partition-offset``."""
        ...

    def photo(self, customer_id: UUID, photo_id: UUID) -> GalleryPhoto | RejectedPhoto | None:
        """One photo, expired ones included; ``None`` while its record waits."""
        ...

    def receipts(self, receipts: Sequence[Receipt]) -> Sequence[ReceiptStatus]:
        """What became of each receipt's record, in the same order."""
        ...

    def rendition(self, customer_id: UUID, photo_id: UUID, kind: RenditionKind) -> StoredRendition | None:
        """Where a rendition lies.

        Raises:
            ExpiredError: when the photo was there and is gone.
        """
        ...
