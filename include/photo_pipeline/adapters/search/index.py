"""Elasticsearch: monthly indices behind one alias, an explicit mapping, and a check of every item of a bulk request."""

import json
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from importlib.resources import files
from typing import Any

import msgspec
from elasticsearch import BadRequestError, Elasticsearch
from elasticsearch.helpers import streaming_bulk

from photo_pipeline.adapters.search.client import OVERLOADED, reason_of, refuse_index_named, server_errors
from photo_pipeline.domain.documents import FIRST_GENERATION, Document, IndexName, IndexReport, RefusedDocument
from photo_pipeline.domain.errors import (
    IndexingFailedError,
    IndexNotPreparedError,
    MappingConflictError,
    SearchRequestError,
    ServerUnavailableError,
)

MAX_BATCH_BYTES = 4 * 1024 * 1024
MAX_BATCH_DOCUMENTS = 1000
RETRIES = 6
FIRST_BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 10.0
FULL_DISK = "index.blocks.read_only_allow_delete"
"""Set by the server on every index of a full disk, answered with 429."""
READ_ONLY = "index.blocks.read_only"
# Above the templates that Elasticsearch itself brings along.
TEMPLATE_PRIORITY = 300
RESERVED = ".reserved"
"""Ends the name of the template that keeps the alias' own name from becoming an index."""

ANSWER = "items.*._id,items.*._index,items.*.status,items.*.error"
"""What is read of a bulk request's answer: less than half of it."""
_encoded = msgspec.json.encode

Item = Mapping[str, Any]


class ElasticsearchIndex:
    """The monthly indices ``<alias>-YYYY.MM``, in generations of which the alias shows one.

    An index is made by its writer, with the template's mapping. Of the generation that analysts see, it is put behind
    the alias as it is made; of another, when that is published.

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
        self._preparing = threading.Lock()
        self._prepared: set[str] = set()
        self._seen_generation: int | None = None

    def ensure_template(self) -> None:
        """Install the template, and give the indices that exist its new fields. Safe on a live system.

        What is locked as read-only is left as it is: it takes no documents either.

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
                template=template,
            )
            self._update_indices(pattern, template["mappings"])

    def ensure_shown(self, month: str) -> None:
        """Make the month's index behind the alias, where there is none at all: without one, dashboards show errors.

        Raises:
            AliasTakenError: when an index has the alias' name.
            IndexNotPreparedError: when an index of that name exists without the template's mapping.
            SearchRequestError, ServerUnavailableError: when the server refuses, or is away.
        """
        with server_errors(), self._preparing:
            if not self._seen():
                self._prepare(IndexName(self._alias, month, FIRST_GENERATION), seen=True)

    def generation(self) -> int:
        """See the port."""
        with server_errors():
            return max((index.generation for index in self._seen()), default=0)

    def is_empty(self) -> bool:
        """See the port."""
        with server_errors():
            seen = {str(index) for index in self._seen()}
            opened = self._client.indices.get(index=f"{self._alias}-*", features=["aliases"], expand_wildcards="open")
        return seen <= set(opened) and self.count() == 0

    def is_outdated(self) -> bool:
        """See the port: what is older has no field ``version``."""
        with server_errors():
            ours = [str(index) for index in self._seen()]  # what else is behind the alias is made by somebody else
            if not ours:
                return False
            found = self._client.search(
                index=ours,
                ignore_unavailable=True,
                size=0,
                terminate_after=1,
                track_total_hits=True,
                query={"bool": {"must_not": {"exists": {"field": "version"}}}},
            )
        return bool(found["hits"]["total"]["value"] > 0)

    def clear(self, generation: int) -> None:
        """See the port."""
        with server_errors():
            self._remove([index for index in self._all() if index.generation == generation])

    def count(self, generation: int | None = None) -> int:
        """See the port."""
        with server_errors():
            found = self._seen() if generation is None else [i for i in self._all() if i.generation == generation]
            names = [str(index) for index in found]
            if not names:
                return 0
            self._client.indices.refresh(index=names, ignore_unavailable=True)
            return int(self._client.count(index=names, ignore_unavailable=True)["count"])

    def publish(self, generation: int) -> None:
        """See the port."""
        with server_errors():
            indices = self._all()
            new = [index for index in indices if index.generation == generation]
            old = [index for index in indices if index.generation != generation]
            actions = [{"add": {"index": str(index), "alias": self._alias}} for index in new]
            self._unlock(old)
            leaving = [str(index) for index in self._seen() if index in old]
            actions += [{"remove": {"index": name, "alias": self._alias}} for name in leaving]
            if actions:
                self._client.indices.update_aliases(actions=actions)
            self._remove(old)

    def forget(self, before: str) -> Sequence[str]:
        """See the port. An index that an operator has locked is removed as well: its time is over."""
        with server_errors():
            old = [index for index in self._all() if index.month < before]
            self._unlock(old)
            self._remove(old)
        return sorted({index.month for index in old})

    def write(self, documents: Sequence[Document], generation: int | None = None) -> IndexReport:
        """See the port."""
        with server_errors():
            with self._preparing:
                target = generation or self._generation_seen()
                unmade = self._prepare_months({document.month for document in documents}, target, generation)
            possible = [document for document in documents if document.month not in unmade]
            results = [next(iter(result.values())) for _, result in self._bulk(possible, target)]
        months = {document.document_id: document.month for document in documents}
        overloaded = [item for item in results if item["status"] in OVERLOADED]
        if overloaded and not self._is_blocked_alone(overloaded):
            first = f"{overloaded[0]['_id']} in {_describe(overloaded[0])}"
            detail = f"{len(overloaded)} documents stay rejected, first: {first}"
            raise ServerUnavailableError("Elasticsearch", detail)
        report = _report(results, len(possible), months)
        refused = [RefusedDocument(d.document_id, d.month, unmade[d.month]) for d in documents if d.month in unmade]
        return replace(report, refused=(*report.refused, *refused))

    def refresh(self) -> None:
        """Make all that was written visible to searches.

        Raises:
            AliasTakenError: when an index has the alias' name.
        """
        with server_errors():
            refuse_index_named(self._client, self._alias)
            self._client.indices.refresh(index=self._alias, ignore_unavailable=True)

    def _bulk(self, documents: Sequence[Document], generation: int) -> Iterator[tuple[bool, dict[str, Item]]]:
        indices = {month: str(IndexName(self._alias, month, generation)) for month in {d.month for d in documents}}
        yield from streaming_bulk(
            self._client,
            documents,  # type: ignore[arg-type] # whatever the callback takes
            expand_action_callback=lambda document: _lines(document, indices),  # type: ignore[arg-type,return-value]
            chunk_size=MAX_BATCH_DOCUMENTS,
            max_chunk_bytes=self._max_batch_bytes,
            raise_on_error=False,
            max_retries=RETRIES,
            initial_backoff=self._first_backoff_seconds,
            max_backoff=MAX_BACKOFF_SECONDS,
            retry_on_status=OVERLOADED,
            filter_path=ANSWER,
        )

    def _all(self) -> list[IndexName]:
        """Ours, of every generation, open or closed."""
        names = self._client.indices.get(index=f"{self._alias}-*", features=["aliases"], expand_wildcards="all")
        return [index for name in names if (index := IndexName.parse(name)) and index.alias == self._alias]

    def _seen(self) -> list[IndexName]:
        """Those that analysts see."""
        names = self._client.options(ignore_status=404).indices.get_alias(name=self._alias)
        return [index for name in names if (index := IndexName.parse(name)) and index.alias == self._alias]

    def _generation_seen(self) -> int:
        if self._seen_generation is None:
            self._seen_generation = self.generation() or FIRST_GENERATION
        return self._seen_generation

    def _remove(self, indices: Sequence[IndexName]) -> None:
        self._prepared -= {str(index) for index in indices}
        self._seen_generation = None
        if indices:  # by their names: the server refuses to delete by pattern
            self._client.indices.delete(index=[str(index) for index in indices], ignore_unavailable=True)

    def _locked(self, pattern: str) -> set[str]:
        """The indices of which an operator has locked even the settings and the alias."""
        found = self._client.indices.get_settings(
            index=pattern, name=READ_ONLY, expand_wildcards="all", flat_settings=True
        )
        return {name for name, settings in found.items() if settings["settings"].get(READ_ONLY) == "true"}

    def _unlock(self, indices: Sequence[IndexName]) -> None:
        """So that they can go: what they hold is in the new generation."""
        if not indices:
            return
        locked = self._locked(f"{self._alias}-*") & {str(index) for index in indices}
        if locked:
            self._client.indices.put_settings(index=sorted(locked), settings={READ_ONLY: None})

    def _is_blocked_alone(self, overloaded: Sequence[Item]) -> bool:
        """Whether these documents' indices are blocked while others are not: then it is not the server's disk."""
        if any(_kind(item) != "cluster_block_exception" for item in overloaded):
            return False
        found = self._client.indices.get_settings(index=f"{self._alias}-*", name=FULL_DISK)
        blocked = [name for name, settings in found.items() if settings["settings"]]
        return len(blocked) < len(self._all())

    def _prepare_months(self, months: Collection[str], target: int, generation: int | None) -> dict[str, str]:
        """Prepare each month's index; why it cannot be made, for those where the server says so."""
        found = {
            month: self._prepare(IndexName(self._alias, month, target), seen=generation is None)
            for month in sorted(months)
        }
        return {month: reason for month, reason in found.items() if reason is not None}

    def _prepare(self, index: IndexName, *, seen: bool) -> str | None:
        """Make sure that the index has the template's mapping, before the first document could be mapped by guessing.

        Returns why the index cannot be made, where the server says so.
        """
        name = str(index)
        if name in self._prepared:
            return None
        try:
            if not self._client.indices.exists(index=name):
                refuse_index_named(self._client, self._alias)
                self._create(name, seen=seen)
            if not self._is_mapped(name):
                raise IndexNotPreparedError(name, self._alias)
            if seen and not self._client.indices.exists_alias(index=name, name=self._alias):
                self._client.indices.put_alias(index=name, name=self._alias)
        except BadRequestError as error:
            return reason_of(error)
        self._prepared.add(name)
        return None

    def _is_mapped(self, name: str) -> bool:
        (found,) = self._client.indices.get_mapping(index=name).values()
        return bool(found["mappings"].get("dynamic") == "strict")

    def _create(self, name: str, *, seen: bool) -> None:
        try:
            self._client.indices.create(index=name, aliases={self._alias: {}} if seen else None)
        except BadRequestError as error:
            if error.error != "resource_already_exists_exception":
                raise

    def _update_indices(self, pattern: str, mappings: Mapping[str, Any]) -> None:
        found = set(self._client.indices.get(index=pattern, features=["aliases"]))
        names = sorted(found - self._locked(pattern))
        if not names:
            return
        try:
            self._client.indices.put_mapping(
                index=names, dynamic=mappings["dynamic"], meta=mappings["_meta"], properties=mappings["properties"]
            )
        except BadRequestError as error:
            raise MappingConflictError(reason_of(error)) from error


def _template() -> dict[str, Any]:
    text = files("photo_pipeline").joinpath("mappings", "photos.json").read_text()
    template: dict[str, Any] = json.loads(text)
    return template


def _lines(document: Document, indices: Mapping[str, str]) -> tuple[bytes, bytes]:
    """The two lines of a bulk request, in bytes: the client's own encoder is made anew for each."""
    action = {
        "_index": indices[document.month],
        "_id": document.document_id,
        "version": document.version,
        "version_type": "external_gte",
    }
    return _encoded({"index": action}), _encoded(document.body)


def _report(results: Sequence[Item], sent: int, months: Mapping[str, str]) -> IndexReport:
    conflicts = sum(item["status"] == HTTPStatus.CONFLICT for item in results)
    failed = [item for item in results if item["status"] >= HTTPStatus.MULTIPLE_CHOICES]
    failed = [item for item in failed if item["status"] != HTTPStatus.CONFLICT]
    forbidden = [item for item in failed if _kind(item) == "security_exception"]
    if forbidden:
        raise SearchRequestError(forbidden[0]["status"], _describe(forbidden[0]))
    if len(results) != sent:
        raise IndexingFailedError(sent - len(results), f"{sent} sent, but only {len(results)} answered")
    refused = [RefusedDocument(item["_id"], months[item["_id"]], _describe(item)) for item in failed]
    return IndexReport(sent - conflicts - len(refused), conflicts, refused)


def _kind(item: Item) -> str:
    error = item.get("error", {})
    return str(error.get("type")) if isinstance(error, dict) else ""


def _describe(item: Item) -> str:
    error = item.get("error", {})
    detail = f"{error.get('type')}: {error.get('reason')}" if isinstance(error, dict) else str(error)
    return f"{item.get('_index')} ({item['status']} {detail})"
