"""What goes over the wire, over HTTP and over WebSocket."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from photo_pipeline.domain.events import MAX_FILENAME_LENGTH
from photo_pipeline.web.acceptance import LaterReason, PhotoRefusedError, SignedReceipt

PREFIX = "/api/v1"


class FrameReceipt(BaseModel):
    """Kafka has the photo: it is safe."""

    photo_id: UUID
    sha256: str
    topic: str
    partition: int
    offset: int
    accepted_at: datetime
    token: str = Field(description="The same, signed (JWS, EdDSA); the upload API says what became of it")
    status_url: str = Field(description="Where the upload API says what became of it")

    @classmethod
    def of(cls, signed: SignedReceipt, public_url: str) -> Self:
        """The view of a receipt. ``public_url`` is the upload API's."""
        receipt = signed.receipt
        return cls(
            photo_id=receipt.photo_id,
            sha256=receipt.sha256,
            topic=receipt.coordinates.topic,
            partition=receipt.coordinates.partition,
            offset=receipt.coordinates.offset,
            accepted_at=receipt.accepted_at,
            token=signed.token,
            status_url=f"{public_url}{PREFIX}/receipts/{signed.token}",
        )


class FrameError(BaseModel):
    """Why a frame was not accepted."""

    reason: str = Field(description="For programs, such as `not_an_image` or `not_acknowledged`")
    detail: str = Field(description="For people")
    retry: bool = Field(description="Whether sending the same frame again may help")

    @classmethod
    def of(cls, error: PhotoRefusedError) -> Self:
        """The view of a refusal."""
        return cls(reason=error.reason.value, detail=error.reason.sentence, retry=isinstance(error.reason, LaterReason))


class WindowView(BaseModel):
    """How much may wait for its acknowledgement. When it is full, the server stops reading."""

    frames: int
    bytes: int


class Hello(BaseModel):
    """The server's first message."""

    type: Literal["hello"] = "hello"
    customer_id: UUID
    device_id: UUID | None
    max_frame_bytes: int
    window: WindowView


class Acknowledgement(BaseModel):
    """The server's answer to one frame: its receipt, or an error. Answers may overtake each other."""

    type: Literal["ack"] = "ack"
    seq: int = Field(description="Which binary message of this connection, counted from 1")
    receipt: FrameReceipt | None = None
    error: FrameError | None = None


class FrameDescription(BaseModel):
    """A sender's text message: what the next binary message is."""

    model_config = ConfigDict(extra="forbid")

    filename: Annotated[str, StringConstraints(max_length=4 * MAX_FILENAME_LENGTH)] | None = None


class Health(BaseModel):
    """All is well."""

    status: Literal["ok"] = "ok"
