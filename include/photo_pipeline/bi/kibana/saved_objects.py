"""``python -m photo_pipeline.bi.kibana.saved_objects``: the dashboards as the file that Kibana imports.

One saved object a line, as Kibana's export writes them. ``dashboards/photos.ndjson`` is this file, kept so that it can
be imported by hand and that a change of it is seen; a test holds it to what is made here.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from photo_pipeline.bi.figures import FIGURES, REJECTED
from photo_pipeline.bi.kibana.columns import TIME_FIELD, kql
from photo_pipeline.bi.kibana.panels import DATA_VIEW, LensPanel, panels_of
from photo_pipeline.bi.spec import Page, Where

ALIAS = "photos"
KIBANA = "8.19.0"
"""The oldest Kibana that takes the file."""
# The versions in which 8.19 and its predecessors write objects of a type; a newer Kibana brings them up to date itself.
CORE_MIGRATIONS = "8.8.0"
TYPE_MIGRATIONS = {"index-pattern": "8.0.0", "search": "10.2.0", "dashboard": "10.2.0"}

ALL_OUTCOMES = "photo-pipeline-all-outcomes"
REJECTED_RECORDS = "photo-pipeline-rejected-records"
DASHBOARDS = {Page.PHOTOS: "photo-pipeline-photos-processed", Page.HEALTH: "photo-pipeline-health"}
"""Ids; a dashboard's address in the space is ``/app/dashboards#/view/<id>``."""

WIDTH = 48
SEARCH_HEIGHT = 16
ROWS: Mapping[Page, tuple[tuple[int, tuple[str, ...]], ...]] = {
    Page.PHOTOS: (
        (8, ("outcomes",)),
        (12, ("outcomes-over-time",)),
        (12, ("types-over-time", "sources-over-time")),
        (10, ("types", "sources")),
        (14, ("top-customers", "customers-by-type")),
        (12, ("megapixels", "file-sizes")),
        (12, ("cameras", "reject-reasons")),
    ),
    Page.HEALTH: (
        (7, ("latency",)),
        (13, ("latency-over-time",)),
        (12, ("throughput", "volume")),
        (12, ("reject-rate", "duplicate-rate")),
        (8, ("duplicates",)),
    ),
}
"""The figures from top to bottom: a row's height, and what shares its width."""
SEARCHES = {Page.PHOTOS: ALL_OUTCOMES, Page.HEALTH: REJECTED_RECORDS}
"""The single records beneath the figures."""
ABOUT = {
    Page.PHOTOS: "How many photos came in, from whom, of what kind, and what became of them.",
    Page.HEALTH: "How fast records are settled, how many, and how many of them are rejected or known already.",
}
CONTROLS = (("customer_name", "Customer"), ("source", "Source"), ("format", "Type"), ("outcome", "Outcome"))

Json = dict[str, Any]


def saved_objects() -> tuple[Json, ...]:
    """Everything, what is referred to before what refers to it."""
    searches = (
        _search(
            ALL_OUTCOMES,
            "Photos: all records",
            ["outcome", "customer_name", "source", "format", "megapixels", "bytes", "camera", "latency_ms"],
        ),
        _search(
            REJECTED_RECORDS,
            "Photos: rejected records",
            ["reject_reason", "customer_name", "source", "bytes", "topic", "partition", "offset"],
            (REJECTED,),
        ),
    )
    return (_data_view(), *searches, *(_dashboard(page) for page in Page))


def ndjson() -> str:
    """The file's text; the same for the same figures."""
    lines = (json.dumps(each, ensure_ascii=False, sort_keys=True, separators=(",", ":")) for each in saved_objects())
    return "".join(f"{line}\n" for line in lines)


def committed() -> bytes:
    """The file that comes with the package."""
    return files("photo_pipeline").joinpath("dashboards", "photos.ndjson").read_bytes()


def _object(kind: str, identifier: str, attributes: Json, references: Iterable[Json]) -> Json:
    return {
        "type": kind,
        "id": identifier,
        "attributes": attributes,
        "references": list(references),
        "coreMigrationVersion": CORE_MIGRATIONS,
        "typeMigrationVersion": TYPE_MIGRATIONS[kind],
        # Kibana then offers a copy to whoever wants to change it: the next import overwrites the original.
        "managed": True,
    }


def _data_view() -> Json:
    numbers = {
        "bytes": {"id": "bytes", "params": {"pattern": "0,0.[0] b"}},
        "latency_ms": {"id": "number", "params": {"pattern": "0,0"}},
        "offset": {"id": "number", "params": {"pattern": "0"}},
    }
    attributes = {
        "title": ALIAS,
        "name": "Photos: outcomes",
        "timeFieldName": TIME_FIELD,
        # It may be imported before the first photo, when no index is there yet.
        "allowNoIndex": True,
        "fields": "[]",
        "fieldAttrs": "{}",
        "fieldFormatMap": _packed(numbers),
        "runtimeFieldMap": "{}",
        "sourceFilters": "[]",
        "typeMeta": "{}",
    }
    return _object("index-pattern", DATA_VIEW, attributes, ())


def _search(identifier: str, title: str, columns: Sequence[str], where: Sequence[Where] = ()) -> Json:
    name = "kibanaSavedObjectMeta.searchSourceJSON.index"
    source = {"filter": [], "indexRefName": name, "query": {"language": "kuery", "query": kql(where)}}
    attributes = {
        "title": title,
        "description": "",
        "columns": list(columns),
        "sort": [[TIME_FIELD, "desc"]],
        "grid": {},
        "hideChart": False,
        "isTextBasedQuery": False,
        "timeRestore": False,
        "kibanaSavedObjectMeta": {"searchSourceJSON": _packed(source)},
    }
    return _object("search", identifier, attributes, [_to_data_view(name)])


def _dashboard(page: Page) -> Json:
    panels, references, below = _figures(page)
    panels.append(_placed("records", "search", (0, below, WIDTH, SEARCH_HEIGHT), {}, panelRefName="panel_records"))
    references.append({"type": "search", "id": SEARCHES[page], "name": "records:panel_records"})
    controls = {f"control-{field.replace('_', '-')}": (field, title) for field, title in CONTROLS}
    attributes = {
        "title": page.value,
        "description": ABOUT[page],
        "timeRestore": True,
        "timeFrom": "now-7d/d",
        "timeTo": "now",
        "refreshInterval": {"pause": True, "value": 60000},
        "controlGroupInput": _control_group(controls),
        "optionsJSON": _packed(
            {
                "hidePanelTitles": False,
                "syncColors": True,
                "syncCursor": True,
                "syncTooltips": False,
                "useMargins": True,
            }
        ),
        "panelsJSON": _packed(panels),
        "kibanaSavedObjectMeta": {
            "searchSourceJSON": _packed({"filter": [], "query": {"language": "kuery", "query": ""}})
        },
        "version": 1,
    }
    references += [_to_data_view(f"controlGroup_{name}:optionsListDataView") for name in controls]
    return _object("dashboard", DASHBOARDS[page], attributes, references)


def _figures(page: Page) -> tuple[list[Json], list[Json], int]:
    """The page's panels with their places, their references, and the first row beneath them."""
    named = {figure.name: figure for figure in FIGURES if figure.page is page}
    panels: list[Json] = []
    references: list[Json] = []
    top = 0
    for height, names in ROWS[page]:
        row = [panel for name in names for panel in panels_of(named[name])]
        width = WIDTH // len(row)
        for place, panel in enumerate(row):
            panels.append(_lens(panel, (place * width, top, width, height)))
            references += [
                {**reference, "name": f"{panel.name}:{reference['name']}"} for reference in panel.references()
            ]
        top += height
    return panels, references, top


def _lens(panel: LensPanel, place: tuple[int, int, int, int]) -> Json:
    return _placed(panel.name, "lens", place, {"attributes": panel.attributes}, title=panel.title)


def _placed(name: str, kind: str, place: tuple[int, int, int, int], config: Json, **more: str) -> Json:
    x, y, width, height = place
    return {
        "version": KIBANA,
        "type": kind,
        "panelIndex": name,
        "gridData": {"x": x, "y": y, "w": width, "h": height, "i": name},
        "embeddableConfig": {**config, "enhancements": {}, "hidePanelTitles": False},
        **more,
    }


def _control_group(controls: Mapping[str, tuple[str, str]]) -> Json:
    panels = {
        name: {
            "type": "optionsListControl",
            "order": order,
            "width": "medium",
            "grow": True,
            "explicitInput": {"id": name, "fieldName": field, "title": title, "enhancements": {}},
        }
        for order, (name, (field, title)) in enumerate(controls.items())
    }
    ignored = ("ignoreFilters", "ignoreQuery", "ignoreTimerange", "ignoreValidations")
    return {
        "chainingSystem": "HIERARCHICAL",
        "controlStyle": "oneLine",
        "ignoreParentSettingsJSON": _packed(dict.fromkeys(ignored, False)),
        "panelsJSON": _packed(panels),
        "showApplySelections": False,
    }


def _to_data_view(name: str) -> Json:
    return {"type": "index-pattern", "id": DATA_VIEW, "name": name}


def _packed(value: object) -> str:
    """JSON within JSON, as Kibana keeps what it does not search."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


if __name__ == "__main__":
    sys.stdout.write(ndjson())
