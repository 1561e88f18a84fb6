"""The pages that are photographed: how to get there, what must be there, and which part of it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from local_stack.screenshots.browser import PATIENCE_MILLISECONDS, window

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Browser, Page, ViewportSize

    from local_stack.demo.customer import Customer
    from local_stack.demo.places import Places

WIDE: ViewportSize = {"width": 1280, "height": 960}
TALL: ViewportSize = {"width": 1280, "height": 1120}
LOW: ViewportSize = {"width": 1280, "height": 852}
PHONE: ViewportSize = {"width": 360, "height": 740}
PHONE_SCALE = 2
ALL_SHOWN = """() => {
  const seen = [...document.querySelectorAll(".tile")].filter((tile) => {
    const box = tile.getBoundingClientRect();
    return box.bottom > 0 && box.top < window.innerHeight;
  });
  return seen.length > 0 && seen.every((tile) => tile.classList.contains("loaded"));
}"""
MARGIN = 16
ALL_DRAWN = """() => {
  const bodies = [...document.querySelectorAll(".card .body")];
  return bodies.length > 0 && bodies.every((body) => body.childElementCount);
}"""


@dataclass(frozen=True, slots=True)
class Photographer:
    """Takes pictures of a running platform; each method returns a PNG.

    Attributes:
        browser: Where the pages are opened.
        places: Addresses and log-ins.
        customer: Whose gallery is shown.
        report: The analysts' report, a file.
    """

    browser: Browser
    places: Places
    customer: Customer
    report: Path

    def gallery(self) -> bytes:
        """The gallery on a desk, from the top of the page."""
        with window(self.browser, "The gallery", WIDE) as page:
            self._open_gallery(page)
            return page.screenshot()

    def gallery_on_a_phone(self) -> bytes:
        """The gallery 360 pixels wide, scrolled to the photos."""
        with window(self.browser, "The gallery", PHONE, PHONE_SCALE) as page:
            self._open_gallery(page)
            _scroll_to(page, ".section-head")
            page.wait_for_function(ALL_SHOWN)
            return page.screenshot()

    def photos_page(self) -> bytes:
        """The operators' page inside Airflow's UI."""
        with window(self.browser, "The Photos page in Airflow", TALL) as page:
            page.goto(self.places.airflow)
            page.get_by_label("Username").fill(self.places.airflow_user)
            page.get_by_label("Password").fill(self.places.airflow_password)
            page.get_by_role("button", name="Sign in").click()
            page.get_by_role("link", name="Photos", exact=True).click()
            frame = page.frame_locator('iframe[title="Photos"]')
            frame.get_by_role("heading", name="Last 24 hours").wait_for()
            page.wait_for_load_state("networkidle")
            return page.screenshot()

    def report_page(self) -> bytes:
        """The analysts' report, its first screen."""
        with window(self.browser, "The report", LOW) as page:
            page.goto(self.report.resolve().as_uri())
            page.get_by_role("heading", name="Photos", exact=True).first.wait_for()
            page.wait_for_function(ALL_DRAWN)
            return page.screenshot()

    def _open_gallery(self, page: Page) -> None:
        page.goto(self.places.api)
        page.get_by_label("E-mail address").fill(self.customer.email)
        page.get_by_label("Password").fill(self.customer.password)
        page.locator("#auth-form button[type=submit]").click()
        expect(page.get_by_role("heading", name="Your gallery")).to_be_visible(timeout=PATIENCE_MILLISECONDS)
        # All in one block: days taken would have three photos each.
        page.get_by_text("By day uploaded").click()
        page.wait_for_function(ALL_SHOWN)


def _scroll_to(page: Page, selector: str) -> None:
    """Put an element under the window's upper edge."""
    page.locator(selector).first.evaluate(f"found => window.scrollBy(0, found.getBoundingClientRect().top - {MARGIN})")


PICTURES: dict[str, Callable[[Photographer], bytes]] = {
    "gallery.jpg": Photographer.gallery,
    "gallery-phone.jpg": Photographer.gallery_on_a_phone,
    "airflow-photos.png": Photographer.photos_page,
    "report.png": Photographer.report_page,
}
