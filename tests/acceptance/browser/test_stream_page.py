"""The page that streams a webcam, in a real browser with Chromium's fake camera, into the real pipeline."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, WebSocket, WebSocketRoute, expect
from tests.support.browser import NARROW, WIDE, assert_fits, assert_no_barrier, photographed, until
from tests.support.stream_process import Account, stream_process

from local_stack import Endpoints

PATIENCE = 120.0
"""Seconds after which a photo that is not in the gallery counts as lost."""
FRAMES = 20
PICTURES = Path(__file__).resolve().parents[3] / ".local-test" / "screenshots"
SOON = 30_000
"""Milliseconds that the page may take for something."""


@pytest.fixture(scope="module")
def stream_url(full_stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give a stream application that takes six frames per second of a device and hears of revocations soon."""
    log = tmp_path_factory.mktemp("stream") / "stream.log"
    limits = {"frames_per_second": "6", "frames_burst": "6", "device_fresh_seconds": "1"}
    with stream_process(full_stack, log, **limits) as url:
        yield url


@pytest.fixture
def account(full_stack: Endpoints) -> Iterator[Account]:
    """Give a new customer."""
    account = Account(full_stack.api_url)
    with closing(account.api):
        yield account


class CameraPage:
    """The page, with everything that it asked for and was told."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.requested: list[str] = []
        self.complaints: list[str] = []
        self.receipts: list[dict[str, Any]] = []
        page.on("request", lambda request: self.requested.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("websocket", self._listen)
        page.goto(f"{url}/camera")

    def _listen(self, socket: WebSocket) -> None:
        self.requested.append(socket.url)
        socket.on("framereceived", self._hear)

    def _hear(self, payload: str | bytes) -> None:
        message = json.loads(payload)
        if "receipt" in message:
            self.receipts.append(message["receipt"])

    def enter(self, token: str) -> None:
        """Paste the token."""
        self.page.get_by_label("Device token").fill(token)
        self.page.get_by_role("button", name="Use it").click()
        expect(self.page.get_by_role("button", name="Start")).to_be_visible()

    def start(self, rate: str) -> None:
        """Start the camera."""
        self.page.get_by_label("Pictures per second").fill(rate)
        self.page.get_by_label("Size").select_option("640")
        self.page.get_by_role("button", name="Start").click()
        expect(self.status).to_have_text("Streaming.", timeout=SOON)

    def stop(self) -> None:
        """Stop, and wait for the last answers."""
        self.page.get_by_role("button", name="Stop").click()
        expect(self.page.get_by_role("button", name="Start")).to_be_enabled(timeout=SOON)

    @property
    def status(self) -> Any:
        """What screen readers are told."""
        return self.page.get_by_role("status")

    def count(self, name: str) -> int:
        """One of the figures."""
        return int(self.page.locator(f"#{name}").inner_text())

    def until_safe(self, count: int) -> None:
        """Wait until so many pictures are safe."""
        # The page's policy allows no script of Playwright's to wait there.
        until(self.page, lambda: self.count("safe") >= count, f"{count} pictures are safe")

    def track(self) -> Callable[[], str]:
        """Look at the camera's track: ``live`` or ``ended``, also after the page let go of it."""
        handle = self.page.evaluate_handle("document.getElementById('preview').srcObject.getTracks()[0]")
        return lambda: str(handle.evaluate("track => track.readyState"))


def opened(browser: Browser, size: ViewportSize = WIDE, **options: Any) -> Page:
    """A page of its own context, so that nothing is left from another test."""
    return browser.new_context(viewport=size, **options).new_page()


def test_a_webcam_streams_into_the_gallery(browser: Browser, stream_url: str, account: Account) -> None:
    """From a screen and from a phone: all is acknowledged, and exactly that is in the gallery."""
    token = account.add_device()
    wide = stream_some(browser, stream_url, token, WIDE)
    narrow = stream_some(browser, stream_url, token, NARROW)
    photos = {receipt["photo_id"] for receipt in wide}
    assert len(photos) >= FRAMES  # the fake camera shows a clock, so hardly two of its pictures are the same
    photos |= {receipt["photo_id"] for receipt in narrow}
    _eventually(lambda: account.gallery() == photos)


def stream_some(browser: Browser, stream_url: str, token: str, size: ViewportSize) -> list[dict[str, Any]]:
    """Stream twenty pictures, looking at everything on the way; their receipts. Stop lets the camera go."""
    with closing(opened(browser, size)) as page:
        camera = CameraPage(page, stream_url)
        name = f"camera-{size['width']}"
        looked_at(page, f"{name}-token")
        camera.enter(token)
        camera.start("4")
        track = camera.track()
        camera.until_safe(FRAMES + 2)
        assert track() == "live"
        looked_at(page, f"{name}-streaming")
        camera.stop()
        assert track() == "ended"
        assert camera.count("sent") == camera.count("safe") == len(camera.receipts) >= FRAMES
        assert camera.count("refused") == camera.count("waiting") == 0
        assert_kept_to_itself(camera, stream_url, token)
    return camera.receipts


def looked_at(page: Page, name: str) -> None:
    """Nothing is in anybody's way, and nothing is cut off."""
    assert_no_barrier(page, every_level=True)
    assert_fits(page)
    photographed(page, PICTURES, name)


def assert_kept_to_itself(camera: CameraPage, stream_url: str, token: str) -> None:
    """The token is in this tab alone and in no address; nobody else was asked for anything; no policy was broken."""
    assert camera.page.evaluate("Object.values(sessionStorage)") == [token]
    assert camera.page.evaluate("localStorage.length + document.cookie.length") == 0
    own = (stream_url, stream_url.replace("http", "ws"), "blob:")
    assert [url for url in camera.requested if not url.startswith(own) or token in url] == []
    assert token not in camera.page.url
    assert camera.complaints == []


def test_the_page_slows_down_where_the_server_does_not_keep_up(
    browser: Browser, stream_url: str, account: Account
) -> None:
    """Ten per second are more than this device may send: the page says so, and takes fewer."""
    with closing(opened(browser, color_scheme="dark")) as page:
        camera = CameraPage(page, stream_url)
        camera.enter(account.add_device())
        camera.start("10")
        expect(page.locator("#pace")).to_contain_text("slowed down", timeout=SOON)
        expect(page.locator("#answers")).to_contain_text("Please slow down")
        assert_no_barrier(page)
        photographed(page, PICTURES, "camera-dark-slowed-down")
        camera.stop()
        assert camera.count("refused") > 0
        assert camera.count("sent") == camera.count("safe") + camera.count("refused")


def test_the_page_comes_back_after_the_connection_was_lost(browser: Browser, stream_url: str, account: Account) -> None:
    """It says so, tries again by itself, and no picture stays without its answer."""
    sockets: list[WebSocketRoute] = []

    def pass_on(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    with closing(opened(browser)) as page:
        page.route_web_socket("**/api/v1/stream", pass_on)
        camera = CameraPage(page, stream_url)
        camera.enter(account.add_device())
        camera.start("4")
        camera.until_safe(2)
        sockets[0].close(code=1012, reason="The server restarts.")
        expect(camera.status).to_contain_text("The server restarts. Trying again in", timeout=SOON)
        expect(camera.status).to_have_text("Streaming.", timeout=SOON)
        camera.until_safe(camera.count("safe") + 3)
        camera.stop()
        assert len(sockets) == 2
        assert camera.count("waiting") == 0
        assert camera.count("sent") == camera.count("safe")


def test_a_revoked_device_stops_streaming(browser: Browser, stream_url: str, account: Account) -> None:
    """The page says why, lets the camera go, and does not come back."""
    with closing(opened(browser)) as page:
        camera = CameraPage(page, stream_url)
        camera.enter(account.add_device())
        camera.start("1")
        track = camera.track()
        account.revoke_devices()
        expect(camera.status).to_contain_text("This device was revoked.", timeout=SOON)
        expect(page.get_by_role("button", name="Start")).to_be_enabled(timeout=SOON)
        assert track() == "ended"


def test_a_token_that_is_no_good_is_refused_and_not_kept(browser: Browser, stream_url: str) -> None:
    """The page says so where the token was typed."""
    with closing(opened(browser)) as page:
        CameraPage(page, stream_url)
        page.get_by_label("Device token").fill("nonsense")
        page.get_by_role("button", name="Use it").click()
        expect(page.get_by_role("alert")).to_have_text("The token is not valid, or not any more.")
        assert page.evaluate("sessionStorage.length") == 0
        page.goto(stream_url)
        assert_no_barrier(page)
        photographed(page, PICTURES, "stream-index-wide")
        page.set_viewport_size(NARROW)
        assert_fits(page)
        photographed(page, PICTURES, "stream-index-narrow")


def _eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.5)
