"""A closed schema of what our dashboards are made of: Kibana takes what it does not know in silence, and draws it not.

Written from Kibana's own types (``MetricVisualizationState``, ``XYState``, ``DatatableVisualizationState``, the columns
of the form-based data source, the colour mapping's ``Config``), of which it holds the parts that we use and no others.
A part that is new to a panel has to be looked up there, and entered here.
"""

from typing import Any

Json = dict[str, Any]

TEXT: Json = {"type": "string", "minLength": 1}
ID: Json = {"type": "string", "pattern": "^[a-zA-Z0-9-]+$"}
FLAG: Json = {"type": "boolean"}
NUMBER: Json = {"type": "number"}
COLOUR: Json = {"type": "string", "pattern": "^#[0-9a-f]{6}$"}


def closed(required: Json, optional: Json | None = None) -> Json:
    """An object of these keys and no others."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": sorted(required),
        "properties": {**required, **(optional or {})},
    }


def _list(of: Json, least: int = 0) -> Json:
    return {"type": "array", "items": of, "minItems": least}


QUERY = closed({"query": {"type": "string"}, "language": {"const": "kuery"}})
AXES = closed({"x": FLAG, "yLeft": FLAG, "yRight": FLAG})
EXTENT = closed({"mode": {"enum": ["full", "dataBounds", "custom"]}})

_BASE: Json = {
    "label": TEXT,
    "customLabel": {"const": True},
    "isBucketed": FLAG,
    "dataType": {"enum": ["string", "date", "number"]},
    "scale": {"enum": ["ordinal", "interval", "ratio"]},
}
_FORMAT = closed({"id": {"enum": ["bytes", "percent", "number"]}, "params": closed({"decimals": NUMBER})})
_SHIFT: Json = {"enum": ["1w", "previous"]}
_MATH = {"type": "object", "required": ["type", "name", "args", "location", "text"]}


def _column(operation: str, params: Json, optional: Json | None = None, *, field: bool = True) -> Json:
    own: Json = {"operationType": {"const": operation}, "params": params}
    return closed({**_BASE, **own, **({"sourceField": TEXT} if field else {})}, optional)


COLUMNS: dict[str, Json] = {
    "terms": _column(
        "terms",
        closed(
            {
                "size": {"type": "integer", "minimum": 1, "maximum": 1000},
                "orderBy": closed({"type": {"const": "column"}, "columnId": ID}),
                "orderDirection": {"enum": ["asc", "desc"]},
                "otherBucket": FLAG,
                "missingBucket": FLAG,
                "parentFormat": closed({"id": {"const": "terms"}}),
                "include": {"const": []},
                "exclude": {"const": []},
                "includeIsRegex": {"const": False},
                "excludeIsRegex": {"const": False},
                "accuracyMode": FLAG,
            }
        ),
    ),
    "date_histogram": _column(
        "date_histogram",
        closed({"interval": {"enum": ["auto", "1M"]}, "includeEmptyRows": FLAG, "dropPartials": FLAG}),
    ),
    "filters": _column("filters", closed({"filters": _list(closed({"label": TEXT, "input": QUERY}), 1)}), field=False),
    "count": _column(
        "count", closed({"emptyAsNull": FLAG}, {"format": _FORMAT}), {"filter": QUERY, "timeShift": _SHIFT}
    ),
    "sum": _column("sum", closed({"emptyAsNull": FLAG}, {"format": _FORMAT}), {"timeShift": _SHIFT}),
    "unique_count": _column("unique_count", closed({"emptyAsNull": FLAG}), {"timeShift": _SHIFT}),
    "percentile": _column("percentile", closed({"percentile": {"type": "integer", "minimum": 1, "maximum": 99}})),
    "formula": closed(
        {
            **_BASE,
            "operationType": {"const": "formula"},
            "params": closed({"formula": TEXT, "isFormulaBroken": {"const": False}, "format": _FORMAT}),
            "references": _list(TEXT, 1),
        }
    ),
    "math": closed(
        {
            **_BASE,
            "operationType": {"const": "math"},
            "params": closed({"tinymathAst": _MATH}),
            "references": _list(TEXT, 1),
        }
    ),
}

_LAYER: Json = {"layerId": ID, "layerType": {"const": "data"}}
_COLOUR_CODE = closed({"type": {"const": "colorCode"}, "colorCode": COLOUR})
_PALETTE_COLOUR = closed({"type": {"const": "categorical"}, "paletteId": TEXT, "colorIndex": NUMBER})
_COLOUR_MAPPING = closed(
    {
        "paletteId": TEXT,
        "colorMode": closed({"type": {"const": "categorical"}}),
        "assignmentMode": {"enum": ["auto", "manual"]},
        "assignments": _list(
            closed(
                {
                    "rule": closed({"type": {"const": "matchExactly"}, "values": _list(TEXT, 1)}),
                    "color": _COLOUR_CODE,
                    "touched": FLAG,
                }
            )
        ),
        "specialAssignments": _list(
            closed({"rule": closed({"type": {"const": "other"}}), "color": _PALETTE_COLOUR, "touched": FLAG}), 1
        ),
    }
)
_SERIES = {"enum": ["bar", "bar_stacked", "line"]}

VISUALIZATIONS: dict[str, Json] = {
    "lnsMetric": closed(
        {**_LAYER, "metricAccessor": ID},
        {
            "secondaryMetricAccessor": ID,
            "secondaryPrefix": TEXT,
            "breakdownByAccessor": ID,
            "maxCols": {"type": "integer", "minimum": 1},
        },
    ),
    "lnsDatatable": closed(
        {
            **_LAYER,
            "columns": _list(
                closed({"columnId": ID, "hidden": FLAG, "isTransposed": FLAG}, {"width": {"type": "integer"}}), 1
            ),
            "rowHeight": {"enum": ["auto", "single", "custom"]},
            "headerRowHeight": {"enum": ["auto", "single", "custom"]},
            "paging": closed({"enabled": FLAG, "size": {"enum": [10, 20, 30, 50, 100]}}),
        }
    ),
    "lnsXY": closed(
        {
            "layers": {
                **_list(
                    closed(
                        {
                            **_LAYER,
                            "seriesType": _SERIES,
                            "position": {"const": "top"},
                            "showGridlines": FLAG,
                            "accessors": _list(ID, 1),
                            "xAccessor": ID,
                        },
                        {
                            "splitAccessor": ID,
                            "colorMapping": _COLOUR_MAPPING,
                            "yConfig": _list(closed({"forAccessor": ID, "color": COLOUR}), 1),
                        },
                    ),
                    1,
                ),
                "maxItems": 1,
            },
            "preferredSeriesType": _SERIES,
            "legend": closed({"isVisible": FLAG, "position": {"enum": ["right", "bottom", "top", "left"]}}),
            "valueLabels": {"enum": ["hide", "show"]},
            "fittingFunction": {"enum": ["None", "Linear"]},
            "yTitle": TEXT,
            "axisTitlesVisibilitySettings": AXES,
            "tickLabelsVisibilitySettings": AXES,
            "gridlinesVisibilitySettings": AXES,
            "labelsOrientation": closed({"x": NUMBER, "yLeft": NUMBER, "yRight": NUMBER}),
            "yLeftExtent": EXTENT,
            "yRightExtent": EXTENT,
        }
    ),
}

STATE = closed(
    {
        "adHocDataViews": {"const": {}},
        "datasourceStates": closed(
            {
                "formBased": closed({"layers": {"type": "object", "minProperties": 1, "maxProperties": 1}}),
                "indexpattern": {"const": {"layers": {}}},
                "textBased": {"const": {"layers": {}}},
            }
        ),
        "filters": {"const": []},
        "internalReferences": {"const": []},
        "query": QUERY,
        "visualization": {"type": "object"},
    }
)
LENS = closed(
    {
        "title": TEXT,
        "description": TEXT,
        "type": {"const": "lens"},
        "visualizationType": {"enum": sorted(VISUALIZATIONS)},
        "references": _list({"type": "object"}, 1),
        "state": STATE,
    }
)
LAYER = closed(
    {
        "columnOrder": _list(TEXT, 1),
        "columns": {"type": "object", "minProperties": 1},
        "incompleteColumns": {"const": {}},
        "sampling": {"const": 1},
    }
)

_CONFIG: Json = {"enhancements": {"const": {}}, "hidePanelTitles": FLAG}
_LINK: Json = {"id": ID, "order": {"type": "integer"}, "label": TEXT}
_LINKS = _list(
    {
        "oneOf": [
            closed(
                {
                    **_LINK,
                    "type": {"const": "dashboardLink"},
                    "destinationRefName": TEXT,
                    "options": closed({"openInNewTab": FLAG, "useCurrentDateRange": FLAG, "useCurrentFilters": FLAG}),
                }
            ),
            closed(
                {
                    **_LINK,
                    "type": {"const": "externalLink"},
                    "destination": {"type": "string", "pattern": "^https?://"},
                    "options": closed({"openInNewTab": FLAG, "encodeUrl": FLAG}),
                }
            ),
        ]
    },
    1,
)
_MARKDOWN = closed(
    {
        "id": {"const": ""},
        "title": {"type": "string"},
        "description": {"type": "string"},
        "type": {"const": "markdown"},
        "params": closed({"fontSize": NUMBER, "openLinksInNewTab": FLAG, "markdown": TEXT}),
        "uiState": {"const": {}},
        "data": closed({"aggs": {"const": []}, "searchSource": closed({"query": QUERY, "filter": {"const": []}})}),
    }
)
PLACE = closed({"x": NUMBER, "y": NUMBER, "w": NUMBER, "h": NUMBER, "i": ID})


def _placed(kind: str, config: Json, more: Json | None = None) -> Json:
    return closed(
        {
            "type": {"const": kind},
            "version": TEXT,
            "panelIndex": ID,
            "gridData": PLACE,
            "embeddableConfig": closed({**_CONFIG, **config}),
            **(more or {}),
        }
    )


PANELS: dict[str, Json] = {
    "lens": _placed("lens", {"attributes": LENS}, {"title": TEXT}),
    "links": _placed(
        "links", {"attributes": closed({"layout": {"enum": ["horizontal", "vertical"]}, "links": _LINKS})}
    ),
    "visualization": _placed("visualization", {"savedVis": _MARKDOWN}),
    "search": _placed("search", {}, {"panelRefName": TEXT}),
}
CONTROL = closed(
    {
        "type": {"const": "optionsListControl"},
        "order": {"type": "integer"},
        "width": {"enum": ["small", "medium", "large"]},
        "grow": FLAG,
        "explicitInput": closed(
            {
                "id": ID,
                "fieldName": TEXT,
                "title": TEXT,
                "searchTechnique": {"enum": ["prefix", "wildcard", "exact"]},
                "enhancements": {"const": {}},
            }
        ),
    }
)
