"""People who signed up, their devices and their sessions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from photo_pipeline.domain.errors import PhotoPipelineError


class EmailTakenError(PhotoPipelineError):
    """Somebody signed up with this address before."""


class TooManyDevicesError(PhotoPipelineError):
    """The customer has as many devices as are allowed."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"a customer may have {limit} devices")


@dataclass(frozen=True, slots=True)
class Customer:
    """A person who signed up."""

    customer_id: UUID
    email: str
    display_name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a log-in is checked against. The hash is in argon2's encoded form.

    ``password_version`` counts the customer's passwords: a session begins only with the one that was given for it.
    """

    customer_id: UUID
    password_hash: str
    password_version: int


@dataclass(frozen=True, slots=True)
class Device:
    """A camera or program that streams photos for a customer.

    ``public_key`` is the ``x`` of its Ed25519 key, where it signs what it writes to Kafka itself.
    """

    device_id: UUID
    name: str
    created_at: datetime
    public_key: str | None = None


@dataclass(frozen=True, slots=True)
class SentLately:
    """So many photos within so long until now."""

    photos: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class LastPhoto:
    """The newest photo of a device that is not in the bin."""

    photo_id: UUID
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class DeviceActivity:
    """What a device does.

    Attributes:
        device: which.
        seen_at: when it last asked to be let in, had a photo accepted, or had one refused.
        last_hour: what it sent that is in the gallery or the bin; within less than an hour where that is very much.
        last_day: the same of a day.
        last_photo: as far as the newest of its photos have one that is shown.
    """

    device: Device
    seen_at: datetime | None
    last_hour: SentLately
    last_day: SentLately
    last_photo: LastPhoto | None


COUNTED_PHOTOS = 1000
"""Of each device so many of its newest photos are looked at."""


def sent_lately(photos: int, oldest: datetime | None, now: datetime, within: timedelta) -> SentLately:
    """What is said of those that are looked at: where all of them are so young, how far back they go.

    Args:
        photos: how many of them are younger than ``within``.
        oldest: when the last of them was accepted, where there may be more than are looked at.
        now: until when.
        within: how long is asked about.
    """
    if oldest is None or oldest <= now - within:
        return SentLately(photos, within)
    return SentLately(photos, max(now - oldest, timedelta(seconds=1)))


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that goes on.

    Attributes:
        session_id: in its tokens.
        customer_id: whose.
        agent: what it was begun with, such as ``Firefox on Linux``; ``None`` where that was not said.
        began_at: the log-in.
        seen_at: when it last showed a page, or began.
        expires_at: of its newest token.
    """

    session_id: UUID
    customer_id: UUID
    agent: str | None
    began_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class EndedSession:
    """A session that its customer ended. From ``forget_at`` on no token of it is good anyway."""

    session_id: UUID
    ended_at: datetime
    forget_at: datetime


@dataclass(frozen=True, slots=True)
class NewReset:
    """Leave to set a password once, for whoever has the token with that SHA-256."""

    token_hash: bytes
    customer_id: UUID
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Usage:
    """What a customer has sent of late.

    Attributes:
        photos: accepted within a day, whatever became of them.
        kept_bytes: of originals that were archived within the time that they are kept, each time that they were.
    """

    photos: int
    kept_bytes: int
