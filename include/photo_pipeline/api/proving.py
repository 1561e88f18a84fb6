"""Whose password it is, at the pace that guesses may have; and whether another one will do."""

from http import HTTPStatus

from pydantic import SecretStr

from photo_pipeline.api.passwords import weakness_of
from photo_pipeline.api.services import Services
from photo_pipeline.api.throttle import ThrottledError
from photo_pipeline.domain.customers import Credentials, Customer
from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.web.problems import ProblemError, too_many


class WrongPasswordError(PhotoPipelineError):
    """There is no such person, or that is not their password."""


async def proven(services: Services, network: str, email: str, password: str) -> Credentials:
    """Whose password this is.

    Args:
        services: of the application.
        network: where the attempt comes from.
        email: in its canonical form.
        password: what was given.

    Raises:
        WrongPasswordError: nobody's.
        ProblemError: 429 after too many attempts.
    """
    try:
        _count(services, _person(network, email), network)
        async with services.pace.attempt(email, network):
            found = await services.database.run(services.customers.credentials, email)
            verdict = await services.passwords.verify(None if found is None else found.password_hash, password)
    except ThrottledError as error:
        detail = "Too many failed log-ins. Please wait a while."
        raise too_many("too_many_attempts", detail, error.retry_seconds) from None
    if found is None or not verdict.fits:
        raise WrongPasswordError
    if verdict.outdated:
        await _rehash(services, found, password)
    forgive(services, network, email)
    services.failed_addresses.forgive(network)
    services.pace.succeeded(email, network)
    return found


async def confirmed(services: Services, network: str, customer: Customer, password: SecretStr) -> Credentials:
    """Somebody who is logged in says their password once more.

    Raises:
        ProblemError: 403 where it is another one, 429 after too many attempts.
    """
    try:
        return await proven(services, network, customer.email, password.get_secret_value())
    except WrongPasswordError:
        raise ProblemError(HTTPStatus.FORBIDDEN, "wrong_password", "This is not your password.") from None


def chosen(password: SecretStr, email: str, display_name: str) -> str:
    """A password that somebody has thought of, where it will do.

    Raises:
        ProblemError: 422 where it would be guessed first.
    """
    given = password.get_secret_value()
    weakness = weakness_of(given, email, display_name)
    if weakness is not None:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "weak_password", weakness)
    return given


def forgive(services: Services, network: str, email: str) -> None:
    """They were who they said, from there: what failed before counts no more."""
    services.failed_logins.succeeded(_person(network, email))


def _person(network: str, email: str) -> str:
    return f"{network} {email}"


def _count(services: Services, person: str, network: str) -> None:
    services.failed_logins.check(person)
    services.failed_addresses.check(network)
    services.failed_logins.failed(person)
    services.failed_addresses.failed(network)


async def _rehash(services: Services, found: Credentials, password: str) -> None:
    password_hash = await services.passwords.hash(password)
    await services.database.run(services.customers.replace_password_hash, found, password_hash)
