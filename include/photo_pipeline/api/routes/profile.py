"""Who one is: another name, another password, and the sessions in which one is logged in."""

from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response

from photo_pipeline.api.account_schemas import ChangePassword, NewName, SessionList, SessionView
from photo_pipeline.api.deps import TheCaller, TheCustomer, TheServices, network_of_sender
from photo_pipeline.api.proving import chosen, confirmed
from photo_pipeline.api.replacing import note_ended, password_replaced
from photo_pipeline.api.schemas import CustomerView
from photo_pipeline.api.services import MOST_SESSIONS
from photo_pipeline.api.sessions import session_ended
from photo_pipeline.api.throttle import count_or_refuse
from photo_pipeline.web.problems import ProblemError, described

router = APIRouter(tags=["customers"])


@router.patch(
    "/me",
    responses=described(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def rename(body: NewName, caller: TheCaller, services: TheServices) -> CustomerView:
    """Give oneself another name. Links that were shared say the new one from now on."""
    customer_id = caller.session.customer_id
    # Analysts see the name with each photo, so each change is told to the search index for all of them.
    detail = "You have changed your name often of late. Please wait a while."
    count_or_refuse(detail, (services.renamings, str(customer_id)))
    await services.database.run(services.customers.rename, customer_id, body.display_name)
    customer = await services.database.run(services.customers.get, customer_id)
    if customer is None:
        raise session_ended()
    return CustomerView.of(customer)


@router.get("/me/sessions", responses=described(HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE))
async def list_sessions(caller: TheCaller, services: TheServices) -> SessionList:
    """Where the caller is logged in; the session that was seen last comes first, and there are at most 100."""
    own = caller.session
    found = await services.database.run(services.open_sessions.of_customer, own.customer_id, MOST_SESSIONS)
    return SessionList(sessions=[SessionView.of(each, own.session_id) for each in found])


@router.delete(
    "/me/sessions/{session_id}",
    status_code=HTTPStatus.NO_CONTENT,
    responses=described(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def end_session(session_id: UUID, caller: TheCaller, services: TheServices) -> Response:
    """End one of the caller's sessions."""
    until = services.sessions.latest_end()
    ended = await services.database.run(services.open_sessions.end, caller.session.customer_id, session_id, until)
    if not ended:
        raise ProblemError(HTTPStatus.NOT_FOUND, "no_such_session", "You have no such session, or it has ended.")
    note_ended(services, ended)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.delete(
    "/me/sessions",
    status_code=HTTPStatus.NO_CONTENT,
    responses=described(HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE),
)
async def end_other_sessions(caller: TheCaller, services: TheServices) -> Response:
    """End all of the caller's sessions but this one; at other instances they are refused some seconds later."""
    own, until = caller.session, services.sessions.latest_end()
    ended = await services.database.run(services.open_sessions.end_others, own.customer_id, own.session_id, until)
    note_ended(services, ended)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.put(
    "/me/password",
    status_code=HTTPStatus.NO_CONTENT,
    responses=described(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def change_password(
    body: ChangePassword, request: Request, caller: TheCaller, customer: TheCustomer, services: TheServices
) -> Response:
    """Change the password: 403 where the old one is another. It is held to what a new one is at signing up.

    All other sessions end, and links that were mailed for setting a password are void. Devices go on.
    """
    password = chosen(body.password, customer.email, customer.display_name)
    known = await confirmed(services, network_of_sender(request), customer, body.old_password)
    # Nobody has proven that the address is theirs, and each change has a mail sent there.
    detail = "You have changed your password often of late. Please wait a while."
    count_or_refuse(detail, (services.password_changes, str(customer.customer_id)))
    password_hash = await services.passwords.hash(password)
    ended = await services.database.run(
        services.password_register.change,
        customer.customer_id,
        known.password_version,
        password_hash,
        caller.session.session_id,
        services.sessions.latest_end(),
    )
    if ended is None:
        raise session_ended()
    password_replaced(services, customer, ended)
    return Response(status_code=HTTPStatus.NO_CONTENT)
