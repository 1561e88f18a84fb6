"""What holds of the pages of both applications: nothing is cut off, whatever its reader's letters and clock."""

from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from uuid import uuid4

from anyio.from_thread import start_blocking_portal
from playwright.sync_api import Browser, expect
from tests.support import stream, web
from tests.support.browser import NARROW, assert_fits_enlarged, assert_no_barrier
from tests.support.gallery_page import FakeApi, gallery, jpeg
from tests.support.told_photos import NOW, photo

WHO = {"email": f"{uuid4()}@a-domain-with-a-long-name.example.org", "password": "correct horse battery"}


def test_letters_twice_as_large_fit_on_a_phone(browser: Browser, tmp_path: Path) -> None:
    """Whoever is here: the pages of the gallery and of the stream application."""
    (folder := tmp_path / "stream").mkdir()
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(web.serving(tmp_path)) as (_, url),
        portal.wrap_async_context_manager(stream.serving(folder)) as streaming,
        browser.new_context(viewport=NARROW, base_url=url, service_workers="block") as context,
    ):
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if "Content Sec" in message.text else None)
        unknown = ("/nowhere", f"{streaming.url}/nowhere")
        for address in (
            "/",
            "/password",
            "/password#token=x",
            f"{streaming.url}/",
            f"{streaming.url}/camera",
            *unknown,
        ):
            page.goto(address)
            expect(page.locator("#main h2, #main .card").locator("visible=true").first).to_be_visible()
            assert_fits_enlarged(page)
        assert_no_barrier(page, every_level=True)
        context.request.post("/api/v1/customers", data={**WHO, "display_name": "Ada " + "x" * 60})
        page.goto("/")
        page.get_by_label("E-mail address").fill(WHO["email"])
        page.get_by_label("Password").fill(WHO["password"])
        page.get_by_role("button", name="Log in").last.click()
        expect(page.locator("#gallery-empty")).to_be_visible()
        assert_fits_enlarged(page)
        for address in ("/account", "/devices"):
            page.goto(address)
            expect(page.locator("#application")).to_be_visible()
            assert_fits_enlarged(page)
        assert complaints == []


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
