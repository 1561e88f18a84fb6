"""What the report's filters work on: processed photos by customer, source, type and time, small enough for a page.

All customers together are kept in full. Single ones are kept from the largest down, as many as there is room for; the
page calls the rest "all others".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from photo_pipeline.bi.queries import CANDIDATES, term, time_filter
from photo_pipeline.bi.shapes import PROCESSED
from photo_pipeline.bi.spec import MISSING, Scope

MAX_CELLS = 8_000
"""Of single customers; some twenty bytes of the page each."""
MAX_CUSTOMERS = 100
PAGE_BUCKETS = 5_000
ALL = -1
"""In the place of a customer: all of them together."""

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """Photos of one kind.

    Attributes:
        customer: its place among the cube's customers, or ``ALL``.
        source: as in the index, or ``MISSING``; so is the type.
        format: the type.
        time: of the bucket's start, milliseconds since 1970; 0 of the period before, which has no times.
        photos: how many.
        bytes: of their originals.
    """

    customer: int
    source: str
    format: str
    time: int
    photos: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Cube:
    """The cells.

    Attributes:
        customers: id and name of those that are kept one by one, the largest first.
        cells: of all customers together, and of each that is kept.
        before: the same of the period before, without times.
    """

    customers: tuple[tuple[str, str], ...]
    cells: tuple[Cell, ...]
    before: tuple[Cell, ...]


EMPTY = Cube((), (), ())


def largest_body(scope: Scope) -> Body:
    """The search for the customers with the most photos."""
    name = {"terms": {"field": "customer_name", "size": 1, "missing": MISSING}}
    customers = {
        "terms": {"field": "customer_id", "size": MAX_CUSTOMERS, "shard_size": CANDIDATES},
        "aggs": {"n": name},
    }
    return {"size": 0, "query": _query(scope), "aggs": {"customers": customers}}


def largest_of(response: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Their ids and names; none where there is no index yet."""
    found = response.get("aggregations", {}).get("customers", {}).get("buckets", ())
    return tuple((bucket["key"], bucket["n"]["buckets"][0]["key"]) for bucket in found)


def cells_body(scope: Scope, customers: Sequence[str] | None, after: Body | None, *, times: bool = True) -> Body:
    """One page of the cells of these customers, or of all together."""
    sources: list[Body] = [] if customers is None else [{"customer": {"terms": {"field": "customer_id"}}}]
    sources += [{name: {"terms": {"field": name, "missing_bucket": True}}} for name in ("source", "format")]
    if times:
        histogram = {"field": "processed_at", "calendar_interval": scope.interval.value}
        sources.append({"time": {"date_histogram": histogram}})
    composite = {"size": PAGE_BUCKETS, "sources": sources, **({"after": after} if after else {})}
    query = _query(scope) if customers is None else _query(scope, {"terms": {"customer_id": list(customers)}})
    cells = {"composite": composite, "aggs": {"bytes": {"sum": {"field": "bytes"}}}}
    return {"size": 0, "query": query, "aggs": {"cells": cells}}


def cells_of(response: Mapping[str, Any], customers: Sequence[str] = ()) -> tuple[tuple[Cell, ...], Body | None]:
    """A page's cells, and where the next one goes on; none where there is none."""
    found = response.get("aggregations", {}).get("cells", {})
    return tuple(_cells(found.get("buckets", ()), customers)), found.get("after_key")


def fitting(cube: Cube, most: int = MAX_CELLS) -> Cube:
    """The cube with as many of the largest customers as there is room for."""
    counts = [0] * len(cube.customers)
    for cell in (*cube.cells, *cube.before):
        if cell.customer != ALL:
            counts[cell.customer] += 1
    kept = 0
    while kept < len(counts) and sum(counts[: kept + 1]) <= most:
        kept += 1
    cells, before = (tuple(each for each in of if each.customer < kept) for of in (cube.cells, cube.before))
    return replace(cube, customers=cube.customers[:kept], cells=cells, before=before)


def _cells(buckets: Sequence[Mapping[str, Any]], customers: Sequence[str]) -> Iterator[Cell]:
    for bucket in buckets:
        key = bucket["key"]
        yield Cell(
            customer=customers.index(key["customer"]) if customers else ALL,
            source=key["source"] or MISSING,
            format=key["format"] or MISSING,
            time=int(key.get("time", 0)),
            photos=int(bucket["doc_count"]),
            bytes=int(bucket["bytes"]["value"]),
        )


def _query(scope: Scope, *more: Body) -> Body:
    return {"bool": {"filter": [time_filter(scope), term(PROCESSED), *more]}}
