"""Keeping a photo beyond its time, where the operator lets customers do so."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Response

from photo_pipeline.api.deps import TheCaller, TheServices
from photo_pipeline.api.services import Services
from photo_pipeline.domain.errors import PhotoBinnedError, PhotoExpiredError, UnknownCustomerError, UnknownPhotoError
from photo_pipeline.domain.retention import TooManyHoldsError
from photo_pipeline.use_cases.holds import lift_hold, place_hold
from photo_pipeline.web.problems import ProblemError, described

REASON = "kept by its customer"
CUSTOMER = "customer"

router = APIRouter(tags=["photos"])

_REFUSALS = described(
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.GONE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


@router.put("/holds/{photo_id}", status_code=HTTPStatus.NO_CONTENT, responses=_REFUSALS)
async def keep(photo_id: UUID, caller: TheCaller, services: TheServices) -> Response:
    """Keep a photo of the caller's until that is taken back. 403 where the operator does not offer it.

    `GET /me` says how many photos may be kept; 409 when there are that many.
    """
    _require_offer(services)
    customer_id = caller.session.customer_id
    try:
        await services.database.run(place_hold, services.holds, customer_id, photo_id, REASON, CUSTOMER)
    except (UnknownPhotoError, UnknownCustomerError):
        raise _no_such_photo() from None
    except PhotoBinnedError:
        raise ProblemError(HTTPStatus.GONE, "binned", "This photo is in your bin. Restore it to keep it.") from None
    except PhotoExpiredError:
        raise ProblemError(HTTPStatus.GONE, "expired", "This photo's time has passed: it was removed.") from None
    except TooManyHoldsError as error:
        detail = f"You keep {error.limit} photos already. Let another one go first."
        raise ProblemError(HTTPStatus.CONFLICT, "too_many_holds", detail) from None
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.delete(
    "/holds/{photo_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses={number: refusal for number, refusal in _REFUSALS.items() if number not in {409, 410}},
)
async def let_go(photo_id: UUID, caller: TheCaller, services: TheServices) -> Response:
    """Keep a photo no longer: it goes when its time has come. An operator's hold on it stays."""
    _require_offer(services)
    lifted = await services.database.run(lift_hold, services.holds, caller.session.customer_id, photo_id, CUSTOMER)
    if not lifted:
        raise _no_such_photo()
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _require_offer(services: Services) -> None:
    if services.settings.customer_holds == 0:
        detail = "Photos cannot be kept longer here."
        raise ProblemError(HTTPStatus.FORBIDDEN, "holds_not_offered", detail)


def _no_such_photo() -> ProblemError:
    return ProblemError(HTTPStatus.NOT_FOUND, "no_such_photo", "You have no such photo, or do not keep it.")
