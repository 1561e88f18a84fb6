"""Logging in and out."""

from datetime import timedelta
from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from photo_pipeline.api.deps import OwnPagesOnly, TheServices
from photo_pipeline.api.schemas import AccessToken, LogIn
from photo_pipeline.api.services import Services
from photo_pipeline.api.throttle import ThrottledError
from photo_pipeline.web.ports import Credentials
from photo_pipeline.web.problems import ProblemError, described
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
    address = request.client.host if request.client else "unknown"
    person = f"{address} {body.email.casefold()}"
    _throttle(services, person, address)
    found = await services.database.run(services.customers.credentials, body.email)
    password_hash = None if found is None else found.password_hash
    verdict = await services.passwords.verify(password_hash, body.password.get_secret_value())
    if found is None or not verdict.fits:
        detail = "The e-mail address or the password is wrong."
        headers = {"WWW-Authenticate": "Bearer"}
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "wrong_credentials", detail, headers=headers)
    services.failed_logins.succeeded(person)
    services.failed_addresses.forgive(address)
    if verdict.outdated:
        await _rehash(services, found, body.password.get_secret_value())
    now = services.clock.now()
    seconds = services.settings.session_seconds
    token = services.sessions.begin(Session(found.customer_id, now, now + timedelta(seconds=seconds)), response)
    return AccessToken(access_token=token, expires_in=seconds)


@router.delete(
    "/session",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[OwnPagesOnly],
    responses=described(HTTPStatus.FORBIDDEN),
)
async def log_out(services: TheServices) -> Response:
    """Log out: the cookie is taken back, and the browser's cache of photos with it. A token ends by itself."""
    response = Response(status_code=HTTPStatus.NO_CONTENT)
    services.sessions.end(response)
    return response


def _throttle(services: Services, person: str, address: str) -> None:
    try:
        services.failed_logins.check(person)
        services.failed_addresses.check(address)
    except ThrottledError as error:
        detail = "Too many failed log-ins. Please wait a while."
        headers = {"Retry-After": str(error.retry_seconds)}
        raise ProblemError(HTTPStatus.TOO_MANY_REQUESTS, "too_many_attempts", detail, headers=headers) from None
    services.failed_logins.failed(person)
    services.failed_addresses.failed(address)


async def _rehash(services: Services, found: Credentials, password: str) -> None:
    password_hash = await services.passwords.hash(password)
    await services.database.run(services.customers.replace_password_hash, found.customer_id, password_hash)
