"""The gallery's page before an API that says what it is told to."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, Page, Route
from tests.support.browser import WIDE
from tests.support.images import encoded, scene
from tests.support.told_photos import Photo

from photo_pipeline.domain.imaging import SniffedFormat

PATIENCE = 20_000
"""Milliseconds; expectations are met much sooner."""
EVENTS = """
window.EventSource = class extends EventTarget {
  static CLOSED = 2;
  constructor() {
    super();
    window.events = this;
    setTimeout(() => this.dispatchEvent(new Event("hello")));
  }
  close() {}
};
"""
DEVICE = "11111111-2222-4333-8444-555555555555"
NO_SUCH = {"status": 404, "json": {"status": 404, "detail": "You have no such photo."}}


@dataclass
class FakeApi:
    """What the page is answered.

    Attributes:
        photos: the customer's.
        picture: every rendition.
        away: whether lists are answered 503.
        who: has the session, which all tabs share; nobody where it is empty.
        owner: of the photos; nobody else has any.
        date: the server's time as its answers tell it, where they do.
        asked: how often what was asked for, by path and, of lists, status.
        binned: photos that were deleted.
    """

    photos: list[Photo]
    picture: bytes
    away: bool = False
    who: str = "Ada"
    owner: str = "Ada"
    date: str | None = None
    asked: Counter[str] = field(default_factory=Counter)
    binned: list[Photo] = field(default_factory=list)

    def answer(self, route: Route) -> None:
        """Answer a request for the API."""
        url = urlsplit(route.request.url)
        path = url.path.removeprefix("/api/v1")
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.asked[f"{path} {query.get('status', '')}".strip()] += 1
        if path == "/session":
            self.who = self.owner
            route.fulfill(json={})
        elif not self.who:
            route.fulfill(status=401, json={"status": 401, "detail": "Log in first."})
        elif route.request.method == "POST":
            self._move(route, is_binned=path == "/photos/delete")
        else:
            self._look(route, path, query)

    def _look(self, route: Route, path: str, query: dict[str, str]) -> None:
        dated = {} if self.date is None else {"Date": self.date}
        if path == "/me":
            route.fulfill(
                headers=dated, json={"customer_id": f"id of {self.who}", "display_name": self.who, "holds_allowed": 0}
            )
        elif path.startswith("/photos/0000") and self.who != self.owner:
            route.fulfill(**NO_SUCH)
        elif path == "/photos" and self.away:
            route.fulfill(status=503, headers={"Retry-After": "600"}, json={"status": 503, "detail": "away"})
        elif path == "/photos":
            route.fulfill(json=self._page(query))
        elif path == "/photos/choices":
            devices = [{"device_id": DEVICE, "name": "Front door", "photos": 1}]
            route.fulfill(json={"sources": [], "devices": devices, "cameras": [], "formats": []})
        elif path == "/photos/timeline":
            months = Counter(each["uploaded_at"][:7] for each in self.photos)
            told = [{"begins": f"{month}-01", "photos": months[month]} for month in sorted(months, reverse=True)]
            route.fulfill(json={"months": told, "complete": True})
        elif path.count("/") == 2:
            found = [each for each in self.photos if path.endswith(each["photo_id"])]
            route.fulfill(json=found[0]) if found else route.fulfill(**NO_SUCH)
        else:
            route.fulfill(body=self.picture, content_type="image/jpeg")

    def _move(self, route: Route, *, is_binned: bool) -> None:
        ids = route.request.post_data_json["photo_ids"]
        source, target = (self.photos, self.binned) if is_binned else (self.binned, self.photos)
        target += [each for each in source if each["photo_id"] in ids]
        source[:] = [each for each in source if each["photo_id"] not in ids]
        route.fulfill(json={"done": ids})

    def _page(self, query: dict[str, str]) -> dict[str, Any]:
        if query["status"] != "processed" or self.who != self.owner:
            return {"photos": [], "next_cursor": None}
        by_time_taken = query["order"] == "taken"
        in_order = sorted(
            self.photos, key=lambda each: (by_time_taken and each["taken_at"]) or each["uploaded_at"], reverse=True
        )
        first, limit = int(query.get("cursor", 0)), int(query["limit"])
        end = first + limit
        return {"photos": in_order[first:end], "next_cursor": str(end) if end < len(in_order) else None}


@contextmanager
def gallery(browser: Browser, pages: str, api: FakeApi, **options: Any) -> Iterator[Page]:
    """Open the page, which has looked at everything; whatever it throws is looked at in the end.

    Args:
        browser: Chromium.
        pages: where they are served.
        api: says what it is told to.
        options: of the browser's context.
    """
    as_usual = {"viewport": WIDE, "base_url": pages, "service_workers": "block"}
    with browser.new_context(**{**as_usual, **options}) as context:
        context.add_init_script(EVENTS)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.route("**/api/v1/**", api.answer)
        with page.expect_response(re.compile("status=rejected")):
            page.goto("/")
        yield page
        assert wrong == []


def jpeg() -> bytes:
    """Any picture."""
    return encoded(scene(64, 48, seed=1), SniffedFormat.JPEG)
