"""The report as its reader gets it: written by the command from a real Elasticsearch, opened in a real browser."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from tests.support.figures import RECORDS, World
from tests.support.search import Search, fresh_search

from local_stack import Endpoints
from photo_pipeline.bi.figures import FIGURES
from photo_pipeline.bi.report import main
from photo_pipeline.bi.spec import Chart

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
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_shows_every_figure_and_needs_nothing_else(
    report: Path, browser: Browser, size: ViewportSize, scheme: Literal["light", "dark"]
) -> None:
    """No request leaves it, nothing fails, nothing is cut off at the side, and axe finds no barrier."""
    page = browser.new_page(viewport=size, color_scheme=scheme)
    asked, wrong = _watched(page)
    page.goto(report.as_uri())
    drawn = [figure.name for figure in FIGURES if figure.chart not in (Chart.NUMBERS, Chart.TABLE)]
    for name in drawn:
        page.wait_for_selector(f"#chart-{name} .main-svg")
    assert page.locator(".card").count() == len(FIGURES)
    assert asked == [report.as_uri()]
    assert wrong == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    # What is inside a chart is presentational: it has the role of an image and its numbers beside it.
    found = Axe().run(page, context={"exclude": [[".js-plotly-plot"]]})
    assert found.violations_count == 0, found.generate_report()
    _photographed(page, f"{scheme}-{size['width']}")
    page.close()


def test_its_numbers_are_those_of_the_ledger(settled: World, report: Path, browser: Browser) -> None:
    """What the page says of the outcomes is what SQL says of them."""
    page = browser.new_page(viewport=WIDE)
    page.goto(report.as_uri())
    numbers = page.locator("section[aria-labelledby='figure-outcomes'] dl")
    said = dict(zip(numbers.locator("dt").all_inner_texts(), numbers.locator("dd").all_inner_texts(), strict=True))
    counts = {name: int(value.replace(",", "")) for name, value in said.items()}
    assert counts == settled.counts()
    assert sum(counts.values()) == RECORDS
    page.close()


def test_only_the_last_days(settled: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A window without any outcome is a page that says so, not an error."""
    path = tmp_path / "report.html"
    assert _write(monkeypatch, settled.search, "--days", "1", "--output", str(path)) == 0
    assert path.read_text().count("<p>None.</p>") > len(FIGURES) / 2


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
