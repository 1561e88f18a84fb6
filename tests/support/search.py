"""An alias of one's own on the stack's Elasticsearch."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from elasticsearch import Elasticsearch
from pydantic import SecretStr

from local_stack import Endpoints
from photo_pipeline.adapters.search.client import make_client
from photo_pipeline.adapters.search.index import RESERVED, ElasticsearchIndex
from photo_pipeline.settings import ElasticsearchSettings

FULL_DISK = "index.blocks.read_only_allow_delete"
_SECONDS_BETWEEN_BLOCKS = 0.02


@dataclass(frozen=True, slots=True)
class Search:
    """One alias, seen by an administrator and by the sync's account."""

    alias: str
    admin: Elasticsearch
    sync: Elasticsearch
    sync_settings: ElasticsearchSettings

    def administered(self) -> ElasticsearchIndex:
        """The index in the administrator's hands."""
        return ElasticsearchIndex(self.admin, self.alias)

    def index(self, **options: Any) -> ElasticsearchIndex:
        """The index in the sync's hands."""
        return ElasticsearchIndex(self.sync, self.alias, first_backoff_seconds=0.05, **options)

    def stored(self) -> dict[str, Any]:
        """Every document by its id; none where there is no index yet."""
        self.admin.indices.refresh(index=self.alias, ignore_unavailable=True)
        found = self.admin.search(index=self.alias, size=10_000, ignore_unavailable=True)
        return {hit["_id"]: hit["_source"] for hit in found["hits"]["hits"]}

    @contextmanager
    def kept_full(self, index: str) -> Iterator[None]:
        """Let the index take nothing, as on a full disk.

        The block is set again and again: where the disk has space, the server lifts it when it next looks; also once
        after :func:`leave_blocks`.
        """
        done = threading.Event()
        blocking = threading.Thread(target=self._block_until, args=(done, index))
        self._set_block(index, on=True)
        blocking.start()
        try:
            yield
        finally:
            done.set()
            blocking.join()
            self._set_block(index, on=None)

    def _block_until(self, done: threading.Event, index: str) -> None:
        while not done.wait(_SECONDS_BETWEEN_BLOCKS):
            self._set_block(index, on=True)

    def _set_block(self, index: str, *, on: bool | None) -> None:
        self.admin.indices.put_settings(index=index, settings={FULL_DISK: on})


def leave_blocks(endpoints: Endpoints) -> None:
    """Let the server look at its disk once an hour: each look lifts what :meth:`Search.kept_full` sets."""
    with make_client(_administrators(endpoints)) as client:
        client.cluster.put_settings(persistent={"cluster.info.update.interval": "1h"})


def _administrators(endpoints: Endpoints) -> ElasticsearchSettings:
    user, password = endpoints.elasticsearch_user, endpoints.elasticsearch_password
    return search_settings(endpoints.elasticsearch_url, user, password)


@contextmanager
def fresh_search(endpoints: Endpoints) -> Iterator[Search]:
    """Nothing under the alias before, nothing after. Its name is one that the sync's account may write."""
    alias = f"photos_{uuid4().hex[:12]}"
    url = endpoints.elasticsearch_url
    admin = _administrators(endpoints)
    sync = search_settings(url, endpoints.elasticsearch_sync_user, endpoints.elasticsearch_sync_password)
    with make_client(admin) as admin_client, make_client(sync) as sync_client:
        yield Search(alias, admin_client, sync_client, sync)
        # The server refuses to delete by pattern.
        if names := list(admin_client.indices.get(index=f"{alias}-*", features=["aliases"])):
            admin_client.indices.delete(index=names)
        admin_client.options(ignore_status=404).indices.delete(index=alias)
        for name in (alias, f"{alias}{RESERVED}"):
            admin_client.options(ignore_status=404).indices.delete_index_template(name=name)


def search_settings(url: str, user: str, password: str) -> ElasticsearchSettings:
    """Settings of one account."""
    return ElasticsearchSettings(url=url, user=user, password=SecretStr(password))
