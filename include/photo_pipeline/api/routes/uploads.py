"""Resumable uploads: tus 1.0 with creation, creation-with-upload, checksum, expiration and termination."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi import Header as RequestHeader
from starlette.requests import ClientDisconnect

from photo_pipeline.api.deps import TheCaller, TheServices
from photo_pipeline.api.schemas import PREFIX, KnownPhoto, ReceiptView, UploadView
from photo_pipeline.api.tus import protocol
from photo_pipeline.api.tus.keys import KEY_DESCRIPTION, KeyInUseError, key_of
from photo_pipeline.api.tus.protocol import Header
from photo_pipeline.api.tus.refusals import as_problems, malformed, no_such_upload
from photo_pipeline.api.tus.requests import (
    ChecksumMismatchError,
    Creation,
    Piece,
)
from photo_pipeline.domain.gallery import GalleryPhoto, PhotoStatus
from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.domain.photo import MAX_PHOTO_BYTES, photo_id_for
from photo_pipeline.domain.uploads import StoredUpload
from photo_pipeline.web.bodies import BodyStalledError
from photo_pipeline.web.problems import ProblemError, described, respond

DRAIN_SECONDS = 30.0

router = APIRouter(prefix="/uploads", tags=["resumable uploads"])

_OPTIONS = {
    Header.VERSION: protocol.VERSION,
    Header.EXTENSION: protocol.EXTENSIONS,
    Header.MAX_SIZE: str(MAX_PHOTO_BYTES),
    Header.CHECKSUM_ALGORITHM: ",".join(protocol.CHECKSUM_ALGORITHMS),
}
_PIECE = {protocol.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}
_MISMATCH: dict[int | str, dict[str, Any]] = {
    protocol.CHECKSUM_MISMATCH: {
        **described(HTTPStatus.BAD_REQUEST)[HTTPStatus.BAD_REQUEST.value],
        "description": "The bytes are not those of Upload-Checksum; none of them are kept",
    }
}
_ANY = (HTTPStatus.UNAUTHORIZED, HTTPStatus.PRECONDITION_FAILED, HTTPStatus.SERVICE_UNAVAILABLE)
_ONE = (*_ANY, HTTPStatus.NOT_FOUND)
_SENDING: dict[int | str, dict[str, Any]] = {
    **described(
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INSUFFICIENT_STORAGE,
    ),
    **_MISMATCH,
}
# Whoever is told this asks where to go on. What they still send would be sent for nothing, so the connection ends:
# browsers send a request again by themselves when a connection that they had used before breaks.
_ASK_AGAIN = (HTTPStatus.CONFLICT, HTTPStatus.LOCKED)


async def speaks_tus(tus_resumable: Annotated[str | None, RequestHeader(examples=[protocol.VERSION])] = None) -> None:
    """Refuse other versions of the protocol, as it asks for."""
    if tus_resumable != protocol.VERSION:
        detail = f"Say {Header.RESUMABLE}: {protocol.VERSION}; no other version is spoken here."
        headers = {Header.VERSION: protocol.VERSION}
        raise ProblemError(HTTPStatus.PRECONDITION_FAILED, "tus_version", detail, headers=headers)


async def upload_id_of(upload_id: str) -> UUID:
    """The id in the address; what is none is no upload either."""
    try:
        return UUID(upload_id)
    except ValueError:
        raise no_such_upload() from None


SpeaksTus = Depends(speaks_tus)
TheUploadId = Annotated[UUID, Depends(upload_id_of)]
Length = Annotated[str | None, RequestHeader(description="Bytes of the whole file", examples=["1048576"])]
Offset = Annotated[str | None, RequestHeader(description="Where the body's bytes belong", examples=["0"])]
Checksum = Annotated[
    str | None,
    RequestHeader(description="Algorithm (`sha256` or `sha1`), a space, Base64 of the hash of this body"),
]
Metadata = Annotated[
    str | None,
    RequestHeader(
        description="`key base64,key base64`. `filename` is shown in the gallery; `sha256` (hexadecimal, of the whole "
        "file) is compared before the photo is accepted; the rest is kept and given back."
    ),
]


@router.options("", status_code=HTTPStatus.NO_CONTENT, response_class=Response)
async def what_is_spoken() -> Response:
    """What of tus is spoken here; nobody has to be logged in to ask."""
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=_OPTIONS)


@router.options("/{upload_id}", status_code=HTTPStatus.NO_CONTENT, response_class=Response)
async def what_is_spoken_of_one(upload_id: str) -> Response:
    """The same, whether there is such an upload or not."""
    del upload_id
    return await what_is_spoken()


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    response_class=Response,
    dependencies=[SpeaksTus],
    responses={**described(*_ANY, HTTPStatus.CONFLICT), **_SENDING},
    openapi_extra={"requestBody": {"content": _PIECE}},
)
async def create(
    request: Request,
    caller: TheCaller,
    services: TheServices,
    upload_length: Length = None,
    upload_metadata: Metadata = None,
    upload_checksum: Checksum = None,
    idempotency_key: Annotated[str | None, RequestHeader(description=KEY_DESCRIPTION)] = None,
) -> Response:
    """Begin an upload. Its address is in `Location`; the first bytes may be in the body already.

    Then send the rest to that address with `PATCH`, in as many pieces as you like. The photo is safe once an answer
    has `Photo-Receipt`, the receipt's token; until then `Upload-Offset` stays below `Upload-Length`.

    Any other answer than 201, or none, means that nothing was begun: send the same again, after `Retry-After` where
    there is one. A customer has room for 64 unfinished uploads; one more ends the one that has waited longest for a
    byte. 429: bytes are coming in for all of them just now, or as many photos were sent as may be within 24 hours. 507:
    the customer's photos take all the room that they have.

    With `Idempotency-Key` the same request made again goes on with what the first began, and hears its receipt where
    the photo is safe. 409: the first one is under way. 422: the key was used for other bytes.
    """
    with as_problems():
        length = protocol.parse_number(Header.LENGTH, upload_length)
        metadata = protocol.parse_metadata(upload_metadata or "")
        checksum = None if upload_checksum is None else protocol.parse_checksum(upload_checksum)
        key = None if idempotency_key is None else key_of(request.headers)
        _check_length(length)
    body = request.stream()
    first = Piece(0, body, checksum) if _is_piece(request) else None
    creation = Creation(length, metadata, request.is_disconnected, first, key)
    answer = await _answer(request, body, services.uploads.create(caller.session.customer_id, creation))
    if isinstance(answer, Response):
        return answer
    location = f"{PREFIX}/uploads/{answer.announced.upload_id}"
    return Response(status_code=HTTPStatus.CREATED, headers={"Location": location, **_progress(answer)})


@router.head(
    "/{upload_id}", response_class=Response, dependencies=[SpeaksTus], responses=described(*_ONE, HTTPStatus.LOCKED)
)
async def how_far(upload_id: TheUploadId, caller: TheCaller, services: TheServices) -> Response:
    """How many bytes have arrived, in `Upload-Offset`: go on there. With `Photo-Receipt` the photo is safe.

    423 while another request still adds bytes: an offset told now would be wrong in a moment.
    """
    with as_problems():
        upload = await services.uploads.settled(caller.session.customer_id, upload_id)
    metadata = protocol.format_metadata(dict(upload.announced.metadata))
    headers = {Header.LENGTH: str(upload.announced.length), **_progress(upload)}
    return Response(headers={**headers, **({Header.METADATA: metadata} if metadata else {})})


@router.get(
    "/{upload_id}",
    responses=described(HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE),
)
async def show(upload_id: TheUploadId, caller: TheCaller, services: TheServices) -> UploadView:
    """The same for programs that do not speak tus, with all of the receipt."""
    with as_problems():
        upload = await services.uploads.find(caller.session.customer_id, upload_id)
    announced = upload.announced
    return UploadView(
        upload_id=announced.upload_id,
        length=announced.length,
        offset=upload.offset,
        expires_at=announced.expires_at,
        receipt=None if upload.receipt is None else ReceiptView.model_validate_json(upload.receipt),
    )


@router.patch(
    "/{upload_id}",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    dependencies=[SpeaksTus],
    responses={**described(*_ONE, HTTPStatus.CONFLICT, HTTPStatus.LOCKED), **_SENDING},
    openapi_extra={"requestBody": {"required": True, "content": _PIECE}},
)
async def append(
    request: Request,
    upload_id: TheUploadId,
    caller: TheCaller,
    services: TheServices,
    upload_offset: Offset = None,
    upload_checksum: Checksum = None,
) -> Response:
    """Send bytes. What has arrived when the connection breaks is kept: ask with `HEAD` where to go on.

    The answer to the last byte has `Photo-Receipt`. 503 means that the photo could not be stored safely just now:
    all is kept but the last byte; send that again, after `Retry-After`. 409: not at this offset. 423: another request
    is still adding to this upload. 413, 415, 422: this is no photo that can be taken; the upload is forgotten.
    """
    with as_problems():
        offset = protocol.parse_number(Header.OFFSET, upload_offset)
        checksum = None if upload_checksum is None else protocol.parse_checksum(upload_checksum)
        if not _is_piece(request):
            detail = f"Send the bytes as {protocol.MEDIA_TYPE}."
            raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not_offset_octet_stream", detail)
        await services.uploads.find(caller.session.customer_id, upload_id)
    body = request.stream()
    piece = Piece(offset, body, checksum)
    answer = await _answer(request, body, services.uploads.append(caller.session.customer_id, upload_id, piece))
    if isinstance(answer, Response):
        return answer
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=_progress(answer))


@router.delete(
    "/{upload_id}",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    dependencies=[SpeaksTus],
    responses=described(*_ONE, HTTPStatus.FORBIDDEN, HTTPStatus.LOCKED),
)
async def end(upload_id: TheUploadId, caller: TheCaller, services: TheServices) -> Response:
    """Give an upload up. A photo that was accepted stays accepted."""
    with as_problems():
        await services.uploads.discard(caller.session.customer_id, upload_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post(
    "/{upload_id}",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    dependencies=[SpeaksTus],
    responses={**described(*_ONE, HTTPStatus.CONFLICT, HTTPStatus.LOCKED), **_SENDING},
    openapi_extra={"requestBody": {"content": _PIECE}},
)
async def override(
    request: Request,
    upload_id: TheUploadId,
    caller: TheCaller,
    services: TheServices,
    x_http_method_override: Annotated[str | None, RequestHeader(examples=["PATCH"])] = None,
    upload_offset: Offset = None,
    upload_checksum: Checksum = None,
) -> Response:
    """`PATCH` or `DELETE`, as `X-HTTP-Method-Override` says, for networks that let neither through."""
    if x_http_method_override == "PATCH":
        return await append(request, upload_id, caller, services, upload_offset, upload_checksum)
    if x_http_method_override == "DELETE":
        return await end(upload_id, caller, services)
    raise malformed(f"{Header.OVERRIDE} may say PATCH or DELETE.")


@router.get(
    "/known/{sha256}",
    responses=described(HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
)
async def known(
    sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$")], caller: TheCaller, services: TheServices
) -> KnownPhoto:
    """Whether the caller's gallery has the photo with these bytes already, so that they need not be sent again.

    One in the bin it has not: sending it again brings it back.
    """
    photo_id = photo_id_for(caller.session.customer_id, sha256)
    photo = await services.database.run(services.gallery.photo, caller.session.customer_id, photo_id)
    if isinstance(photo, GalleryPhoto) and photo.status is PhotoStatus.PROCESSED and photo.binned_at is None:
        return KnownPhoto.of(photo)
    return KnownPhoto(known=False)


async def _answer(
    request: Request, body: AsyncIterator[bytes], adding: Awaitable[StoredUpload]
) -> StoredUpload | Response:
    try:
        with as_problems():
            return await adding
    except ChecksumMismatchError:
        return _checksum_mismatch(request)
    except ProblemError as problem:
        if problem.status in _ASK_AGAIN and problem.slug != KeyInUseError.reason:
            problem.headers["Connection"] = "close"
        else:
            await _drain(body)
        raise


def _progress(upload: StoredUpload) -> dict[str, str]:
    headers = {
        Header.OFFSET: str(upload.offset),
        Header.EXPIRES: protocol.format_moment(upload.announced.expires_at),
    }
    if upload.receipt is not None:
        headers[Header.RECEIPT] = ReceiptView.model_validate_json(upload.receipt).token
    return headers


def _check_length(length: int) -> None:
    if length == 0:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, RejectReason.EMPTY.value, RejectReason.EMPTY.sentence)
    if length > MAX_PHOTO_BYTES:
        detail = RejectReason.TOO_LARGE.sentence
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, RejectReason.TOO_LARGE.value, detail)


async def _drain(body: AsyncIterator[bytes]) -> None:
    """Read what is left, within bounds: a browser reads no answer before it has sent everything."""
    left = MAX_PHOTO_BYTES
    with suppress(TimeoutError, ClientDisconnect, BodyStalledError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for data in body:
                left -= len(data)
                if left < 0:
                    return


def _is_piece(request: Request) -> bool:
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower() == protocol.MEDIA_TYPE


def _checksum_mismatch(request: Request) -> Response:
    detail = f"The bytes are not those of {Header.CHECKSUM}; none of this request's were kept."
    answer = respond(request.scope, ProblemError(HTTPStatus.BAD_REQUEST, "checksum_mismatch", detail))
    # 460 is tus' own: Python's HTTPStatus has no such member to make a problem of.
    document = {**json.loads(bytes(answer.body)), "status": protocol.CHECKSUM_MISMATCH, "title": "Checksum Mismatch"}
    return Response(json.dumps(document), protocol.CHECKSUM_MISMATCH, media_type=answer.media_type)
