"""What helps to find photos among many: how many there are of each month, and what can be asked for."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from photo_pipeline.api.deps import TheCallerWhoCounts, TheServices
from photo_pipeline.api.finding import Wanted
from photo_pipeline.api.finding_schemas import ChoicesView, TimelineView
from photo_pipeline.domain.gallery import PhotoOrder
from photo_pipeline.web.problems import described

router = APIRouter(tags=["photos"])

_REFUSALS = described(
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


@router.get("/photos/timeline", responses=_REFUSALS)
async def timeline(
    caller: TheCallerWhoCounts,
    services: TheServices,
    wanted: Wanted,
    order: Annotated[PhotoOrder, Query(description="By which time, as in the list")] = PhotoOrder.UPLOADED,
) -> TimelineView:
    """How many of the caller's photos are listed in each month, of those that fit; uploads by UTC.

    The list `GET /photos` with `until`, a month's last day, begins there.
    """
    found = await services.database.run(services.finder.timeline, caller.session.customer_id, order, wanted)
    return TimelineView.of(found)


@router.get("/photos/choices", responses=_REFUSALS)
async def choices(caller: TheCallerWhoCounts, services: TheServices) -> ChoicesView:
    """Which sources, devices, cameras and formats the caller's photos have, and how many have each."""
    return ChoicesView.of(await services.database.run(services.finder.choices, caller.session.customer_id))
