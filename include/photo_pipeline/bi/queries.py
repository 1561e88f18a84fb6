"""Figures as Elasticsearch searches, and the answers as rows. Pure: no server is spoken to."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from photo_pipeline.bi.spec import (
    DISTINCT_EXACT,
    MISSING,
    Answer,
    Count,
    Dimension,
    Distinct,
    Figure,
    Key,
    Measure,
    OverTime,
    Percentile,
    Ranges,
    Row,
    Scope,
    Share,
    Sum,
    Terms,
    Value,
    Where,
)

# Each monthly index offers so many candidates, so the top ones of all months together are not missed.
CANDIDATES = 1000
ROWS = "rows"

Body = dict[str, Any]


def search_body(figure: Figure, scope: Scope) -> Body:
    """The search that answers the figure."""
    body: Body = {
        "size": 0,
        "track_total_hits": True,
        "query": {"bool": {"filter": [time_filter(scope), *(term(where) for where in figure.where)]}},
    }
    if aggregations := _aggregations(figure.dimensions, figure.measures, scope):
        body["aggs"] = aggregations
    return body


def time_filter(scope: Scope) -> Body:
    """The query for the outcomes settled within the scope."""
    return {"range": {"processed_at": {"gte": scope.since.isoformat(), "lt": scope.until.isoformat()}}}


def extent_body() -> Body:
    """The search for the first and the last moment at which anything was settled."""
    return {
        "size": 0,
        "aggs": {"first": {"min": {"field": "processed_at"}}, "last": {"max": {"field": "processed_at"}}},
    }


def extent_of(response: Mapping[str, Any]) -> tuple[datetime, datetime] | None:
    """First and last moment; none where there is nothing yet."""
    found = response.get("aggregations", {})
    first, last = (found.get(name, {}).get("value") for name in ("first", "last"))
    return None if first is None or last is None else (_moment(first), _moment(last))


def answer_of(figure: Figure, response: Mapping[str, Any]) -> Answer:
    """The rows of a response to ``search_body``."""
    root = {**response.get("aggregations", {}), "doc_count": response["hits"]["total"]["value"]}
    return Answer(tuple(_rows(figure, root, ())), _is_exact(root))


def _aggregations(dimensions: Sequence[Dimension], measures: Sequence[Measure], scope: Scope) -> Body:
    if not dimensions:
        return {
            str(place): body for place, measure in enumerate(measures) if (body := _measure_body(measure)) is not None
        }
    inner = _aggregations(dimensions[1:], measures, scope)
    return {ROWS: {**_dimension_body(dimensions[0], scope), **({"aggs": inner} if inner else {})}}


def _dimension_body(dimension: Dimension, scope: Scope) -> Body:
    match dimension:
        case Terms(field=field, size=size):
            return {"terms": {"field": field, "size": size, "shard_size": CANDIDATES, "missing": MISSING}}
        case OverTime(width=width):
            interval = (width or scope.interval).value
            histogram = {"field": "processed_at", "calendar_interval": interval, "min_doc_count": 1}
            return {"date_histogram": histogram}
        case Ranges(field=field, bounds=bounds):
            edges = pairwise((None, *bounds, None))
            ranges = [{"key": str(place), **_edges(low, high)} for place, (low, high) in enumerate(edges)]
            return {"range": {"field": field, "ranges": ranges}}


def _edges(low: float | None, high: float | None) -> Body:
    return {name: edge for name, edge in (("from", low), ("to", high)) if edge is not None}


def _measure_body(measure: Measure) -> Body | None:
    match measure:
        case Count(where=None):
            return None  # every bucket counts its documents
        case Count(where=Where() as where) | Share(where=where):
            return {"filter": term(where)}
        case Sum(field=field):
            return {"sum": {"field": field}}
        case Distinct(field=field):
            return {"cardinality": {"field": field, "precision_threshold": DISTINCT_EXACT}}
        case Percentile(field=field, percent=percent):
            return {"percentiles": {"field": field, "percents": [percent], "keyed": False}}
    raise TypeError(measure)


def term(where: Where) -> Body:
    """The query for the outcomes whose field has that value."""
    return {"term": {where.field: where.value}}


def _rows(figure: Figure, found: Mapping[str, Any], keys: tuple[Key, ...]) -> Iterator[Row]:
    if len(keys) == len(figure.dimensions):
        yield Row(keys, tuple(_value(measure, found, str(place)) for place, measure in enumerate(figure.measures)))
        return
    dimension = figure.dimensions[len(keys)]
    for bucket in found.get(ROWS, {}).get("buckets", ()):
        if bucket["doc_count"]:
            yield from _rows(figure, bucket, (*keys, _key(dimension, bucket["key"])))


def _key(dimension: Dimension, key: Any) -> Key:
    match dimension:
        case OverTime():
            return _moment(key)
        case Ranges():
            return int(key)
        case Terms():
            return str(key)


def _value(measure: Measure, found: Mapping[str, Any], place: str) -> Value:
    records: int = found["doc_count"]
    match measure:
        case Count(where=None):
            return records
        case Count():
            return int(found[place]["doc_count"]) if place in found else 0
        case Share():
            return float(found[place]["doc_count"] / records) if records else None
        case Sum() | Distinct():
            return int(found[place]["value"]) if place in found else 0
        case Percentile():
            # Where there is no index yet there are no aggregations either.
            value = found[place]["values"][0]["value"] if place in found else None
            return None if value is None else float(value)


def _is_exact(found: Any) -> bool:
    """Whether no terms aggregation in here may have missed a document."""
    if isinstance(found, Mapping):
        return not found.get("doc_count_error_upper_bound") and all(_is_exact(value) for value in found.values())
    if isinstance(found, list):
        return all(_is_exact(value) for value in found)
    return True


def _moment(milliseconds: float) -> datetime:
    """A time as Elasticsearch's aggregations say it."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
