"""``python -m photo_pipeline.bi.kibana.saved_objects``: the dashboards as the file that Kibana imports.

One saved object a line, as Kibana's export writes them. ``dashboards/photos.ndjson`` is this file, kept so that it can
be imported by hand and that a change of it is seen; a test holds it to what is made here.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from photo_pipeline.bi.figures import FIGURES
from photo_pipeline.bi.kibana.columns import TIME_FIELD, kql
from photo_pipeline.bi.kibana.panels import DATA_VIEW, LensPanel, panels_of
from photo_pipeline.bi.shapes import REJECTED
from photo_pipeline.bi.spec import Page, Where

ALIAS = "photos"
KIBANA = "8.12.0"
"""The oldest Kibana that takes the file."""
# The versions in which that one writes objects of a type; a newer Kibana brings them up to date itself.
CORE_MIGRATIONS = "8.8.0"
TYPE_MIGRATIONS = {"index-pattern": "8.0.0", "search": "8.0.0", "dashboard": "8.9.0"}

ALL_OUTCOMES = "photo-pipeline-all-outcomes"
REJECTED_RECORDS = "photo-pipeline-rejected-records"
DASHBOARDS = {Page.PHOTOS: "photo-pipeline-photos-processed", Page.HEALTH: "photo-pipeline-health"}
"""Ids; a dashboard's address in the space is ``/app/dashboards#/view/<id>``."""

WIDTH = 48
LINKS_HEIGHT = 3
WORDS_HEIGHT = 10
SEARCH_HEIGHT = 16
ROWS: Mapping[Page, tuple[tuple[int, tuple[str, ...]], ...]] = {
    Page.PHOTOS: (
        (6, ("totals",)),
        (17, ("customers-by-type",)),
        (13, ("photos-over-time",)),
        (12, ("types-over-time", "sources-over-time")),
        (10, ("types", "sources")),
        (12, ("customers-over-time", "new-customers-over-time")),
        (14, ("top-customers",)),
        (17, ("bytes-by-month",)),
        (12, ("megapixels", "file-sizes")),
        (14, ("cameras",)),
    ),
    Page.HEALTH: (
        (8, ("outcomes",)),
        (13, ("outcomes-over-time",)),
        (15, ("rejects-by-customer",)),
        (12, ("reject-rate", "duplicate-rate")),
        (7, ("latency",)),
        (13, ("latency-over-time",)),
        (12, ("throughput", "volume")),
        (10, ("reject-reasons", "duplicates")),
    ),
}
"""The figures from top to bottom: a row's height, and what shares its width."""
UNTITLED = {"links", "visualization"}
SEARCHES = {Page.PHOTOS: ALL_OUTCOMES, Page.HEALTH: REJECTED_RECORDS}
"""The single records beneath the figures."""
ABOUT = {
    Page.PHOTOS: "How many photos came in, from whom and of what kind.",
    Page.HEALTH: "What became of the records, how fast they are settled, and how many are refused or known already.",
}
WORDS = {
    Page.PHOTOS: """**What is counted**: *photos* are records of outcome `processed`: one for each photo that came in, \
at the time at which that was settled. One that has expired still counts; sent again after that, it counts again. \
*Before* is the period of the same length right before the one that is picked; over time, the same day a week before. \
*Bytes* are those of the originals. Beyond some thousand *customers* Kibana estimates how many they are. \
A *new customer* is one whose first photo ever that was; `first_of_customer : true` finds these records. \
A *month* counts as far as the picked period reaches.

Found at the bottom: each record. Anything in a table or a picture can be clicked, and filters the whole page.""",
    Page.HEALTH: """**What is counted**: every record that Kafka accepted, once, at the time at which its outcome was \
settled. `processed`: a new photo. `duplicate`: a photo that was there already. `rejected`: no photo of a customer of \
ours; the reason says why, and a copy of the record waits in `photos.rejected`. *Reject rate* and *duplicate rate* are \
parts of all records. *Latency* is the time from Kafka's acceptance to the outcome: half of the records are settled \
within p50, 95 of 100 within p95.

A refused record has no type: that is why this page is filtered by customer and source alone.""",
}
_CUSTOMER, _SOURCE, _TYPE = ("customer_name", "Customer"), ("source", "Source"), ("format", "Type")
CONTROLS = {Page.PHOTOS: (_CUSTOMER, _SOURCE, _TYPE), Page.HEALTH: (_CUSTOMER, _SOURCE)}
"""A control asks for nothing that a panel depends on: it would empty the panel, or turn a rate into 0 or 100 %."""

DURATION = {
    "inputFormat": "milliseconds",
    "outputFormat": "humanizePrecise",
    "outputPrecision": 1,
    "useShortSuffix": True,
    "includeSpaceWithSuffix": True,
}
"""As people say it: 167787 ms are 2.8 min."""

Json = dict[str, Any]


def saved_objects() -> tuple[Json, ...]:
    """Everything, what is referred to before what refers to it."""
    searches = (
        _search(
            ALL_OUTCOMES,
            "Photos: all records",
            ["outcome", "customer_name", "source", "format", "megapixels", "bytes", "camera", "latency_ms", "photo_id"],
        ),
        _search(
            REJECTED_RECORDS,
            "Photos: rejected records",
            ["reject_reason", "customer_name", "source", "bytes", "topic", "partition", "offset", "photo_id"],
            (REJECTED,),
        ),
    )
    return (_data_view(), *searches, *(_dashboard(page) for page in Page))


def ndjson() -> str:
    """The file's text; the same for the same figures."""
    return "".join(f"{packed(each)}\n" for each in saved_objects())


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
        "latency_ms": {"id": "duration", "params": DURATION},
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
        "fieldFormatMap": packed(numbers),
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
        "kibanaSavedObjectMeta": {"searchSourceJSON": packed(source)},
    }
    return _object("search", identifier, attributes, [_to_data_view(name)])


def _dashboard(page: Page) -> Json:
    panels, references, below = _figures(page)
    panels += [
        _placed("words", "visualization", (0, below, WIDTH, WORDS_HEIGHT), {"savedVis": _markdown(WORDS[page])}),
        _placed(
            "records",
            "search",
            (0, below + WORDS_HEIGHT, WIDTH, SEARCH_HEIGHT),
            {},
            panelRefName="panel_records",
        ),
    ]
    references.append({"type": "search", "id": SEARCHES[page], "name": "records:panel_records"})
    controls = {f"control-{field.replace('_', '-')}": (field, title) for field, title in CONTROLS[page]}
    attributes = {
        "title": page.value,
        "description": ABOUT[page],
        "timeRestore": True,
        "timeFrom": "now-7d/d",
        "timeTo": "now",
        "refreshInterval": {"pause": True, "value": 60000},
        "controlGroupInput": _control_group(controls),
        "optionsJSON": packed(
            {
                "hidePanelTitles": False,
                # A value has the colour that its panel gives it; what is mapped by hand is the same everywhere anyway.
                "syncColors": False,
                "syncCursor": True,
                "syncTooltips": False,
                "useMargins": True,
            }
        ),
        "panelsJSON": packed(panels),
        "kibanaSavedObjectMeta": {
            "searchSourceJSON": packed({"filter": [], "query": {"language": "kuery", "query": ""}})
        },
        "version": 1,
    }
    references += [_to_data_view(f"controlGroup_{name}:optionsListDataView") for name in controls]
    return _object("dashboard", DASHBOARDS[page], attributes, references)


def _figures(page: Page) -> tuple[list[Json], list[Json], int]:
    """The page's panels with their places, their references, and the first row beneath them."""
    named = {figure.name: figure for figure in FIGURES if figure.page is page}
    links, references = _links(page)
    panels = [_placed("links", "links", (0, 0, WIDTH, LINKS_HEIGHT), {"attributes": links})]
    top = LINKS_HEIGHT
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


def _links(page: Page) -> tuple[Json, list[Json]]:
    """To the other dashboards, with what is filtered here; and what they refer to."""
    others = [(f"to-{DASHBOARDS[other]}", other) for other in Page if other is not page]
    links = [
        {
            "id": name,
            "order": order,
            "type": "dashboardLink",
            "label": other.value,
            "destinationRefName": f"link_{name}_dashboard",
            "options": {"openInNewTab": False, "useCurrentDateRange": True, "useCurrentFilters": True},
        }
        for order, (name, other) in enumerate(others)
    ]
    references = [
        {"type": "dashboard", "id": DASHBOARDS[other], "name": f"links:link_{name}_dashboard"} for name, other in others
    ]
    return {"layout": "horizontal", "links": links}, references


def _markdown(text: str) -> Json:
    return {
        "id": "",
        "title": "",
        "description": "",
        "type": "markdown",
        "params": {"fontSize": 12, "openLinksInNewTab": False, "markdown": text},
        "uiState": {},
        "data": {"aggs": [], "searchSource": {"filter": [], "query": {"language": "kuery", "query": ""}}},
    }


def _lens(panel: LensPanel, place: tuple[int, int, int, int]) -> Json:
    return _placed(panel.name, "lens", place, {"attributes": panel.attributes}, title=panel.title)


def _placed(name: str, kind: str, place: tuple[int, int, int, int], config: Json, **more: str) -> Json:
    x, y, width, height = place
    return {
        "version": KIBANA,
        "type": kind,
        "panelIndex": name,
        "gridData": {"x": x, "y": y, "w": width, "h": height, "i": name},
        "embeddableConfig": {**config, "enhancements": {}, "hidePanelTitles": kind in UNTITLED},
        **more,
    }


def _control_group(controls: Mapping[str, tuple[str, str]]) -> Json:
    panels = {
        name: {
            "type": "optionsListControl",
            "order": order,
            # All of them fit beside each other.
            "width": "small",
            "grow": True,
            "explicitInput": {
                "id": name,
                "fieldName": field,
                "title": title,
                # Part of a name finds it.
                "searchTechnique": "wildcard",
                "enhancements": {},
            },
        }
        for order, (name, (field, title)) in enumerate(controls.items())
    }
    ignored = ("ignoreFilters", "ignoreQuery", "ignoreTimerange", "ignoreValidations")
    return {
        "chainingSystem": "HIERARCHICAL",
        "controlStyle": "oneLine",
        "ignoreParentSettingsJSON": packed(dict.fromkeys(ignored, False)),
        "panelsJSON": packed(panels),
    }


def _to_data_view(name: str) -> Json:
    return {"type": "index-pattern", "id": DATA_VIEW, "name": name}


def packed(value: object) -> str:
    """JSON in its shortest form, the same for the same value. Kibana keeps it within JSON, where it does not search."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


if __name__ == "__main__":
    sys.stdout.write(ndjson())
