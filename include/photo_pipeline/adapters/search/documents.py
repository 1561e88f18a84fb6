"""How many documents the search index holds, for whoever looks at it."""

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch, NotFoundError

from photo_pipeline.domain.errors import ServerUnavailableError

SERVER = "Elasticsearch"
SECONDS = 3.0


class ElasticsearchDocuments:
    """The ``SearchIndex`` port on Elasticsearch. The client is the caller's."""

    def __init__(self, client: Elasticsearch, alias: str) -> None:
        self._client = client.options(request_timeout=SECONDS, max_retries=0)
        self._alias = alias

    def documents(self) -> int:
        """See the port. None where nothing has been synced yet."""
        try:
            return int(self._client.count(index=self._alias)["count"])
        except NotFoundError:
            return 0
        except (ApiError, TransportError) as error:
            raise ServerUnavailableError(SERVER, str(error)) from error

    def index_of(self, document_id: str) -> str | None:
        """See the port. An id says nothing of its month, so all of them are asked."""
        wanted = {"ids": {"values": [document_id]}}
        try:
            found = self._client.search(index=self._alias, query=wanted, size=1, source=False)["hits"]["hits"]
        except NotFoundError:
            return None
        except (ApiError, TransportError) as error:
            raise ServerUnavailableError(SERVER, str(error)) from error
        return str(found[0]["_index"]) if found else None
