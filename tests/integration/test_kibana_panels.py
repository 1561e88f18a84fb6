"""Every panel of both dashboards, as the file holds it: its figures from Elasticsearch equal SQL's on PostgreSQL."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from tests.support.figures import EVERYTHING, MONTHS, WINDOW, World, assert_rank, latencies
from tests.support.lens import MISSING, Panel, PanelRow, panels, rows_of, search_of
from tests.support.search import fresh_search

from local_stack import Endpoints
from photo_pipeline.bi.figures import FIGURES
from photo_pipeline.bi.kibana.saved_objects import committed
from photo_pipeline.bi.spec import Figure, OverTime, Percentile, Ranges, Scope, Terms

PANELS = panels(committed())
FIGURE = {
    panel.name: figure
    for panel in PANELS
    for figure in FIGURES
    if panel.name == figure.name or panel.name in {f"{figure.name}-{measure.label}" for measure in figure.measures}
}


@pytest.mark.parametrize("scope", [EVERYTHING, WINDOW, MONTHS], ids=["by day", "two days by hour", "by month"])
@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.name)
def test_a_panel_shows_what_sql_says(settled: World, panel: Panel, scope: Scope) -> None:
    """Same rows, same numbers, most frequent first; a percentile's rank within the tolerance."""
    figure = FIGURE[panel.name]
    measures = {measure.label: place for place, measure in enumerate(figure.measures)}
    expected = {
        tuple(row[: len(figure.dimensions)]): row[len(figure.dimensions) :] for row in _sql(settled, figure, scope)
    }
    found = {_keys(figure, panel, row): row for row in _shown(settled, panel, scope)}
    assert expected
    assert found.keys() == expected.keys()
    for keys, row in found.items():
        for name, value in row.values.items():
            place = measures[panel.columns[name]["label"]]
            measure, wanted = figure.measures[place], float(expected[keys][place])
            if isinstance(measure, Percentile):
                assert value is not None
                for each in (value, wanted):
                    assert_rank(latencies(settled, scope, keys), each, measure.percent / 100)
            else:
                assert value == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.name)
def test_a_list_and_its_rest_are_everything(settled: World, panel: Panel) -> None:
    """What did not make a list is in "Other" where the panel has one; else nothing but the list's end was cut off."""
    response = settled.search.sync.search(
        index=settled.search.alias, **search_of(panel, "processed_at", EVERYTHING)
    ).body
    for name, column in list(panel.buckets.items())[:1]:
        if column["operationType"] != "terms":
            continue
        inside = response["aggregations"][name]
        counted = sum(bucket["doc_count"] for bucket in inside["buckets"])
        rest = inside["sum_other_doc_count"]
        assert inside["doc_count_error_upper_bound"] == 0
        assert counted + rest == response["hits"]["total"]["value"]
        if not column["params"]["otherBucket"]:
            assert len(inside["buckets"]) == column["params"]["size"]


def test_nothing_is_an_answer_too(stack: Endpoints) -> None:
    """Before the first outcome there is no index: no panel's search fails."""
    with fresh_search(stack) as search:
        for panel in PANELS:
            response = search.sync.search(
                index=search.alias, ignore_unavailable=True, **search_of(panel, "processed_at", EVERYTHING)
            )
            assert response["hits"]["total"]["value"] == 0


def _sql(world: World, figure: Figure, scope: Scope) -> list[Any]:
    parameters = {"since": scope.since, "until": scope.until, "interval": scope.interval.value}
    with world.bi.connect() as connection:
        return list(connection.execute(text(figure.sql), parameters))


def _shown(world: World, panel: Panel, scope: Scope) -> list[PanelRow]:
    search = search_of(panel, "processed_at", scope)
    rows = list(rows_of(panel, world.search.sync.search(index=world.search.alias, **search).body))
    counts = [next(iter(row.values.values())) or 0.0 for row in rows]
    if len(panel.buckets) == 1 and "terms" in {column["operationType"] for column in panel.buckets.values()}:
        assert counts == sorted(counts, reverse=True)
    return rows


def _keys(figure: Figure, panel: Panel, row: PanelRow) -> tuple[Any, ...]:
    """The row's keys in the figure's order and words."""
    by_field: Mapping[str, Any] = {panel.columns[name].get("sourceField", ""): key for name, key in row.keys.items()}
    return tuple(_key(dimension, by_field) for dimension in figure.dimensions)


def _key(dimension: Terms | OverTime | Ranges, by_field: Mapping[str, Any]) -> Any:
    match dimension:
        case OverTime():
            return datetime.fromtimestamp(by_field["processed_at"] / 1000, UTC)
        case Ranges(names=names):
            return names.index(by_field[""])
        case Terms(field=field):
            return "none" if by_field[field] == MISSING else by_field[field]


def test_both_dashboards_together_show_every_measure() -> None:
    """No number of the catalogue is on no panel: what bars leave out, a table or a tile shows."""
    shown = {(FIGURE[panel.name].name, panel.columns[name]["label"]) for panel in PANELS for name in panel.drawn()}
    for figure in FIGURES:
        assert (figure.name, figure.measures[0].label) in shown
    assert {("outcomes", "bytes"), ("top-customers", "bytes"), ("volume", "bytes")} <= shown
