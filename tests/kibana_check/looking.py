"""A dashboard in Chromium, until every panel is drawn: what its tiles and tables say, and what went wrong.

What Kibana calls the parts of its page is taken from its own functional tests: ``#panel-<id>``,
``data-render-complete``, ``embeddable-lens-failure``, ``echMetricText__value``, ``dataGridRowCell``.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from playwright.sync_api import Locator, Page

from photo_pipeline.bi.spec import Scope

TALL = 9000
"""Pixels, of which a whole dashboard takes less: what is outside of the window may not be drawn."""
POLL_SECONDS = 0.25
_FAILURES = (
    "embeddable-lens-failure",
    "embeddableError",
    "embeddableStackError",
    "lens-message-list-error",
    "lens-message-list-warning",
    "noPrivilegesPage",
    "savedObjectNotFound",
    "control-frame-error",
)
ERRORS = ", ".join(
    [
        *(f'[data-test-subj^="{name}"]' for name in _FAILURES),
        ".embPanel--error",
        ".euiCallOut--danger",
        ".euiToast--danger",
    ]
)
TEXTS = ("links", "words")
"""Panels that say nothing of being drawn: they are text."""
NAMES = f"""() => [...document.querySelectorAll("[id^=panel-]")]
  .map((panel) => [panel.id.slice(6), panel])
  .filter(([name, panel]) => {list(TEXTS)}.includes(name)
    || panel.matches("[data-render-complete=true]") || panel.querySelector("[data-render-complete=true]"))
  .map(([name]) => name)"""
READ = """() => {
  const text = (within, selector) => (within.querySelector(selector)?.innerText || "").trim();
  const seen = {};
  for (const panel of document.querySelectorAll("[id^=panel-]")) {
    const tiles = [...panel.querySelectorAll(".echMetric")].map((tile) =>
      ["h2", ".echMetricText__value", ".echMetricText__extra"].map((selector) => text(tile, selector)));
    const rows = [];
    for (const cell of panel.querySelectorAll("[data-test-subj=dataGridRowCell]")) {
      const [row, column] = ["row", "column"].map((name) => Number(cell.getAttribute(`data-gridcell-${name}-index`)));
      // Beside what is seen, a cell has words for who does not see it.
      const said = text(cell, "[data-test-subj=lnsTableCellContent]") || cell.innerText.trim().split("\\n")[0];
      (rows[row] ||= [])[column] = said;
    }
    seen[panel.id.slice(6)] = {tiles, rows: rows.filter(Boolean).map((row) => row.filter((one) => one !== undefined))};
  }
  return seen;
}"""


@dataclass(frozen=True)
class Tile:
    """A big number: what stands above it, the number, and the small one beneath."""

    title: str
    value: str
    extra: str


@dataclass(frozen=True)
class Seen:
    """What a panel showed: a metric's tiles, a table's cells row by row; a picture's neither can be read."""

    tiles: tuple[Tile, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Look:
    """A dashboard as it was drawn.

    Attributes:
        panels: by their names.
        wrong: errors and panels that were not drawn, in words.
    """

    panels: dict[str, Seen]
    wrong: tuple[str, ...]


def address(url: str, space: str, dashboard: str, scope: Scope) -> str:
    """Of a dashboard with the time picker set."""
    since, until = (
        moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") for moment in (scope.since, scope.until)
    )
    picked = quote(f"(refreshInterval:(pause:!t,value:60000),time:(from:'{since}',to:'{until}'))", safe="():,!'")
    return f"{url.rstrip('/')}/s/{space}/app/dashboards#/view/{dashboard}?_g={picked}"


def log_in(page: Page, url: str, user: str, password: str) -> None:
    """Through Kibana's form, where it asks."""
    page.goto(f"{url.rstrip('/')}/login")
    name = page.locator('[data-test-subj="loginUsername"]')
    if name.count():
        name.fill(user)
        page.fill('[data-test-subj="loginPassword"]', password)
        page.click('[data-test-subj="loginSubmit"]')
        page.wait_for_url(lambda where: "/login" not in where)


def look(
    page: Page, where: str, panels: list[str], seconds: float, clock: Callable[[], float] = time.monotonic
) -> Look:
    """Open the dashboard and wait until all of these panels are drawn, or one of them shows an error, or time is up."""
    page.set_viewport_size({"width": 1900, "height": TALL})
    page.goto(where)
    ends = clock() + seconds
    waited = _waiting(page, panels)
    while waited and not page.locator(ERRORS).count() and clock() < ends:
        page.wait_for_timeout(POLL_SECONDS * 1000)
        waited = _waiting(page, panels)
    wrong = [f"{_place(each)}: {_said(each)}" for each in page.locator(ERRORS).all()]
    wrong += [f"{name}: not drawn" for name in waited]
    return Look(
        {name: seen for name, seen in _seen(page).items() if name in panels and name not in waited}, tuple(wrong)
    )


def _waiting(page: Page, panels: list[str]) -> list[str]:
    drawn = set(page.evaluate(NAMES))
    return [name for name in panels if name not in drawn]


def _seen(page: Page) -> dict[str, Seen]:
    read = page.evaluate(READ)
    return {
        name: Seen(tuple(Tile(*tile) for tile in one["tiles"]), tuple(tuple(row) for row in one["rows"]))
        for name, one in read.items()
    }


def _place(error: Locator) -> str:
    """The panel that an error is in; else the page."""
    panel = error.locator('xpath=ancestor-or-self::*[starts-with(@id, "panel-")]')
    return (panel.last.get_attribute("id") or "").removeprefix("panel-") if panel.count() else "the page"


def _said(error: Locator) -> str:
    return " ".join(error.inner_text().split())[:300] or "an error without words"
