"""The dashboards' file: what Kibana expects of saved objects, of their references and of Lens' columns.

Kibana itself runs in none of these tests (``make kibana-check`` looks at one). The rules are those of Kibana 8.12's
exports and of its types, and of what was wrong when it drew the first dashboards; the figures of every panel are
compared with SQL on real servers in ``tests/integration/test_kibana_panels.py``.
"""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from itertools import combinations
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from tests.support import panel_schema
from tests.support.kibana_contract import NEWEST
from tests.support.lens import Panel, fields_of, panels, saved
from tests.support.panel_rules import control_fields, wrong_of
from tests.support.planted_panels import PLANTED, Planted

from photo_pipeline.bi.figures import FIGURES
from photo_pipeline.bi.kibana import saved_objects as kibana
from photo_pipeline.bi.spec import Page

Json = dict[str, Any]
COMMITTED = kibana.committed()
OBJECTS = {(each["type"], each["id"]): each for each in saved(COMMITTED)}
BOARDS = [each for each in OBJECTS.values() if each["type"] == "dashboard"]
PANELS = panels(COMMITTED)
NUMBERS = {"integer", "long", "double"}
FITTING = {
    "terms": {"keyword"},
    "date_histogram": {"date"},
    "sum": NUMBERS,
    "percentile": NUMBERS,
    "unique_count": {"keyword"},
    "count": {"___records___"},
}
COMPUTED = {"formula", "math", "filters"}
BOARD_ATTRIBUTES = {
    "title",
    "description",
    "timeRestore",
    "timeFrom",
    "timeTo",
    "refreshInterval",
    "controlGroupInput",
    "optionsJSON",
    "panelsJSON",
    "kibanaSavedObjectMeta",
    "version",
}
"""What Kibana's own schema of a dashboard knows; it refuses anything else."""


def mapping() -> dict[str, str]:
    """Type of each field of the index."""
    template = json.loads(files("photo_pipeline").joinpath("mappings", "photos.json").read_text())
    return {name: field["type"] for name, field in template["mappings"]["properties"].items()}


def test_the_file_is_what_the_figures_make() -> None:
    """Whoever changes a figure writes the file anew: ``python -m photo_pipeline.bi.kibana.saved_objects > ...``."""
    assert COMMITTED.decode() == kibana.ndjson()


def test_every_figure_has_its_place() -> None:
    """On the dashboard of its page, once."""
    for page in Page:
        placed = [name for _, names in kibana.ROWS[page] for name in names]
        assert sorted(placed) == sorted(figure.name for figure in FIGURES if figure.page is page)


def test_there_are_two_dashboards_with_all_they_need() -> None:
    """One data view, two saved searches, two dashboards; ids that stay, so that an import replaces and a link holds."""
    assert list(OBJECTS) == [
        ("index-pattern", "photo-pipeline-outcomes"),
        ("search", "photo-pipeline-all-outcomes"),
        ("search", "photo-pipeline-rejected-records"),
        ("dashboard", "photo-pipeline-photos-processed"),
        ("dashboard", "photo-pipeline-health"),
    ]
    assert [board["attributes"]["title"] for board in BOARDS] == ["Photos processed", "Pipeline health"]


@pytest.mark.parametrize("each", OBJECTS.values(), ids=lambda each: str(each["id"]))
def test_an_object_is_one_that_kibana_takes(each: Json) -> None:
    """Not newer than 8.12 writes them, and with the keys of an export."""
    assert set(each) == {
        "type",
        "id",
        "attributes",
        "references",
        "coreMigrationVersion",
        "typeMigrationVersion",
        "managed",
    }
    assert each["coreMigrationVersion"] == "8.8.0"
    assert each["typeMigrationVersion"] == NEWEST[each["type"]]
    assert re.fullmatch(r"[a-z-]+", each["id"])
    if each["type"] == "dashboard":
        assert set(each["attributes"]) == BOARD_ATTRIBUTES


@pytest.mark.parametrize("each", OBJECTS.values(), ids=lambda each: str(each["id"]))
def test_every_reference_resolves(each: Json) -> None:
    """To an object of this file; under the names by which the object asks, no more and no fewer."""
    assert all((reference["type"], reference["id"]) in OBJECTS for reference in each["references"])
    names = [reference["name"] for reference in each["references"]]
    assert len(set(names)) == len(names)
    assert set(names) == set(_asked(each))


def _asked(each: Json) -> Iterator[str]:
    if each["type"] == "search":
        yield json.loads(each["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])["indexRefName"]
    if each["type"] == "dashboard":
        for panel in json.loads(each["attributes"]["panelsJSON"]):
            yield from (f"{panel['panelIndex']}:{name}" for name in _names_in(panel))
        controls = json.loads(each["attributes"]["controlGroupInput"]["panelsJSON"])
        yield from (f"controlGroup_{name}:optionsListDataView" for name in controls)


def _names_in(panel: Json) -> Iterator[str]:
    config = panel["embeddableConfig"]
    match panel["type"]:
        case "search":
            yield panel["panelRefName"]
        case "links":
            yield from (link["destinationRefName"] for link in config["attributes"]["links"])
        case "lens":
            layers = config["attributes"]["state"]["datasourceStates"]["formBased"]["layers"]
            yield from (f"indexpattern-datasource-layer-{layer}" for layer in layers)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: str(board["id"]))
def test_a_dashboard_has_nothing_that_our_schema_does_not_know(board: Json) -> None:
    """Kibana takes a misspelt key in silence, and draws something else."""
    for panel in json.loads(board["attributes"]["panelsJSON"]):
        _fits(panel, panel_schema.PANELS[panel["type"]])
    for control in json.loads(board["attributes"]["controlGroupInput"]["panelsJSON"]).values():
        _fits(control, panel_schema.CONTROL)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.name)
def test_a_panel_has_nothing_that_our_schema_does_not_know(panel: Panel) -> None:
    """Its picture by the kind of it, its columns by what each computes."""
    _fits(panel.layer, panel_schema.LAYER)
    _fits(
        panel.attributes["state"]["visualization"], panel_schema.VISUALIZATIONS[panel.attributes["visualizationType"]]
    )
    for column in panel.columns.values():
        _fits(column, panel_schema.COLUMNS[column["operationType"]])


def test_the_schema_is_closed() -> None:
    """It has teeth: one key more, or one less, anywhere in any panel, does not fit."""
    for board in BOARDS:
        for panel in json.loads(board["attributes"]["panelsJSON"]):
            schema = panel_schema.PANELS[panel["type"]]
            assert _errors({**panel, "extra": 1}, schema)
            assert _errors({key: value for key, value in panel.items() if key != "version"}, schema)
    for panel in PANELS:
        state = panel.attributes["state"]["visualization"]
        assert _errors(
            {**state, "syncColours": True}, panel_schema.VISUALIZATIONS[panel.attributes["visualizationType"]]
        )
        for column in panel.columns.values():
            assert _errors({**column, "timeshift": "1w"}, panel_schema.COLUMNS[column["operationType"]])


def test_no_panel_breaks_a_rule() -> None:
    """No tiles without a value, no axis named after one series, no label that is cut: see ``panel_rules``."""
    assert wrong_of(BOARDS, COMMITTED) == []


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.said)
def test_a_rule_finds_what_was_planted(planted: Planted) -> None:
    """Each rule, on the panel that it is about, changed to what was seen to be wrong in a real Kibana."""
    ndjson = planted.into(COMMITTED)
    boards = [each for each in saved(ndjson) if each["type"] == "dashboard"]
    found = wrong_of(boards, ndjson)
    assert [each for each in found if planted.said in each], found


def _errors(value: Json, schema: Json) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(value)]


def _fits(value: Json, schema: Json) -> None:
    assert _errors(value, schema) == []


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.name)
def test_a_panels_fields_are_in_the_index_with_a_fitting_type(panel: Panel) -> None:
    """Lists of keywords, sums of numbers, time by a date; conditions likewise."""
    types = {**mapping(), "___records___": "___records___"}
    queries = [panel.attributes["state"]["query"]["query"]]
    for column in panel.columns.values():
        operation = column["operationType"]
        assert operation in FITTING.keys() | COMPUTED
        if operation in FITTING:
            assert types[column["sourceField"]] in FITTING[operation]
        queries += [column["filter"]["query"]] if "filter" in column else []
        queries += [each["input"]["query"] for each in column["params"].get("filters", [])]
    for query in queries:
        wanted = NUMBERS if ">=" in query or "<" in query else {"keyword", "boolean"}
        assert all(types[field] in wanted for field in fields_of(query))


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.name)
def test_a_panels_columns_hold_together(panel: Panel) -> None:
    """Order, references and picture name columns that exist; each column is drawn or part of a formula."""
    order = panel.layer["columnOrder"]
    columns = panel.layer["columns"]
    assert sorted(order) == sorted(columns)
    assert len(set(order)) == len(order)
    grouped = [columns[name]["isBucketed"] for name in order]
    assert grouped == sorted(grouped, reverse=True)
    parts = {reference for column in columns.values() for reference in column.get("references", [])}
    assert set(panel.drawn()) | parts == set(columns)
    state = panel.attributes["state"]["visualization"]
    assert {state.get("layerId"), *(layer["layerId"] for layer in state.get("layers", []))} - {None} == {"figure"}
    for name, column in columns.items():
        if "timeShift" in column:
            now = columns[name.removesuffix("-before")]
            assert {**column, "label": now["label"]} == {**now, "timeShift": column["timeShift"]}
        if column["operationType"] == "terms":
            assert column["params"]["orderBy"]["columnId"] in panel.metrics
        if column["operationType"] == "formula":
            (quotient,) = column["references"]
            tree = columns[quotient]["params"]["tinymathAst"]
            assert tree["text"] == column["params"]["formula"]
            assert tree["location"] == {"min": 0, "max": len(tree["text"])}
            assert tree["args"] == columns[quotient]["references"]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: str(board["id"]))
def test_panels_neither_overlap_nor_leave_the_grid(board: Json) -> None:
    """48 columns, filled row by row, each panel's id its own."""
    all_panels = json.loads(board["attributes"]["panelsJSON"])
    grids = [panel["gridData"] for panel in all_panels]
    assert [panel["panelIndex"] for panel in all_panels] == [grid["i"] for grid in grids]
    assert len({grid["i"] for grid in grids}) == len(grids)
    assert all(grid["x"] >= 0 and grid["x"] + grid["w"] <= 48 and grid["h"] > 0 for grid in grids)
    for one, other in combinations(grids, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    area = sum(grid["w"] * grid["h"] for grid in grids)
    assert area == 48 * max(grid["y"] + grid["h"] for grid in grids)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: str(board["id"]))
def test_controls_are_lists_of_keywords(board: Json) -> None:
    """Customer and source, and type where everything is a photo."""
    controls = json.loads(board["attributes"]["controlGroupInput"]["panelsJSON"])
    fields = control_fields(board)
    photos = board["id"] == "photo-pipeline-photos-processed"
    assert fields == ["customer_name", "source", *(["format"] if photos else [])]
    assert all(mapping()[field] == "keyword" for field in fields)
    assert all(each["explicitInput"]["id"] == name for name, each in controls.items())


def test_searches_and_data_view_know_the_index() -> None:
    """The columns exist, the newest come first, the time is that of the outcome, the name is the alias."""
    view = OBJECTS["index-pattern", "photo-pipeline-outcomes"]["attributes"]
    assert (view["title"], view["timeFieldName"]) == ("photos", "processed_at")
    assert set(json.loads(view["fieldFormatMap"])) <= mapping().keys()
    for each in OBJECTS.values():
        if each["type"] == "search":
            assert {"photo_id", *each["attributes"]["columns"]} - mapping().keys() == set()
            assert "photo_id" in each["attributes"]["columns"]
            assert each["attributes"]["sort"] == [["processed_at", "desc"]]
            query = json.loads(each["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])["query"]["query"]
            assert fields_of(query) <= mapping().keys()
