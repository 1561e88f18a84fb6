"""Kibana's side of a dashboard: panels read from saved objects, as the searches that Lens makes of them.

Written from what Lens does with a saved panel, without the code that generates the panels: what is tried is the file.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from photo_pipeline.bi.spec import Scope

MISSING = "__missing__"
LEAST_CANDIDATES = 1000
RECORDS = "___records___"
PREDICATE = re.compile(r'^(?P<field>\w+) (?P<sign>:|>=|<) (?:"(?P<text>[^"\\]+)"|(?P<number>\d+))$')
SIGNS = {">=": "gte", "<": "lt"}

Json = dict[str, Any]


@dataclass(frozen=True)
class Panel:
    """A Lens panel as a dashboard holds it."""

    dashboard: str
    name: str
    grid: Json
    attributes: Json

    @property
    def layer(self) -> Json:
        """Its only layer."""
        layers = self.attributes["state"]["datasourceStates"]["formBased"]["layers"]
        assert len(layers) == 1
        found: Json = next(iter(layers.values()))
        return found

    @property
    def columns(self) -> dict[str, Json]:
        """The layer's columns by id, in their order."""
        return {name: self.layer["columns"][name] for name in self.layer["columnOrder"]}

    @property
    def buckets(self) -> dict[str, Json]:
        """The columns that group, outermost first."""
        return {name: column for name, column in self.columns.items() if column["isBucketed"]}

    @property
    def metrics(self) -> dict[str, Json]:
        """The columns that count, with the parts of formulas."""
        return {name: column for name, column in self.columns.items() if not column["isBucketed"]}

    @property
    def shifts(self) -> set[str]:
        """How much earlier its numbers are from, in Lens' words; empty for those of the picked time."""
        return {column.get("timeShift", "") for column in self.metrics.values()}

    def of_shift(self, shift: str) -> "Panel":
        """The panel with the numbers of that time alone."""
        layer = deepcopy(self.layer)
        layer["columns"] = {
            name: {key: value for key, value in column.items() if key != "timeShift"}
            for name, column in self.columns.items()
            if column["isBucketed"] or column.get("timeShift", "") == shift
        }
        layer["columnOrder"] = list(layer["columns"])
        attributes = deepcopy(self.attributes)
        attributes["state"]["datasourceStates"]["formBased"]["layers"] = {"figure": layer}
        return replace(self, attributes=attributes)

    def drawn(self) -> tuple[str, ...]:
        """Ids of the columns that the picture refers to, groups before numbers."""
        return tuple(name for name in self._referred() if name in self.layer["columns"])

    def _referred(self) -> tuple[str, ...]:
        state = self.attributes["state"]["visualization"]
        match self.attributes["visualizationType"]:
            case "lnsMetric":
                keys = ("breakdownByAccessor", "metricAccessor", "secondaryMetricAccessor")
                return tuple(state[key] for key in keys if key in state)
            case "lnsDatatable":
                return tuple(column["columnId"] for column in state["columns"])
            case "lnsXY":
                (layer,) = state["layers"]
                outer = [layer["splitAccessor"]] if "splitAccessor" in layer else []
                return (*outer, layer["xAccessor"], *layer["accessors"])
        raise AssertionError(self.attributes["visualizationType"])


@dataclass(frozen=True)
class PanelRow:
    """What a panel shows at one place: the groups' keys and the drawn numbers, by column id."""

    keys: dict[str, Any]
    values: dict[str, float | None]


def saved(ndjson: bytes) -> list[Json]:
    """The objects of the file."""
    return [json.loads(line) for line in ndjson.decode().splitlines()]


def panels(ndjson: bytes) -> list[Panel]:
    """The Lens panels of all dashboards of the file."""
    return [
        Panel(
            each["attributes"]["title"], panel["panelIndex"], panel["gridData"], panel["embeddableConfig"]["attributes"]
        )
        for each in saved(ndjson)
        if each["type"] == "dashboard"
        for panel in json.loads(each["attributes"]["panelsJSON"])
        if panel["type"] == "lens"
    ]


def shifted(scope: Scope, shift: str) -> tuple[Scope, timedelta]:
    """The time that a shifted number is of, and how much earlier that is."""
    by = {"": timedelta(), "1w": timedelta(weeks=1), "previous": scope.until - scope.since}[shift]
    return replace(scope, since=scope.since - by, until=scope.until - by), by


def search_of(panel: Panel, time_field: str, scope: Scope) -> Json:
    """The search, with the time picker and the width of its buckets set to the scope."""
    query = panel.attributes["state"]["query"]
    assert query["language"] == "kuery"
    picked = {"range": {time_field: {"gte": scope.since.isoformat(), "lt": scope.until.isoformat()}}}
    body: Json = {
        "size": 0,
        "track_total_hits": True,
        "query": {"bool": {"filter": [picked, *kql(query["query"])]}},
    }
    if aggregations := _aggregations(panel, list(panel.buckets), scope):
        body["aggs"] = aggregations
    return body


def rows_of(panel: Panel, response: Mapping[str, Any]) -> Iterator[PanelRow]:
    """What the panel shows; groups without records are left out."""
    root = {**response.get("aggregations", {}), "doc_count": response["hits"]["total"]["value"]}
    yield from _rows(panel, list(panel.buckets), root, {})


def kql(text: str) -> list[Json]:
    """The part of Kibana's query language that the dashboards use: conditions joined by ``and``."""
    return [_predicate(part) for part in text.split(" and ")] if text else []


def fields_of(text: str) -> set[str]:
    """Which fields a query asks for."""
    return {part.split()[0] for part in text.split(" and ")} if text else set()


def _predicate(text: str) -> Json:
    match = PREDICATE.match(text)
    assert match, text
    if match["sign"] == ":":
        assert match["text"], text
        return {"term": {match["field"]: match["text"]}}
    return {"range": {match["field"]: {SIGNS[match["sign"]]: float(match["number"])}}}


def _aggregations(panel: Panel, buckets: Sequence[str], scope: Scope) -> Json:
    if not buckets:
        asked = {name: _metric(column) for name, column in panel.metrics.items()}
        return {name: body for name, body in asked.items() if body is not None}
    inner = _aggregations(panel, buckets[1:], scope)
    body = _bucket(panel, panel.columns[buckets[0]], scope)
    return {buckets[0]: {**body, "aggs": inner} if inner else body}


def _bucket(panel: Panel, column: Json, scope: Scope) -> Json:
    params = column["params"]
    match column["operationType"]:
        case "terms":
            return {"terms": _terms(panel, column)}
        case "date_histogram":
            least = 0 if params["includeEmptyRows"] else 1
            width = scope.interval.value if params["interval"] == "auto" else params["interval"]
            times = {"calendar_interval": width, "time_zone": "UTC", "min_doc_count": least}
            return {"date_histogram": {"field": column["sourceField"], **times}}
        case "filters":
            named = {each["label"]: {"bool": {"filter": kql(each["input"]["query"])}} for each in params["filters"]}
            return {"filters": {"filters": named}}
    raise AssertionError(column["operationType"])


def _terms(panel: Panel, column: Json) -> Json:
    params = column["params"]
    assert params["orderBy"]["type"] == "column"
    by = panel.columns[params["orderBy"]["columnId"]]
    assert by["operationType"] == "count"
    assert "filter" not in by
    body = {"field": column["sourceField"], "size": params["size"], "order": {"_count": params["orderDirection"]}}
    if params["accuracyMode"]:
        body["shard_size"] = max(LEAST_CANDIDATES, params["size"] * 1.5 + 10)
    # Lens shows what has no value only where it shows the rest of the list.
    return {**body, "missing": MISSING} if params["otherBucket"] and params["missingBucket"] else body


def _metric(column: Json) -> Json | None:
    """A column's own aggregation; none where the group's count or other columns say it."""
    operation = column["operationType"]
    if operation in {"math", "formula"}:
        return None
    if operation == "count":
        assert column["sourceField"] == RECORDS
        return {"filter": {"bool": {"filter": kql(column["filter"]["query"])}}} if "filter" in column else None
    assert "filter" not in column
    if operation == "percentile":
        return {"percentiles": {"field": column["sourceField"], "percents": [column["params"]["percentile"]]}}
    if operation == "unique_count":
        return {"cardinality": {"field": column["sourceField"]}}
    assert operation == "sum"
    return {"sum": {"field": column["sourceField"]}}


def _rows(panel: Panel, buckets: Sequence[str], found: Json, keys: Json) -> Iterator[PanelRow]:
    if not buckets:
        drawn = [name for name in panel.drawn() if not panel.columns[name]["isBucketed"]]
        yield PanelRow(keys, {name: _value(panel, name, found) for name in drawn})
        return
    for key, bucket in _pairs(found.get(buckets[0], {}).get("buckets", [])):
        if bucket["doc_count"]:
            yield from _rows(panel, buckets[1:], bucket, {**keys, buckets[0]: key})


def _pairs(buckets: Any) -> Iterator[tuple[Any, Json]]:
    """Groups by their key; named filters come as an object, in their order."""
    if isinstance(buckets, dict):
        yield from buckets.items()
    else:
        yield from ((bucket["key"], bucket) for bucket in buckets)


def _value(panel: Panel, name: str, found: Json) -> float | None:
    column = panel.columns[name]
    match column["operationType"]:
        case "count":
            return float(found[name]["doc_count"] if "filter" in column else found["doc_count"])
        case "formula":
            (reference,) = column["references"]
            return _value(panel, reference, found)
        case "math":
            return _evaluated(panel, column["params"]["tinymathAst"], found)
        case "percentile":
            (value,) = found[name]["values"].values()
            return None if value is None else float(value)
        case "sum" | "unique_count":
            return float(found[name]["value"])
    raise AssertionError(column["operationType"])


def _evaluated(panel: Panel, tree: Any, found: Json) -> float | None:
    if isinstance(tree, str):
        return _value(panel, tree, found)
    assert (tree["type"], tree["name"]) == ("function", "divide")
    part, whole = (_evaluated(panel, argument, found) for argument in tree["args"])
    return None if not whole or part is None else part / whole
