"""What is told and asked of devices, as the OpenAPI document describes it."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from photo_pipeline.api.schemas import PREFIX, Name
from photo_pipeline.domain.customers import Device, DeviceActivity, LastPhoto, SentLately
from photo_pipeline.domain.photo import RenditionKind
from photo_pipeline.domain.signatures import KeysError, public_key
from photo_pipeline.web.text import Document


def usable(coordinate: str) -> str:
    """A public key that signatures can be checked with.

    Raises:
        ValueError: when it is none.
    """
    try:
        public_key(coordinate)
    except KeysError as error:
        raise ValueError("This is no public key.") from error
    return coordinate


class PublicKey(Document):
    """A public Ed25519 key as JWK (RFC 8037). A private one is refused: nobody but the device is to have that."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$"), AfterValidator(usable)]
    kid: Annotated[str, StringConstraints(max_length=200)] | None = None
    use: Literal["sig"] | None = None
    alg: Literal["EdDSA", "Ed25519"] | None = None


class NewDevice(Document):
    """A camera or program that is to stream photos."""

    name: Name
    public_key: PublicKey | None = Field(
        default=None, description="For a device that writes to Kafka itself: whose signature its records carry"
    )


class DeviceView(BaseModel):
    """A device that is not revoked."""

    device_id: UUID
    name: str
    created_at: datetime
    signs: bool = Field(description="Whether it has a key of its own, and so may write to Kafka itself")

    @classmethod
    def of(cls, device: Device) -> Self:
        """The view of a device."""
        return cls(
            device_id=device.device_id,
            name=device.name,
            created_at=device.created_at,
            signs=device.public_key is not None,
        )


class SentView(BaseModel):
    """So many photos within so many seconds until now."""

    photos: int
    seconds: int = Field(description="An hour or a day; less where more than 1,000 came: so long took these")

    @classmethod
    def of(cls, sent: SentLately) -> Self:
        """The view of what was sent."""
        return cls(photos=sent.photos, seconds=round(sent.within.total_seconds()))


class LastPhotoView(BaseModel):
    """The newest photo of a device."""

    photo_id: UUID
    accepted_at: datetime
    thumb: str

    @classmethod
    def of(cls, photo: LastPhoto) -> Self:
        """The view of a photo."""
        thumb = f"{PREFIX}/photos/{photo.photo_id}/{RenditionKind.THUMB.value}"
        return cls(photo_id=photo.photo_id, accepted_at=photo.accepted_at, thumb=thumb)


class ActiveDeviceView(DeviceView):
    """A device, and what it does."""

    last_seen_at: datetime | None = Field(
        description="When it last sent something, good or not, or was connected; late by a minute at most"
    )
    last_hour: SentView = Field(description="What it has sent that is in the gallery or the bin")
    last_day: SentView
    last_photo: LastPhotoView | None = Field(description="Null where none of its newest 1,000 is shown")

    @classmethod
    def doing(cls, activity: DeviceActivity) -> Self:
        """The view of a device with what it does."""
        return cls(
            **DeviceView.of(activity.device).model_dump(),
            last_seen_at=activity.seen_at,
            last_hour=SentView.of(activity.last_hour),
            last_day=SentView.of(activity.last_day),
            last_photo=None if activity.last_photo is None else LastPhotoView.of(activity.last_photo),
        )


class DeviceList(BaseModel):
    """A customer's devices, newest first."""

    devices: list[ActiveDeviceView]


class NewDeviceName(Document):
    """What a device is to be called."""

    name: Name


class DeviceCreated(DeviceView):
    """A new device with its token, which is shown this once."""

    token: str
    camera_url: str = Field(
        description="Whoever opens it streams their camera as this device; the token is behind the #"
    )
    token_expires_at: datetime
