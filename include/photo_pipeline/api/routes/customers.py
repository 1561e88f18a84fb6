"""Signing up, and who one is."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from photo_pipeline.api.deps import OwnPagesOnly, TheCaller, TheServices
from photo_pipeline.api.schemas import CustomerView, Me, SignUp
from photo_pipeline.web.ports import EmailTakenError
from photo_pipeline.web.problems import ProblemError, described

router = APIRouter(tags=["customers"])


@router.post(
    "/customers",
    status_code=HTTPStatus.CREATED,
    dependencies=[OwnPagesOnly],
    responses=described(
        HTTPStatus.FORBIDDEN, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
    ),
)
async def sign_up(body: SignUp, services: TheServices) -> CustomerView:
    """Sign up. A password has at least 10 characters and is not the e-mail address."""
    password = body.password.get_secret_value()
    if password.casefold() in {body.email.casefold(), body.email.partition("@")[0].casefold()}:
        detail = "The password must not be the e-mail address."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "weak_password", detail)
    password_hash = await services.passwords.hash(password)
    try:
        customer = await services.database.run(
            services.customers.add, services.new_id(), body.email, body.display_name, password_hash
        )
    except EmailTakenError:
        raise ProblemError(HTTPStatus.CONFLICT, "email_taken", "This e-mail address has signed up already.") from None
    return CustomerView.of(customer)


@router.get("/me", responses=described(HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE))
async def me(caller: TheCaller, services: TheServices, response: Response) -> Me:
    """Who the caller is. A browser's session past its half is prolonged by this, up to 12 hours in all."""
    customer = await services.database.run(services.customers.get, caller.session.customer_id)
    if customer is None:
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "not_logged_in", "There is no such customer any more.")
    session = services.sessions.prolong(caller, response)
    return Me(**CustomerView.of(customer).model_dump(), session_expires_at=session.expires_at)
