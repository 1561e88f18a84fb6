"""Answers as tables of text: what the report shows as figures, and beside each chart for whoever does not see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from photo_pipeline.bi.spec import (
    Answer,
    Chart,
    Count,
    Dimension,
    Distinct,
    Figure,
    Key,
    Measure,
    Percentile,
    Ranges,
    Row,
    Share,
    Sum,
    Terms,
    Value,
)

NO_VALUE = "-"
_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_THOUSAND = 1000
_SIXTY = 60
_DURATIONS = (("d", "h", 86_400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1))


@dataclass(frozen=True, slots=True)
class Table:
    """Text in rows and columns.

    Attributes:
        headings: of all columns.
        rows: each as long as the headings; the first ``labels`` cells say what the row is, the rest are numbers.
        labels: how many.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    labels: int


def table_of(figure: Figure, answer: Answer) -> Table:
    """The answer, with the second dimension as columns where there are two."""
    dimensions = shown_dimensions(figure)
    if figure.chart in (Chart.STACKED, Chart.TABLE) and len(dimensions) > 1:
        return _pivoted(figure, answer, dimensions)
    headings = (*(dimension.label for dimension in dimensions), *(measure.label for measure in figure.measures))
    rows = tuple((*labels_of(figure, row), *_texts(figure.measures, row.values)) for row in answer.rows)
    return Table(headings, rows, len(dimensions))


def shown_dimensions(figure: Figure) -> tuple[Dimension, ...]:
    """The dimensions that mean something to people: an id only keeps two of the same name apart."""
    return tuple(dimension for dimension in figure.dimensions if not _is_id(dimension))


def labels_of(figure: Figure, row: Row) -> tuple[str, ...]:
    """The row's shown keys as text."""
    pairs = zip(figure.dimensions, row.keys, strict=True)
    return tuple(label_of(dimension, key) for dimension, key in pairs if not _is_id(dimension))


def label_of(dimension: Dimension, key: Key) -> str:
    """A key as text."""
    if isinstance(dimension, Ranges) and isinstance(key, int):
        return dimension.names[key]
    return f"{key:%Y-%m-%d %H:%M}" if isinstance(key, datetime) else str(key)


def text_of(measure: Measure, value: Value) -> str:
    """A number with its unit."""
    if value is None:
        return NO_VALUE
    match measure:
        case Count() | Distinct():
            return f"{value:,}"
        case Share():
            return f"{value:.1%}"
        case Sum():
            return byte_text(value)
        case Percentile():
            return duration_text(value)


def byte_text(number: float) -> str:
    """Bytes in the decimal unit that leaves one to three digits before the point."""
    for unit in _BYTE_UNITS[:-1]:
        if number < _THOUSAND:
            return f"{number:,.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= _THOUSAND
    return f"{number:,.1f} {_BYTE_UNITS[-1]}"


def duration_text(milliseconds: float) -> str:
    """A time in the units in which people would say it: ``820 ms``, ``12.4 s``, ``2 min 48 s``, ``3 h 5 min``."""
    seconds = milliseconds / _THOUSAND
    if round(milliseconds) < _THOUSAND:
        return f"{milliseconds:.0f} ms"
    if round(seconds, 1) < _SIXTY:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for high, low, size, part in _DURATIONS:
        if whole >= size:
            return f"{whole // size} {high} {whole % size // part} {low}"
    raise ValueError(milliseconds)


def columns_of(answer: Answer) -> tuple[Key, ...]:
    """The innermost keys, the most frequent first."""
    totals: dict[Key, float] = {}
    for row in answer.rows:
        totals[row.keys[-1]] = totals.get(row.keys[-1], 0) + (row.values[0] or 0)
    return tuple(sorted(totals, key=lambda key: (-totals[key], str(key))))


def _pivoted(figure: Figure, answer: Answer, dimensions: Sequence[Dimension]) -> Table:
    columns, inner = columns_of(answer), dimensions[-1]
    cells: dict[tuple[Key, ...], dict[Key, str]] = {}
    names: dict[tuple[Key, ...], tuple[str, ...]] = {}
    for row in answer.rows:
        cells.setdefault(row.keys[:-1], {})[row.keys[-1]] = text_of(figure.measures[0], row.values[0])
        names[row.keys[:-1]] = labels_of(figure, row)[:-1]
    headings = (*(one.label for one in dimensions[:-1]), *(label_of(inner, column) for column in columns))
    rows = tuple((*names[keys], *(found.get(column, NO_VALUE) for column in columns)) for keys, found in cells.items())
    return Table(headings, rows, len(dimensions) - 1)


def _texts(measures: Sequence[Measure], values: Sequence[Value]) -> tuple[str, ...]:
    return tuple(text_of(measure, value) for measure, value in zip(measures, values, strict=True))


def _is_id(dimension: Dimension) -> bool:
    return isinstance(dimension, Terms) and dimension.field.endswith("_id")
