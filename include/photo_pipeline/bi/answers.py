"""Asks Elasticsearch for figures."""

from datetime import timedelta

from elasticsearch import Elasticsearch

from photo_pipeline.adapters.search.client import server_errors
from photo_pipeline.bi.queries import answer_of, extent_body, extent_of, search_body
from photo_pipeline.bi.spec import Answer, Figure, Scope


def ask(client: Elasticsearch, alias: str, figure: Figure, scope: Scope) -> Answer:
    """The figure's rows; none where there is no index yet.

    Raises:
        ServerUnavailableError: when the server is away.
        SearchRequestError: when it refuses, for instance because the account may not read the index.
    """
    with server_errors():
        response = client.search(index=alias, ignore_unavailable=True, **search_body(figure, scope))
    return answer_of(figure, response.body)


def full_scope(client: Elasticsearch, alias: str) -> Scope | None:
    """From the second of the first outcome to the one after the last; none where nothing has been settled yet."""
    with server_errors():
        response = client.search(index=alias, ignore_unavailable=True, **extent_body())
    extent = extent_of(response.body)
    if extent is None:
        return None
    since, last = (moment.replace(microsecond=0) for moment in extent)
    return Scope.between(since, last + timedelta(seconds=1))
