"""Logging in and out."""

from datetime import timedelta
from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from photo_pipeline.api.agents import agent_named
from photo_pipeline.api.deps import OwnPagesOnly, TheServices, network_of_sender
from photo_pipeline.api.emails import email_given
from photo_pipeline.api.pages import LINKS, TEMPLATES
from photo_pipeline.api.proving import WrongPasswordError, proven
from photo_pipeline.api.schemas import AccessToken, LogIn
from photo_pipeline.api.services import Services
from photo_pipeline.domain.customers import OpenSession
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.web.pages import PageTemplate
from photo_pipeline.web.problems import ProblemError, described, unavailable
from photo_pipeline.web.tokens import Session

router = APIRouter(tags=["session"])
pages = APIRouter()
FORGOTTEN = "forgotten"
"""In the address: the page has the browser forget what is not sent of this customer, and of nobody else."""
_ASKED = PageTemplate(TEMPLATES / "leave.html", LINKS)
_NOT_ENDED = PageTemplate(TEMPLATES / "not_signed_out.html", LINKS)


@router.post(
    "/session",
    dependencies=[OwnPagesOnly],
    responses=described(
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def log_in(body: LogIn, request: Request, response: Response, services: TheServices) -> AccessToken:
    """Log in: the session's token is in the answer, and in an HttpOnly cookie."""
    network, email, password = network_of_sender(request), email_given(body.email), body.password.get_secret_value()
    try:
        found = await proven(services, network, email, password)
    except WrongPasswordError:
        raise _wrong() from None
    now = services.clock.now()
    seconds = services.settings.session_seconds
    session = Session(services.new_id(), found.customer_id, now, now + timedelta(seconds=seconds))
    agent = agent_named(request.headers.get("User-Agent", ""))
    opened = OpenSession(session.session_id, found.customer_id, agent, now, now, session.expires_at)
    if not await services.database.run(services.open_sessions.begin, opened, found.password_version):
        raise _wrong()  # it was replaced in this moment
    token = services.sessions.begin(session, response)
    return AccessToken(access_token=token, expires_in=seconds)


def _wrong() -> ProblemError:
    detail = "The e-mail address or the password is wrong."
    headers = {"WWW-Authenticate": "Bearer"}
    return ProblemError(HTTPStatus.UNAUTHORIZED, "wrong_credentials", detail, headers=headers)


@router.delete(
    "/session",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[OwnPagesOnly],
    responses=described(HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE),
)
async def log_out(request: Request, services: TheServices) -> Response:
    """Log out: the session's tokens are refused from now on, and a browser forgets the cookie and cached photos.

    At other instances they are refused some seconds later. With 503 that could not be arranged, and only the browser
    has logged out. Whoever has no session is logged out already.
    """
    response = Response(status_code=HTTPStatus.NO_CONTENT)
    try:
        await _end(request, response, services)
    except ServerUnavailableError:
        problem = unavailable("not_ended_everywhere", "You are logged out here. Please try again to end the session.")
        problem.headers |= {name: response.headers[name] for name in ("Set-Cookie", "Clear-Site-Data")}
        raise problem from None
    return response


@pages.post("/leave", include_in_schema=False)
async def ask_to_leave(request: Request, services: TheServices) -> Response:
    """Where a form leads that every page of both applications has.

    What this browser has not sent only a script of this origin can tell, and forget: it logs out where there is
    nothing, and asks where there is something.
    """
    services.sessions.refuse_other_products(request)
    return _ASKED.once(HTTPStatus.OK)


@pages.post("/log-out", include_in_schema=False)
async def leave(request: Request, services: TheServices) -> Response:
    """Log out by a form, and go to the start.

    Where that could not be noted for everybody, the browser keeps the cookie, and is shown how to try again with it.
    """
    services.sessions.refuse_other_products(request)
    response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
    try:
        await _end(request, response, services)
    except ServerUnavailableError:
        return _NOT_ENDED.once(HTTPStatus.SERVICE_UNAVAILABLE)
    if FORGOTTEN not in request.query_params:
        # No script has forgotten what is not sent of this customer: then all goes that the browser has of this site.
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


async def _end(request: Request, response: Response, services: Services) -> None:
    """End the session that a request comes with, if it does.

    Raises:
        ServerUnavailableError: when that could not be noted for everybody.
    """
    services.sessions.end(response)
    try:
        session = services.sessions.recognised(request).session
    except ProblemError:
        return
    try:
        await services.ended_sessions.end(session.session_id, services.sessions.last_moment(session))
    finally:
        services.hub.wake()
