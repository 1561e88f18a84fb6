"""The panels of the dashboards' file, each with its figure, and where Elasticsearch and SQL differ on one."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from elasticsearch import Elasticsearch
from sqlalchemy import Engine, text
from tests.support.figures import latencies, rank_fits
from tests.support.lens import MISSING, Json, Panel, PanelRow, panels, rows_of, search_of, shifted

from photo_pipeline.bi.figures import FIGURES
from photo_pipeline.bi.kibana.panels import tile_name
from photo_pipeline.bi.kibana.saved_objects import committed
from photo_pipeline.bi.spec import Figure, Key, Measure, OverTime, Percentile, Ranges, Scope, Terms

PANELS = panels(committed())
FIGURE: Mapping[str, Figure] = {
    panel.name: figure
    for panel in PANELS
    for figure in FIGURES
    if panel.name == figure.name or panel.name in {tile_name(figure, measure) for measure in figure.measures}
}
TIME_FIELD = "processed_at"
RELATIVE = 1e-12


@dataclass(frozen=True)
class Sides:
    """Both servers, under accounts that may read and no more.

    Attributes:
        bi: PostgreSQL as ``photo_bi``.
        client: Elasticsearch.
        alias: of the index.
    """

    bi: Engine
    client: Elasticsearch
    alias: str

    def response(self, panel: Panel, scope: Scope, conditions: tuple[Json, ...] = ()) -> Json:
        """Elasticsearch's answer to the panel, with what controls add to its query."""
        search = search_of(panel, TIME_FIELD, scope)
        search["query"]["bool"]["filter"] += conditions
        body: Json = self.client.search(index=self.alias, **search).body
        return body

    def rows(self, panel: Panel, scope: Scope) -> list[PanelRow]:
        """What the panel shows."""
        return list(rows_of(panel, self.response(panel, scope)))

    def shown(self, panel: Panel, scope: Scope) -> Iterator[tuple[Panel, Scope, str]]:
        """The panel once for each time that its numbers are from, as a panel of that time, and which numbers."""
        for shift in sorted(panel.shifts):
            earlier, _ = shifted(scope, shift)
            yield panel.of_shift(shift), earlier, shift

    def expected(self, figure: Figure, scope: Scope) -> dict[tuple[Key, ...], tuple[Any, ...]]:
        """What SQL says: the numbers by their keys."""
        parameters = {"since": scope.since, "until": scope.until, "interval": scope.interval.value}
        keys = len(figure.dimensions)
        with self.bi.connect() as connection:
            return {tuple(row[:keys]): tuple(row[keys:]) for row in connection.execute(text(figure.sql), parameters)}


def differences(sides: Sides, panel: Panel, scope: Scope) -> list[str]:
    """Every row that only one side has, and every number on which they differ, of each time that the panel shows."""
    return [each for of, when, _ in sides.shown(panel, scope) for each in _differences(sides, of, when)]


def _differences(sides: Sides, panel: Panel, scope: Scope) -> list[str]:
    figure = FIGURE[panel.name]
    expected = sides.expected(figure, scope)
    found = {_keys(figure, panel, row): row for row in sides.rows(panel, scope)}
    alone = [f"{panel.name}: only one side has {keys}" for keys in found.keys() ^ expected.keys()]
    both = [keys for keys in found if keys in expected]
    return [
        *alone,
        *(each for keys in both for each in _numbers(sides, panel, scope, keys, found[keys], expected[keys])),
    ]


def _numbers(
    sides: Sides, panel: Panel, scope: Scope, keys: tuple[Key, ...], row: PanelRow, wanted: tuple[Any, ...]
) -> Iterator[str]:
    measures = {measure.label: place for place, measure in enumerate(FIGURE[panel.name].measures)}
    for name, value in row.values.items():
        place = measures[panel.columns[name]["label"].removesuffix(" before")]
        measure = FIGURE[panel.name].measures[place]
        if not _same(sides, scope, keys, measure, value, wanted[place]):
            yield f"{panel.name} {keys} {measure.label}: {value} on the panel, {wanted[place]} by SQL"


def _same(
    sides: Sides, scope: Scope, keys: tuple[Key, ...], measure: Measure, value: float | None, wanted: Any
) -> bool:
    if value is None or wanted is None:
        return value is wanted
    if isinstance(measure, Percentile):
        numbers = latencies(sides.bi, scope, keys)
        return all(rank_fits(numbers, each, measure.percent / 100) for each in (value, float(wanted)))
    return math.isclose(value, float(wanted), rel_tol=RELATIVE)


def _keys(figure: Figure, panel: Panel, row: PanelRow) -> tuple[Key, ...]:
    """The row's keys in the figure's order and words."""
    by_field: Mapping[str, Any] = {panel.columns[name].get("sourceField", ""): key for name, key in row.keys.items()}
    return tuple(_key(dimension, by_field) for dimension in figure.dimensions)


def _key(dimension: Terms | OverTime | Ranges, by_field: Mapping[str, Any]) -> Key:
    match dimension:
        case OverTime():
            return datetime.fromtimestamp(by_field[TIME_FIELD] / 1000, UTC)
        case Ranges(names=names):
            return names.index(by_field[""])
        case Terms(field=field):
            return "none" if by_field[field] == MISSING else str(by_field[field])
