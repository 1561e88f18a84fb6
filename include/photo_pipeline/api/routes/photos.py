"""Sending photos in, and seeing what became of them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from http import HTTPStatus
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response

from photo_pipeline.api import cursors
from photo_pipeline.api.cursors import ListKind
from photo_pipeline.api.deps import TheCaller, TheServices
from photo_pipeline.api.finding import Wanted
from photo_pipeline.api.photo_bodies import Body, any_photo_body, as_json
from photo_pipeline.api.schemas import AnyPhotoView, PhotoPage, UploadResult
from photo_pipeline.api.services import Services
from photo_pipeline.api.tus.keys import KEY_DESCRIPTION, key_of
from photo_pipeline.api.tus.protocol import MalformedHeaderError
from photo_pipeline.api.tus.refusals import malformed
from photo_pipeline.api.uploading import FIELD, MAX_FILES, Named, Upload
from photo_pipeline.domain.finding import Search
from photo_pipeline.domain.gallery import GalleryPhoto, Page, PhotoOrder, Place, RejectedPhoto
from photo_pipeline.domain.photo import MAX_PHOTO_BYTES
from photo_pipeline.web.bodies import BodyStalledError
from photo_pipeline.web.multipart import boundary_of, bounded, file_parts
from photo_pipeline.web.problems import ProblemError, described

MAX_BODY_BYTES = MAX_FILES * (MAX_PHOTO_BYTES + 64 * 1024)
PAGE_LENGTH = 50
LONGEST_PAGE = 200

Look = Callable[[UUID, Page], Sequence[GalleryPhoto | RejectedPhoto]]

router = APIRouter(tags=["photos"])

_FILES = {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}
_BODY = {"type": "object", "required": [FIELD], "properties": {FIELD: _FILES}}


@router.post(
    "/photos",
    status_code=HTTPStatus.ACCEPTED,
    responses=described(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.INSUFFICIENT_STORAGE,
    ),
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _BODY}}}},
)
async def upload(
    request: Request,
    caller: TheCaller,
    services: TheServices,
    idempotency_key: Annotated[str | None, Header(description=KEY_DESCRIPTION)] = None,
) -> UploadResult:
    """Send 1 to 50 photos of at most 32 MiB each; files after the fiftieth are not looked at.

    Each receipt says that Kafka has its photo, durably. A file that is not accepted is listed with its reason; where
    none is accepted, the whole request fails: 413 too large, 415 not an image by its bytes, 422 otherwise unusable,
    408 where the body stalled, 429 after as many photos as may be sent within 24 hours, 507 where the customer has no
    room left, 503 when Kafka did not acknowledge. Sending the same file again is always safe.

    Where no answer comes, send the same with the same `Idempotency-Key`: a file is not accepted twice then,
    its first receipt is told. 409: the first request is under way. 422: the key was used for other bytes.
    """
    named = None if idempotency_key is None else _named(request, services)
    boundary = boundary_of(request.headers.get("Content-Type", ""))
    if boundary is None:
        detail = f"Send multipart/form-data with the files in the field '{FIELD}'."
        raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not_multipart", detail)
    if int(request.headers.get("Content-Length", 0)) > MAX_BODY_BYTES:
        detail = f"The request has more than {MAX_BODY_BYTES} bytes."
        raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", detail)
    body = bounded(request.stream(), MAX_BODY_BYTES)
    run = Upload(caller.session.customer_id, services.acceptance, services.budget, named)
    try:
        async with aclosing(file_parts(body, boundary, MAX_PHOTO_BYTES)) as parts:
            return await run.run(parts)
    finally:
        await _drain(body)


@router.get(
    "/photos",
    response_model=PhotoPage,
    responses=described(HTTPStatus.UNAUTHORIZED, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
)
async def list_photos(
    caller: TheCaller,
    services: TheServices,
    wanted: Wanted,
    status: Annotated[Literal["processed", "rejected", "binned"], Query()] = "processed",
    order: Annotated[
        PhotoOrder, Query(description="By which time `processed` ones are listed; those without a time taken by upload")
    ] = PhotoOrder.UPLOADED,
    cursor: Annotated[
        str | None, Query(max_length=cursors.MAX_LENGTH, description="`next_cursor` of the page before")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=LONGEST_PAGE)] = PAGE_LENGTH,
) -> Response:
    """The caller's photos, newest first; those of the same time by name, then by upload.

    Those in the bin (`binned`) come by when they were put there. Of `processed` ones a part can be asked for, all of it
    together: by `name`, `source`, `device`, `camera`, `format`, and days. Then ten thousand photos are looked at for a
    page: one with fewer than `limit`, or none, is the last only where it has no `next_cursor`.
    """
    kind = _kind(status, order)
    after = None if cursor is None else _decoded(kind, cursor)
    if not wanted.asks_for_nothing:
        search = Search(wanted, order, limit, after)
        return as_json(await _search(services, caller.session.customer_id, kind, search))
    # One more than the page tells whether there is a next one.
    page = Page(limit + 1, after, order)
    looks: dict[ListKind, Look] = {
        ListKind.REJECTED: services.gallery.rejected,
        ListKind.BINNED: services.selection.binned,
    }
    look = looks.get(kind, services.gallery.photos)
    return as_json(_page(kind, await services.database.run(look, caller.session.customer_id, page), limit))


@router.get(
    "/photos/{photo_id}",
    response_model=AnyPhotoView,
    responses=described(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.GONE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def get_photo(photo_id: UUID, caller: TheCaller, services: TheServices) -> Response:
    """One photo of the caller's. Until its record is processed there is none; its receipt has a status earlier.

    410 while it is in the bin: `GET /photos?status=binned` says what is there.
    """
    photo = await services.database.run(services.gallery.photo, caller.session.customer_id, photo_id)
    if isinstance(photo, GalleryPhoto) and photo.binned_at is not None:
        raise ProblemError(HTTPStatus.GONE, "binned", "This photo is in your bin. Restore it to see it.")
    if photo is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, "no_such_photo", "You have no such photo, or it is not processed yet.")
    return as_json(any_photo_body(photo))


def _named(request: Request, services: Services) -> Named:
    try:
        return Named(key_of(request.headers), services.once)
    except MalformedHeaderError as error:
        raise malformed(str(error)) from None


async def _drain(body: AsyncIterator[bytes]) -> None:
    """Read what is left: a browser reads no answer before it has sent everything. If it stalls, it is answered then."""
    with suppress(BodyStalledError):
        async for _ in body:
            pass


def _kind(status: str, order: PhotoOrder) -> ListKind:
    if status != "processed":
        return ListKind(status)
    return ListKind.TAKEN if order is PhotoOrder.TAKEN else ListKind.UPLOADED


async def _search(services: Services, customer_id: UUID, kind: ListKind, search: Search) -> Body:
    if kind not in {ListKind.UPLOADED, ListKind.TAKEN}:
        detail = "Only photos that are processed, and not in the bin, can be asked for by what they are."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "nothing_to_look_for", detail)
    found = await services.database.run(services.finder.find, customer_id, search)
    cursor = None if found.next is None else cursors.encode(kind, found.next)
    return {"photos": [any_photo_body(photo) for photo in found.photos], "next_cursor": cursor}


def _decoded(kind: ListKind, cursor: str) -> Place:
    try:
        return cursors.decode(kind, cursor)
    except cursors.CursorError:
        detail = "This is no cursor of this list. Begin without one."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_cursor", detail) from None


def _page(kind: ListKind, found: Sequence[GalleryPhoto | RejectedPhoto], limit: int) -> Body:
    shown = found[:limit]
    cursor = cursors.encode(kind, _place(kind, shown[-1])) if len(found) > limit else None
    return {"photos": [any_photo_body(photo) for photo in shown], "next_cursor": cursor}


def _place(kind: ListKind, photo: GalleryPhoto | RejectedPhoto) -> Place:
    if isinstance(photo, RejectedPhoto):
        return photo.place
    if kind is ListKind.BINNED:
        return photo.place_in_bin
    return photo.place(PhotoOrder.TAKEN if kind is ListKind.TAKEN else PhotoOrder.UPLOADED)
