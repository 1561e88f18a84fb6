"""The report as its reader gets it: written by the command from a real Elasticsearch, opened in a real browser."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import Browser, Page, ViewportSize, expect
from sqlalchemy import text
from tests.support.browser import chromium
from tests.support.figures import EVERYTHING, RECORDS, World
from tests.support.search import Search, fresh_search

from local_stack import Endpoints
from photo_pipeline.bi.figures import FIGURES
from photo_pipeline.bi.page import Answers
from photo_pipeline.bi.report import main, render
from photo_pipeline.bi.spec import Answer, Chart, Row

WIDE = ViewportSize(width=1280, height=900)
NARROW = ViewportSize(width=360, height=740)
SECONDS = 120


@pytest.fixture(scope="module")
def report(settled: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of everything."""
    path = tmp_path_factory.mktemp("report") / "not there yet" / "report.html"
    done = subprocess.run(  # noqa: S603 - our own command with the test's arguments
        [sys.executable, "-m", "photo_pipeline.bi.report", "--output", str(path)],
        env={**os.environ, "PYTHONPATH": "include", **_settings(settled.search)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"report: {path}\n", "")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window, as the system has it."""
    with chromium() as started:
        yield started


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_shows_every_figure_and_needs_nothing_else(
    report: Path, browser: Browser, size: ViewportSize, scheme: Literal["light", "dark"]
) -> None:
    """No request leaves it, nothing fails, nothing is cut off at the side, and axe finds no barrier."""
    page = browser.new_page(viewport=size, color_scheme=scheme)
    asked, wrong = _watched(page)
    page.goto(report.as_uri())
    over_time = [figure for figure in FIGURES if figure.chart in (Chart.STACKED, Chart.COLUMNS, Chart.LINES)]
    assert page.locator(".chart > svg").count() == len(over_time)
    assert page.locator(".card").count() == len(FIGURES)
    assert page.locator(".card .body:empty").count() == 0
    assert asked == [report.as_uri()]
    assert wrong == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    _photographed(page, f"{scheme}-{size['width']}")
    page.close()


def test_its_numbers_are_those_of_the_ledger(settled: World, report: Path, browser: Browser) -> None:
    """What the page says of the outcomes is what SQL says of them."""
    page = browser.new_page(viewport=WIDE)
    page.goto(report.as_uri())
    counts = {name: int(value.replace(",", "")) for name, value in _tiles(page, "outcomes").items()}
    assert counts == settled.counts()
    assert sum(counts.values()) == RECORDS
    page.close()


def test_the_first_screen_says_how_many_and_from_whom(settled: World, report: Path, browser: Browser) -> None:
    """Totals and customers by type are seen without scrolling, and the report is small enough to be mailed."""
    page = browser.new_page(viewport=WIDE)
    page.goto(report.as_uri())
    tiles = _tiles(page, "totals")
    assert list(tiles) == ["photos", "bytes", "customers", "new customers"]
    assert tiles["photos"] == f"{settled.counts()['processed']:,}"
    assert (tiles["customers"], tiles["new customers"]) == ("30", "30")
    box = page.locator("#card-customers-by-type tbody tr").nth(4).bounding_box()
    assert box
    assert box["y"] + box["height"] <= WIDE["height"]
    assert report.stat().st_size <= 400_000
    page.close()


@pytest.mark.parametrize(
    ("picked", "where"),
    [
        ({"source": "stream"}, "source = 'stream'"),
        ({"type": "png"}, "format = 'png'"),
        ({"customer": "Customer 05"}, "customer_name = 'Customer 05'"),
        (
            {"customer": "Customer 05", "source": "upload", "type": "jpeg"},
            "customer_name = 'Customer 05' AND source = 'upload' AND format = 'jpeg'",
        ),
    ],
    ids=["source", "type", "customer", "all three"],
)
def test_filters_leave_what_sql_finds(
    settled: World, report: Path, browser: Browser, picked: dict[str, str], where: str
) -> None:
    """Photos are those of what was picked; a figure that is not filtered says so, and all comes back."""
    page = browser.new_page(viewport=WIDE)
    _, wrong = _watched(page)
    page.goto(report.as_uri())
    before = page.locator("main").inner_text()
    for name, value in picked.items():
        page.select_option(f"#filter-{name}", label=value)
    only = f"FROM bi_outcome WHERE outcome = 'processed' AND {where}"
    with settled.bi.connect() as connection:
        photos = connection.execute(text(f"SELECT count(*) {only}")).scalar_one()
        types = connection.execute(text(f"SELECT format, count(*) {only} GROUP BY 1 ORDER BY 2 DESC, 1")).all()
        days = connection.execute(
            text(f"SELECT count(DISTINCT date_trunc('day', processed_at, 'UTC')) {only}")
        ).scalar_one()
        names = connection.execute(
            text(f"SELECT customer_name, count(*) {only} GROUP BY 1, customer_id ORDER BY 2 DESC, customer_id::text")
        ).all()
    assert _tiles(page, "totals")["photos"] == f"{photos:,}"
    assert _rows(page, "types") == [[kind, f"{count:,}"] for kind, count in types]
    assert len(_rows(page, "photos-over-time", " .more")) == days
    assert _rows(page, "customers-by-type") == [[name, f"{count:,}"] for name, count in names[:20]]
    assert page.locator("#card-cameras.unfiltered").count() == 1
    assert page.locator("#card-types.unfiltered").count() == 0
    page.click("button[type=reset]")
    expect(page.locator(".unfiltered")).to_have_count(0)
    assert page.locator("main").inner_text() == before
    assert wrong == []
    page.close()


def test_a_figure_is_given_as_csv(settled: World, report: Path, browser: Browser, tmp_path: Path) -> None:
    """Raw numbers and ids, of what was picked, under the figure's name; a formula stays a text."""
    page = browser.new_page(viewport=WIDE, accept_downloads=True)
    page.goto(report.as_uri())
    page.select_option("#filter-type", label="png")
    with page.expect_download() as given:
        page.click("#card-top-customers .csv")
    assert given.value.suggested_filename == "top-customers.csv"
    given.value.save_as(tmp_path / "top.csv")
    rows = list(csv.DictReader((tmp_path / "top.csv").read_text("utf-8-sig").splitlines()))
    with settled.bi.connect() as connection:
        statement = (
            "SELECT customer_id::text, count(*), sum(bytes) FROM bi_outcome WHERE outcome = 'processed' "
            "AND format = 'png' GROUP BY 1"
        )
        wanted = {row[0]: (row[1], row[2]) for row in connection.execute(text(statement))}
    assert len(rows) == 10
    assert all(wanted[row["customer id"]] == (int(row["photos"]), int(row["bytes"])) for row in rows)
    page.close()


def test_it_is_printed_on_a4(report: Path, browser: Browser) -> None:
    """As many pages as there is to say, nothing wider than the paper, in light colours whatever the reader's are."""
    page = browser.new_page(viewport=ViewportSize(width=794, height=1123), color_scheme="dark")
    page.goto(report.as_uri())
    paper = page.pdf(prefer_css_page_size=True)
    assert 2 <= paper.count(b"/Type /Page\n") <= 14
    assert b"/MediaBox [0 0 594.95996 841.91998]" in paper
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.querySelector('.card')).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator(".csv").first.is_visible()
    page.set_viewport_size(ViewportSize(width=703, height=1123))
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    if folder := os.environ.get("PHOTO_TEST_SCREENSHOTS"):
        (Path(folder) / "report.pdf").write_bytes(paper)
    page.close()


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [(820, "820 ms"), (12_400, "12.4 s"), (59_990, "1 min 0 s"), (167_787, "2 min 48 s"), (11_100_000, "3 h 5 min")],
)
def test_durations_are_those_of_people(browser: Browser, milliseconds: int, said: str) -> None:
    """In seconds, minutes and hours."""
    rows = {figure.name: Answer((), exact=True) for figure in FIGURES}
    rows["latency"] = Answer((Row((), (milliseconds, None, 1)),), exact=True)
    page = browser.new_page()
    page.set_content(render(Answers(rows, {}), EVERYTHING, EVERYTHING.until))
    assert _tiles(page, "latency") == {"p50": said, "p99": "1 ms"}
    page.close()


def test_the_change_against_the_period_before(browser: Browser) -> None:
    """In per cent, with the number that it is measured by; nothing to measure by is no change."""
    rows = {figure.name: Answer((), exact=True) for figure in FIGURES}
    rows["totals"] = Answer((Row((), (1_200, 0, 12, 3)),), exact=True)
    earlier = {"totals": Answer((Row((), (1_000, 0, 15, 2)),), exact=True)}
    page = browser.new_page()
    page.set_content(render(Answers(rows, earlier), EVERYTHING, EVERYTHING.until))
    changes = page.locator("#card-totals .change").all_inner_texts()
    assert changes == [
        "+20 %, 1,000 in the period before",
        "none in the period before",
        "\N{MINUS SIGN}20 %, 15 in the period before",
        "+50 %, 2 in the period before",
    ]
    page.close()


def test_a_name_is_a_text(browser: Browser) -> None:
    """Whatever somebody calls themselves is shown as it is written, and a spreadsheet gets no formula of it."""
    nasty = "=<img src=x onerror=alert(1)>"
    rows = {figure.name: Answer((), exact=True) for figure in FIGURES}
    rows["top-customers"] = Answer((Row(("id", nasty), (1, 1)),), exact=True)
    page = browser.new_page(accept_downloads=True)
    _, wrong = _watched(page)
    page.set_content(render(Answers(rows, {}), EVERYTHING, EVERYTHING.until))
    assert _rows(page, "top-customers") == [[nasty, "1"]]
    with page.expect_download() as given:
        page.click("#card-top-customers .csv")
    assert f"id,'{nasty},1,1" in given.value.path().read_text("utf-8-sig")
    assert wrong == []
    page.close()


def _tiles(page: Page, figure: str) -> dict[str, str]:
    """Names and numbers of a figure that is a few big ones."""
    tiles = page.locator(f"#card-{figure} dl > div")
    return {one.locator("dt").inner_text(): one.locator("dd").first.inner_text() for one in tiles.all()}


def _rows(page: Page, figure: str, part: str = " .body") -> list[list[str]]:
    """What each row of a figure's table is, and its first number."""
    lines = page.locator(f"#card-{figure}{part} tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.children].map(one => one.textContent))"
    )
    return [line[:2] for line in lines]


def test_only_the_last_days(settled: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A window without any outcome is a page that says so, not an error."""
    path = tmp_path / "report.html"
    assert _write(monkeypatch, settled.search, "--days", "1", "--output", str(path)) == 0
    rows = json.loads(path.read_text().split('id="data">')[1].split("</script>")[0])["figures"]
    assert sum(not figure["rows"] for figure in rows) > len(FIGURES) / 2


def test_nothing_yet(searched_stack: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first outcome the page says what to do."""
    path = tmp_path / "report.html"
    with fresh_search(searched_stack) as search:
        assert _write(monkeypatch, search, "--output", str(path)) == 0
    assert "Nothing has been settled yet" in path.read_text()


@pytest.mark.parametrize(
    ("changed", "arguments", "message"),
    [
        ({"PHOTO_ELASTICSEARCH_PASSWORD": "wrong"}, [], "401"),
        ({"PHOTO_ELASTICSEARCH_URL": "http://127.0.0.1:1"}, [], "Elasticsearch"),
        ({"PHOTO_ELASTICSEARCH_URL": None}, [], "PHOTO_ELASTICSEARCH_URL"),
        ({}, ["--days", "0"], "--days"),
        ({}, ["--output", "/proc/report.html"], "/proc/report.html"),
    ],
)
def test_a_mistake_is_one_line(
    settled: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changed: dict[str, str | None],
    arguments: list[str],
    message: str,
) -> None:
    """What is wrong and no traceback."""
    code = _write(monkeypatch, settled.search, "--output", str(tmp_path / "report.html"), *arguments, **changed)
    assert code in (1, 2)
    said = capsys.readouterr().err
    last = said.strip().splitlines()[-1]
    assert "error: " in last
    assert message in last
    assert "Traceback" not in said


def _write(monkeypatch: pytest.MonkeyPatch, search: Search, *arguments: str, **changed: str | None) -> object:
    """Its exit status. Here in this process: a new one would spend most of its time on imports."""
    for name, value in (_settings(search) | changed).items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    try:
        return main(arguments)
    except SystemExit as ended:
        return ended.code


def _settings(search: Search) -> dict[str, str]:
    settings = search.sync_settings
    return {
        "PHOTO_ELASTICSEARCH_URL": settings.url,
        "PHOTO_ELASTICSEARCH_USER": settings.user,
        "PHOTO_ELASTICSEARCH_PASSWORD": settings.password.get_secret_value(),
        "PHOTO_ELASTICSEARCH_ALIAS": search.alias,
    }


def _watched(page: Page) -> tuple[list[str], list[str]]:
    """What the page asks for, and what goes wrong in it."""
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    return asked, wrong


def _photographed(page: Page, name: str) -> None:
    """A picture for whoever wants to look, where they say so."""
    if folder := os.environ.get("PHOTO_TEST_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/report-{name}.png", full_page=True)
