"""One upload: its files are accepted one after the other, each as soon as all of it has arrived."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from uuid import UUID

from photo_pipeline.api.once import OnceOnly
from photo_pipeline.api.schemas import ReceiptView, RefusedFile, UploadResult
from photo_pipeline.api.tus.keys import KeyInUseError, KeyReusedError
from photo_pipeline.domain.events import clean_filename
from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.domain.photo import MAX_PHOTO_BYTES
from photo_pipeline.web.acceptance import IncomingPhoto, LaterReason, PhotoAcceptance, PhotoRefusedError
from photo_pipeline.web.bodies import STALLED, BodyStalledError
from photo_pipeline.web.flow import BusyError, InFlightBytes
from photo_pipeline.web.multipart import BodyTooLargeError, FilePart, MalformedMultipartError
from photo_pipeline.web.problems import ProblemError, unavailable
from photo_pipeline.web.quotas import HOUR_SECONDS, QuotaReason

FIELD = "files"
MAX_FILES = 50
ORIGIN = "/api/v1/photos"
"""``ce_source`` of uploads."""
COPIES = 2
"""While a photo waits for Kafka it is in memory twice: here, and in the producer's queue."""
WAITING_SECONDS = 30.0
"""For a place and for Kafka, all files of a request together: balancers give up an answer after a minute, and with it
the receipts of what was accepted before."""
_LATER = frozenset(LaterReason)
_STATUSES = {
    RejectReason.TOO_LARGE.value: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    RejectReason.NOT_AN_IMAGE.value: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    RejectReason.UNSUPPORTED.value: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    BodyTooLargeError.reason: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    STALLED: HTTPStatus.REQUEST_TIMEOUT,
    QuotaReason.TOO_MANY_TODAY.value: HTTPStatus.TOO_MANY_REQUESTS,
    QuotaReason.NO_ROOM_LEFT.value: HTTPStatus.INSUFFICIENT_STORAGE,
    KeyInUseError.reason: HTTPStatus.CONFLICT,
}
KEY_RETRY = {"Retry-After": "1"}
QUOTA_RETRY = {"Retry-After": str(HOUR_SECONDS)}
"""Quotas are counted by the hour."""


class TooManyFilesError(MalformedMultipartError):
    """The rest of the body is not looked at."""

    reason = "too_many_files"

    def __init__(self) -> None:
        super().__init__(f"Only the first {MAX_FILES} files were looked at.")


def refusal(error: PhotoRefusedError) -> ProblemError:
    """What a sender of one photo is told when it was not accepted."""
    reason = error.reason
    if isinstance(reason, LaterReason):
        return unavailable("not_accepted", reason.sentence, reason=reason.value)
    status = _STATUSES.get(reason.value, HTTPStatus.UNPROCESSABLE_ENTITY)
    headers = QUOTA_RETRY if isinstance(reason, QuotaReason) else {}
    return ProblemError(status, "not_accepted", reason.sentence, headers=headers, members={"reason": reason.value})


@dataclass(frozen=True, slots=True)
class Named:
    """A request that its sender has named, to make it again where no answer comes."""

    key: str
    once: OnceOnly


@dataclass(slots=True)
class Upload:
    """The files of one request, on their way in. Of a named one each file is told by its place."""

    customer_id: UUID
    acceptance: PhotoAcceptance
    budget: InFlightBytes
    named: Named | None = None
    monotonic: Callable[[], float] = time.monotonic
    receipts: list[ReceiptView] = field(default_factory=list)
    refused: list[RefusedFile] = field(default_factory=list)
    _kafka_is_away: bool = False
    _waited: float = 0.0

    async def run(self, parts: AsyncIterator[FilePart]) -> UploadResult:
        """Accept what can be accepted.

        Raises:
            ProblemError: when no file was.
        """
        try:
            async for part in parts:
                if part.name == FIELD and (part.filename or part.size):
                    await self._take(part)
                part.close()
        except MalformedMultipartError as error:
            self.refused.append(RefusedFile(filename=None, reason=error.reason, detail=str(error)))
        except BodyStalledError as error:  # what was accepted before has its receipt
            self.refused.append(RefusedFile(filename=None, reason=error.slug, detail=error.detail))
        if not self.receipts:
            raise self._problem()
        return UploadResult(receipts=self.receipts, rejected=self.refused)

    async def _take(self, part: FilePart) -> None:
        filename = clean_filename(part.filename)
        if self._place >= MAX_FILES:
            raise TooManyFilesError
        try:
            self.receipts.append(await self._accept(part, filename))
        except (KeyInUseError, KeyReusedError) as error:
            self.refused.append(RefusedFile(filename=filename, reason=error.reason, detail=error.sentence))
        except PhotoRefusedError as error:
            self._kafka_is_away = self._kafka_is_away or error.reason is LaterReason.NOT_ACKNOWLEDGED
            self.refused.append(RefusedFile(filename=filename, reason=error.reason.value, detail=error.reason.sentence))

    async def _accept(self, part: FilePart, filename: str | None) -> ReceiptView:
        self._check(part)
        try:
            with self._waiting():
                async with self.budget.reserve(COPIES * part.size):
                    photo = IncomingPhoto(self.customer_id, ORIGIN, filename, await part.read())
                    return await self._safe(photo)
        except BusyError as error:
            raise self.acceptance.refuse(LaterReason.BUSY, str(error)) from None

    @property
    def _place(self) -> int:
        return len(self.receipts) + len(self.refused)

    async def _safe(self, photo: IncomingPhoto) -> ReceiptView:
        if self.named is None:
            return ReceiptView.of(await self.acceptance.accept(photo), photo.filename)
        # No key has a line's end in it: this is no upload's that is named by itself.
        return await self.named.once.accept(photo, f"{self.named.key}\n{self._place}")

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        begun = self.monotonic()
        try:
            yield
        finally:
            self._waited += self.monotonic() - begun

    def _check(self, part: FilePart) -> None:
        if part.too_large:
            raise self.acceptance.refuse(RejectReason.TOO_LARGE, f"more than {MAX_PHOTO_BYTES} bytes")
        if not part.complete:
            raise self.acceptance.refuse(RejectReason.TRUNCATED, "the body ends within the file")
        if self._kafka_is_away:  # waiting for it once per request is enough
            raise self.acceptance.refuse(LaterReason.NOT_ACKNOWLEDGED, "nor was an earlier file of this request")
        if self._waited >= WAITING_SECONDS:
            raise self.acceptance.refuse(LaterReason.BUSY, "the files before it took the request's time")

    def _problem(self) -> ProblemError:
        members = {"rejected": [refused.model_dump() for refused in self.refused]}
        reasons = {refused.reason for refused in self.refused}
        if not reasons:
            detail = f"Send 1 to {MAX_FILES} files in the form field '{FIELD}'."
            return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "no_files", detail)
        if reasons & _LATER:
            return unavailable("not_accepted", "No photo could be stored safely just now. Please try again.", **members)
        reasons_given = frozenset(reasons)
        status = _STATUSES.get(reasons.pop()) if len(reasons) == 1 else None
        details = {refused.detail for refused in self.refused}
        detail = details.pop() if len(details) == 1 else "None of the files could be accepted."
        headers = QUOTA_RETRY if reasons_given & frozenset(QuotaReason) else {}
        headers = KEY_RETRY if status is HTTPStatus.CONFLICT else headers
        status = status or HTTPStatus.UNPROCESSABLE_ENTITY
        return ProblemError(status, "not_accepted", detail, headers=headers, members=members)
