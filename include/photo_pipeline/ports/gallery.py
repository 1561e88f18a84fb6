"""Where customers' photos and outcomes are found."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from photo_pipeline.domain.gallery import (
    Absence,
    CustomerOutcome,
    GalleryPhoto,
    OutcomeBatch,
    Page,
    ReceiptStatus,
    RejectedPhoto,
    RenditionName,
    StoredRendition,
)
from photo_pipeline.domain.photo import Receipt


class OutcomeFeed(Protocol):
    """Outcomes as they are committed. Every method raises ``ServerUnavailableError`` when the database is away."""

    def since(self, position: str | None, customers: Collection[UUID]) -> OutcomeBatch:
        """What was committed for these customers since that position, each once; nothing without a position."""
        ...

    def recent(self, customer_id: UUID, since: datetime, limit: int) -> Sequence[CustomerOutcome]:
        """A customer's outcomes from that time on, oldest first; the newest where there are more than ``limit``."""
        ...


class Gallery(Protocol):
    """A customer's photos. Another's are as if they did not exist.

    Every method raises ``ServerUnavailableError`` when the database is away.
    """

    def photos(self, customer_id: UUID, page: Page) -> Sequence[GalleryPhoto]:
        """Processed photos, newest first in the page's order, those of one moment by name; a key is the photo's id."""
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

    def renditions(self, names: Sequence[RenditionName]) -> Sequence[StoredRendition | Absence]:
        """Where renditions lie, in the order of their names, all different; several customers may ask together."""
        ...
