"""``make kibana-check`` against a stand-in whose pages have the marks of Kibana's own: what it sees and finds."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

import pytest
from playwright.sync_api import Browser
from pydantic import SecretStr
from tests.kibana_check import __main__ as program
from tests.kibana_check.__main__ import check
from tests.kibana_check.comparing import Truth
from tests.kibana_check.reading import read
from tests.support.browser import chromium
from tests.support.kibana_contract import StandIn, stand_in
from tests.support.panels import FIGURE, PANELS

from photo_pipeline.bi.kibana.access import bundle
from photo_pipeline.bi.kibana.panels import tile_name
from photo_pipeline.bi.kibana.saved_objects import DASHBOARDS
from photo_pipeline.bi.spec import Chart, Distinct, Figure, Interval, Key, OverTime, Page, Percentile, Scope, Sum, Terms
from photo_pipeline.settings import KibanaSettings

USER, PASSWORD = "photo_provisioner", "correct horse"
UNTIL = datetime(2026, 3, 8, tzinfo=UTC)
SCOPE = Scope(UNTIL - timedelta(days=7), UNTIL, Interval.DAY)
SECONDS = 1.5
Rows = dict[tuple[Key, ...], tuple[Any, ...]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, which starts once."""
    with chromium() as found:
        yield found


@pytest.fixture
def kibana(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """The stand-in, looked at with the one Chromium."""

    class Kept:
        def __enter__(self) -> Browser:
            return browser

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(program, "_chromium", Kept)
    with stand_in(USER, PASSWORD) as server:
        server.app = app()
        yield server


def answers(figure: Figure, scope: Scope) -> Rows:
    """What SQL would say: other numbers for each figure, and fewer in the period before."""
    less = 1 if scope == SCOPE else 2
    lists = [_keys(dimension) for dimension in figure.dimensions]
    keys: list[tuple[Key, ...]] = [()]
    for each in lists:
        keys = [(*one, key) for one in keys for key in each]
    return {key: tuple(_number(measure, at, less) for measure in figure.measures) for at, key in enumerate(keys)}


TRUTH = Truth(answers, lambda scope, value, quantile: abs(value - 167_787) < 1_000)


def _keys(dimension: object) -> list[Key]:
    match dimension:
        case Terms(field="customer_id"):
            return ["1", "2"]
        case Terms(field="customer_name"):
            return ["Ada & Söhne"]
        case Terms(field="outcome"):
            return ["processed", "duplicate", "rejected"]
        case OverTime():
            return [datetime(2026, 3, 1, tzinfo=UTC)]
        case _:
            return ["jpeg", "none"]


def _number(measure: object, at: int, less: int) -> float:
    if isinstance(measure, Percentile):
        return 167_787
    return {Sum: 3_650_722_202, Distinct: 20_000}.get(type(measure), 1_234 + at) // less


def app(**changed: str) -> bytes:
    """A page that shows the dashboard that its address names, with each panel as Kibana would draw it."""
    boards = {}
    for board in Page:
        panels = [(panel.name, _drawn(panel.name)) for panel in PANELS if panel.dashboard == board.value]
        inside = {"links": "", "words": "", "records": DONE, **dict(panels), **changed}
        html = "".join(f'<div id="panel-{name}">{text}</div>' for name, text in inside.items() if text != "gone")
        boards[DASHBOARDS[board]] = html
    script = (
        f"const boards = {json.dumps(boards)};document.body.innerHTML = boards[location.hash.split(/[/?]/)[2]] || '';"
    )
    return f"<body><script>{script}</script>".encode()


DONE = '<div data-render-complete="true"></div>'


def _drawn(name: str) -> str:
    figure = FIGURE[name]
    if figure.chart is Chart.NUMBERS:
        return f"{DONE}{''.join(_tiles(name, figure))}"
    if figure.chart is Chart.TABLE or (figure.chart is Chart.BARS and isinstance(figure.dimensions[0], Terms)):
        return f"{DONE}{_table(figure)}"
    return DONE


def _tiles(name: str, figure: Figure) -> Iterator[str]:
    for keys, values in answers(figure, SCOPE).items():
        place = next((at for at, each in enumerate(figure.measures) if name == tile_name(figure, each)), 0)
        measure = figure.measures[place]
        before = _said(measure, next(iter(answers(figure, SCOPE.earlier()).values()))[place])
        extra = f"the period before: {before}" if figure.compared else ""
        yield (
            f'<div class="echMetric"><h2>{keys[0] if keys else name}</h2><p class="echMetricText__extra">{extra}</p>'
            f'<p class="echMetricText__value">{_said(measure, values[place])}</p></div>'
        )


def _table(figure: Figure) -> str:
    rows = answers(figure, SCOPE)
    pivot = figure.chart is Chart.TABLE and len(figure.dimensions) > 1
    lines: dict[tuple[Key, ...], list[str]] = {}
    for keys, values in rows.items():
        line = lines.setdefault(keys[:-1] if pivot else keys, [])
        line += [_said(measure, value) for measure, value in zip(figure.measures, values, strict=True)]
    shown = [
        [*(_name(key) for key, each in zip(keys, figure.dimensions, strict=False) if not _is_id(each)), *texts]
        for keys, texts in lines.items()
    ]
    return "".join(
        f'<div data-test-subj="dataGridRowCell" data-gridcell-row-index="{row}" data-gridcell-column-index="{column}">'
        f"<div>{escape(text)}</div><p>column {column}</p></div>"
        for row, line in enumerate(shown)
        for column, text in enumerate(line)
    )


def _is_id(dimension: object) -> bool:
    return isinstance(dimension, Terms) and dimension.field == "customer_id"


def _name(key: Key) -> str:
    return "(missing value)" if key == "none" else str(key)


def _said(measure: object, value: float) -> str:
    """A number as Kibana writes it."""
    if isinstance(measure, Percentile):
        return "2.8 min"
    if isinstance(measure, Sum):
        return f"{value / 1024**3:.1f}GB"
    return f"{100 * value:.1f}%" if "rate" in getattr(measure, "label", "") else f"{value:,.0f}"


def settings(url: str) -> KibanaSettings:
    """Of the stand-in."""
    return KibanaSettings(url=url, user=USER, password=SecretStr(PASSWORD), manage_role=False)


def found(kibana: StandIn) -> list[str]:
    """What the check finds."""
    return check(settings(kibana.url), TRUTH, SCOPE, SECONDS)


def test_nothing_is_found_where_all_is_right(kibana: StandIn) -> None:
    """Both dashboards are imported, opened at their addresses and read."""
    assert found(kibana) == []
    assert len(kibana.objects) == bundle().size
    assert sum(call == "GET /s/photos/app/dashboards" for call in kibana.asked) >= 1


WRONG = {
    "types": '<div data-test-subj="embeddable-lens-failure">No index</div>',
    "volume": f'{DONE}<i data-test-subj="lens-message-list-warning">!</i>',
    "reject-rate": "",
    "cameras": "gone",
    "totals-photos": _drawn("totals-photos").replace("1,234", "1,235"),
    "totals-bytes": _drawn("totals-bytes").replace("before: 1.7GB", "before: 1.8GB"),
    "outcomes": _drawn("outcomes").replace("rejected", "lost"),
    "latency-p95": _drawn("latency-p95").replace("2.8 min", "2.9 min"),
    "top-customers": _drawn("top-customers").replace("1,235", "1,236"),
    "customers-by-type": DONE,
}
SAID = (
    "types: No index",
    "volume: !",
    "reject-rate: not drawn",
    "cameras: not drawn",
    "totals-photos: '1,235' is shown, 1234 by SQL",
    "totals-bytes: ' 1.8GB' is shown, 1825361101 by SQL",
    "outcomes: only one side has 'lost'",
    "latency-p95: '2.9 min' is shown",
    "top-customers: Ada & Söhne | 1,236 | 3.4GB is shown",
    "customers-by-type: no row could be read",
)


def test_what_is_wrong_is_found(kibana: StandIn) -> None:
    """An error badge, a panel that is not drawn, and a number that SQL does not say, each by its panel."""
    kibana.app = app(**WRONG)
    lines = found(kibana)
    assert not [said for said in SAID if not any(line.startswith(said) for line in lines)], lines
    # What is not drawn is not compared; the outcomes differ by two names.
    assert {line.partition(":")[0] for line in lines} == WRONG.keys()


def test_ids_that_another_space_holds_are_found(kibana: StandIn) -> None:
    """The dashboards are looked at where they are, and that they are not where they should be is said."""
    kibana.objects["default", "dashboard", "photo-pipeline-health"] = {}
    lines = found(kibana)
    assert lines[0].startswith("photo-pipeline-health is made-up-")


@pytest.mark.parametrize(
    ("text", "value", "off"),
    [
        ("1,234", 1234, 0),
        ("-", None, None),
        ("6.2%", 0.062, 0.0005),
        ("820 ms", 820, 0),
        ("2.8 min", 168_000, 3_000),
        ("3.1 s", 3_100, 50),
        ("1.7GB", 1.7 * 1024**3, 0.05 * 1024**3),
    ],
)
def test_numbers_are_read_as_kibana_writes_them(text: str, value: float | None, off: float | None) -> None:
    """With how far the true one may be from them."""
    said = read(text)
    assert (said.value if said else None, said.off if said else None) == (pytest.approx(value), pytest.approx(off))


def test_what_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, no traceback; a Kibana that is not there likewise."""
    for name in program.NEEDED:
        monkeypatch.delenv(name, raising=False)
    assert program.main(["--url", "http://127.0.0.1:1"]) == 2
    assert capsys.readouterr().err == f"error: set {', '.join(program.NEEDED)}\n"
    for name in program.NEEDED:
        monkeypatch.setenv(name, "postgresql+psycopg://x" if name.endswith("URL") else "x")
    assert program.main(["--url", "http://127.0.0.1:1"]) == 2
    assert capsys.readouterr().err.startswith("error: Kibana")
