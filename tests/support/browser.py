"""Chromium as the system has it, and what every page of ours is asked: no barrier, nothing cut off."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.sync_api import Browser, CDPSession, Page, ViewportSize, expect, sync_playwright

WIDE = ViewportSize(width=1280, height=900)
NARROW = ViewportSize(width=360, height=740)
PATIENCE_MILLISECONDS = 30_000
"""What is expected of a page comes at once, but on a busy machine."""
SERIOUS = ("serious", "critical")
WATCH_LONG_TASKS = """() => {
  window.longest = 0;
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
  }).observe({ type: "longtask" });
}"""
"""Keeps the longest time, in milliseconds, for which the page answered nobody."""
# A picture of moving colours instead of a webcam, and no question whether it may be used.
FAKE_WEBCAM = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
# Debian's launcher has Chromium paint on the graphics card. Where there is none a program plays one: a fifth dearer.
ON_THE_CPU = "--disable-gpu-rasterization"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Give a browser without a window; the test is skipped, with the command that installs it, where there is none."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        options = ["--no-sandbox", ON_THE_CPU, *FAKE_WEBCAM]
        browser = playwright.chromium.launch(executable_path=executable, args=options)
        expect.set_options(timeout=PATIENCE_MILLISECONDS)
        try:
            yield browser
        finally:
            browser.close()


_SETTLED = """() => Promise.all(document.getAnimations().filter(
  each => Number.isFinite(each.effect.getComputedTiming().endTime)).map(each => each.finished.catch(() => {})))"""
"""What fades in has the contrast of half a picture until then."""


def assert_no_barrier(page: Page, *, every_level: bool = False) -> None:
    """Fail with axe-core's own report where it finds a serious or critical issue, or any, on the page as it is now."""
    page.evaluate(_SETTLED)
    found = Axe().run(page)
    violations = found.response["violations"]
    wrong = [violation["id"] for violation in violations if every_level or violation["impact"] in SERIOUS]
    assert wrong == [], found.generate_report()


def until(page: Page, condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so that the page itself cannot be asked."""
    deadline = time.monotonic() + PATIENCE_MILLISECONDS / 1000
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        page.wait_for_timeout(20)


def metrics_of(session: CDPSession) -> dict[str, float]:
    """What a page keeps once its garbage is collected, as Chromium counts it: ``Nodes``, ``JSHeapUsedSize``, ..."""
    session.send("Performance.enable")
    session.send("HeapProfiler.collectGarbage")
    return {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}


def assert_fits(page: Page) -> None:
    """Fail where the page is wider than its window."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"


def assert_fits_enlarged(page: Page) -> None:
    """Fail where the page is wider than its window when its reader has letters twice as large."""
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert_fits(page)
    page.evaluate("document.documentElement.style.fontSize = ''")


def photographed(page: Page, folder: Path, name: str) -> Path:
    """Keep a picture of the whole page, for whoever wants to look."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    return path
