"""Asks Elasticsearch for figures."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from elasticsearch import Elasticsearch

from photo_pipeline.adapters.search.client import server_errors
from photo_pipeline.bi.cube import EMPTY, Cell, Cube, cells_body, cells_of, fitting, largest_body, largest_of
from photo_pipeline.bi.queries import answer_of, extent_body, extent_of, search_body
from photo_pipeline.bi.spec import Answer, Figure, Scope


def ask(client: Elasticsearch, alias: str, figure: Figure, scope: Scope) -> Answer:
    """The figure's rows; none where there is no index yet.

    Raises:
        ServerUnavailableError: when the server is away.
        SearchRequestError: when it refuses, for instance because the account may not read the index.
    """
    return answer_of(figure, _searched(client, alias, search_body(figure, scope)))


def cube_of(client: Elasticsearch, alias: str, scope: Scope) -> Cube:
    """What the report's filters work on.

    Raises:
        ServerUnavailableError, SearchRequestError: as ``ask``.
    """
    customers = largest_of(_searched(client, alias, largest_body(scope)))
    if not customers:
        return EMPTY
    ids = tuple(identifier for identifier, _ in customers)
    now = (*_cells(client, alias, scope, None, times=True), *_cells(client, alias, scope, ids, times=True))
    earlier = scope.earlier()
    before = (*_cells(client, alias, earlier, None, times=False), *_cells(client, alias, earlier, ids, times=False))
    return fitting(Cube(customers, now, before))


def _cells(
    client: Elasticsearch, alias: str, scope: Scope, ids: tuple[str, ...] | None, *, times: bool
) -> Iterator[Cell]:
    after = None
    while True:
        body = cells_body(scope, ids, after, times=times)
        found, after = cells_of(_searched(client, alias, body), ids or ())
        yield from found
        if after is None:
            return


def _searched(client: Elasticsearch, alias: str, body: dict[str, Any]) -> dict[str, Any]:
    with server_errors():
        found: dict[str, Any] = client.search(index=alias, ignore_unavailable=True, **body).body
    return found


def full_scope(client: Elasticsearch, alias: str) -> Scope | None:
    """From the second of the first outcome to the one after the last; none where nothing has been settled yet."""
    extent = extent_of(_searched(client, alias, extent_body()))
    if extent is None:
        return None
    since, last = (moment.replace(microsecond=0) for moment in extent)
    return Scope.between(since, last + timedelta(seconds=1))
