"""The figures' definitions and the report's page, without any server."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from importlib.resources import files
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from photo_pipeline.bi.cube import ALL, EMPTY, MAX_CELLS, Cell, Cube, cells_body, cells_of, fitting, largest_of
from photo_pipeline.bi.figures import FIGURES
from photo_pipeline.bi.page import FILTERED, Answers
from photo_pipeline.bi.queries import answer_of, extent_of, search_body
from photo_pipeline.bi.report import main, render
from photo_pipeline.bi.shapes import PROCESSED
from photo_pipeline.bi.spec import (
    OUTCOME_COLOURS,
    Answer,
    Chart,
    Dimension,
    Figure,
    Interval,
    Key,
    OverTime,
    Page,
    Ranges,
    Row,
    Scope,
    Terms,
)
from photo_pipeline.bi.text import byte_text

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCOPE = Scope.between(NOW - timedelta(days=30), NOW)
PAGES = ("#ffffff", "#171b21")
SCRIPT = files("photo_pipeline").joinpath("bi", "templates", "report.js").read_text()
COLOURS = sorted({*OUTCOME_COLOURS.values(), *re.findall(r"#[0-9a-f]{6}", SCRIPT)})
NASTY = '<img src=x onerror="alert(1)"></script><script>alert(2)</script>'


def test_names_are_unique_and_fit_ids() -> None:
    """Ids in the page and of saved objects are made of them."""
    names = [figure.name for figure in FIGURES]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in names)
    assert {figure.page for figure in FIGURES} == set(Page)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_definitions_hold_together(figure: Figure) -> None:
    """Charts over time have time as their first dimension; ranges have a name each; SQL only reads the view."""
    over_time = figure.chart in (Chart.STACKED, Chart.COLUMNS, Chart.LINES)
    assert over_time == any(isinstance(dimension, OverTime) for dimension in figure.dimensions[:1])
    for dimension in figure.dimensions:
        if isinstance(dimension, Ranges):
            assert len(dimension.names) == len(dimension.bounds) + 1
            assert list(dimension.bounds) == sorted(dimension.bounds)
    assert set(re.findall(r"(?:FROM|JOIN) (\w+)", figure.sql)) <= {
        "bi_outcome",
        *re.findall(r"(?:WITH|,) (\w+) AS \(", figure.sql),
    }
    json.dumps(search_body(figure, SCOPE))


@pytest.mark.parametrize(
    ("span", "interval"),
    [
        (timedelta(seconds=1), Interval.MINUTE),
        (timedelta(hours=2), Interval.MINUTE),
        (timedelta(hours=3), Interval.HOUR),
        (timedelta(days=7), Interval.DAY),
        (timedelta(days=4000), Interval.MONTH),
    ],
)
def test_the_interval_fits_the_span(span: timedelta, interval: Interval) -> None:
    """A chart has neither one bar nor thousands."""
    assert Interval.fitting(span) is interval


def test_an_answer_that_may_lack_something_says_so() -> None:
    """Elasticsearch's error bound of a terms aggregation reaches the reader, at any depth."""
    (figure,) = (figure for figure in FIGURES if figure.name == "types-over-time")
    for bound in (0, 1):
        inner = {"doc_count_error_upper_bound": bound, "buckets": [{"key": "jpeg", "doc_count": 3}]}
        bucket = {"key": NOW.timestamp() * 1000, "doc_count": 3, "rows": inner}
        answer = answer_of(figure, {"hits": {"total": {"value": 3}}, "aggregations": {"rows": {"buckets": [bucket]}}})
        assert answer == Answer((Row((NOW, "jpeg"), (3,)),), exact=bound == 0)


def test_an_empty_index_has_no_extent() -> None:
    """``min`` of nothing is null."""
    assert extent_of({"aggregations": {"first": {"value": None}, "last": {"value": None}}}) is None
    assert extent_of({}) is None


def test_what_people_wrote_cannot_become_markup() -> None:
    """Names of customers and cameras are text in the page's data, which nothing in them can leave."""
    cells = tuple(Cell(place, NASTY, NASTY, 0, 1, 1) for place in (ALL, 0))
    answers = Answers(
        {figure.name: Answer(_rows(figure), exact=True) for figure in FIGURES},
        {},
        Cube(((NASTY, NASTY),), cells, ()),
    )
    page = render(answers, SCOPE, NOW)
    parser = _Elements()
    parser.feed(page)
    assert "img" not in parser.tags
    assert not [name for name in parser.attributes if name.startswith("on")]
    assert parser.tags.count("script") == 2
    assert NASTY in json.dumps(_data(page)["figures"], ensure_ascii=False).replace("\\", "")


def test_the_page_names_no_other_place() -> None:
    """Nothing is loaded from anywhere: the only address is the name of SVG's elements."""
    page = render(_answers(()), SCOPE, NOW)
    assert re.findall(r"https?://[^\"' ]*", page) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"\bsrc=|\bimport\b|fetch\(|XMLHttpRequest", page)


def test_the_page_is_small_however_much_there_is() -> None:
    """At most 400 kB: a hundred days of 20,000 customers who send every type from every source every day."""
    types, sources = ("jpeg", "png", "heic", "webp", "avif"), ("upload", "stream")
    start = int(SCOPE.since.timestamp() * 1000)
    kinds = [(source, kind) for source in sources for kind in types]
    times = [start + day * 86_400_000 for day in range(100)]

    def cells(customer: int) -> list[Cell]:
        return [Cell(customer, source, kind, when, 12_345, 123_456_789_012) for source, kind in kinds for when in times]

    customers = tuple((str(UUID(int=place)), f"A customer with a long name, number {place}") for place in range(100))
    everything = tuple(cell for customer in (ALL, *range(100)) for cell in cells(customer))
    cube = fitting(Cube(customers, everything, tuple(replace(cell, time=0) for cell in everything[: len(kinds)])))
    assert len(cube.customers) == MAX_CELLS // 1000
    rows = {figure.name: Answer(_many(figure, times, types), exact=True) for figure in FIGURES}
    page = render(Answers(rows, {"totals": Answer((Row((), (1, 1, 1, 1)),), exact=True)}, cube), SCOPE, NOW)
    assert len(page.encode()) <= 400_000


def test_single_customers_are_kept_from_the_largest_down() -> None:
    """As many as there is room for, whole; the period before counts, and all together always stay."""
    cells = (
        Cell(ALL, "upload", "png", 0, 9, 9),
        *(Cell(place, "upload", "png", place, 1, 1) for place in (0, 1, 1, 2)),
    )
    cube = Cube((("a", "A"), ("b", "B"), ("c", "C")), cells, (Cell(0, "upload", "png", 0, 1, 1),))
    assert [len(fitting(cube, most).customers) for most in (1, 2, 3, 4, 5, 6)] == [0, 1, 1, 2, 3, 3]
    assert {cell.customer for cell in fitting(cube, 2).cells} == {ALL, 0}
    assert fitting(cube, 1).cells == cells[:1]


def test_cells_are_asked_for_page_by_page() -> None:
    """Each page says where the next one begins, the last that there is none; what has no value is 'none'."""
    key = {"source": None, "format": "png", "time": SCOPE.since.timestamp() * 1000}
    bucket = {"key": key, "doc_count": 2, "bytes": {"value": 5.0}}
    found = {"aggregations": {"cells": {"buckets": [bucket], "after_key": key}}}
    assert cells_of(found) == ((Cell(ALL, "none", "png", int(SCOPE.since.timestamp() * 1000), 2, 5),), key)
    assert cells_body(SCOPE, None, key)["aggs"]["cells"]["composite"]["after"] == key
    assert cells_of({}) == ((), None)
    assert largest_of({}) == ()


def test_an_approximate_figure_says_so() -> None:
    """The reader is told where Elasticsearch may have missed something."""
    figures = _data(render(_answers((), exact=False), SCOPE, NOW))["figures"]
    assert not [figure for figure in figures if figure["exact"]]


def test_a_filtered_figure_is_one_of_the_photos() -> None:
    """What the filters make of the cube is there under that name, and about processed photos alone."""
    named = {figure.name: figure for figure in FIGURES if figure.name in FILTERED}
    assert set(named) == FILTERED
    assert {figure.page for figure in named.values()} == {Page.PHOTOS}
    assert {figure.where for figure in named.values()} == {(PROCESSED,)}


@pytest.mark.parametrize(("colour", "page"), list(product(COLOURS, PAGES)))
def test_colours_can_be_seen_on_light_and_dark(colour: str, page: str) -> None:
    """WCAG 2.2, 1.4.11: graphics have a contrast of at least 3:1."""
    light, dark = sorted((_luminance(colour), _luminance(page)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_500_000, "1.5 MB"), (2e18, "2,000.0 PB")]
)
def test_bytes_are_readable(number: float, text: str) -> None:
    """Decimal units."""
    assert byte_text(number) == text


def test_without_an_address_one_line_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback."""
    monkeypatch.delenv("PHOTO_ELASTICSEARCH_URL", raising=False)
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("error: set PHOTO_ELASTICSEARCH_URL")


class _Elements(HTMLParser):
    """The page as a browser takes it apart."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def _answers(rows: tuple[Row, ...], *, exact: bool = True) -> Answers:
    return Answers({figure.name: Answer(rows, exact=exact) for figure in FIGURES}, {}, EMPTY)


def _data(page: str) -> dict[str, Any]:
    """What the page's script works on."""
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    data: dict[str, Any] = json.loads(found)
    return data


def _many(figure: Figure, times: list[int], types: tuple[str, ...]) -> tuple[Row, ...]:
    """As many rows as there can be, each as long as they get."""
    values = tuple(123_456_789_012 for _ in figure.measures)
    lists = [list(_keys(dimension, times, types)) for dimension in figure.dimensions]
    return tuple(Row(keys, values) for keys in product(*lists))


def _keys(dimension: Dimension, times: list[int], types: tuple[str, ...]) -> Iterator[Key]:
    match dimension:
        case OverTime(width=width):
            yield from (datetime.fromtimestamp(when / 1000, UTC) for when in (times[::30] if width else times))
        case Ranges(names=names):
            yield from range(len(names))
        case Terms(field="customer_name"):
            yield "A customer with a long name, of Somewhere & Sons"
        case Terms(field="customer_id" | "camera", size=size):
            yield from (str(UUID(int=place)) for place in range(size))
        case _:
            yield from types


def _rows(figure: Figure) -> tuple[Row, ...]:
    keys = tuple(
        NOW if isinstance(dimension, OverTime) else 0 if isinstance(dimension, Ranges) else NASTY
        for dimension in figure.dimensions
    )
    return (Row(keys, tuple(1 for _ in figure.measures)),)


def _luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
