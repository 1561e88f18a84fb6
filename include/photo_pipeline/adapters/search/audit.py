"""Elasticsearch, as the reconciliation compares it with PostgreSQL: sums per day, documents with their versions."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

from elasticsearch import Elasticsearch
from elasticsearch.helpers import streaming_bulk

from photo_pipeline.adapters.search.client import refuse_index_named, server_errors
from photo_pipeline.domain.errors import IndexingFailedError
from photo_pipeline.domain.reconciliation import Figures, Scope, StoredDocument
from photo_pipeline.ports.clock import Clock

CUSTOMERS_AT_ONCE = 1000
UNDATED_ORDER = ("topic", "partition", "offset", "_index")
ORDER = ("uploaded_at", *UNDATED_ORDER)
"""Of documents with a day: the server skips what comes before a page. It cannot go on after one without the field."""
GONE = (HTTPStatus.OK.value, HTTPStatus.NOT_FOUND.value, HTTPStatus.CONFLICT.value)

Query = Mapping[str, Any]


class ElasticsearchAudit:
    """The ``SearchAudit`` port. Searches see what was refreshed before.

    Args:
        client: of the account that the sync uses.
        alias: of the monthly indices.
        clock: says which day today is.
    """

    def __init__(self, client: Elasticsearch, alias: str, clock: Clock) -> None:
        self._client = client
        self._alias = alias
        self._clock = clock

    def refresh(self) -> None:
        """See the port."""
        with server_errors():
            refuse_index_named(self._client, self._alias)
            self._client.indices.refresh(index=self._alias, ignore_unavailable=True)

    def day_figures(self, day: date) -> Mapping[UUID | None, Figures]:
        """See the port."""
        return dict(self._figures(_of_day(day)))

    def fetch(self, document_ids: Collection[str]) -> Sequence[StoredDocument]:
        """See the port."""
        if not document_ids:
            return []
        # More than were asked for, as one may be in two indices.
        return self._search({"ids": {"values": list(document_ids)}}, UNDATED_ORDER, 2 * len(document_ids))

    def page(self, scope: Scope | None, after: StoredDocument | None, limit: int) -> Sequence[StoredDocument]:
        """See the port."""
        if scope is None:
            return self._search(self._undated(), UNDATED_ORDER, limit, after)
        return self._search(_of_scope(scope), ORDER, limit, after)

    def delete(self, documents: Sequence[StoredDocument]) -> int:
        """See the port.

        Raises:
            IndexingFailedError: when the server refuses.
        """
        actions = [
            {
                "_op_type": "delete",
                "_index": stored.index,
                "_id": stored.document_id,
                "if_seq_no": stored.sequence_number,
                "if_primary_term": stored.primary_term,
            }
            for stored in documents
        ]
        with server_errors():
            answers = [answer for _, answer in streaming_bulk(self._client, actions, raise_on_error=False)]
        items = [next(iter(answer.values())) for answer in answers]
        refused = [item for item in items if item["status"] not in GONE]
        if refused:
            raise IndexingFailedError(len(refused), f"deleting {refused[0].get('_id')}: {refused[0].get('error')}")
        return sum(item["status"] == HTTPStatus.OK for item in items)

    def _search(
        self, query: Query, order: Sequence[str], limit: int, after: StoredDocument | None = None
    ) -> list[StoredDocument]:
        with server_errors():
            answer = self._client.search(
                index=self._alias,
                ignore_unavailable=True,
                query=query,
                sort=list(order),
                search_after=None if after is None else list(after.position),
                size=limit,
                version=True,
                seq_no_primary_term=True,
                track_total_hits=False,
            )
        return [_stored(hit) for hit in answer["hits"]["hits"]]

    def _figures(self, query: Query) -> Iterator[tuple[UUID | None, Figures]]:
        after: dict[str, Any] | None = None
        while True:
            with server_errors():
                answer = self._client.search(
                    index=self._alias, ignore_unavailable=True, query=query, size=0, aggs=_aggregations(after)
                )
            # Without any index there is nothing to aggregate.
            customers = answer.get("aggregations", {}).get("customers", {"buckets": []})
            for bucket in customers["buckets"]:
                name = bucket["key"]["customer_id"]
                figures = Figures(
                    bucket["doc_count"],
                    int(bucket["bytes"]["value"]),
                    bucket["expired"]["value"],
                    versions=int(bucket["versions"]["value"]),
                )
                yield None if name is None else UUID(name), figures
            after = customers.get("after_key")
            if after is None:
                return

    def _undated(self) -> Query:
        """Documents that no comparison of a day up to today would come across."""
        tomorrow = self._clock.now().astimezone(UTC).date() + timedelta(days=1)
        dated = {"range": {"uploaded_at": {"lt": tomorrow.isoformat()}}}
        return {"bool": {"must_not": [dated]}}


def _aggregations(after: Mapping[str, Any] | None) -> dict[str, Any]:
    customers: dict[str, Any] = {
        "size": CUSTOMERS_AT_ONCE,
        "sources": [{"customer_id": {"terms": {"field": "customer_id", "missing_bucket": True}}}],
    }
    if after is not None:
        customers["after"] = after
    sums = {
        "bytes": {"sum": {"field": "bytes"}},
        "expired": {"value_count": {"field": "expired_at"}},
        "versions": {"sum": {"field": "version"}},
    }
    return {"customers": {"composite": customers, "aggs": sums}}


def _of_day(day: date) -> dict[str, Any]:
    return {"range": {"uploaded_at": {"gte": day.isoformat(), "lt": (day + timedelta(days=1)).isoformat()}}}


def _of_scope(scope: Scope) -> Query:
    if scope.everyone:
        return _of_day(scope.day)
    if scope.customer_id is None:
        return {"bool": {"filter": [_of_day(scope.day)], "must_not": [{"exists": {"field": "customer_id"}}]}}
    return {"bool": {"filter": [_of_day(scope.day), {"term": {"customer_id": str(scope.customer_id)}}]}}


def _stored(hit: Mapping[str, Any]) -> StoredDocument:
    return StoredDocument(
        document_id=hit["_id"],
        index=hit["_index"],
        version=hit["_version"],
        body=hit["_source"],
        sequence_number=hit["_seq_no"],
        primary_term=hit["_primary_term"],
        position=tuple(hit["sort"]),
    )
