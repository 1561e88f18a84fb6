"""The one path by which bytes become an accepted photo, for both web applications."""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from anyio import CapacityLimiter, to_thread

from photo_pipeline.domain.errors import PhotoPipelineError, RecordRejected, ServerUnavailableError
from photo_pipeline.domain.events import Delivery, Headers, OutboundRecord, PhotoEvent, clean_filename
from photo_pipeline.domain.imaging import CONTENT_TYPES, ImageLimits, decode_seconds, read_header
from photo_pipeline.domain.lanes import Lane
from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.domain.photo import MAX_PHOTO_BYTES, Receipt, Source, photo_id_for, sha256_hex
from photo_pipeline.domain.proof import PROOF
from photo_pipeline.ports.clock import Clock
from photo_pipeline.ports.photo_log import AsyncPhotoLogWriter
from photo_pipeline.web.fair_lanes import FairLanes
from photo_pipeline.web.metrics import AcceptanceMetrics
from photo_pipeline.web.quotas import QuotaExceededError, QuotaReason, Quotas
from photo_pipeline.web.tokens import Tokens

HASHING_THREADS = 2


class LaterReason(StrEnum):
    """Why a photo was not taken though nothing is wrong with it: sending it again may help."""

    NOT_ACKNOWLEDGED = "not_acknowledged"
    BUSY = "busy"

    @property
    def sentence(self) -> str:
        """The reason as a person would say it."""
        return _LATER_SENTENCES[self]


_LATER_SENTENCES = {
    LaterReason.NOT_ACKNOWLEDGED: "The photo could not be stored safely just now. Please send it again.",
    LaterReason.BUSY: "Too many photos are arriving just now. Please send it again in a moment.",
}


Reason = RejectReason | LaterReason | QuotaReason
"""Why a photo is not taken: for what it is, for now, or because its sender has had their share."""


class PhotoRefusedError(PhotoPipelineError):
    """A photo that was not accepted.

    Attributes:
        reason: for programs.
        detail: one line about this photo; never its content.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason.value}: {detail}")


@dataclass(frozen=True, slots=True)
class IncomingPhoto:
    """What a sender handed over.

    Attributes:
        customer_id: whose photo it is; proven by a token.
        origin: the application or device it came through, a URI reference (``ce_source``).
        filename: as the sender called it.
        sent_at: when the sender says it was sent, if it says so.
        data: the file's bytes.
    """

    customer_id: UUID
    origin: str
    filename: str | None
    data: bytes
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """Kafka has the photo: the receipt, and the same as a token."""

    receipt: Receipt
    token: str


@dataclass(frozen=True, slots=True)
class _SignedEvent:
    """A photo on its way to Kafka: its event, the headers with this platform's proof, and its likely cost."""

    event: PhotoEvent
    headers: Headers
    cost: float


class PhotoAcceptance:
    """Checks a photo, writes it to Kafka and signs its receipt.

    Args:
        writer: Kafka.
        topic: where this application's photos go.
        source: which application this is.
        tokens: signs records and receipts.
        clock: where the time comes from.
        new_id: makes the ids of events.
        metrics: counts what becomes of photos.
        limits: how large an image may be.
        quotas: how much a customer may send; anything where left out.
        lanes: which lane a photo takes; where left out, its key alone says to which partition it goes.
    """

    def __init__(  # noqa: PLR0913 - a composition root calls it, by keyword
        self,
        *,
        writer: AsyncPhotoLogWriter,
        topic: str,
        source: Source,
        tokens: Tokens,
        clock: Clock,
        new_id: Callable[[], UUID],
        metrics: AcceptanceMetrics,
        limits: ImageLimits | None = None,
        quotas: Quotas | None = None,
        lanes: FairLanes | None = None,
    ) -> None:
        self._writer = writer
        self._topic = topic
        self._source = source
        self._tokens = tokens
        self._clock = clock
        self._new_id = new_id
        self._metrics = metrics
        self._limits = limits or ImageLimits()
        self._quotas = quotas
        self._lanes = lanes
        self._threads = CapacityLimiter(HASHING_THREADS)

    async def accept(self, photo: IncomingPhoto) -> SignedReceipt:
        """Take one photo in. Returns once Kafka has acknowledged it, never before.

        Raises:
            PhotoRefusedError: when it was not accepted. After ``NOT_ACKNOWLEDGED`` Kafka may have it all the same;
                sending it again is safe, as the same bytes are the same photo.
        """
        try:
            checked = functools.partial(self._signed, photo, self._new_id(), photo.sent_at or self._clock.now())
            signed = await to_thread.run_sync(checked, limiter=self._threads)
            event = signed.event
            with self._counted(photo):
                lane = None if self._lanes is None else self._lanes.lane_for(photo.customer_id, signed.cost)
                delivery = await self._write(signed, lane)
        except RecordRejected as error:
            raise self.refuse(error.reason, error.detail) from None
        except QuotaExceededError as error:
            raise self.refuse(error.reason, str(error)) from None
        except ServerUnavailableError as error:
            raise self.refuse(LaterReason.NOT_ACKNOWLEDGED, str(error)) from error
        self._metrics.accepted(len(photo.data), lane)
        receipt = Receipt(event.photo_id, event.sha256, delivery.coordinates, delivery.timestamp)
        return SignedReceipt(receipt, self._tokens.sign_receipt(receipt))

    def check_quota(self, customer_id: UUID, size: int) -> None:
        """Look whether a photo of ``size`` bytes would be taken, before any of them are.

        Raises:
            PhotoRefusedError: when it would not.
        """
        try:
            if self._quotas is not None:
                self._quotas.check(customer_id, size)
        except QuotaExceededError as error:
            raise self.refuse(error.reason, str(error)) from None

    def refuse(self, reason: Reason, detail: str) -> PhotoRefusedError:
        """The error for a photo that is not taken, counted. For callers too that see a reason before ``accept`` can."""
        self._metrics.refused(reason.value)
        return PhotoRefusedError(reason, detail)

    def _counted(self, photo: IncomingPhoto) -> AbstractContextManager[None]:
        if self._quotas is None:
            return nullcontext()
        return self._quotas.taking(photo.customer_id, len(photo.data))

    async def _write(self, signed: _SignedEvent, lane: Lane | None) -> Delivery:
        event = signed.event
        record = OutboundRecord(self._topic, event.key(), event.data, signed.headers, lane)
        with self._metrics.acknowledgement.time():
            return await self._writer.append(record)

    def _signed(self, photo: IncomingPhoto, event_id: UUID, sent_at: datetime) -> _SignedEvent:
        """Runs in a thread: 32 MiB take some 20 ms to hash."""
        event, cost = self._event(photo, event_id, sent_at)
        headers = event.headers()
        proof = self._tokens.sign_record(headers, self._topic)
        return _SignedEvent(event, [*headers, (PROOF, proof.encode())], cost)

    def _event(self, photo: IncomingPhoto, event_id: UUID, sent_at: datetime) -> tuple[PhotoEvent, float]:
        """The photo's event, and its likely cost."""
        if len(photo.data) > MAX_PHOTO_BYTES:
            raise RecordRejected(RejectReason.TOO_LARGE, f"more than {MAX_PHOTO_BYTES} bytes")
        header = read_header(photo.data, self._limits)
        sha256 = sha256_hex(photo.data)
        event = PhotoEvent(
            event_id=str(event_id),
            source=self._source,
            origin=photo.origin,
            customer_id=photo.customer_id,
            photo_id=photo_id_for(photo.customer_id, sha256),
            sha256=sha256,
            filename=None if photo.filename is None else clean_filename(photo.filename),
            content_type=CONTENT_TYPES[header.format],
            sent_at=sent_at,
            data=photo.data,
        )
        return event, decode_seconds(header)
