"""Links to a selection of photos, and what they lead to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from photo_pipeline.domain.errors import PhotoPipelineError


class TooManySharesError(PhotoPipelineError):
    """The customer has as many links as are allowed."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"a customer may have {limit} links")


class NothingToShareError(PhotoPipelineError):
    """None of the photos is there to be shown."""


@dataclass(frozen=True, slots=True)
class NewShare:
    """A link to be made.

    Attributes:
        token_hash: SHA-256 of what the link ends with.
        photo_ids: in the order in which they are shown.
    """

    share_id: UUID
    customer_id: UUID
    token_hash: bytes
    expires_at: datetime
    photo_ids: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class Share:
    """A link, as who made it sees it.

    Attributes:
        photos: how many it leads to now; those that have expired or lie in the bin are none.
        views: how often its page was opened.
    """

    share_id: UUID
    created_at: datetime
    expires_at: datetime
    photos: int
    views: int = 0
    last_viewed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SharedPhoto:
    """A photo that a link leads to: what is seen of it, and nothing that was written into it.

    Attributes:
        width: of the ``web`` rendition, in pixels.
        height: of the same.
        thumb_width: of the ``thumb`` rendition, in pixels.
        thumb2x_width: of the ``thumb2x`` rendition, where there is one.
    """

    photo_id: UUID
    width: int
    height: int
    thumb_width: int
    thumb2x_width: int | None = None


@dataclass(frozen=True, slots=True)
class SharedAlbum:
    """What a link leads to.

    Attributes:
        shared_by: the name of who made it.
    """

    shared_by: str
    expires_at: datetime
    photos: Sequence[SharedPhoto]
