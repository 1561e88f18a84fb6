"""What routes ask for in their signatures."""

from http import HTTPStatus
from math import ceil
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPBearer
from starlette.requests import HTTPConnection

from photo_pipeline.stream.limits import SlowDownError
from photo_pipeline.stream.senders import CrossSiteError, NotAuthenticatedError, Sender
from photo_pipeline.stream.services import Services
from photo_pipeline.stream.window import TooManyConnectionsError
from photo_pipeline.web.problems import RETRY_SECONDS, ProblemError, too_many, unavailable

_BEARER = HTTPBearer(
    auto_error=False, description="A device's token, from the upload API's `POST /api/v1/devices`; or an access token"
)


async def services_of(connection: HTTPConnection) -> Services:
    """The application's services; they are there from its start to its end. FastAPI calls no coroutine in a thread."""
    services: Services = connection.app.state.services
    return services


TheServices = Annotated[Services, Depends(services_of)]


async def authenticated(connection: HTTPConnection, services: Services) -> Sender:
    """Who is sending.

    Raises:
        ProblemError: 401 where that is not proven, or the device was revoked, or the session ended; 403 for another
            site's page.
    """
    try:
        sender = services.senders.sender(connection)
    except NotAuthenticatedError as error:
        raise unauthorized(str(error), with_token=error.with_token) from None
    except CrossSiteError as error:
        raise ProblemError(HTTPStatus.FORBIDDEN, "cross_site_request", str(error)) from None
    if sender.device is not None and not await services.devices.is_active(sender.device):
        raise unauthorized("This device was revoked.", with_token=True)
    if sender.session_id is not None and await services.ended_sessions.has_ended(sender.session_id, sender.customer_id):
        raise unauthorized("The session has ended.", with_token=True)
    return sender


async def sender_of(
    connection: HTTPConnection, services: TheServices, _bearer: Annotated[object, Depends(_BEARER)]
) -> Sender:
    """Who is sending over HTTP; the scheme is named for the OpenAPI document."""
    return await authenticated(connection, services)


def unauthorized(detail: str, *, with_token: bool) -> ProblemError:
    """401, as RFC 6750 wants it said."""
    challenge = 'Bearer error="invalid_token"' if with_token else "Bearer"
    return ProblemError(HTTPStatus.UNAUTHORIZED, "not_authenticated", detail, headers={"WWW-Authenticate": challenge})


def no_place(error: TooManyConnectionsError) -> ProblemError:
    """429 where the sender has all their connections, 503 where there are too many in all."""
    if not error.by_sender:
        return unavailable("too_many_connections", str(error))
    return too_many("too_many_connections", str(error), RETRY_SECONDS)


def too_fast(error: SlowDownError) -> ProblemError:
    """429 that says when the same frame fits."""
    return too_many(error.reason, str(error), ceil(error.wait_seconds))


TheSender = Annotated[Sender, Depends(sender_of)]
