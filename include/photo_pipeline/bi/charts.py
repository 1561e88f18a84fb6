"""Answers as Plotly charts. Text and lines take the page's colours by its style sheet, so light and dark both work."""

from collections.abc import Mapping
from html import escape
from typing import Any

import plotly.graph_objects as go

from photo_pipeline.bi.spec import Answer, Chart, Figure, Interval, Key, Row
from photo_pipeline.bi.tables import columns_of, label_of, labels_of, text_of

# Each at least 3:1 against the page in light and in dark (WCAG 2.2, 1.4.11); a unit test computes it.
PALETTE = ("#2f7fd0", "#d06a00", "#0f8f7e", "#c9408f", "#7d6bd6", "#6f8420", "#7a8590", "#b0632f")
FIXED: Mapping[str, str] = {"processed": "#2f7fd0", "rejected": "#d06a00", "duplicate": "#7a8590"}
"""Outcomes keep their colour in every chart."""

_SECONDS = {Interval.MINUTE: 60, Interval.HOUR: 3600, Interval.DAY: 86_400, Interval.MONTH: 28 * 86_400}
_BAR_PART = 0.85
_ROW_PIXELS = 30
_PIXELS = 300
_MARGIN = {"l": 8, "r": 8, "t": 8, "b": 8}
_CONFIG = {"responsive": True, "displaylogo": False, "displayModeBar": False, "scrollZoom": False}


def chart_html(figure: Figure, answer: Answer, interval: Interval) -> str:
    """A chart as a piece of HTML that expects Plotly's script on the page."""
    chart = _DRAWN[figure.chart](figure, answer, interval)
    html: str = chart.to_html(
        full_html=False, include_plotlyjs=False, config=_CONFIG, div_id=f"chart-{figure.name}", default_height="100%"
    )
    return html


def height_of(figure: Figure, answer: Answer) -> int:
    """How high the chart is to be, in CSS pixels."""
    return max(120, 50 + _ROW_PIXELS * len(answer.rows)) if figure.chart is Chart.BARS else _PIXELS


def _stacked(figure: Figure, answer: Answer, interval: Interval) -> go.Figure:
    inner = figure.dimensions[-1]
    chart = _empty(figure)
    for place, column in enumerate(columns_of(answer)):
        rows = [row for row in answer.rows if row.keys[-1] == column]
        chart.add_bar(
            name=escape(label_of(inner, column)),
            x=[_time(row.keys[0]) for row in rows],
            y=[row.values[0] for row in rows],
            width=_width(interval),
            marker={"color": FIXED.get(str(column), PALETTE[place % len(PALETTE)])},
        )
    chart.update_layout(barmode="stack", showlegend=True, hovermode="x unified")
    return chart


def _columns(figure: Figure, answer: Answer, interval: Interval) -> go.Figure:
    chart = _empty(figure)
    chart.add_bar(
        name=figure.measures[0].label,
        x=[_time(row.keys[0]) for row in answer.rows],
        y=[row.values[0] for row in answer.rows],
        width=_width(interval),
        marker={"color": PALETTE[0]},
    )
    return chart


def _bars(figure: Figure, answer: Answer, _: Interval) -> go.Figure:
    places = list(range(len(answer.rows)))
    chart = _empty(figure)
    chart.add_bar(
        orientation="h",
        y=places,
        x=[row.values[0] for row in answer.rows],
        text=[text_of(figure.measures[0], row.values[0]) for row in answer.rows],
        textposition="outside",
        cliponaxis=False,
        marker={"color": PALETTE[0]},
        hovertext=[f"{_label(figure, row)}: {text_of(figure.measures[-1], row.values[-1])}" for row in answer.rows],
        hoverinfo="text",
    )
    labels = [_shortened(labels_of(figure, row)[-1]) for row in answer.rows]
    chart.update_yaxes(tickvals=places, ticktext=labels, autorange="reversed", showgrid=False)
    most = max((row.values[0] or 0 for row in answer.rows), default=1)
    chart.update_xaxes(range=[0, most * 1.2], showticklabels=False, showgrid=False, zeroline=False)
    return chart


def _lines(figure: Figure, answer: Answer, _: Interval) -> go.Figure:
    chart = _empty(figure)
    for place, measure in enumerate(figure.measures):
        chart.add_scatter(
            name=measure.label,
            x=[_time(row.keys[0]) for row in answer.rows],
            y=[row.values[place] for row in answer.rows],
            mode="lines+markers",
            line={"color": PALETTE[place], "dash": ("solid", "dash", "dot")[place % 3]},
        )
    chart.update_layout(showlegend=len(figure.measures) > 1, hovermode="x unified", legend_y=-0.25)
    # Upright and few: turned ones would lie across the legend.
    chart.update_xaxes(tickangle=0, nticks=4)
    return chart


_DRAWN = {Chart.STACKED: _stacked, Chart.COLUMNS: _columns, Chart.BARS: _bars, Chart.LINES: _lines}


def _empty(figure: Figure) -> go.Figure:
    chart = go.Figure(
        layout={
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": _MARGIN,
            "font": {"family": "inherit", "size": 13},
            "legend": {"orientation": "h", "y": -0.18, "x": 0},
            "hoverlabel": {"bgcolor": "#242b33", "font": {"color": "#ffffff"}},
            "dragmode": False,
            "template": "none",
        }
    )
    chart.update_xaxes(automargin=True, showgrid=False)
    chart.update_yaxes(automargin=True, rangemode="tozero", fixedrange=True, nticks=6, **_ticks(figure.unit))
    return chart


def _ticks(unit: str) -> dict[str, Any]:
    if unit == "share":
        return {"tickformat": ".1%"}
    suffix = {"ms": " ms", "bytes": "B"}.get(unit, "")
    return {"tickformat": "~s" if unit == "bytes" else ",", "ticksuffix": suffix}


def _time(key: Key) -> str:
    """UTC without its mark: Plotly would turn it into the reader's own time."""
    return str(key).removesuffix("+00:00")


def _width(interval: Interval) -> float:
    """Of a bar, in milliseconds: the bucket's, less a gap."""
    return _SECONDS[interval] * 1000 * _BAR_PART


def _label(figure: Figure, row: Row) -> str:
    """Plotly takes labels for HTML; names of customers and cameras are whatever somebody wrote."""
    return escape(labels_of(figure, row)[-1])


def _shortened(label: str, longest: int = 22) -> str:
    return escape(label if len(label) <= longest else f"{label[: longest - 1]}…")
