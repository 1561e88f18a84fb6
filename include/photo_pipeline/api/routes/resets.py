"""A password that somebody has forgotten is set anew by who reads the mail of the account's address."""

from datetime import timedelta
from functools import partial
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response

from photo_pipeline.api.account_schemas import AskForReset, ResetAsked, UseReset
from photo_pipeline.api.deps import OwnPagesOnly, TheServices, network_of_sender
from photo_pipeline.api.link_tokens import hash_of, new_token
from photo_pipeline.api.proving import chosen, forgive
from photo_pipeline.api.replacing import password_replaced
from photo_pipeline.api.services import Services
from photo_pipeline.api.throttle import count_or_refuse
from photo_pipeline.domain.customers import NewReset
from photo_pipeline.domain.mail import Mail
from photo_pipeline.web.problems import ProblemError, described

MINUTES = 60
GOOD_FOR = timedelta(minutes=MINUTES)
MOST_RESETS = 5
"""So many links of a customer are good at a time, whoever asks: nobody's mail is flooded."""
OFTEN = "This was asked for often of late. Look into your mail, also into what it takes for spam, or wait a while."

router = APIRouter(tags=["session"])


@router.post(
    "/password-resets",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[OwnPagesOnly],
    responses=described(
        HTTPStatus.FORBIDDEN,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def ask(body: AskForReset, request: Request, services: TheServices) -> ResetAsked:
    """Have a link mailed that sets another password, to the address that was signed up with.

    The answer is the same, and comes as soon, whether there is such an account or not. 503 `no_mail` where the operator
    has set up no mail.
    """
    services.posting.require()
    # Of one person wherever it is asked from, and from one address for whomever; known or not.
    asked = (services.resets_of_person, body.email), (services.resets_from_address, network_of_sender(request))
    count_or_refuse(OFTEN, *asked)
    found = await services.database.run(services.customers.credentials, body.email)
    if found is not None:
        customer_id, token = found.customer_id, new_token()
        # Where nobody gets the mail, its link is none of those that are good: another one may be asked for at once.
        drop = partial(services.database.run, services.password_register.drop_reset, hash_of(token))
        services.posting.post(lambda: _invitation(services, customer_id, token), drop)
    return ResetAsked(minutes=MINUTES)


async def _invitation(services: Services, customer_id: UUID, token: str) -> Mail | None:
    """Only its hash is kept of the link. It goes to the address of the account, not to what was typed."""
    customer = await services.database.run(services.customers.get, customer_id)
    if customer is None:
        return None
    now = services.clock.now()
    reset = NewReset(hash_of(token), customer_id, now + GOOD_FOR)
    if not await services.database.run(services.password_register.add_reset, reset, MOST_RESETS):
        return None
    return services.letters.invitation(customer.email, token, MINUTES, now)


@router.put(
    "/password-resets",
    status_code=HTTPStatus.NO_CONTENT,
    dependencies=[OwnPagesOnly],
    responses=described(
        HTTPStatus.FORBIDDEN,
        HTTPStatus.GONE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def use(body: UseReset, request: Request, services: TheServices) -> Response:
    """Set another password with the token of a mailed link, and end all sessions. Devices go on.

    410 where the link was used, is older than an hour, was overtaken by another password, or never was.
    """
    network, token_hash = network_of_sender(request), hash_of(body.token)
    customer = await services.database.run(services.password_register.whose_reset, token_hash)
    if customer is None:
        raise _over(services, network)
    password = chosen(body.password, customer.email, customer.display_name)
    password_hash = await services.passwords.hash(password)
    until = services.sessions.latest_end()
    ended = await services.database.run(services.password_register.use_reset, token_hash, password_hash, until)
    if ended is None:
        raise _over(services, network)
    forgive(services, network, customer.email)
    password_replaced(services, customer, ended)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _over(services: Services, network: str) -> ProblemError:
    services.visits.led_nowhere(network)
    detail = "This link has been used, or is too old. Ask for another one."
    return ProblemError(HTTPStatus.GONE, "link_over", detail)
