"""A gallery of 100,000 photos, scrolled from end to end and then filtered: the longest task of the page, its memory.

The API runs as an operator starts it, with PostgreSQL and HDFS behind it. Chromium counts what kept a page from
answering for 50 ms or more ("long tasks", https://www.w3.org/TR/longtasks-1/). Each tenth of the way is looked at by
itself: the last costs what the first does, or the page would stop somewhere.
"""

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from playwright.sync_api import Browser, CDPSession, Error, Page, Response, expect
from rich.console import Console
from rich.table import Table
from tests.bench.aims import Aim
from tests.bench.bench_gallery import filled, running, servers, token_for
from tests.support.browser import WATCH_LONG_TASKS, WIDE, chromium, metrics_of, until
from tests.support.gallery_page import jpeg

PHOTOS = 100_000
PARTS = 10
TILE_BYTES = 2048
PATIENCE_SECONDS = 900
LONGEST_MILLISECONDS = 200
"""What a reader feels as a jerk, and no more."""
GROWTH = 2
"""So many times what the first tenth takes the last may take."""
SCROLL = "() => { window.scrolling = setInterval(() => window.scrollTo(0, document.body.scrollHeight), 20); }"
STOP = "() => { clearInterval(window.scrolling); window.scrollTo(0, 0); }"
LONGEST = "() => { const { longest } = window; window.longest = 0; return longest; }"


@dataclass(frozen=True, slots=True)
class Part:
    """A tenth of the way: the photos that were listed at its end, seconds, and what the page had by then.

    Attributes:
        photos: listed at the end of it.
        seconds: for this part.
        longest: task, in milliseconds.
        megabytes: of JavaScript's heap.
        nodes: of the document.
    """

    photos: int
    seconds: float
    longest: float
    megabytes: float
    nodes: int


class Reader:
    """Somebody who scrolls, and the photos that their gallery has been told of."""

    def __init__(self, page: Page, session: CDPSession) -> None:
        self._page, self._session = page, session
        self.listed, self.at_end = 0, False
        page.on("response", self._answered)

    def _answered(self, response: Response) -> None:
        if "/api/v1/photos?" not in response.url or "status=processed" not in response.url:
            return
        listed = response.json()
        self.listed += len(listed["photos"])
        self.at_end = listed["next_cursor"] is None

    def scroll(self, photos: int) -> list[Part]:
        """From the newest to the oldest."""
        self._page.evaluate(WATCH_LONG_TASKS)
        self._page.evaluate(SCROLL)
        try:
            parts = [self._part(photos * (number + 1) // PARTS) for number in range(PARTS)]
        except Error as error:
            raise SystemExit(f"after {self.listed} photos: {error.message}") from error
        self._page.evaluate(STOP)
        return parts

    def _part(self, photos: int) -> Part:
        began = time.monotonic()
        while self.listed < photos and not self.at_end:
            if time.monotonic() - began > PATIENCE_SECONDS:
                raise SystemExit(f"only {self.listed} photos were listed")
            self._page.wait_for_timeout(50)
        seconds, longest = time.monotonic() - began, self.longest()
        megabytes, nodes = self._size()
        self.longest()  # what looking took is not the page's
        return Part(self.listed, seconds, longest, megabytes, nodes)

    def longest(self) -> float:
        """The longest task since this was asked last, in milliseconds; 0 where none took 50."""
        return float(self._page.evaluate(LONGEST))

    def _size(self) -> tuple[float, int]:
        metrics = metrics_of(self._session)
        return metrics["JSHeapUsedSize"] / 1e6, int(metrics["Nodes"])


def filtered(page: Page, reader: Reader, name: str) -> tuple[float, float]:
    """Ask for the photo of one name, then of one camera: seconds until they are shown, and the longest task."""
    began = time.monotonic()
    page.get_by_role("searchbox").fill(name)
    expect(page.locator(".tile")).to_have_count(1)
    page.get_by_role("searchbox").fill("")
    page.locator("#find-more").click()
    camera = page.get_by_label("Camera")
    until(page, lambda: camera.locator("option").count() > 1, "the cameras are known")
    camera.select_option(index=1)
    expect(page.locator(".tile.loaded").first).to_be_visible()
    return time.monotonic() - began, reader.longest()


def looked_at(browser: Browser, url: str, token: str, photos: int) -> tuple[list[Part], tuple[float, float]]:
    """Open the gallery, scroll to its end, and look for something."""
    headers = {"Authorization": f"Bearer {token}"}
    with browser.new_context(viewport=WIDE, base_url=url, extra_http_headers=headers) as context:
        page = context.new_page()
        reader = Reader(page, context.new_cdp_session(page))
        page.goto("/")
        expect(page.locator(".tile.loaded").first).to_be_visible()
        return reader.scroll(photos), filtered(page, reader, f"IMG_{photos // 2}.jpg")


def report(parts: Sequence[Part], seconds: float, longest: float) -> None:
    """Print every part, and what is aimed at."""
    table = Table(title=f"A gallery of {parts[-1].photos} photos, scrolled to its end")
    for column in ("photos", "seconds", "longest task, ms", "heap, MB", "nodes"):
        table.add_column(column, justify="right")
    for part in parts:
        figures = (f"{part.seconds:.1f}", f"{part.longest:.0f}", f"{part.megabytes:.0f}", str(part.nodes))
        table.add_row(str(part.photos), *figures)
    console = Console()
    console.print(table)
    console.print(f"then found by name and by camera in {seconds:.1f} s, longest task {longest:.0f} ms")
    console.print(str(Aim("longest task, ms", max(longest, *(part.longest for part in parts)), LONGEST_MILLISECONDS)))
    console.print(str(Aim("the last tenth, x the first", parts[-1].seconds / parts[0].seconds, GROWTH)))


def main() -> None:
    """Run the benchmark on the test stack."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--photos", type=int, default=PHOTOS)
    photos = arguments.parse_args().photos
    with ExitStack() as stack:
        endpoints, database, hdfs = stack.enter_context(servers())
        customer = stack.enter_context(filled(database, hdfs, photos, jpeg().ljust(TILE_BYTES, b"\0")))
        api, tokens = stack.enter_context(running(endpoints, database, hdfs))
        browser = stack.enter_context(chromium())
        parts, found = looked_at(browser, api.url, token_for(tokens, customer), photos)
    report(parts, *found)


if __name__ == "__main__":
    main()
