"""The report's figures as data for its script, which draws them, filters them and gives them as CSV."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from photo_pipeline.bi.cube import EMPTY, Cell, Cube
from photo_pipeline.bi.figures import FIGURES
from photo_pipeline.bi.spec import (
    OUTCOME_COLOURS,
    Answer,
    Count,
    Dimension,
    Distinct,
    Figure,
    Key,
    Measure,
    Ranges,
    Row,
    Scope,
    Share,
    Sum,
    Terms,
)

FILTERED = {
    "totals",
    "customers-by-type",
    "photos-over-time",
    "types-over-time",
    "sources-over-time",
    "types",
    "sources",
    "top-customers",
}
"""Figures that the script can make of the cube."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answers:
    """What was asked for a page.

    Attributes:
        figures: answers by the figure's name.
        before: those of the period before, of the figures that are compared with it.
        cube: for the filters.
    """

    figures: Mapping[str, Answer]
    before: Mapping[str, Answer]
    cube: Cube = EMPTY


def data_of(answers: Answers, scope: Scope) -> str:
    """The data as JSON that can stand in a page: it closes no element, whatever a customer is called."""
    figures = [_figure(figure, answers) for figure in FIGURES]
    value = {
        "interval": scope.interval.value,
        "colours": OUTCOME_COLOURS,
        "figures": figures,
        "cube": _cube(answers.cube),
    }
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _figure(figure: Figure, answers: Answers) -> Json:
    answer = answers.figures[figure.name]
    before = answers.before.get(figure.name)
    return {
        "name": figure.name,
        "title": figure.title,
        "about": figure.about,
        "part": figure.page.value,
        "chart": figure.chart.value,
        "unit": figure.unit,
        "keys": [{"label": each.label, "kind": _kind(each)} for each in figure.dimensions],
        "values": [{"label": each.label, "kind": _shown(each)} for each in figure.measures],
        "rows": [_row(figure, row) for row in answer.rows],
        "before": None if before is None else [_row(figure, row) for row in before.rows],
        "exact": answer.exact,
        "filtered": figure.name in FILTERED,
        "sql": figure.sql,
    }


def _row(figure: Figure, row: Row) -> list[Any]:
    return [*(_key(one, key) for one, key in zip(figure.dimensions, row.keys, strict=True)), *row.values]


def _key(dimension: Dimension, key: Key) -> Any:
    if isinstance(key, datetime):
        return int(key.timestamp() * 1000)
    return dimension.names[key] if isinstance(dimension, Ranges) and isinstance(key, int) else key


def _kind(dimension: Dimension) -> str:
    """An id only keeps two of the same name apart; a time is written as one."""
    match dimension:
        case Terms(field=field):
            return "id" if field.endswith("_id") else "text"
        case Ranges():
            return "text"
        case _:
            return "time"


def _shown(measure: Measure) -> str:
    match measure:
        case Count() | Distinct():
            return "number"
        case Share():
            return "share"
        case Sum():
            return "bytes"
        case _:
            return "duration"


def _cube(cube: Cube) -> Json:
    every = (*cube.cells, *cube.before)
    sources, formats = (sorted({getattr(cell, name) for cell in every}) for name in ("source", "format"))
    times = sorted({cell.time for cell in cube.cells})
    return {
        "customers": cube.customers,
        "sources": sources,
        "types": formats,
        "times": times,
        "cells": _packed(cube.cells, sources, formats, times),
        "before": _packed(cube.before, sources, formats, [0]),
    }


def _packed(cells: Sequence[Cell], sources: list[str], formats: list[str], times: list[int]) -> dict[str, list[int]]:
    """By customer, source and type: time, photos and bytes of each cell, one after the other: short, as JSON goes."""
    source_at, format_at, time_at = _places(sources), _places(formats), _places(times)
    packed: dict[str, list[int]] = {}
    for cell in cells:
        of = f"{cell.customer} {source_at[cell.source]} {format_at[cell.format]}"
        packed.setdefault(of, []).extend((time_at[cell.time], cell.photos, cell.bytes))
    return packed


def _places(of: Sequence[Any]) -> dict[Any, int]:
    return {value: place for place, value in enumerate(of)}
