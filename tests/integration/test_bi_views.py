"""The SELECTs of docs/analysts.md on the analysts' views, as photo_bi: each says what Elasticsearch says."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.support.figures import EVERYTHING, World, latencies, rank_fits

from photo_pipeline.bi.figures import FIGURES
from photo_pipeline.bi.spec import Figure, Key, Percentile, Ranges, Row

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "analysts.md"
LINE = re.compile(r"^\| `([a-z-]+)` \| `(SELECT [^`]+)` \|$", re.MULTILINE)
HALF_A_PER_CENT = 0.005
"""The views count latencies in steps of that width, and name a step's lower end."""
SELECTS = dict(LINE.findall(DOCUMENT.read_text()))
VIEWS = sorted({name for statement in SELECTS.values() for name in re.findall(r"FROM (\w+)", statement)})


def test_every_figure_has_its_line() -> None:
    """In the document, in the figures' order."""
    assert list(SELECTS) == [figure.name for figure in FIGURES]


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_a_documented_select_says_what_elasticsearch_says(settled: World, figure: Figure) -> None:
    """Same rows, same numbers; a percentile's rank within the tolerance, or a step below. More customers are fine."""
    keys = len(figure.dimensions)
    with settled.bi.connect() as connection:
        lines = [tuple(line) for line in connection.execute(text(SELECTS[figure.name]))]
    said = {tuple(str(key) for key in line[:keys]): line[keys:] for line in lines}
    found = {
        tuple(_told(figure, place, key) for place, key in enumerate(row.keys)): row for row in _found(settled, figure)
    }
    assert len(said) == len(lines)
    assert found.keys() <= said.keys()
    assert len(found) == len(said) or figure.name == "customers-by-type"
    for key, row in found.items():
        for measure, value, right in zip(figure.measures, row.values, said[key], strict=True):
            if isinstance(measure, Percentile):
                found_in = latencies(settled.bi, EVERYTHING, row.keys)
                assert rank_fits(found_in, float(right), measure.percent / 100, HALF_A_PER_CENT)
            else:
                assert value == pytest.approx(float(right), rel=1e-12)


@pytest.mark.parametrize("view", VIEWS)
def test_views_are_read_and_nothing_more(settled: World, view: str) -> None:
    """photo_bi may look."""
    rights = (
        "SELECT has_table_privilege(:view, 'SELECT'), has_table_privilege(:view, 'INSERT, UPDATE, DELETE, TRUNCATE')"
    )
    with settled.bi.connect() as connection:
        assert connection.execute(text(rights), {"view": view}).one() == (True, False)


def _found(world: World, figure: Figure) -> tuple[Row, ...]:
    return world.found(figure, EVERYTHING)


def _told(figure: Figure, place: int, key: Key) -> str:
    """A key as the views say it."""
    dimension: Any = figure.dimensions[place]
    if isinstance(dimension, Ranges) and isinstance(key, int):
        return dimension.names[key]
    return f"{key.date()}" if isinstance(key, datetime) else str(key)
