"""What a dashboard must not do to its reader, each as a rule over every panel. A rule gives what is wrong, in words."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.support.lens import Panel, fields_of, panels

Json = dict[str, Any]

OUTCOMES = {"processed", "duplicate", "rejected"}
KNOWN_OF_PHOTOS = {"format", "width", "height", "megapixels", "camera", "taken_at"}
"""What only a photo has: a rejected record has none of it."""
DEPENDENT = {field: {"outcome", "reject_reason"} for field in KNOWN_OF_PHOTOS} | {
    "outcome": {"outcome", "reject_reason"},
    "reject_reason": {"outcome", "reject_reason"},
}
"""To pick a value of the field says something about these: a type is a photo's, so no record of it is refused."""
TILES = 6
"""More than so many beside each other cut their numbers."""
COLUMN_PIXELS, COLUMNS_WIDE = 1900 / 48, 48
"""A column of the grid on a wide screen; the grid has so many."""
CONTROL_COLUMNS = {"small": 12, "medium": 20, "large": 32}


def tiles(panel: Panel) -> Iterator[str]:
    """A metric keeps a place free for each value that its breakdown could have, the rest and the missing included."""
    state = panel.attributes["state"]["visualization"]
    if panel.attributes["visualizationType"] != "lnsMetric" or "breakdownByAccessor" not in state:
        return
    column = panel.columns[state["breakdownByAccessor"]]
    params = column["params"]
    possible = len(params["filters"]) if column["operationType"] == "filters" else params["size"]
    rest = sum(bool(params.get(name)) for name in ("otherBucket", "missingBucket"))
    known = len(OUTCOMES) if column.get("sourceField") == "outcome" else possible
    if rest or possible > known or possible > TILES:
        yield f"{panel.name}: reserves {possible + rest} tiles for {known} values"


def axis_titles(panel: Panel) -> Iterator[str]:
    """An axis takes the name of its first series, unless it is given one of its own."""
    if panel.attributes["visualizationType"] != "lnsXY":
        return
    state = panel.attributes["state"]["visualization"]
    (layer,) = state["layers"]
    if len(layer["accessors"]) < 2 and "splitAccessor" not in layer:
        return
    first = panel.columns[layer["accessors"][0]]["label"]
    title = state.get("yTitle", "")
    if not title or (title == first and len(layer["accessors"]) > 1 and _differ(panel, layer["accessors"])):
        yield f"{panel.name}: several series under the title {title or first!r}"
    if not state["axisTitlesVisibilitySettings"]["yLeft"]:
        yield f"{panel.name}: several series and no title"


def _differ(panel: Panel, accessors: list[str]) -> bool:
    """Whether the series are of different kinds; the same number of another time bears the same title."""
    kinds = {json.dumps([panel.columns[name][key] for key in ("operationType", "params")]) for name in accessors}
    return len(kinds) > 1


def colours(panel: Panel) -> Iterator[str]:
    """Outcomes look alike everywhere, and unlike each other."""
    if panel.attributes["visualizationType"] != "lnsXY":
        return
    (layer,) = panel.attributes["state"]["visualization"]["layers"]
    if "splitAccessor" not in layer or panel.columns[layer["splitAccessor"]].get("sourceField") != "outcome":
        return
    given = layer.get("colorMapping", {}).get("assignments", [])
    mapped = {value: one["color"].get("colorCode") for one in given for value in one["rule"]["values"]}
    if set(mapped) != OUTCOMES or len(set(mapped.values())) != len(OUTCOMES) or None in mapped.values():
        yield f"{panel.name}: outcomes are given {mapped}"


def time_shifts(panel: Panel) -> Iterator[str]:
    """Lens refuses the period before over time, and different times under a list of top values."""
    shifts = panel.shifts
    operations = {column["operationType"] for column in panel.buckets.values()}
    if "previous" in shifts and "date_histogram" in operations:
        yield f"{panel.name}: the period before, over time"
    if len(shifts) > 1 and "terms" in operations:
        yield f"{panel.name}: top values of several times"


def labels(panel: Panel) -> Iterator[str]:
    """What is written where there may be no room for it is cut, or left out."""
    state = panel.attributes["state"]["visualization"]
    kind = panel.attributes["visualizationType"]
    if kind == "lnsXY":
        (layer,) = state["layers"]
        bucket = panel.columns[layer["xAccessor"]]
        if state["valueLabels"] != "hide":
            yield f"{panel.name}: numbers beside bars, of which short ones get none"
        if bucket["operationType"] == "terms":
            yield f"{panel.name}: names under bars, of which long ones are cut"
    if kind == "lnsDatatable":
        yield from _cut_names(panel, state)
    for column in panel.columns.values():
        if "UTC" in column["label"]:
            yield f"{panel.name}: {column['label']!r} in whatever zone Kibana is set to"


def _cut_names(panel: Panel, state: Json) -> Iterator[str]:
    if state["rowHeight"] != "auto":
        yield f"{panel.name}: names are cut to one line"
    shown = [one for one in state["columns"] if not one["hidden"] and not one["isTransposed"]]
    names = [one for one in shown if panel.columns[one["columnId"]]["isBucketed"]]
    if any(one.get("width", 0) < 160 for one in names):
        yield f"{panel.name}: names are left what the numbers do not take"
    if sum(one.get("width", 80) for one in shown) > panel.grid["w"] * COLUMN_PIXELS:
        yield f"{panel.name}: its columns are wider than it is"
    transposed = any(one["isTransposed"] for one in state["columns"])
    if transposed and panel.grid["w"] < COLUMNS_WIDE:
        yield f"{panel.name}: as many columns as there are values, in part of the width"


def durations(panel: Panel) -> Iterator[str]:
    """Nobody reads 167,787 ms: times have the data view's format, which says them in seconds, minutes and hours."""
    for column in panel.columns.values():
        if column.get("sourceField") == "latency_ms" and "format" in column["params"]:
            yield f"{panel.name}: {column['label']} in a format of its own, which knows no durations"


PANEL_RULES: tuple[Callable[[Panel], Iterator[str]], ...] = (
    tiles,
    axis_titles,
    colours,
    time_shifts,
    labels,
    durations,
)


def synced_colours(board: Json) -> Iterator[str]:
    """Kibana gives colours by the order of appearance on a whole dashboard, over what a panel says."""
    if json.loads(board["attributes"]["optionsJSON"])["syncColors"]:
        yield f"{board['id']}: colours of one panel are another's"


def controls(board: Json, shown: list[Panel]) -> Iterator[str]:
    """A control that says something of what a panel asks for empties the panel, or turns its rate into 0 or 100 %."""
    for field in control_fields(board):
        for panel in shown:
            touched = _asked(panel) & DEPENDENT.get(field, {field}) - _listed(panel, field)
            if touched and not (field in KNOWN_OF_PHOTOS and _is_about_photos(panel)):
                yield f"{board['id']}: control {field} changes what {panel.name} means, by {sorted(touched)}"


def control_fields(board: Json) -> list[str]:
    """The fields of its controls, in their order."""
    given = json.loads(board["attributes"]["controlGroupInput"]["panelsJSON"]).values()
    return [each["explicitInput"]["fieldName"] for each in sorted(given, key=lambda each: each["order"])]


def _asked(panel: Panel) -> set[str]:
    """The fields by which the panel chooses or tells apart its records."""
    fields = fields_of(panel.attributes["state"]["query"]["query"])
    for column in panel.columns.values():
        fields |= fields_of(column["filter"]["query"]) if "filter" in column else set()
        fields |= {column["sourceField"]} if column["operationType"] == "terms" else set()
    return fields


def _listed(panel: Panel, field: str) -> set[str]:
    """A list of a field's own values merely gets shorter, where there is no other condition on them."""
    lists = any(column.get("sourceField") == field for column in panel.buckets.values())
    return {field} if lists and field not in DEPENDENT else set()


def _is_about_photos(panel: Panel) -> bool:
    """Whether all that the panel counts is a photo, of which everything is known."""
    first, _, _ = panel.attributes["state"]["query"]["query"].partition(" and ")
    filters = [column["filter"]["query"] for column in panel.columns.values() if "filter" in column]
    return first == 'outcome : "processed"' and not any(DEPENDENT["outcome"] & fields_of(each) for each in filters)


def wrapping(board: Json) -> Iterator[str]:
    """Controls that do not fit beside each other take a second line from the pictures."""
    given = json.loads(board["attributes"]["controlGroupInput"]["panelsJSON"]).values()
    if sum(CONTROL_COLUMNS[each["width"]] for each in given) > COLUMNS_WIDE:
        yield f"{board['id']}: {len(given)} controls do not fit beside each other"
    if any(each["explicitInput"].get("searchTechnique") != "wildcard" for each in given):
        yield f"{board['id']}: a name is found by its beginning alone"


def wrong_of(boards: list[Json], ndjson: bytes) -> list[str]:
    """All that any rule says of any panel or dashboard."""
    shown = panels(ndjson)
    found = [each for rule in PANEL_RULES for panel in shown for each in rule(panel)]
    for board in boards:
        own = [panel for panel in shown if panel.dashboard == board["attributes"]["title"]]
        found += [*synced_colours(board), *controls(board, own), *wrapping(board)]
    return found
