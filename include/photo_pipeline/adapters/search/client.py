"""Elasticsearch's client with time limits, and its errors as the ports' errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from elasticsearch import ApiError, Elasticsearch, TransportError

from photo_pipeline.adapters.search.tls import trusting
from photo_pipeline.domain.errors import (
    AliasTakenError,
    SearchRequestError,
    ServerUnavailableError,
)
from photo_pipeline.settings import ElasticsearchSettings

REQUEST_SECONDS = 30.0


OVERLOADED = (HTTPStatus.TOO_MANY_REQUESTS.value, HTTPStatus.SERVICE_UNAVAILABLE.value)


PASSING = (*OVERLOADED, HTTPStatus.BAD_GATEWAY.value, HTTPStatus.GATEWAY_TIMEOUT.value)


def make_client(settings: ElasticsearchSettings) -> Elasticsearch:
    """A client with time limits; it asks again by itself when a connection breaks.

    Raises:
        CertificateFileError: when the file of authorities is no use.
    """
    client = Elasticsearch(
        settings.url,
        basic_auth=(settings.user, settings.password.get_secret_value()),
        ssl_context=None if settings.ca_file is None else trusting(settings.ca_file),
    )
    return bounded(client)


def bounded(client: Elasticsearch) -> Elasticsearch:
    """The same client with this platform's time limits."""
    return client.options(request_timeout=REQUEST_SECONDS, retry_on_timeout=True)


def refuse_index_named(client: Elasticsearch, alias: str) -> None:
    """Look whether an index is where the alias must be: none of the monthly ones can be made beside it.

    Raises:
        AliasTakenError: when there is one.
    """
    if not client.indices.exists_alias(name=alias) and client.indices.exists(index=alias):
        raise AliasTakenError(alias)


@contextmanager
def server_errors() -> Iterator[None]:
    """The client's errors as the port's."""
    try:
        yield
    except TransportError as error:
        raise ServerUnavailableError("Elasticsearch", str(error).partition("\n")[0]) from error
    except ApiError as error:
        if error.status_code in PASSING:
            raise ServerUnavailableError("Elasticsearch", f"{error.status_code} {reason_of(error)}") from error
        raise SearchRequestError(error.status_code, reason_of(error)) from error


def reason_of(error: ApiError) -> str:
    """What the server says went wrong."""
    body = error.body if isinstance(error.body, dict) else {}
    cause = body.get("error", {})
    return str(cause.get("reason", error.message)) if isinstance(cause, dict) else str(cause or error.message)
