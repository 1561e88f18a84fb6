"""What goes over the wire, over HTTP and over WebSocket."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from photo_pipeline.domain.events import MAX_FILENAME_LENGTH
from photo_pipeline.domain.photo import MAX_PHOTO_BYTES
from photo_pipeline.stream.limits import SlowDownError
from photo_pipeline.stream.senders import Sender
from photo_pipeline.stream.settings import StreamSettings
from photo_pipeline.web.acceptance import LaterReason, PhotoRefusedError, SignedReceipt
from photo_pipeline.web.text import Document

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
    retry_after: float | None = Field(default=None, description="With `too_fast`: after so many seconds it fits")

    @classmethod
    def too_fast(cls, error: SlowDownError) -> Self:
        """The view of a frame that came too early."""
        wait = round(error.wait_seconds, 3)
        return cls(reason=error.reason, detail=str(error), retry=True, retry_after=wait)

    @classmethod
    def of(cls, error: PhotoRefusedError) -> Self:
        """The view of a refusal."""
        return cls(reason=error.reason.value, detail=error.reason.sentence, retry=isinstance(error.reason, LaterReason))


class WindowView(BaseModel):
    """How much may wait for its acknowledgement. When it is full, the server stops reading."""

    frames: int
    bytes: int


class RateView(BaseModel):
    """How fast this device may go, over all its connections. A frame beyond that is answered `too_fast`."""

    frames_per_second: float
    frames_burst: int = Field(description="So many may come at once after a pause")
    bytes_per_second: int
    bytes_burst: int


class SenderView(BaseModel):
    """Who is sending, and what they may."""

    customer_id: UUID
    device_id: UUID | None
    max_frame_bytes: int
    window: WindowView
    rate: RateView

    @classmethod
    def of(cls, sender: Sender, limits: StreamSettings) -> Self:
        """The view of a sender under these limits."""
        rate = {name: getattr(limits, name) for name in RateView.model_fields}
        return cls(
            customer_id=sender.customer_id,
            device_id=sender.device_id,
            max_frame_bytes=MAX_PHOTO_BYTES,
            window=WindowView(frames=limits.window_frames, bytes=limits.window_bytes),
            rate=RateView(**rate),
        )


class Hello(SenderView):
    """The server's first message."""

    type: Literal["hello"] = "hello"


class Acknowledgement(BaseModel):
    """The server's answer to one frame: its receipt, or an error. Answers may overtake each other."""

    type: Literal["ack"] = "ack"
    seq: int = Field(description="Which binary message of this connection, or part of this feed, counted from 1")
    receipt: FrameReceipt | None = None
    error: FrameError | None = None


class Skipped(BaseModel):
    """Answers of a feed that were not said, as the sender did not read those before. Their frames were dealt with."""

    type: Literal["skipped"] = "skipped"
    answers: int


class FeedEnd(BaseModel):
    """The last line about a feed."""

    type: Literal["end"] = "end"
    reason: str = Field(
        description="`complete`, `session_ended`, `revoked`, `stalled`, `too_many_refused` or `internal_error`"
    )
    detail: str
    accepted: int
    refused: int


class FrameDescription(Document):
    """A sender's text message: what the next binary message is."""

    filename: Annotated[str, StringConstraints(max_length=4 * MAX_FILENAME_LENGTH)] | None = None
