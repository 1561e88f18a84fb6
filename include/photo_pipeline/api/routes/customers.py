"""Signing up, and who one is."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from photo_pipeline.api.deps import OwnPagesOnly, TheCaller, TheCustomer, TheServices, network_of_sender
from photo_pipeline.api.proving import chosen
from photo_pipeline.api.schemas import CustomerView, Me, SignUp
from photo_pipeline.api.throttle import count_or_refuse
from photo_pipeline.domain.customers import EmailTakenError
from photo_pipeline.web.problems import ProblemError, described

router = APIRouter(tags=["customers"])


@router.post(
    "/customers",
    status_code=HTTPStatus.CREATED,
    dependencies=[OwnPagesOnly],
    responses=described(
        HTTPStatus.FORBIDDEN,
        HTTPStatus.CONFLICT,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def sign_up(body: SignUp, request: Request, services: TheServices) -> CustomerView:
    """Sign up. A password has 10 characters, five of them different, and is not the name or the e-mail address."""
    password = chosen(body.password, body.email, body.display_name)
    # Each costs a hash, and says whether an address is taken.
    detail = "Too many people have signed up from here of late. Please wait a while."
    count_or_refuse(detail, (services.sign_ups, network_of_sender(request)))
    password_hash = await services.passwords.hash(password)
    try:
        customer = await services.database.run(
            services.customers.add, services.new_id(), body.email, body.display_name, password_hash
        )
    except EmailTakenError:
        raise ProblemError(HTTPStatus.CONFLICT, "email_taken", "This e-mail address has an account already.") from None
    return CustomerView.of(customer)


@router.get("/me", responses=described(HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE))
async def me(caller: TheCaller, customer: TheCustomer, services: TheServices, response: Response) -> Me:
    """Who the caller is. A browser's session past its half is prolonged by this, up to 12 hours in all."""
    session = services.sessions.prolonged(caller)
    going_on = await services.database.run(services.open_sessions.seen, session.session_id, session.expires_at)
    if not going_on:  # of before sessions were noted, or ended a moment ago: its token is good as long as it says
        session = caller.session
    if session != caller.session:
        services.sessions.begin(session, response)
    return Me(
        **CustomerView.of(customer).model_dump(),
        session_expires_at=session.expires_at,
        holds_allowed=services.settings.customer_holds,
    )
