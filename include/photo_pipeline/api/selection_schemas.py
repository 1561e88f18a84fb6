"""What goes over the wire about selections, links and whole accounts, as the OpenAPI document describes it."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from photo_pipeline.api.account_schemas import SessionView
from photo_pipeline.api.device_schemas import ActiveDeviceView
from photo_pipeline.api.schemas import CustomerView, GivenSecret, PhotoView
from photo_pipeline.domain.accounts import AccountRecord
from photo_pipeline.domain.shares import Share
from photo_pipeline.web.text import Document

MOST_MOVED = 1000
"""Photos that are put into the bin, or taken out of it, at once."""
MOST_DOWNLOADED = 5000
MOST_SHARED = 500
LONGEST_SHARE_DAYS = 30


def distinct(photo_ids: list[UUID]) -> list[UUID]:
    """Each of them once, in the order in which they were named."""
    return list(dict.fromkeys(photo_ids))


class PhotoIds(Document):
    """Photos to be moved together."""

    photo_ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_MOVED), AfterValidator(distinct)]


class MovedPhotos(BaseModel):
    """What came of it."""

    done: list[UUID] = Field(description="Where they were wanted now, whether they were before or not")
    expired: list[UUID] = Field(description="Gone: their time has passed")
    unknown: list[UUID] = Field(description="No photos of the caller's")


class ArchiveRequest(Document):
    """Photos to be downloaded together."""

    photo_ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_DOWNLOADED), AfterValidator(distinct)]
    kind: Literal["original", "web"] = "original"


class NewShareLink(Document):
    """A link to be made."""

    photo_ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_SHARED), AfterValidator(distinct)]
    days: Annotated[int, Field(ge=1, le=LONGEST_SHARE_DAYS, description="How long it is good")] = 7


class ShareView(BaseModel):
    """A link, as who made it sees it."""

    share_id: UUID
    created_at: datetime
    expires_at: datetime
    photos: int = Field(description="How many it leads to now")
    views: int = Field(description="How often its page was opened")
    last_viewed_at: datetime | None

    @classmethod
    def of(cls, share: Share) -> Self:
        """The view of a link."""
        return cls(
            share_id=share.share_id,
            created_at=share.created_at,
            expires_at=share.expires_at,
            photos=share.photos,
            views=share.views,
            last_viewed_at=share.last_viewed_at,
        )


class ShareCreated(ShareView):
    """A new link with its address, which is shown this once."""

    url: str


class ShareList(BaseModel):
    """A customer's links, newest first."""

    shares: list[ShareView]


class CloseAccount(Document):
    """The account's password, once more."""

    password: GivenSecret


class RecordView(BaseModel):
    """What became of something that the customer sent."""

    photo_id: UUID | None
    record: str = Field(description="`topic-partition-offset`, as in its receipt")
    outcome: str
    reason: str | None
    source: str | None
    filename: str | None
    bytes: int | None
    accepted_at: datetime | None
    processed_at: datetime
    expired_at: datetime | None

    @classmethod
    def of(cls, record: AccountRecord) -> Self:
        """The view of a record."""
        return cls(
            photo_id=record.photo_id,
            record=str(record.coordinates),
            outcome=record.outcome,
            reason=record.reason,
            source=record.source,
            filename=record.filename,
            bytes=record.bytes,
            accepted_at=record.accepted_at,
            processed_at=record.processed_at,
            expired_at=record.expired_at,
        )


class AccountExport(BaseModel):
    """All that is kept of a customer, but for the photos' bytes: `POST /photos/archive` has those.

    This describes what ``exporting`` makes.
    """

    exported_at: datetime
    customer: CustomerView
    sessions: list[SessionView]
    devices: list[ActiveDeviceView]
    shares: list[ShareView]
    photos: list[PhotoView] = Field(description="Those in the gallery, newest first, then those in the bin")
    records: list[RecordView] = Field(description="Oldest first, as far as they are remembered")
