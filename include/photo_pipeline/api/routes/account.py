"""Leaving: all that is kept of oneself, and the end of the account."""

import logging
from functools import partial
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from photo_pipeline.api.deps import TheCustomer, TheServices, network_of_sender
from photo_pipeline.api.downloads import Download
from photo_pipeline.api.exporting import exported
from photo_pipeline.api.file_names import disposition
from photo_pipeline.api.proving import confirmed
from photo_pipeline.api.selection_schemas import AccountExport, CloseAccount
from photo_pipeline.api.services import Services
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.web.problems import described

router = APIRouter(tags=["customers"])
logger = logging.getLogger(__name__)


@router.get(
    "/me/export",
    response_class=StreamingResponse,
    responses={
        200: {"description": "The document", "model": AccountExport},
        **described(HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE),
    },
)
async def export(customer: TheCustomer, services: TheServices) -> Download:
    """All that is kept of the caller, to be saved: account, devices, links, photos and what became of each.

    `POST /photos/archive` has the photos themselves. A document that does not end with `}` did not come whole.
    """
    services.downloads.take(customer.customer_id)
    headers = {"Content-Disposition": disposition(f"account-{services.clock.now():%Y-%m-%d}.json")}

    give_back = partial(services.downloads.give_back, customer.customer_id)
    return Download(exported(services, customer), headers, "application/json", give_back)


@router.delete(
    "/me",
    status_code=HTTPStatus.NO_CONTENT,
    responses=described(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def close(body: CloseAccount, request: Request, customer: TheCustomer, services: TheServices) -> Response:
    """Close the account, for good. The password is asked for once more: 403 where it is another one.

    At once: nobody is shown the photos any more, links and devices end, all sessions end (at other instances some
    seconds later), and name, address, password and file names are forgotten. The photos' bytes go with their time, at
    most seven days later; what an operator holds stays for as long. Whoever signs up with the same address is somebody
    else.
    """
    await confirmed(services, network_of_sender(request), customer, body.password)
    until = services.sessions.latest_end()
    await services.database.run(services.accounts.close, customer.customer_id, until)
    services.ended_sessions.note(customer.customer_id, until)
    await _forget(services, customer.customer_id)
    response = Response(status_code=HTTPStatus.NO_CONTENT)
    services.sessions.end(response)
    return response


async def _forget(services: Services, customer_id: UUID) -> None:
    """What this instance knows, and what waits in files. The account is closed already, whatever becomes of this."""
    try:
        await services.uploads.forget(customer_id)
    except ServerUnavailableError as error:
        logger.warning("of a closed account, unfinished uploads stay until they expire: %s", error)
    services.hub.wake()
