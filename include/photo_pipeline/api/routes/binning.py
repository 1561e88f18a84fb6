"""Throwing photos away, and bringing them back."""

import math
from collections.abc import Callable, Collection
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Response

from photo_pipeline.api.deps import TheCaller, TheServices
from photo_pipeline.api.selection_schemas import MovedPhotos, PhotoIds
from photo_pipeline.api.services import Services
from photo_pipeline.domain.selection import Moved
from photo_pipeline.web.problems import ProblemError, described, too_many

router = APIRouter(tags=["photos"])

Move = Callable[[UUID, Collection[UUID]], Moved]

_REFUSALS = described(
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


@router.delete(
    "/photos/{photo_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=_REFUSALS | described(HTTPStatus.NOT_FOUND, HTTPStatus.GONE),
)
async def delete(photo_id: UUID, caller: TheCaller, services: TheServices) -> Response:
    """Put a photo into the bin: nobody is shown it from now on. Its bytes go when its time is over.

    Until then `POST /photos/restore` brings it back, and so does sending it again. Deleted twice is deleted once.
    """
    moved = await _at_its_pace(services, services.selection.put_into_bin, caller.session.customer_id, [photo_id])
    if photo_id in moved.expired:
        raise ProblemError(HTTPStatus.GONE, "expired", "This photo's time has passed: it was removed.")
    if photo_id not in moved.done:
        raise ProblemError(HTTPStatus.NOT_FOUND, "no_such_photo", "You have no such photo, or it is not processed yet.")
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post("/photos/delete", responses=_REFUSALS)
async def delete_many(body: PhotoIds, caller: TheCaller, services: TheServices) -> MovedPhotos:
    """Put up to a thousand photos into the bin. Those that cannot be are named, and the others are there."""
    return await _moved(services, services.selection.put_into_bin, caller.session.customer_id, body)


@router.post("/photos/restore", responses=_REFUSALS)
async def restore(body: PhotoIds, caller: TheCaller, services: TheServices) -> MovedPhotos:
    """Take up to a thousand photos out of the bin: they are shown as before."""
    return await _moved(services, services.selection.take_out_of_bin, caller.session.customer_id, body)


async def _moved(services: Services, move: Move, customer_id: UUID, body: PhotoIds) -> MovedPhotos:
    asked = body.photo_ids
    moved = await _at_its_pace(services, move, customer_id, asked)
    return MovedPhotos(
        done=[photo_id for photo_id in asked if photo_id in moved.done],
        expired=[photo_id for photo_id in asked if photo_id in moved.expired],
        unknown=[photo_id for photo_id in asked if photo_id not in moved.done | moved.expired],
    )


async def _at_its_pace(services: Services, move: Move, customer_id: UUID, photo_ids: list[UUID]) -> Moved:
    """Back and forth for ever is work for everybody who follows outcomes, and for nobody's good."""
    if (seconds := services.binned.take(customer_id, len(photo_ids))) > 0:
        detail = "You have deleted or restored very many photos of late. Please wait a moment."
        raise too_many("too_many_requests", detail, math.ceil(seconds))
    return await services.database.run(move, customer_id, photo_ids)
