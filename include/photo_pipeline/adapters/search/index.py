"""Elasticsearch: monthly indices behind one alias, an explicit mapping, and a check of every item of a bulk request."""

import json
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from elasticsearch import BadRequestError, Elasticsearch
from elasticsearch.helpers import streaming_bulk

from photo_pipeline.adapters.search.client import OVERLOADED, _reason, refuse_index_named, server_errors
from photo_pipeline.domain.documents import Document, IndexReport
from photo_pipeline.domain.errors import (
    IndexingFailedError,
    IndexNotPreparedError,
    MappingConflictError,
    ServerUnavailableError,
)

MAX_BATCH_BYTES = 4 * 1024 * 1024
MAX_BATCH_DOCUMENTS = 1000
RETRIES = 6
FIRST_BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 10.0
# Above the templates that Elasticsearch itself brings along.
TEMPLATE_PRIORITY = 300
RESERVED = ".reserved"
"""Ends the name of the template that keeps the alias' own name from becoming an index."""
NAMED_FAILURES = 3

Item = Mapping[str, Any]


class ElasticsearchIndex:
    """The monthly indices ``<alias>-YYYY.MM``.

    Implements the port ``SearchIndex``; ``ensure_template`` is for an administrator, the rest needs no more than to
    create indices of that name, write, read and refresh them.
    """

    def __init__(
        self,
        client: Elasticsearch,
        alias: str,
        *,
        max_batch_bytes: int = MAX_BATCH_BYTES,
        first_backoff_seconds: float = FIRST_BACKOFF_SECONDS,
    ) -> None:
        self._client = client
        self._alias = alias
        self._max_batch_bytes = max_batch_bytes
        self._first_backoff_seconds = first_backoff_seconds
        self._prepared: set[str] = set()

    def ensure_template(self) -> None:
        """Install the template, and give the indices that exist its new fields and the alias. Safe on a live system.

        Raises:
            AliasTakenError: when an index has the alias' name. From now on none is made by writing to that name.
            MappingConflictError: when an index that exists maps a field otherwise.
            ServerUnavailableError: when the server is away.
        """
        template = _template()
        pattern = f"{self._alias}-*"
        with server_errors():
            refuse_index_named(self._client, self._alias)
            self._client.indices.put_index_template(
                name=f"{self._alias}{RESERVED}",
                index_patterns=[self._alias],
                priority=TEMPLATE_PRIORITY,
                allow_auto_create=False,
                template={},
            )
            self._client.indices.put_index_template(
                name=self._alias,
                index_patterns=[pattern],
                priority=TEMPLATE_PRIORITY,
                template={**template, "aliases": {self._alias: {}}},
            )
            if self._client.indices.get(index=pattern, features=["aliases"]):
                self._update_indices(pattern, template["mappings"])

    def is_empty(self) -> bool:
        """Whether there is no index behind the alias."""
        with server_errors():
            return not self._client.indices.exists_alias(name=self._alias)

    def write(self, documents: Sequence[Document]) -> IndexReport:
        """Store the documents, each unless a newer version of it is there. Every single one is accounted for.

        Raises:
            AliasTakenError: when an index has the alias' name.
            IndexingFailedError: when one was refused; others may have been stored.
            IndexNotPreparedError: when the template is not installed.
            ServerUnavailableError: when the server is away or stays overloaded.
        """
        with server_errors():
            for month in sorted({document.month for document in documents}):
                self._prepare(self._index_of(month))
            results = [next(iter(result.values())) for _, result in self._bulk(documents)]
        return _report(results, len(documents))

    def refresh(self) -> None:
        """Make all that was written visible to searches.

        Raises:
            AliasTakenError: when an index has the alias' name.
        """
        with server_errors():
            refuse_index_named(self._client, self._alias)
            self._client.indices.refresh(index=self._alias, ignore_unavailable=True)

    def _bulk(self, documents: Sequence[Document]) -> Iterator[tuple[bool, dict[str, Item]]]:
        actions = (
            {
                "_op_type": "index",
                "_index": self._index_of(document.month),
                "_id": document.document_id,
                "version": document.version,
                "version_type": "external_gte",
                "_source": document.body,
            }
            for document in documents
        )
        yield from streaming_bulk(
            self._client,
            actions,
            chunk_size=MAX_BATCH_DOCUMENTS,
            max_chunk_bytes=self._max_batch_bytes,
            raise_on_error=False,
            max_retries=RETRIES,
            initial_backoff=self._first_backoff_seconds,
            max_backoff=MAX_BACKOFF_SECONDS,
            retry_on_status=OVERLOADED,
        )

    def _index_of(self, month: str) -> str:
        return f"{self._alias}-{month}"

    def _prepare(self, index: str) -> None:
        """Make sure that the index came from the template, before the first document could be mapped by guessing."""
        if index in self._prepared:
            return
        if not self._has_alias(index):
            refuse_index_named(self._client, self._alias)
            self._create(index)
            if not self._has_alias(index):
                raise IndexNotPreparedError(index, self._alias)
        self._prepared.add(index)

    def _has_alias(self, index: str) -> bool:
        return bool(self._client.indices.exists_alias(index=index, name=self._alias))

    def _create(self, index: str) -> None:
        try:
            self._client.indices.create(index=index)
        except BadRequestError as error:
            if error.error != "resource_already_exists_exception":
                raise

    def _update_indices(self, pattern: str, mappings: Mapping[str, Any]) -> None:
        try:
            self._client.indices.put_mapping(
                index=pattern, dynamic=mappings["dynamic"], meta=mappings["_meta"], properties=mappings["properties"]
            )
        except BadRequestError as error:
            raise MappingConflictError(_reason(error)) from error
        self._client.indices.put_alias(index=pattern, name=self._alias)


def _template() -> dict[str, Any]:
    text = files("photo_pipeline").joinpath("mappings", "photos.json").read_text()
    template: dict[str, Any] = json.loads(text)
    return template


def _report(results: Sequence[Item], sent: int) -> IndexReport:
    conflicts = sum(item["status"] == HTTPStatus.CONFLICT for item in results)
    failed = [item for item in results if item["status"] >= HTTPStatus.MULTIPLE_CHOICES]
    failed = [item for item in failed if item["status"] != HTTPStatus.CONFLICT]
    if failed:
        first = "; ".join(_describe(item) for item in failed[:NAMED_FAILURES])
        if all(item["status"] in OVERLOADED for item in failed):
            raise ServerUnavailableError("Elasticsearch", f"{len(failed)} documents stay rejected, first: {first}")
        raise IndexingFailedError(len(failed), first)
    if len(results) != sent:
        raise IndexingFailedError(sent - len(results), f"{sent} sent, but only {len(results)} answered")
    return IndexReport(indexed=sent - conflicts, conflicts=conflicts)


def _describe(item: Item) -> str:
    error = item.get("error", {})
    detail = f"{error.get('type')}: {error.get('reason')}" if isinstance(error, dict) else str(error)
    return f"{item.get('_id')} in {item.get('_index')} ({item['status']} {detail})"
