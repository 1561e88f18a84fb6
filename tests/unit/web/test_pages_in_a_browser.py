"""What holds of the pages of both applications, whatever their reader's letters, clock and tabs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime
from uuid import uuid4

import pytest
from anyio.from_thread import start_blocking_portal
from playwright.sync_api import Browser, Page, Route, expect
from tests.support import stream, web
from tests.support.browser import NARROW, assert_fits_enlarged, assert_no_barrier
from tests.support.gallery_page import FakeApi, gallery, jpeg
from tests.support.told_photos import NOW, photo

SETTLED_MILLISECONDS = 200
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the whole API, with twins of its servers."""
    serving = web.serving(tmp_path_factory.mktemp("api"))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving) as (_, url):
        yield url


@pytest.fixture(scope="module")
def stream_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the stream application, with twins of its servers."""
    serving = stream.serving(tmp_path_factory.mktemp("stream"))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serving) as platform:
        yield platform.url


@contextmanager
def browsing(browser: Browser, url: str) -> Iterator[Page]:
    """A phone of somebody's own. No page may do what its policy forbids."""
    with browser.new_context(viewport=NARROW, base_url=url, service_workers="block") as context:
        page = context.new_page()
        forbidden: list[str] = []
        page.on("console", lambda message: forbidden.append(message.text) if "Content Sec" in message.text else None)
        yield page
        assert forbidden == []


def sign_up(page: Page) -> str:
    """Become somebody new, whose e-mail address is long."""
    email = f"{uuid4()}@a-domain-with-a-long-name.example.org"
    customer = {"email": email, "password": PASSWORD, "display_name": "Ada " + "x" * 60}
    page.context.request.post("/api/v1/customers", data=customer)
    page.goto("/")
    log_in(page, email)
    return email


def log_in(page: Page, email: str) -> None:
    """Log in on the gallery's page."""
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").last.click()
    expect(page.locator("#gallery-empty")).to_be_visible()


def test_letters_twice_as_large_fit_on_a_phone(browser: Browser, url: str, stream_url: str) -> None:
    """Whoever is here: the pages of the gallery and of the stream application, and where there is none."""
    strangers = ["/", "/password", "/password#token=x", "/nowhere"]
    with browsing(browser, url) as page:
        for address in (*strangers, *(f"{stream_url}{path}" for path in ("/", "/camera", "/nowhere"))):
            page.goto(address)
            expect(page.locator("#main h2, #main .card").locator("visible=true").first).to_be_visible()
            assert_fits_enlarged(page)
        assert_no_barrier(page, every_level=True)
        sign_up(page)
        assert_fits_enlarged(page)
        for address in ("/account", "/devices"):
            page.goto(address)
            expect(page.locator("#application")).to_be_visible()
            assert_fits_enlarged(page)


def test_whoever_signs_out_is_gone_from_every_tab(browser: Browser, url: str) -> None:
    """By the gallery's button and by that of another page; nothing of theirs stays on any. Back in, they are in all."""
    with browsing(browser, url) as page:
        email = sign_up(page)
        other, account = page.context.new_page(), page.context.new_page()
        other.goto("/")
        account.goto("/account")
        expect(account.locator("#application")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(account.locator("#signed-out")).to_be_visible()
        expect(account.locator("#application")).to_be_hidden()
        log_in(other, email)
        for tab in (page, account):
            expect(tab.locator("#application")).to_be_visible()
        account.get_by_role("button", name="Sign out").click()
        expect(page.locator("#application")).to_be_hidden()


def test_no_token_stays_of_whoever_signs_out(browser: Browser, stream_url: str) -> None:
    """Also where the page is still asking whose it is."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    with browsing(browser, stream_url) as page:
        page.route("**/api/v1/sender", hold)
        with page.expect_request("**/api/v1/sender"):
            page.goto("/camera#token=of-a-device")
        page.evaluate("document.querySelector('.bar form').dispatchEvent(new Event('submit')); 0")
        with page.expect_response("**/api/v1/sender"):
            held[0].fulfill(json={"device_id": "of-somebody"})
        page.wait_for_timeout(SETTLED_MILLISECONDS)
        assert page.evaluate("sessionStorage.length") == 0
        page.unroute("**/api/v1/sender")
        page.route("**/api/v1/sender", lambda route: route.fulfill(json={"device_id": "of-somebody"}))
        page.reload()
        page.get_by_label("Device token").fill("of-a-device")
        page.get_by_role("button", name="Use it").click()
        expect(page.get_by_role("button", name="Start")).to_be_visible()


def test_what_is_chosen_fits_with_letters_twice_as_large(browser: Browser, pages: str) -> None:
    """What can be asked for and done stays on a phone's screen."""
    with gallery(browser, pages, FakeApi([photo(1, age=timedelta(hours=1))], jpeg()), viewport=NARROW) as page:
        page.get_by_role("button", name="Filters").click()
        page.get_by_role("checkbox", name="Select 0001.jpg").click()
        assert_fits_enlarged(page)
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        for button in page.locator("#selection button:visible").all():
            box = button.bounding_box()
            assert box is not None
            assert 0 <= box["x"] <= box["x"] + box["width"] <= NARROW["width"], button.inner_text()


def test_a_clock_that_is_a_day_off_changes_nothing(browser: Browser, pages: str) -> None:
    """How long a photo is kept is said by the server's clock, as its answers tell it."""
    leaving = photo(1, age=timedelta(hours=1)) | {"kept_until": (NOW + timedelta(hours=5, minutes=30)).isoformat()}
    api = FakeApi([leaving, photo(2, age=timedelta(hours=2))], jpeg(), date=format_datetime(NOW, usegmt=True))
    with gallery(browser, pages, api) as page:
        page.clock.set_fixed_time(NOW + timedelta(days=1))
        page.reload()
        expect(page.locator(".tile").first.locator(".badge")).to_have_text("5 h left")
        expect(page.locator(".tile").last.locator(".badge")).to_have_count(0)


def test_events_that_are_refused_have_the_page_look(browser: Browser, pages: str) -> None:
    """Where the session has ended meanwhile, it says so then, and not after a while."""
    with gallery(browser, pages, FakeApi([photo(1, age=timedelta(hours=1))], jpeg())) as page:
        page.clock.install()
        page.reload()
        expect(page.locator(".tile")).to_have_count(1)
        page.wait_for_function("window.events !== undefined")
        page.clock.pause_at(NOW + timedelta(hours=1))
        page.route("**/api/v1/me", lambda route: route.fulfill(status=401, json={"status": 401}))
        page.evaluate("events.readyState = EventSource.CLOSED; events.dispatchEvent(new Event('error')); 0")
        expect(page.get_by_text("Your session has ended.")).to_be_visible()
