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
