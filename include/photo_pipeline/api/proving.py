"""Whose password it is, at the pace that guesses may have."""

from photo_pipeline.api.services import Services
from photo_pipeline.api.throttle import ThrottledError
from photo_pipeline.domain.customers import Credentials
from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.web.problems import too_many


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
    person = f"{network} {email}"
    try:
        _count(services, person, network)
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
    services.failed_logins.succeeded(person)
    services.failed_addresses.forgive(network)
    services.pace.succeeded(email, network)
    return found


def _count(services: Services, person: str, network: str) -> None:
    services.failed_logins.check(person)
    services.failed_addresses.check(network)
    services.failed_logins.failed(person)
    services.failed_addresses.failed(network)


async def _rehash(services: Services, found: Credentials, password: str) -> None:
    password_hash = await services.passwords.hash(password)
    await services.database.run(services.customers.replace_password_hash, found.customer_id, password_hash)
