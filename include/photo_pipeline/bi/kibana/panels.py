"""A figure as Lens panels: its layer of columns, and how Kibana draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from photo_pipeline.bi.kibana.columns import Layer, kql, layer_of
from photo_pipeline.bi.spec import OUTCOME_COLOURS, Chart, Dimension, Figure, Measure, OverTime, Terms

LAYER = "figure"
DATA_VIEW = "photo-pipeline-outcomes"
"""Id of the data view that every panel, search and control refers to."""
TILES_IN_A_ROW = 3
ROWS_ON_A_PAGE = 20
NAME_PIXELS = 240
"""Of a column of names, which Kibana would cut to what is left beside the numbers."""
PALETTE = "eui_amsterdam_color_blind"
BEFORE_COLOUR = "#98a2b3"
_Y_TITLES = {"bytes": "bytes", "ms": "from acceptance to outcome", "share": "share of all records"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LensPanel:
    """One panel, without its place on a dashboard.

    Attributes:
        name: unique on the dashboard; the figure's, with a number where a figure takes several panels.
        title: for people.
        attributes: Lens' own description of it.
    """

    name: str
    title: str
    attributes: Json

    def references(self) -> list[Json]:
        """What the panel needs, by the names by which its attributes say so."""
        found: list[Json] = self.attributes["references"]
        return found


def panels_of(figure: Figure) -> tuple[LensPanel, ...]:
    """The figure's panels: one, but a tile shows one number, so that numbers of the whole take one each."""
    if figure.chart is Chart.NUMBERS and not figure.dimensions:
        return tuple(
            _panel(figure, tile_name(figure, measure), f"{figure.title} {measure.label}", (measure,))
            for measure in figure.measures
        )
    return (_panel(figure, figure.name, figure.title, figure.measures),)


def tile_name(figure: Figure, measure: Measure) -> str:
    """Of the panel that shows one number of a figure: an id, so without blanks."""
    return f"{figure.name}-{measure.label.replace(' ', '-')}"


def _panel(figure: Figure, name: str, title: str, measures: Sequence[Measure]) -> LensPanel:
    dimensions = _nested(figure)
    layer = layer_of(dimensions, measures, _shift(figure))
    kind, visualization = _visualization(figure, layer, dimensions)
    attributes = {
        "title": title,
        "description": figure.about,
        "type": "lens",
        "visualizationType": kind,
        "references": [{"type": "index-pattern", "id": DATA_VIEW, "name": f"indexpattern-datasource-layer-{LAYER}"}],
        "state": {
            "adHocDataViews": {},
            "datasourceStates": {
                "formBased": {"layers": {LAYER: layer.saved()}},
                "indexpattern": {"layers": {}},
                "textBased": {"layers": {}},
            },
            "filters": [],
            "internalReferences": [],
            "query": {"language": "kuery", "query": kql(figure.where)},
            "visualization": visualization,
        },
    }
    return LensPanel(name, title, attributes)


def _shift(figure: Figure) -> str:
    """How much earlier a figure is compared: Lens refuses the period before as a shift of what goes over time."""
    over_time = any(isinstance(dimension, OverTime) for dimension in figure.dimensions)
    return ("1w" if over_time else "previous") if figure.compared else ""


def _nested(figure: Figure) -> tuple[Dimension, ...]:
    """A stack's colours are the outer buckets, so that all of time shares one list of them, and one "Other"."""
    return figure.dimensions[::-1] if figure.chart is Chart.STACKED else figure.dimensions


def _visualization(figure: Figure, layer: Layer, dimensions: Sequence[Dimension]) -> tuple[str, Json]:
    """Lists are tables: Lens writes no number beside a bar that is too short for it."""
    if figure.chart is Chart.NUMBERS:
        return "lnsMetric", _tiles(layer)
    if figure.chart is Chart.TABLE or (figure.chart is Chart.BARS and isinstance(dimensions[0], Terms)):
        return "lnsDatatable", _table(layer, dimensions, pivot=figure.chart is Chart.TABLE)
    return "lnsXY", _chart(figure, layer, dimensions)


def _tiles(layer: Layer) -> Json:
    tiles: Json = {"layerId": LAYER, "layerType": "data", "metricAccessor": layer.measures[0]}
    if layer.before:
        tiles |= {"secondaryMetricAccessor": layer.before[0], "secondaryPrefix": "the period before: "}
    elif len(layer.measures) > 1:
        tiles["secondaryMetricAccessor"] = layer.measures[1]
    if layer.buckets:
        tiles |= {"breakdownByAccessor": layer.buckets[0], "maxCols": TILES_IN_A_ROW}
    return tiles


def _table(layer: Layer, dimensions: Sequence[Dimension], *, pivot: bool) -> Json:
    """Ids keep two of the same name apart without being shown; a type under a name becomes columns."""
    columns: list[Json] = []
    for name, dimension in zip(layer.buckets, dimensions, strict=True):
        hidden = isinstance(dimension, Terms) and dimension.field.endswith("_id")
        transposed = pivot and len(dimensions) > 1 and name == layer.buckets[-1]
        column: Json = {"columnId": name, "hidden": hidden, "isTransposed": transposed}
        columns.append(column if hidden or transposed else {**column, "width": NAME_PIXELS})
    columns += [{"columnId": name, "hidden": False, "isTransposed": False} for name in layer.measures]
    # As high as its text: a name that is longer than its column goes on in the next line.
    shape = {"rowHeight": "auto", "headerRowHeight": "auto", "paging": {"enabled": True, "size": ROWS_ON_A_PAGE}}
    return {"layerId": LAYER, "layerType": "data", "columns": columns, **shape}


def _chart(figure: Figure, layer: Layer, dimensions: Sequence[Dimension]) -> Json:
    series = _series(figure.chart)
    over_time = isinstance(dimensions[-1], OverTime)
    accessors = [*layer.measures, *layer.before]
    return {
        "layers": [_data(layer, series)],
        "preferredSeriesType": series,
        "legend": {"isVisible": len(layer.buckets) > 1 or len(accessors) > 1, "position": "bottom"},
        # Axes say how much; what Lens writes into a picture it leaves out where there is no room.
        "valueLabels": "hide",
        # What lies between two moments is drawn, and nothing beyond the first and the last.
        "fittingFunction": "Linear" if series == "line" else "None",
        # Unasked, an axis takes the name of its first series.
        "yTitle": _Y_TITLES.get(figure.unit) or figure.measures[0].label,
        "axisTitlesVisibilitySettings": {"x": not over_time, "yLeft": True, "yRight": True},
        "tickLabelsVisibilitySettings": {"x": True, "yLeft": True, "yRight": True},
        "gridlinesVisibilitySettings": {"x": False, "yLeft": True, "yRight": True},
        "labelsOrientation": {"x": 0, "yLeft": 0, "yRight": 0},
        "yLeftExtent": {"mode": "full"},
        "yRightExtent": {"mode": "full"},
    }


def _data(layer: Layer, series: str) -> Json:
    data: Json = {
        "layerId": LAYER,
        "layerType": "data",
        "seriesType": series,
        "position": "top",
        "showGridlines": False,
        "accessors": [*layer.measures, *layer.before],
        "xAccessor": layer.buckets[-1],
    }
    if layer.before:
        data["yConfig"] = [{"forAccessor": name, "color": BEFORE_COLOUR} for name in layer.before]
    if len(layer.buckets) > 1:
        data["splitAccessor"] = layer.buckets[0]
        if layer.columns[layer.buckets[0]]["sourceField"] == "outcome":
            data["colorMapping"] = _outcome_colours()
    return data


def _outcome_colours() -> Json:
    return {
        "paletteId": PALETTE,
        "colorMode": {"type": "categorical"},
        "assignmentMode": "manual",
        "assignments": [
            {
                "rule": {"type": "matchExactly", "values": [value]},
                "color": {"type": "colorCode", "colorCode": colour},
                "touched": True,
            }
            for value, colour in OUTCOME_COLOURS.items()
        ],
        "specialAssignments": [
            {
                "rule": {"type": "other"},
                "color": {"type": "categorical", "paletteId": "neutral", "colorIndex": 1},
                "touched": False,
            }
        ],
    }


def _series(chart: Chart) -> str:
    if chart is Chart.LINES:
        return "line"
    return "bar" if chart is Chart.BARS else "bar_stacked"
