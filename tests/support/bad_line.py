"""The gallery of somebody who has a session, and a line to it on which what is asked for goes wrong."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, Route, ViewportSize
from tests.support.gallery import Account, GalleryWorld
from tests.support.images import encoded, exif_block, scene

from photo_pipeline.domain.imaging import SniffedFormat

PATIENCE = 30_000
"""Milliseconds; expectations are met much sooner."""
Answer = Callable[[Route], None]


def unavailable(route: Route) -> None:
    """As the server is when the database is away."""
    route.fulfill(status=503, headers={"Retry-After": "1"}, json={"status": 503, "detail": "away"})


def gone(route: Route) -> None:
    """As a photo is whose time has passed."""
    route.fulfill(status=410, json={"status": 410, "detail": "expired"})


def unreachable(route: Route) -> None:
    """As everything is without a network."""
    route.abort("internetdisconnected")


def cut_off(route: Route) -> None:
    """As an answer of which half came."""
    route.fulfill(status=200, content_type="application/json", body='{"photos": [{"photo_id"')


class Line:
    """Between the page and the server: requests that fit go wrong while it is broken."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.failed = 0

    @contextmanager
    def broken(self, requests: re.Pattern[str], answer: Answer) -> Iterator[None]:
        """Give some time in which they do."""

        def fail(route: Route) -> None:
            self.failed += 1
            answer(route)

        self._page.route(requests, fail)
        try:
            yield
        finally:
            self._page.unroute(requests, fail)


@contextmanager
def gallery(
    world: GalleryWorld, browser: Browser, account: Account, size: ViewportSize, path: str = "/"
) -> Iterator[Page]:
    """The page of somebody who has a session; whatever it throws is looked at in the end."""
    context = browser.new_context(viewport=size, base_url=world.api.url, has_touch=True, service_workers="block")
    token = account.client.headers["Authorization"].removeprefix("Bearer ")
    context.add_cookies([{"name": "photo_session", "value": token, "url": world.api.url, "httpOnly": True}])
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.set_default_timeout(PATIENCE)
    try:
        yield page
        assert wrong == []
    finally:
        context.close()


def jpeg(seed: int, taken: str | None = None, size: tuple[int, int] = (64, 48)) -> bytes:
    """A small photo that nobody else has."""
    exif = None if taken is None else exif_block(make="Acme", model="One", taken=taken)
    picture = scene(*size, seed=seed)
    return encoded(picture, SniffedFormat.JPEG) if exif is None else encoded(picture, SniffedFormat.JPEG, exif=exif)
