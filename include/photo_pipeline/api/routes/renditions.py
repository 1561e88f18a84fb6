"""The bytes of photos: cached by their owner's browser, read in ranges, and of no other use to a browser."""

import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute

from photo_pipeline.api.archive_reading import SMALL_BYTES
from photo_pipeline.api.deps import TheCaller, TheServices, caller_of, services_of
from photo_pipeline.api.file_names import disposition, file_name
from photo_pipeline.api.ranges import ByteRange, UnsatisfiableRangeError, requested_range
from photo_pipeline.api.services import Services
from photo_pipeline.domain.errors import ArchiveMemberError
from photo_pipeline.domain.gallery import Absence, RenditionName, StoredRendition
from photo_pipeline.domain.photo import RenditionKind
from photo_pipeline.domain.retention import KEEP
from photo_pipeline.web.problems import ProblemError, described, unavailable

CONTENT_POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"


class LookingRoute(APIRoute):
    """A route that FastAPI describes and does not run: what it does to find the arguments takes longer than the answer.

    Addresses that are none go the usual way, which says what is wrong with them.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's way to another handler: "Custom Request and APIRoute class"."""
        usual = super().get_route_handler()

        async def handle(request: Request) -> Response:
            place = _place(request)
            if place is None:
                return await usual(request)
            photo_id, kind = place
            services = await services_of(request)
            caller = await caller_of(request, services, None, None)
            answer: Response = await self.endpoint(photo_id, kind, caller, services, Conditions.of(request))
            return answer

        return handle


def _place(request: Request) -> tuple[UUID, RenditionKind] | None:
    """What the address names, where it is written as the gallery writes it."""
    try:
        photo_id, kind = UUID(request.path_params["photo_id"]), RenditionKind(request.path_params["kind"])
    except ValueError:
        return None
    return (photo_id, kind) if str(photo_id) == request.path_params["photo_id"] else None


router = APIRouter(tags=["photos"], route_class=LookingRoute)
logger = logging.getLogger(__name__)

_BYTES = {"schema": {"type": "string", "format": "binary"}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "All of it", "content": {"image/*": _BYTES}},
    206: {"description": "The range that was asked for", "content": {"image/*": _BYTES}},
    304: {"description": "What the caller has is still right"},
    **described(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.GONE,
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
}


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the request says about ranges and about what the client has (RFC 9110, sections 13 and 14)."""

    if_none_match: Annotated[str | None, Header()] = None
    range: Annotated[str | None, Header()] = None
    if_range: Annotated[str | None, Header()] = None

    @classmethod
    def of(cls, request: Request) -> Self:
        """The request's."""
        headers = request.headers
        return cls(headers.get("If-None-Match"), headers.get("Range"), headers.get("If-Range"))


TheConditions = Annotated[Conditions, Depends()]


@router.get("/photos/{photo_id}/{kind}", response_class=Response, responses=_RESPONSES)
async def get_rendition(
    photo_id: UUID, kind: RenditionKind, caller: TheCaller, services: TheServices, conditions: TheConditions
) -> Response:
    """A photo's bytes: the `original` as it was sent, or a JPEG of at most 1600 (`web`), 320 or 640 pixels.

    Those are `thumb` and `thumb2x`; the latter is there where the photo's list names it. A panorama is longer, so that
    more than a strip is seen of it: its shorter edge has up to 480, 96 or 192 pixels.
    """
    return await get_rendition_of(services, RenditionName(caller.session.customer_id, photo_id, kind), conditions)


async def get_rendition_of(services: Services, name: RenditionName, conditions: Conditions) -> Response:
    """The bytes, for whoever may have them.

    Raises:
        ProblemError: where there are none to be had.
    """
    try:
        return await _answer(services, await _find(services, name), name, conditions)
    except ArchiveMemberError:
        # A photo sent again moves to another shard, and the old one may be removed meanwhile: look once more.
        stored = await _find(services, name)
    try:
        return await _answer(services, stored, name, conditions)
    except ArchiveMemberError as error:
        logger.exception("photo %s: %s is not where the index says", name.photo_id, name.kind.value)
        raise unavailable("archive_inconsistent", "This photo cannot be read just now.") from error


@router.head("/photos/{photo_id}/{kind}", response_class=Response, responses=_RESPONSES)
async def head_rendition(
    photo_id: UUID, kind: RenditionKind, caller: TheCaller, services: TheServices, conditions: TheConditions
) -> Response:
    """What `GET` would say, without the bytes. The archive is not asked."""
    name = RenditionName(caller.session.customer_id, photo_id, kind)
    stored = await _find(services, name)
    headers = _headers(stored, name, services.clock.now())
    if _has_it_already(conditions.if_none_match, headers["ETag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(headers=headers | _extent(stored, None), media_type=stored.content_type)


async def _find(services: Services, name: RenditionName) -> StoredRendition:
    """Where it lies now. The database is asked each time: whose a photo is, and whether it is still there."""
    stored = await services.renditions.ask(name)
    if stored is Absence.EXPIRED:
        raise ProblemError(HTTPStatus.GONE, "expired", "This photo's time has passed: it was removed.")
    if stored is Absence.BINNED:
        raise ProblemError(HTTPStatus.GONE, "binned", "This photo is in your bin. Restore it to see it.")
    if isinstance(stored, Absence):
        raise ProblemError(HTTPStatus.NOT_FOUND, "no_such_photo", "You have no such photo, or it is not processed yet.")
    return stored


async def _answer(services: Services, stored: StoredRendition, name: RenditionName, conditions: Conditions) -> Response:
    headers = _headers(stored, name, services.clock.now())
    if _has_it_already(conditions.if_none_match, headers["ETag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    wanted = _wanted(conditions, headers["ETag"], stored.location.length)
    status = HTTPStatus.OK if wanted is None else HTTPStatus.PARTIAL_CONTENT
    headers |= _extent(stored, wanted)
    wanted = wanted or ByteRange(0, stored.location.length)
    if stored.location.length <= SMALL_BYTES:
        content = (await services.archive.whole(stored.location))[wanted.start : wanted.end]
        return Response(content, status, headers, media_type=stored.content_type)
    pieces = services.archive.pieces(stored.location, wanted)
    first = await anext(pieces)  # what can fail mostly fails here, while there is still an answer to give
    if len(first) == wanted.length:
        return Response(first, status, headers, media_type=stored.content_type)
    return StreamingResponse(_chain(first, pieces), status, headers, media_type=stored.content_type)


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


def _headers(stored: StoredRendition, name: RenditionName, now: datetime) -> dict[str, str]:
    return {
        "ETag": f'"{stored.tag}"',
        "Cache-Control": f"private, max-age={_seconds_to_cache(stored, now)}, immutable",
        # Another customer at the same browser must not be shown what is in its cache.
        "Vary": "Authorization, Cookie",
        "Accept-Ranges": "bytes",
        "Content-Disposition": _disposition(stored, name),
        "Content-Security-Policy": CONTENT_POLICY,
    }


def _seconds_to_cache(stored: StoredRendition, now: datetime) -> int:
    """Not beyond the photo's own end, so that what is gone here is soon gone there."""
    left = KEEP if stored.held else stored.archived_at + KEEP - now
    return int(max(timedelta(0), min(left, KEEP)).total_seconds())


def _disposition(stored: StoredRendition, name: RenditionName) -> str:
    if name.kind is not RenditionKind.ORIGINAL:
        return "inline"
    return disposition(file_name(stored.filename, stored.content_type, name.photo_id))


def _has_it_already(if_none_match: str | None, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")}
    return etag in tags or "*" in tags


def _wanted(conditions: Conditions, etag: str, length: int) -> ByteRange | None:
    if conditions.if_range is not None and conditions.if_range.strip() != etag:
        return None
    try:
        return requested_range(conditions.range, length)
    except UnsatisfiableRangeError:
        headers = {"Content-Range": f"bytes */{length}"}
        raise ProblemError(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "range_not_satisfiable",
            f"The photo has {length} bytes.",
            headers=headers,
        ) from None


def _extent(stored: StoredRendition, wanted: ByteRange | None) -> dict[str, str]:
    length = stored.location.length
    if wanted is None:
        return {"Content-Length": str(length)}
    content_range = f"bytes {wanted.start}-{wanted.end - 1}/{length}"
    return {"Content-Length": str(wanted.length), "Content-Range": content_range}
