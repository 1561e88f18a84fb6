"""The figures' definitions and the report's page, without any server."""

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import product

import pytest

from photo_pipeline.bi.charts import FIXED, PALETTE, chart_html
from photo_pipeline.bi.figures import FIGURES
from photo_pipeline.bi.queries import answer_of, extent_of, search_body
from photo_pipeline.bi.report import main, render
from photo_pipeline.bi.spec import Answer, Chart, Figure, Interval, OverTime, Page, Ranges, Row, Scope
from photo_pipeline.bi.tables import byte_text, table_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCOPE = Scope.between(NOW - timedelta(days=30), NOW)
PAGES = ("#ffffff", "#171b21")
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
    """Names of customers and cameras are shown as they are written, in tables, charts and their labels."""
    answers = {figure.name: Answer(_rows(figure), exact=True) for figure in FIGURES}
    page = render(answers, SCOPE, NOW)
    parser = _Elements()
    parser.feed(page)
    assert "img" not in parser.tags
    assert not [name for name in parser.attributes if name.startswith("on")]
    drawn = sum(figure.chart not in (Chart.NUMBERS, Chart.TABLE) for figure in FIGURES)
    assert parser.tags.count("script") == 1 + drawn
    assert NASTY in parser.text


def test_the_page_names_no_other_place() -> None:
    """Nothing in the page's own part is loaded from anywhere."""
    page = render({figure.name: Answer((), exact=True) for figure in FIGURES}, SCOPE, NOW)
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert "http" not in own.replace("http-equiv", "")
    assert "Approximate" not in own
    assert own.count("None.") == len(FIGURES)


def test_an_approximate_figure_says_so() -> None:
    """The reader is told where Elasticsearch may have missed something."""
    page = render({figure.name: Answer((), exact=False) for figure in FIGURES}, SCOPE, NOW)
    assert page.count("Approximate") == len(FIGURES)


@pytest.mark.parametrize(("colour", "page"), list(product(sorted({*PALETTE, *FIXED.values()}), PAGES)))
def test_colours_can_be_seen_on_light_and_dark(colour: str, page: str) -> None:
    """WCAG 2.2, 1.4.11: graphics have a contrast of at least 3:1."""
    light, dark = sorted((_luminance(colour), _luminance(page)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3


def test_same_names_stay_apart() -> None:
    """Two customers of one name are two rows of the table and two bars."""
    (figure,) = (figure for figure in FIGURES if figure.name == "customers-by-type")
    rows = (Row(("a", "Ada", "jpeg"), (3,)), Row(("b", "Ada", "jpeg"), (2,)), Row(("b", "Ada", "png"), (1,)))
    table = table_of(figure, Answer(rows, exact=True))
    assert table.headings == ("customer", "jpeg", "png")
    assert table.rows == (("Ada", "3", "-"), ("Ada", "2", "1"))
    (top,) = (figure for figure in FIGURES if figure.name == "top-customers")
    answer = Answer(tuple(Row((name, "Ada"), (1, 1)) for name in "ab"), exact=True)
    assert '"y":[0,1]' in chart_html(top, answer, Interval.DAY).replace(" ", "")


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
