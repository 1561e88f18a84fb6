"""A selection of photos as one file."""

import logging
from collections.abc import AsyncIterator
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from anyio import from_thread
from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import ValidationError
from stream_zip import ZipIntegrityError

from photo_pipeline.api.deps import TheCaller, TheServices
from photo_pipeline.api.downloads import Download
from photo_pipeline.api.file_names import disposition
from photo_pipeline.api.selection_schemas import MOST_DOWNLOADED, ArchiveRequest
from photo_pipeline.api.zipping import PhotoZip
from photo_pipeline.domain.errors import ArchiveMemberError
from photo_pipeline.domain.photo import RenditionKind
from photo_pipeline.domain.selection import Chosen, ChosenPhoto
from photo_pipeline.web.problems import ProblemError, described, unavailable

FORM = "application/x-www-form-urlencoded"
MEDIA_TYPE = "application/zip"

logger = logging.getLogger(__name__)
router = APIRouter(tags=["photos"])

_ZIP = {"schema": {"type": "string", "format": "binary"}}
_WANTED = {"schema": {"$ref": f"#/components/schemas/{ArchiveRequest.__name__}"}}


@router.post(
    "/photos/archive",
    response_class=StreamingResponse,
    responses={
        200: {"description": "The ZIP", "content": {MEDIA_TYPE: _ZIP}},
        **described(
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.FORBIDDEN,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.TOO_MANY_REQUESTS,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": _WANTED, FORM: _WANTED},
        }
    },
)
async def archive(request: Request, caller: TheCaller, services: TheServices) -> Download:
    """Up to 5,000 photos as one ZIP: the originals as they were sent, or the JPEGs that pages show (`web`).

    Its length is said before its first byte. What was asked for and is not there any more is named in `MISSING.txt`. A
    photo that goes, or turns out to be damaged, while the ZIP is on its way ends the connection: a ZIP that came whole
    is whole. A page sends the same as a form, `photo_ids` once for each photo, so that the browser saves what comes.
    """
    wanted = await _wanted(request)
    customer_id, kind = caller.session.customer_id, RenditionKind(wanted.kind)
    now = services.clock.now()

    def look_again(photo_id: UUID) -> ChosenPhoto | None:
        look = services.selection.chosen
        moved = from_thread.run(services.database.run, look, customer_id, [photo_id], kind)
        return next(iter(moved.photos), None)

    def failed(photo_id: UUID) -> None:
        from_thread.run_sync(services.downloads.failed, photo_id)

    services.downloads.take(customer_id)
    with ExitStack() as undo:
        undo.callback(services.downloads.give_back, customer_id)
        found = await services.database.run(services.selection.chosen, customer_id, wanted.photo_ids, kind)
        chosen = services.downloads.readable(found)
        if not chosen.photos:
            raise _nothing_there(found)
        zipped = await services.downloads.prepare(PhotoZip, chosen, now)
        pieces = services.downloads.read(zipped.pieces(services.archive.files, look_again, failed))
        begun = await _begun(pieces)
        give_back = undo.pop_all().close
    headers = {
        "Content-Length": str(zipped.length),
        "Content-Disposition": disposition(f"photos-{now:%Y-%m-%d}.zip"),
        # Not to be gathered by a proxy: nginx goes by this header.
        "X-Accel-Buffering": "no",
    }
    return Download(_chain(begun, pieces), headers, MEDIA_TYPE, give_back)


def _nothing_there(found: Chosen) -> ProblemError:
    if found.photos:
        return unavailable("archive_inconsistent", "None of these photos can be read just now.")
    detail = "None of these is a photo of yours that is still there."
    return ProblemError(HTTPStatus.NOT_FOUND, "no_such_photo", detail)


async def _begun(pieces: AsyncIterator[bytes]) -> list[bytes]:
    """What comes before the first photo, and its first bytes: what can fail mostly fails while there is an answer."""
    try:
        return [await anext(pieces), await anext(pieces)]
    except (ArchiveMemberError, ZipIntegrityError) as error:
        logger.exception("a photo is not where the index says")
        raise unavailable("archive_inconsistent", "One of these photos cannot be read just now.") from error


async def _wanted(request: Request) -> ArchiveRequest:
    """What a program sends as JSON and a page as a form."""
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    body = await request.body()
    try:
        if media_type == "application/json":
            return ArchiveRequest.model_validate_json(body)
        if media_type == FORM:
            return ArchiveRequest.model_validate(_of_form(body))
    except ValidationError as error:
        raise RequestValidationError([{**found, "loc": ("body", *found["loc"])} for found in error.errors()]) from None
    raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not_json", f"Send application/json, or {FORM}.")


def _of_form(body: bytes) -> dict[str, Any]:
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=MOST_DOWNLOADED + 10)
    except ValueError:
        return {}
    return {name: values if name == "photo_ids" else values[-1] for name, values in fields.items()}


async def _chain(begun: list[bytes], rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    for piece in begun:
        yield piece
    async for piece in rest:
        yield piece
