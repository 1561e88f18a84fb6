"""Who reaches the search index: a client made when it is needed, and the alias of the monthly indices."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from elasticsearch import Elasticsearch

from photo_pipeline.adapters.search.client import bounded, make_client
from photo_pipeline.settings import ElasticsearchSettings


@dataclass(frozen=True, slots=True)
class SearchAccess:
    """A way to a client, which is the caller's to close.

    Attributes:
        connect: makes the client; nothing is asked of the server by that.
        alias: of the monthly indices.
    """

    connect: Callable[[], Elasticsearch]
    alias: str


def access_by(client: Callable[[], Elasticsearch], alias: str) -> SearchAccess:
    """By clients that somebody else configures, with this platform's time limits."""
    return SearchAccess(lambda: bounded(client()), alias)


def access_with(settings: ElasticsearchSettings) -> SearchAccess:
    """By settings of our own."""
    return SearchAccess(partial(make_client, settings), settings.alias)
