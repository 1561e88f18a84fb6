"""A figure as Lens panels: its layer of columns, and how Kibana draws them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from photo_pipeline.bi.kibana.columns import Layer, kql, layer_of
from photo_pipeline.bi.spec import Chart, Dimension, Figure, Measure, OverTime, Terms

LAYER = "figure"
DATA_VIEW = "photo-pipeline-outcomes"
"""Id of the data view that every panel, search and control refers to."""
TILES_IN_A_ROW = 3

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
            _panel(figure, f"{figure.name}-{measure.label}", f"{figure.title} {measure.label}", (measure,))
            for measure in figure.measures
        )
    return (_panel(figure, figure.name, figure.title, _drawn(figure)),)


def _drawn(figure: Figure) -> Sequence[Measure]:
    """Bars show their first measure alone; bytes beside counts would want an axis of their own."""
    bars = figure.chart is Chart.BARS and len(figure.dimensions) == 1
    return figure.measures[:1] if bars else figure.measures


def _panel(figure: Figure, name: str, title: str, measures: Sequence[Measure]) -> LensPanel:
    dimensions = _nested(figure)
    layer = layer_of(dimensions, measures)
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


def _nested(figure: Figure) -> tuple[Dimension, ...]:
    """A stack's colours are the outer buckets, so that all of time shares one list of them, and one "Other"."""
    return figure.dimensions[::-1] if figure.chart is Chart.STACKED else figure.dimensions


def _visualization(figure: Figure, layer: Layer, dimensions: Sequence[Dimension]) -> tuple[str, Json]:
    if figure.chart is Chart.NUMBERS:
        return "lnsMetric", _tiles(layer)
    if figure.chart is Chart.TABLE or (figure.chart is Chart.BARS and len(dimensions) > 1):
        return "lnsDatatable", _table(layer, dimensions, pivot=figure.chart is Chart.TABLE)
    return "lnsXY", _chart(figure, layer, dimensions)


def _tiles(layer: Layer) -> Json:
    tiles: Json = {"layerId": LAYER, "layerType": "data", "metricAccessor": layer.measures[0]}
    if len(layer.measures) > 1:
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
        columns.append({"columnId": name, "hidden": hidden, "isTransposed": transposed})
    columns += [{"columnId": name, "hidden": False, "isTransposed": False} for name in layer.measures]
    return {"layerId": LAYER, "layerType": "data", "columns": columns, "rowHeight": "single", "headerRowHeight": "auto"}


def _chart(figure: Figure, layer: Layer, dimensions: Sequence[Dimension]) -> Json:
    series = _series(figure.chart)
    data: Json = {
        "layerId": LAYER,
        "layerType": "data",
        "seriesType": series,
        "position": "top",
        "showGridlines": False,
        "accessors": list(layer.measures),
        "xAccessor": layer.buckets[-1],
    }
    if len(layer.buckets) > 1:
        data["splitAccessor"] = layer.buckets[0]
    over_time = isinstance(dimensions[-1], OverTime)
    return {
        "layers": [data],
        "preferredSeriesType": series,
        "legend": {"isVisible": len(layer.buckets) > 1 or len(layer.measures) > 1, "position": "right"},
        "valueLabels": "hide" if over_time else "show",
        # What lies between two moments is drawn, and nothing beyond the first and the last.
        "fittingFunction": "Linear" if series == "line" else "None",
        "axisTitlesVisibilitySettings": {"x": not over_time, "yLeft": True, "yRight": True},
        "tickLabelsVisibilitySettings": {"x": True, "yLeft": True, "yRight": True},
        "gridlinesVisibilitySettings": {"x": False, "yLeft": True, "yRight": True},
        "labelsOrientation": {"x": 0, "yLeft": 0, "yRight": 0},
        "yLeftExtent": {"mode": "full"},
        "yRightExtent": {"mode": "full"},
    }


def _series(chart: Chart) -> str:
    if chart is Chart.LINES:
        return "line"
    return "bar_horizontal" if chart is Chart.BARS else "bar_stacked"
