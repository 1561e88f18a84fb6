"""A figure's dimensions and measures as the columns of a Lens layer.

The shape is that of Kibana 8.19's form-based data source: each column is an operation on a field; ``columnOrder`` nests
the buckets, outermost first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from photo_pipeline.bi.spec import (
    Count,
    Dimension,
    Distinct,
    Interval,
    Measure,
    OverTime,
    Percentile,
    Ranges,
    Share,
    Sum,
    Terms,
    Where,
)

RECORDS = "___records___"
"""What Lens calls the field of a count."""
TIME_FIELD = "processed_at"
_WIDTHS = {Interval.MINUTE: "1m", Interval.HOUR: "1h", Interval.DAY: "1d", Interval.MONTH: "1M"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Layer:
    """The columns of one panel.

    Attributes:
        buckets: ids of the dimensions' columns, outermost first.
        measures: ids of the measures' columns, in the figure's order.
        before: ids of the same measures' columns of an earlier time, where there are any.
        columns: all of them by id, with those that a formula is made of.
    """

    buckets: tuple[str, ...]
    measures: tuple[str, ...]
    before: tuple[str, ...]
    columns: dict[str, Json]

    def saved(self) -> Json:
        """As it stands in a saved object."""
        shown = [*self.buckets, *self.measures, *self.before]
        return {
            "columnOrder": [*shown, *(name for name in self.columns if name not in shown)],
            "columns": self.columns,
            "incompleteColumns": {},
            "sampling": 1,
        }


def layer_of(dimensions: Sequence[Dimension], measures: Sequence[Measure], shift: str = "") -> Layer:
    """The columns, with ids that depend on their place alone.

    Terms are ordered by the first measure, which has to be a plain count; Elasticsearch breaks ties by the value.

    Args:
        dimensions: outermost first.
        measures: in their order.
        shift: how much earlier each measure is counted once more, in Lens' words.
    """
    buckets = tuple(f"by-{place}" for place in range(len(dimensions)))
    names = tuple(f"value-{place}" for place in range(len(measures)))
    nested = any(_names_one(dimension) for dimension in dimensions)
    columns = {
        name: _bucket(dimension, order_by=names[0], whole=not nested)
        for name, dimension in zip(buckets, dimensions, strict=True)
    }
    for name, measure in zip(names, measures, strict=True):
        columns |= _measure(name, measure)
    before = {f"{name}-before": _shifted(columns[name], shift) for name in names if shift}
    return Layer(buckets, names, tuple(before), columns | before)


def kql(conditions: Iterable[Where]) -> str:
    """The conditions in Kibana's query language."""
    return " and ".join(f'{where.field} : "{where.value}"' for where in conditions)


def _bucket(dimension: Dimension, *, order_by: str, whole: bool) -> Json:
    match dimension:
        case OverTime(width=width):
            return _column(
                # In whose zone the days are is a setting of Kibana's, which a label cannot know.
                "time" if width is None else width.value,
                "date_histogram",
                TIME_FIELD,
                data_type="date",
                scale="interval",
                # Kibana chooses the width from the time picker. A moment without records has no rate and no latency.
                params={
                    "interval": _WIDTHS[width] if width else "auto",
                    "includeEmptyRows": False,
                    "dropPartials": False,
                },
            )
        case Ranges():
            return _ranges(dimension)
        case Terms(field=field, label=label, size=size, closed=closed):
            return _column(
                label,
                "terms",
                field,
                data_type="string",
                scale="ordinal",
                params=_terms(size, order_by, whole=whole and not closed),
            )


def _terms(size: int, order_by: str, *, whole: bool) -> Json:
    """What makes the list.

    Lens shows what has no value only together with what did not make the list ("Other"); inside a customer, whose name
    is one, and between customers, who always have an id, there is neither.
    """
    return {
        "size": size,
        "orderBy": {"type": "column", "columnId": order_by},
        "orderDirection": "desc",
        "otherBucket": whole,
        "missingBucket": whole,
        "parentFormat": {"id": "terms"},
        "include": [],
        "exclude": [],
        "includeIsRegex": False,
        "excludeIsRegex": False,
        # Each index offers 1,000 candidates, as the figures' own searches do.
        "accuracyMode": True,
    }


def _ranges(dimension: Ranges) -> Json:
    """Named filters, which leave no doubt to which side a bound belongs."""
    edges = pairwise((None, *dimension.bounds, None))
    filters = [
        {"label": name, "input": {"query": _range(dimension.field, low, high), "language": "kuery"}}
        for name, (low, high) in zip(dimension.names, edges, strict=True)
    ]
    return {
        "label": dimension.label,
        "customLabel": True,
        "dataType": "string",
        "operationType": "filters",
        "isBucketed": True,
        "scale": "ordinal",
        "params": {"filters": filters},
    }


def _range(field: str, low: float | None, high: float | None) -> str:
    sides = ((">=", low), ("<", high))
    return " and ".join(f"{field} {sign} {bound:.0f}" for sign, bound in sides if bound is not None)


def _measure(name: str, measure: Measure) -> dict[str, Json]:
    match measure:
        case Count(label=label, where=where):
            return {name: _count(label, where)}
        case Share(label=label, where=where):
            return _share(name, label, where)
        case Sum(label=label, field=field):
            params = {"emptyAsNull": False, "format": {"id": "bytes", "params": {"decimals": 1}}}
            return {name: _number(label, "sum", field, params)}
        case Distinct(label=label, field=field):
            return {name: _number(label, "unique_count", field, {"emptyAsNull": False})}
        case Percentile(label=label, field=field, percent=percent):
            # Without a format of its own it takes the data view's, which knows durations; Lens' own formats do not.
            return {name: _number(label, "percentile", field, {"percentile": percent})}


def _shifted(column: Json, shift: str) -> Json:
    return {**column, "label": f"{column['label']} before", "timeShift": shift}


def _share(name: str, label: str, where: Where) -> dict[str, Json]:
    """A formula, and what Lens takes it apart into: two counts and their quotient."""
    part, whole, quotient = (f"{name}X{place}" for place in range(3))
    formula = f"count(kql='{kql((where,))}') / count()"
    tree = {
        "type": "function",
        "name": "divide",
        "args": [part, whole],
        "location": {"min": 0, "max": len(formula)},
        "text": formula,
    }
    params = {
        "formula": formula,
        "isFormulaBroken": False,
        "format": {"id": "percent", "params": {"decimals": 1}},
    }
    return {
        name: {**_calculated(label, "formula", params), "references": [quotient]},
        part: _count(f"Part of {label}", where),
        whole: _count(f"Part of {label}", None),
        quotient: {
            **_calculated(f"Part of {label}", "math", {"tinymathAst": tree}),
            "references": [part, whole],
        },
    }


def _count(label: str, where: Where | None) -> Json:
    column = _number(label, "count", RECORDS, {"emptyAsNull": False})
    return column if where is None else {**column, "filter": {"query": kql((where,)), "language": "kuery"}}


def _number(label: str, operation: str, field: str, params: Json) -> Json:
    return {**_calculated(label, operation, params), "sourceField": field}


def _calculated(label: str, operation: str, params: Json) -> Json:
    return {
        "label": label,
        "customLabel": True,
        "dataType": "number",
        "operationType": operation,
        "isBucketed": False,
        "scale": "ratio",
        "params": params,
    }


def _column(label: str, operation: str, field: str, *, data_type: str, scale: str, params: Json) -> Json:
    return {
        "label": label,
        "customLabel": True,
        "dataType": data_type,
        "operationType": operation,
        "sourceField": field,
        "isBucketed": True,
        "scale": scale,
        "params": params,
    }


def _names_one(dimension: Dimension) -> bool:
    """Whether the dimension's values are ids, under which a name follows."""
    return isinstance(dimension, Terms) and dimension.field.endswith("_id")
