"""What routes ask for in their signatures."""

from math import ceil
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPBearer

from photo_pipeline.api.services import Services
from photo_pipeline.api.sessions import Caller, session_ended
from photo_pipeline.api.throttle import network_of
from photo_pipeline.domain.customers import Customer
from photo_pipeline.web.credentials import COOKIE
from photo_pipeline.web.problems import too_many

_BEARER = HTTPBearer(auto_error=False, description="The access token of `POST /api/v1/session`")
_COOKIE = APIKeyCookie(name=COOKIE, auto_error=False, description="The same token, set by `POST /api/v1/session`")


async def services_of(request: Request) -> Services:
    """The application's services; they are there from its start to its end.

    A coroutine, like all of these: FastAPI calls what is none in a thread, which takes longer than most of them.
    """
    services: Services = request.app.state.services
    return services


TheServices = Annotated[Services, Depends(services_of)]


async def caller_of(
    request: Request,
    services: TheServices,
    _bearer: Annotated[object, Depends(_BEARER)],
    _cookie: Annotated[object, Depends(_COOKIE)],
) -> Caller:
    """Who is asking, by either scheme; both are named for the OpenAPI document. It takes microseconds and no thread."""
    caller = services.sessions.caller(request)
    if await services.ended_sessions.has_ended(caller.session.session_id, caller.session.customer_id):
        raise session_ended()
    return caller


async def own_pages_only(request: Request, services: TheServices) -> None:
    """For what needs no session: a browser may still be made to send it, as to log somebody in as somebody else."""
    if "Sec-Fetch-Site" in request.headers or "Origin" in request.headers:
        services.sessions.refuse_other_sites(request)


def network_of_sender(request: Request) -> str:
    """Where the request comes from, as it is counted; behind a proxy, as uvicorn was told to believe it."""
    return network_of(request.client.host) if request.client else "unknown"


TheCaller = Annotated[Caller, Depends(caller_of)]


async def caller_who_counts(request: Request, caller: TheCaller, services: TheServices) -> Caller:
    """Who asks for something that is counted anew each time, of all that they have: of each path, at a pace.

    Raises:
        ProblemError: 429.
    """
    if (seconds := services.counted.take((caller.session.customer_id, request.scope["path"]), 1)) > 0:
        detail = "You have asked for this very often of late. Please wait a moment."
        raise too_many("too_many_requests", detail, ceil(seconds))
    return caller


TheCallerWhoCounts = Annotated[Caller, Depends(caller_who_counts)]


async def customer_of(caller: TheCaller, services: TheServices) -> Customer:
    """Who the caller is, as they signed up."""
    customer = await services.database.run(services.customers.get, caller.session.customer_id)
    if customer is None:
        raise session_ended()
    return customer


TheCustomer = Annotated[Customer, Depends(customer_of)]
OwnPagesOnly = Depends(own_pages_only)
