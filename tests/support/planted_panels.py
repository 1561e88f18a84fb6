"""What was seen to be wrong with dashboards, put back into the file: each rule must find it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.support.lens import saved

Json = dict[str, Any]


@dataclass(frozen=True)
class Planted:
    """One mistake.

    Attributes:
        said: part of what the rule says of it.
        change: makes it, of a dashboard's attributes with everything unpacked.
    """

    said: str
    change: Callable[[Json], None]

    def into(self, ndjson: bytes) -> bytes:
        """The file with the mistake, on each dashboard where it can be made."""
        return b"".join(json.dumps(self._changed(each)).encode() + b"\n" for each in saved(ndjson))

    def _changed(self, each: Json) -> Json:
        if each["type"] != "dashboard":
            return each
        attributes = each["attributes"]
        group = attributes["controlGroupInput"]
        unpacked = {
            "panels": {panel["panelIndex"]: panel for panel in json.loads(attributes["panelsJSON"])},
            "controls": json.loads(group["panelsJSON"]),
            "options": json.loads(attributes["optionsJSON"]),
        }
        self.change(unpacked)
        changed = {
            **attributes,
            "panelsJSON": json.dumps(list(unpacked["panels"].values())),
            "optionsJSON": json.dumps(unpacked["options"]),
            "controlGroupInput": {**group, "panelsJSON": json.dumps(unpacked["controls"])},
        }
        return {**each, "attributes": changed}


def _state(board: Json, name: str) -> Json:
    if name not in board["panels"]:
        return {"visualization": {"layers": [{}], "columns": [{}]}, "query": {}}
    found: Json = board["panels"][name]["embeddableConfig"]["attributes"]["state"]
    return found


def _picture(board: Json, name: str) -> Json:
    found: Json = _state(board, name)["visualization"]
    return found


def _column(board: Json, name: str, column: str) -> Json:
    layers = _state(board, name).get("datasourceStates", {}).get("formBased", {}).get("layers", {})
    found: Json = layers.get("figure", {}).get("columns", {}).get(column, {"params": {}})
    return found


def _control(field: str) -> Callable[[Json], None]:
    given = {"fieldName": field, "searchTechnique": "wildcard"}
    one = {"type": "optionsListControl", "order": 9, "width": "small", "explicitInput": given}
    return lambda board: board["controls"].update({"control-planted": one})


def _size(size: int, **more: bool) -> Callable[[Json], None]:
    return lambda board: _column(board, "outcomes", "by-0")["params"].update({"size": size, **more})


def _prefix(board: Json) -> None:
    for each in board["controls"].values():
        each["explicitInput"]["searchTechnique"] = "prefix"


def _wide(board: Json) -> None:
    for each in board["controls"].values():
        each["width"] = "large"


def _one_colour(board: Json) -> None:
    for each in _picture(board, "outcomes-over-time")["layers"][0].get("colorMapping", {}).get("assignments", []):
        each["color"]["colorCode"] = "#0f8f7e"


def _narrow(board: Json) -> None:
    if "customers-by-type" in board["panels"]:
        board["panels"]["customers-by-type"]["gridData"]["w"] = 24


def _slim_names(board: Json) -> None:
    for column in _picture(board, "types")["columns"]:
        column.pop("width", None)


PLANTED = (
    Planted("reserves 21 tiles for 3 values", _size(20, otherBucket=True)),
    Planted("reserves 4 tiles for 3 values", _size(3, missingBucket=True)),
    Planted("reserves 5 tiles for 3 values", _size(5)),
    Planted(
        "several series under the title 'p50'", lambda board: _picture(board, "latency-over-time").pop("yTitle", 0)
    ),
    Planted("several series under the title 'p50'", lambda b: _picture(b, "latency-over-time").update(yTitle="p50")),
    Planted("several series under the title 'records'", lambda b: _picture(b, "types-over-time").pop("yTitle", 0)),
    Planted("outcomes are given {}", lambda b: _picture(b, "outcomes-over-time")["layers"][0].pop("colorMapping", 0)),
    Planted("outcomes are given {'processed': '#0f8f7e', 'duplicate': '#0f8f7e'", _one_colour),
    Planted("colours of one panel are another's", lambda board: board["options"].update(syncColors=True)),
    Planted("control outcome changes what outcomes means", _control("outcome")),
    Planted("control outcome changes what totals-photos means", _control("outcome")),
    Planted("control format changes what reject-rate means", _control("format")),
    Planted("control format changes what rejects-by-customer means", _control("format")),
    Planted("control camera changes what duplicate-rate means", _control("camera")),
    Planted("control reject_reason changes what reject-rate means", _control("reject_reason")),
    Planted("controls do not fit beside each other", _wide),
    Planted("a name is found by its beginning alone", _prefix),
    Planted("short ones get none", lambda board: _picture(board, "megapixels").update(valueLabels="show")),
    Planted("names are cut to one line", lambda board: _picture(board, "types").update(rowHeight="single")),
    Planted("names are left what the numbers do not take", _slim_names),
    Planted("as many columns as there are values, in part of the width", _narrow),
    Planted("in whatever zone", lambda board: _column(board, "throughput", "by-0").update(label="time (UTC)")),
    Planted(
        "a format of its own", lambda b: _column(b, "latency-p50", "value-0")["params"].update(format={"id": "number"})
    ),
    Planted("the period before, over time", lambda b: _column(b, "throughput", "value-0").update(timeShift="previous")),
    Planted("top values of several times", lambda b: _column(b, "types", "value-1").update(timeShift="1w")),
)
