"""What is said over HTTP where something goes wrong with an upload."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from starlette.requests import ClientDisconnect

from photo_pipeline.api.tus.keys import KeyInUseError, KeyReusedError
from photo_pipeline.api.tus.protocol import Header, MalformedHeaderError
from photo_pipeline.api.tus.requests import NoRoomError, OffsetConflictError, SenderGoneError, TooManyBytesError
from photo_pipeline.api.uploading import KEY_RETRY, refusal
from photo_pipeline.domain.uploads import NoSuchUploadError, UploadLockedError
from photo_pipeline.web.acceptance import PhotoRefusedError
from photo_pipeline.web.problems import ProblemError

LOCK_RETRY_SECONDS = 1


@contextmanager
def as_problems() -> Iterator[None]:
    """Say over HTTP what went wrong with an upload."""
    try:
        yield
    except PhotoRefusedError as error:
        raise refusal(error) from None
    except (
        MalformedHeaderError,
        NoSuchUploadError,
        UploadLockedError,
        NoRoomError,
        KeyInUseError,
        KeyReusedError,
    ) as error:
        raise _problem(error) from None
    except SenderGoneError:
        raise ClientDisconnect from None
    except OffsetConflictError as error:
        detail = f"This upload is at byte {error.offset}: go on there."
        headers = {Header.OFFSET: str(error.offset)}
        raise ProblemError(HTTPStatus.CONFLICT, "upload_offset", detail, headers=headers) from None
    except TooManyBytesError:
        detail = f"These are more bytes than {Header.LENGTH} said; none of this request's were kept."
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_many_bytes", detail) from None


def _problem(error: Exception) -> ProblemError:
    if isinstance(error, MalformedHeaderError):
        return malformed(str(error))
    if isinstance(error, UploadLockedError):
        detail = "Another request is still adding to this upload. Ask again in a moment where to go on."
        return ProblemError(HTTPStatus.LOCKED, "upload_locked", detail, headers=_retry(LOCK_RETRY_SECONDS))
    if isinstance(error, NoRoomError):
        detail = f"You are sending {error.limit} uploads at this moment. Begin another when one of them is done."
        headers = _retry(error.retry_seconds)
        return ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "too_many_uploads", detail, headers=headers)
    if isinstance(error, KeyInUseError):
        return ProblemError(HTTPStatus.CONFLICT, error.reason, error.sentence, headers=KEY_RETRY)
    if isinstance(error, KeyReusedError):
        return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, error.reason, error.sentence)
    return no_such_upload()


def _retry(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(seconds)}


def malformed(detail: str) -> ProblemError:
    """What is said of a header that cannot be read."""
    return ProblemError(HTTPStatus.BAD_REQUEST, "malformed_header", detail)


def no_such_upload() -> ProblemError:
    """What is said of an upload that is not there, or somebody else's."""
    detail = "You have no such upload. It may have expired, or been given up: begin a new one."
    return ProblemError(HTTPStatus.NOT_FOUND, "no_such_upload", detail)
