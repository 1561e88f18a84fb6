"""Logging in and out."""

from datetime import timedelta
from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from photo_pipeline.api.deps import OwnPagesOnly, TheServices, network_of_sender
from photo_pipeline.api.emails import email_given
from photo_pipeline.api.schemas import AccessToken, LogIn
from photo_pipeline.api.services import Services
from photo_pipeline.api.throttle import ThrottledError
from photo_pipeline.domain.customers import Credentials
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.web.problems import ProblemError, described, unavailable
from photo_pipeline.web.tokens import Session

router = APIRouter(tags=["session"])


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
    person = f"{network} {email}"
    _throttle(services, person, network)
    found = await _checked(services, email, network, password)
    services.failed_logins.succeeded(person)
    services.failed_addresses.forgive(network)
    services.pace.succeeded(email, network)
    now = services.clock.now()
    seconds = services.settings.session_seconds
    session = Session(services.new_id(), found.customer_id, now, now + timedelta(seconds=seconds))
    token = services.sessions.begin(session, response)
    return AccessToken(access_token=token, expires_in=seconds)


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
    services.sessions.end(response)
    try:
        session = services.sessions.recognised(request).session
    except ProblemError:
        return response
    try:
        await services.ended_sessions.end(session.session_id, services.sessions.last_moment(session))
    except ServerUnavailableError:
        problem = unavailable("not_ended_everywhere", "You are logged out here. Please try again to end the session.")
        problem.headers |= {name: response.headers[name] for name in ("Set-Cookie", "Clear-Site-Data")}
        raise problem from None
    finally:
        services.hub.wake()
    return response


async def _checked(services: Services, email: str, network: str, password: str) -> Credentials:
    """Whose password this is, at the pace that guesses at one person may have."""
    try:
        async with services.pace.attempt(email, network):
            found = await services.database.run(services.customers.credentials, email)
            verdict = await services.passwords.verify(None if found is None else found.password_hash, password)
    except ThrottledError as error:
        raise _too_many(error) from None
    if found is None or not verdict.fits:
        detail = "The e-mail address or the password is wrong."
        headers = {"WWW-Authenticate": "Bearer"}
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "wrong_credentials", detail, headers=headers)
    if verdict.outdated:
        await _rehash(services, found, password)
    return found


def _throttle(services: Services, person: str, network: str) -> None:
    try:
        services.failed_logins.check(person)
        services.failed_addresses.check(network)
    except ThrottledError as error:
        raise _too_many(error) from None
    services.failed_logins.failed(person)
    services.failed_addresses.failed(network)


def _too_many(error: ThrottledError) -> ProblemError:
    detail = "Too many failed log-ins. Please wait a while."
    headers = {"Retry-After": str(error.retry_seconds)}
    return ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "too_many_attempts", detail, headers=headers)


async def _rehash(services: Services, found: Credentials, password: str) -> None:
    password_hash = await services.passwords.hash(password)
    await services.database.run(services.customers.replace_password_hash, found.customer_id, password_hash)
