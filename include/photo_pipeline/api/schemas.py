"""What goes over the wire, as the OpenAPI document describes it."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, SecretStr, StringConstraints

from photo_pipeline.api.emails import MAX_EMAIL_LENGTH, canonical_email
from photo_pipeline.api.passwords import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH
from photo_pipeline.domain.customers import Customer
from photo_pipeline.domain.gallery import (
    CustomerOutcome,
    GalleryPhoto,
    ReceiptState,
    RejectedPhoto,
)
from photo_pipeline.domain.outcomes import AbsentReason, RejectReason
from photo_pipeline.domain.photo import RenditionKind, Source
from photo_pipeline.domain.retention import KEEP
from photo_pipeline.domain.text import is_seen
from photo_pipeline.web.acceptance import SignedReceipt
from photo_pipeline.web.text import Document

PREFIX = "/api/v1"


_INVISIBLE = r"\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
"""Control characters and those that are not seen or turn the line around, but for the joiners that scripts need."""


def seen(name: str) -> str:
    """The name, where somebody can see it.

    Raises:
        ValueError: when all of it is invisible.
    """
    if not is_seen(name):
        raise ValueError("Nothing of this name can be seen.")
    return name


Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, pattern=rf"^[^ {_INVISIBLE}]([^{_INVISIBLE}]*[^ {_INVISIBLE}])?$"),
    AfterValidator(seen),
]
Email = Annotated[
    str,
    StringConstraints(max_length=MAX_EMAIL_LENGTH),
    AfterValidator(canonical_email),
    Field(json_schema_extra={"format": "email"}),
]


NewSecret = Annotated[SecretStr, Field(min_length=MIN_PASSWORD_LENGTH, max_length=MAX_PASSWORD_LENGTH)]
"""A password that somebody thinks of."""
GivenSecret = Annotated[SecretStr, Field(max_length=MAX_PASSWORD_LENGTH)]
"""One that is compared with what is known."""


class SignUp(Document):
    """Somebody new."""

    email: Email
    password: NewSecret
    display_name: Name


class LogIn(Document):
    """Somebody known."""

    email: Annotated[str, StringConstraints(max_length=MAX_EMAIL_LENGTH)]
    password: GivenSecret


class CustomerView(BaseModel):
    """A customer, as they see themselves."""

    customer_id: UUID
    email: str
    display_name: str
    created_at: datetime

    @classmethod
    def of(cls, customer: Customer) -> Self:
        """The view of a customer."""
        return cls(
            customer_id=customer.customer_id,
            email=customer.email,
            display_name=customer.display_name,
            created_at=customer.created_at,
        )


class Me(CustomerView):
    """The caller, and until when their session lasts."""

    session_expires_at: datetime
    holds_allowed: int = Field(description="How many photos the caller may keep longer; 0 where the operator has none")


class AccessToken(BaseModel):
    """A session: send it as `Authorization: Bearer …`, or let the cookie do it."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - RFC 6749's word, no password
    expires_in: int = Field(description="Seconds")


class ReceiptLinks(BaseModel):
    """Where to follow a photo."""

    status: str
    photo: str


class ReceiptView(BaseModel):
    """Kafka has the photo: it is safe."""

    filename: str | None
    photo_id: UUID
    sha256: str
    topic: str
    partition: int
    offset: int
    accepted_at: datetime
    token: str = Field(description="The same, signed (JWS, EdDSA): check it with the keys at /.well-known/jwks.json")
    links: ReceiptLinks

    @classmethod
    def of(cls, signed: SignedReceipt, filename: str | None) -> Self:
        """The view of a receipt."""
        receipt = signed.receipt
        return cls(
            filename=filename,
            photo_id=receipt.photo_id,
            sha256=receipt.sha256,
            topic=receipt.coordinates.topic,
            partition=receipt.coordinates.partition,
            offset=receipt.coordinates.offset,
            accepted_at=receipt.accepted_at,
            token=signed.token,
            links=ReceiptLinks(status=f"{PREFIX}/receipts/{signed.token}", photo=f"{PREFIX}/photos/{receipt.photo_id}"),
        )


class UploadView(BaseModel):
    """A resumable upload: how far it has come, and its receipt once the photo is safe."""

    upload_id: UUID
    length: int
    offset: int = Field(description="Go on here. The last byte counts only together with the receipt")
    expires_at: datetime
    receipt: ReceiptView | None


class KnownPhoto(BaseModel):
    """Whether the gallery has these bytes already; where it has, which photo it is and how long it is kept."""

    known: bool
    photo_id: UUID | None = None
    filename: str | None = None
    kept_until: datetime | None = Field(default=None, description="Null while held")

    @classmethod
    def of(cls, photo: GalleryPhoto) -> Self:
        """The view of a photo that is there."""
        kept_until = None if photo.archived_at is None or photo.held else photo.archived_at + KEEP
        return cls(known=True, photo_id=photo.photo_id, filename=photo.filename, kept_until=kept_until)


class RefusedFile(BaseModel):
    """A file that was not accepted."""

    filename: str | None
    reason: str = Field(description="For programs, such as `not_an_image` or `not_acknowledged`")
    detail: str = Field(description="For people")


class UploadResult(BaseModel):
    """What became of each file. Both lists keep the files' order."""

    receipts: list[ReceiptView]
    rejected: list[RefusedFile]


class ReceiptStatusView(BaseModel):
    """What became of an accepted photo. `lost`: it never came to be, and nothing is wrong with it; send it again."""

    photo_id: UUID
    status: ReceiptState
    reason: str | None = Field(default=None, description="Why it was rejected or lost, for programs")
    sentence: str | None = Field(default=None, description="Why it was rejected or lost, for people")
    processed_at: datetime | None = None


class OutcomeView(BaseModel):
    """What became of one record of the caller's. Topic, partition and offset are those of its receipt."""

    photo_id: UUID | None
    topic: str
    partition: int
    offset: int
    filename: str | None
    status: ReceiptState
    reason: str | None
    sentence: str | None
    processed_at: datetime | None

    @classmethod
    def of(cls, outcome: CustomerOutcome) -> Self:
        """The view of an outcome."""
        at, status = outcome.coordinates, outcome.status
        return cls(
            photo_id=outcome.photo_id,
            topic=at.topic,
            partition=at.partition,
            offset=at.offset,
            filename=outcome.filename,
            status=status.state,
            reason=status.reason,
            sentence=None if status.reason is None else sentence_of(status.reason),
            processed_at=status.processed_at,
        )


class Outcomes(BaseModel):
    """The data of an event of that name."""

    outcomes: list[OutcomeView]


class ReceiptTokens(Document):
    """Receipts to look up together."""

    tokens: Annotated[list[Annotated[str, StringConstraints(max_length=4096)]], Field(min_length=1, max_length=100)]


class ReceiptStatusList(BaseModel):
    """In the order of the tokens; `null` for a token that is no receipt of the caller's."""

    receipts: list[ReceiptStatusView | None]


class RenditionView(BaseModel):
    """One form of a photo."""

    url: str
    content_type: str
    width: int
    height: int
    bytes: int


class PhotoView(BaseModel):
    """A photo in the gallery. Once expired it has neither renditions nor what was personal about it.

    This describes what ``photo_bodies`` makes.
    """

    photo_id: UUID
    status: Literal["processed", "expired"]
    source: Source
    filename: str | None
    content_type: str
    format: str
    width: int = Field(description="Pixels, as seen upright")
    height: int = Field(description="Pixels, as seen upright")
    bytes: int
    sha256: str
    camera: str | None
    taken_at: str | None = Field(
        description="The camera's local time, `YYYY-MM-DDTHH:MM:SS`, and where it told more, `.ffffff`"
    )
    taken_at_offset: str | None = Field(description="`+HH:MM`; unknown where null")
    blurhash: str | None
    dominant_color: str | None
    uploaded_at: datetime
    processed_at: datetime
    expired_at: datetime | None
    kept_until: datetime | None = Field(description="Null while held, and once expired")
    held: bool = Field(description="Whether it is kept beyond its time, by whomever")
    held_by_customer: bool = Field(description="Whether the caller keeps it, and may end that")
    binned_at: datetime | None = Field(description="Since when it is in the caller's bin; its renditions answer 410")
    device_id: UUID | None = Field(description="Which of the caller's devices has streamed it, as it says itself")
    renditions: dict[RenditionKind, RenditionView]


class RejectedView(BaseModel):
    """A photo that was accepted and then could not be used."""

    photo_id: UUID | None
    status: Literal["rejected"] = "rejected"
    reason: str
    sentence: str
    source: Source | None
    filename: str | None
    bytes: int | None
    accepted_at: datetime | None
    processed_at: datetime
    record: str = Field(description="`topic-partition-offset` of its record")

    @classmethod
    def of(cls, photo: RejectedPhoto) -> Self:
        """The view of a rejected photo."""
        return cls(
            photo_id=photo.photo_id,
            reason=photo.reason,
            sentence=sentence_of(photo.reason),
            source=photo.source,
            filename=photo.filename,
            bytes=photo.bytes,
            accepted_at=photo.accepted_at,
            processed_at=photo.processed_at,
            record=str(photo.coordinates),
        )


AnyPhotoView = Annotated[PhotoView | RejectedView, Field(discriminator="status")]


class PhotoPage(BaseModel):
    """Part of a list, newest first."""

    photos: list[AnyPhotoView]
    next_cursor: str | None = Field(description="Where the next page begins; null on the last")


class JsonWebKey(BaseModel):
    """A public key (RFC 7517, RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str
    use: Literal["sig"]
    alg: Literal["EdDSA"]


class JsonWebKeySet(BaseModel):
    """Keys by which anyone checks what was signed."""

    keys: list[JsonWebKey]


def sentence_of(reason: str) -> str:
    """A reason as a person would say it. Reasons of older versions get a general sentence."""
    known: tuple[RejectReason | AbsentReason, ...] = (*RejectReason, *AbsentReason)
    sentences: dict[str, str] = {each.value: each.sentence for each in known}
    return sentences.get(reason, "The photo could not be used.")
