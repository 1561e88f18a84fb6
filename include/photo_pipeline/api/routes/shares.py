"""Links to photos, made and ended by whose photos they are."""

from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Response

from photo_pipeline.api.deps import TheCaller, TheServices
from photo_pipeline.api.link_tokens import hash_of, new_token
from photo_pipeline.api.selection_schemas import NewShareLink, ShareCreated, ShareList, ShareView
from photo_pipeline.api.sessions import session_ended
from photo_pipeline.domain.errors import UnknownCustomerError
from photo_pipeline.domain.shares import NewShare, NothingToShareError, TooManySharesError
from photo_pipeline.web.problems import ProblemError, described

MAX_SHARES = 100

router = APIRouter(tags=["shares"])


@router.post(
    "/shares",
    status_code=HTTPStatus.CREATED,
    responses=described(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def share(body: NewShareLink, caller: TheCaller, services: TheServices) -> ShareCreated:
    """Make a link to some photos, for anybody who has it. It is shown this once; only its hash is kept.

    Whoever opens it sees the name of who made it, until when it is good, and the photos as JPEGs of at most 1600
    pixels: nothing that the camera wrote into them, no place, no file name. It ends at its time, or earlier by
    `DELETE`; a photo that expires or is deleted is not seen by it any more.
    """
    token = new_token()
    new = NewShare(
        share_id=services.new_id(),
        customer_id=caller.session.customer_id,
        token_hash=hash_of(token),
        expires_at=services.clock.now() + timedelta(days=body.days),
        photo_ids=body.photo_ids,
    )
    try:
        made = await services.database.run(services.shares.add, new, MAX_SHARES)
    except UnknownCustomerError:
        raise session_ended() from None
    except NothingToShareError:
        detail = "None of these is a photo of yours that can be seen."
        raise ProblemError(HTTPStatus.NOT_FOUND, "no_such_photo", detail) from None
    except TooManySharesError as error:
        detail = f"You have {error.limit} links already. End one first."
        raise ProblemError(HTTPStatus.CONFLICT, "too_many_shares", detail) from None
    url = f"{services.settings.public_url.rstrip('/')}/s/{token}"
    return ShareCreated(**ShareView.of(made).model_dump(), url=url)


@router.get("/shares", responses=described(HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE))
async def list_shares(caller: TheCaller, services: TheServices) -> ShareList:
    """The caller's links that are not over, newest first."""
    found = await services.database.run(services.shares.of_customer, caller.session.customer_id)
    return ShareList(shares=[ShareView.of(each) for each in found])


@router.delete(
    "/shares/{share_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=described(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def end(share_id: UUID, caller: TheCaller, services: TheServices) -> Response:
    """End a link: it leads nowhere from now on."""
    if not await services.database.run(services.shares.revoke, caller.session.customer_id, share_id):
        raise ProblemError(HTTPStatus.NOT_FOUND, "no_such_share", "You have no such link, or it is over.")
    return Response(status_code=HTTPStatus.NO_CONTENT)
