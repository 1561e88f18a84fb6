"""The gallery's page on a slow line, as Chromium's own throttling makes one: what comes over it, and when.

The pages are the API's, compressed as there; the API behind them is made up, answers at once and needs no servers.
"""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse, StreamingResponse
from playwright.sync_api import Browser, CDPSession, ViewportSize
from tests.support.images import encoded, scene
from tests.support.serving import served
from tests.support.told_photos import Photo, photo

from photo_pipeline.api.pages import mount_pages
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.web.assets import compress_texts
from photo_pipeline.web.credentials import COOKIE

KIBIBIT = 1024 / 8
PICTURE = re.compile(r"/api/v1/photos/[^/]+/(thumb|thumb2x|web)\b")
BLURHASH = "LEHV6nWB2yk8pyo0adR*.7kCMdnj"
NOT_KEPT = {"Cache-Control": "no-store"}
PHONE = ViewportSize(width=412, height=823)


@dataclass(frozen=True, slots=True)
class Line:
    """A line: milliseconds from a request to the first byte of its answer, and bytes a second either way."""

    milliseconds: float
    down: float
    up: float


# Lighthouse 12, core/config/constants.js, throttling.mobileSlow4G: 150 ms, 1.6 Mbit/s and 750 kbit/s. That is the line
# itself; where DevTools holds each request up, which knows nothing of round trips, it takes 3.75 times the latency and
# nine tenths of the rate.
SLOW_4G = Line(150, 1.6 * 1024 * KIBIBIT, 750 * KIBIBIT)
SLOW_4G_BY_DEVTOOLS = Line(150 * 3.75, SLOW_4G.down * 0.9, SLOW_4G.up * 0.9)


def photographed(number: int) -> Photo:
    """A photo of twelve megapixels, as an API that made all its renditions tells of it."""
    told = photo(number, age=timedelta(hours=number), taken=None)
    sizes = {"original": (4000, 3000), "web": (1600, 1200), "thumb": (320, 240), "thumb2x": (640, 480)}
    told |= {"width": 4000, "height": 3000, "blurhash": BLURHASH, "dominant_color": "#708090"}
    told["renditions"] = {
        kind: {
            **told["renditions"]["web"],
            "width": size[0],
            "height": size[1],
            "url": f"/api/v1/photos/{told['photo_id']}/{kind}?v=1",
        }
        for kind, size in sizes.items()
    }
    return told


def made_up_gallery(photos: Sequence[Photo]) -> FastAPI:
    """The pages, before an API that has these photos and nothing else."""
    app = FastAPI()
    compress_texts(app)
    sizes = {"thumb": (320, 240), "thumb2x": (640, 480), "web": (1600, 1200)}
    pictures = {kind: encoded(scene(*size, seed=1), SniffedFormat.JPEG, quality=80) for kind, size in sizes.items()}
    answers: dict[str, Any] = {
        "/me": {"customer_id": "x", "display_name": "Ada", "holds_allowed": 0},
        "/photos/choices": {"sources": [], "devices": [], "cameras": [], "formats": []},
        "/photos/timeline": {"months": [], "complete": True},
    }

    @app.get("/api/v1/events")
    async def events() -> Response:
        return StreamingResponse(iter([b"event: hello\ndata: {}\n\n"]), media_type="text/event-stream")

    @app.get("/api/v1/photos/{photo_id}/{kind}")
    async def picture(photo_id: str, kind: str) -> Response:
        return Response(pictures[kind], media_type="image/jpeg", headers={"ETag": f'"{photo_id}"'})

    @app.get("/api/v1/{path:path}")
    async def told(path: str, status: str = "processed") -> Response:
        shown = list(photos) if status == "processed" else []
        return JSONResponse(answers.get(f"/{path}", {"photos": shown, "next_cursor": None}), headers=NOT_KEPT)

    mount_pages(app)
    return app


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Give its address."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(served(app)) as url:
        yield url


@dataclass
class Answer:
    """What came for one request: its address, the headers, and the bytes on the line, heads included."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    received: float = 0


@dataclass
class Arrivals:
    """What a page had loaded when its first photo was there.

    Attributes:
        answers: by request; only those that had come, or had begun to.
        photo_seconds: from the navigation until the first photo had come.
    """

    answers: dict[str, Answer] = field(default_factory=dict)
    photo_seconds: float | None = None
    began: float | None = None

    @property
    def bytes_before(self) -> float:
        """Bytes on the line before the first photo was whole, without any photo's."""
        return sum(answer.received for answer in self.answers.values() if not PICTURE.search(answer.url))

    @property
    def others(self) -> int:
        """How much else was asked for by then, that was no photo."""
        return sum(not PICTURE.search(answer.url) for answer in self.answers.values())

    def watch(self, session: CDPSession) -> None:
        """Count from now on, until the first photo has come."""
        session.on("Network.requestWillBeSent", self._asked)
        session.on("Network.responseReceived", self._began)
        session.on("Network.dataReceived", self._came)
        session.on("Network.loadingFinished", self._ended)

    def _asked(self, event: dict[str, Any]) -> None:
        if self.photo_seconds is None and event["request"]["url"].startswith("http"):
            self.began = self.began or event["timestamp"]
            self.answers[event["requestId"]] = Answer(event["request"]["url"])

    def _began(self, event: dict[str, Any]) -> None:
        if self.photo_seconds is None and event["requestId"] in self.answers:
            answer, response = self.answers[event["requestId"]], event["response"]
            answer.headers = {name.lower(): value for name, value in response["headers"].items()}
            answer.received += response["encodedDataLength"]

    def _came(self, event: dict[str, Any]) -> None:
        if self.photo_seconds is None and event["requestId"] in self.answers:
            self.answers[event["requestId"]].received += event["encodedDataLength"]

    def _ended(self, event: dict[str, Any]) -> None:
        answer = self.answers.get(event["requestId"])
        if self.photo_seconds is not None or answer is None or self.began is None:
            return
        answer.received = event["encodedDataLength"]
        if PICTURE.search(answer.url):
            self.photo_seconds = event["timestamp"] - self.began


def first_photo(browser: Browser, url: str, line: Line, *, known: bool = True) -> Arrivals:
    """Open the gallery on a phone that was never here, over that line, until the first photo is shown."""
    arrivals = Arrivals()
    with browser.new_context(viewport=PHONE, device_scale_factor=2, base_url=url) as context:
        if known:
            context.add_cookies([{"name": COOKIE, "value": "x", "url": url}])
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.setCacheDisabled", {"cacheDisabled": False})
        session.send(
            "Network.emulateNetworkConditions",
            {
                "offline": False,
                "latency": line.milliseconds,
                "downloadThroughput": line.down,
                "uploadThroughput": line.up,
            },
        )
        arrivals.watch(session)
        page.goto("/", wait_until="commit")
        page.locator(".tile.loaded").first.wait_for(timeout=60_000)
        end = time.monotonic() + 5
        while arrivals.photo_seconds is None and time.monotonic() < end:
            page.wait_for_timeout(20)
    return arrivals
