"""One frame per request."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request

from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.stream.deps import TheSender, TheServices, too_fast
from photo_pipeline.stream.limits import SlowDownError
from photo_pipeline.stream.receiving import (
    FrameTooLargeError,
    NotOneFileError,
    Receiving,
    filename_of,
)
from photo_pipeline.stream.schemas import FrameError, FrameReceipt
from photo_pipeline.web.acceptance import PhotoRefusedError, Reason
from photo_pipeline.web.problems import ProblemError, described, unavailable
from photo_pipeline.web.quotas import HOUR_SECONDS, QuotaReason

router = APIRouter(tags=["frames"])

_STATUSES: dict[Reason, HTTPStatus] = {
    RejectReason.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    RejectReason.NOT_AN_IMAGE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    RejectReason.UNSUPPORTED: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    QuotaReason.TOO_MANY_TODAY: HTTPStatus.TOO_MANY_REQUESTS,
    QuotaReason.NO_ROOM_LEFT: HTTPStatus.INSUFFICIENT_STORAGE,
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_FORM = {"schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}}


@router.post(
    "/frames",
    status_code=HTTPStatus.ACCEPTED,
    responses=described(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.INSUFFICIENT_STORAGE,
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"image/*": _BINARY, "application/octet-stream": _BINARY, "multipart/form-data": _FORM},
        }
    },
)
async def push_frame(
    request: Request,
    sender: TheSender,
    services: TheServices,
    filename: Annotated[str | None, Query(description="The file's name")] = None,  # noqa: ARG001 - see filename_of
    x_filename: Annotated[str | None, Header(description="The same, percent-encoded UTF-8")] = None,  # noqa: ARG001 - as above
) -> FrameReceipt:
    """Push one image of at most 32 MiB: the body itself, or one file of a form.

    The receipt says that Kafka has it, durably. What the body is, its bytes say; `Content-Type` is not believed.
    Sending the same image again is always safe.
    """
    try:
        part = await Receiving(request).frame()
        try:
            named = part.filename or filename_of(request)
            signed = await services.frames.accept(sender, named, part.size, part.read)
        finally:
            part.close()
    except FrameTooLargeError as error:
        raise _problem(services.frames.refuse(RejectReason.TOO_LARGE, str(error))) from None
    except PhotoRefusedError as error:
        raise _problem(error) from None
    except SlowDownError as error:
        raise too_fast(error) from None
    except NotOneFileError as error:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "not_one_file", str(error)) from None
    return FrameReceipt.of(signed, services.settings.web.public_url)


def _problem(refused: PhotoRefusedError) -> ProblemError:
    error = FrameError.of(refused)
    if error.retry:
        return unavailable(error.reason, error.detail, reason=error.reason)
    status = _STATUSES.get(refused.reason, HTTPStatus.UNPROCESSABLE_ENTITY)
    headers = {"Retry-After": str(HOUR_SECONDS)} if isinstance(refused.reason, QuotaReason) else {}
    return ProblemError(status, error.reason, error.detail, headers=headers, members={"reason": error.reason})
