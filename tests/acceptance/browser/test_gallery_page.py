"""The gallery in Chromium, on a real API, Kafka, PostgreSQL and HDFS; the ingest runs when asked."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from playwright.sync_api import Browser, Cookie, Page, ViewportSize, expect
from tests.support.browser import NARROW, WIDE, assert_fits, assert_no_barrier, photographed
from tests.support.gallery import PASSWORD, Account, GalleryWorld
from tests.support.images import encoded, exif_block, scene, truncated
from tests.support.pipeline import event_record, photo_event

from photo_pipeline.domain.events import origin_of
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.photo import Source
from photo_pipeline.web.credentials import COOKIES

PICTURES = Path(__file__).resolve().parents[3] / ".local-test" / "pictures"
PATIENCE = 30_000
"""Milliseconds; expectations are met much sooner."""
SHAPES = [(640, 480), (480, 640), (900, 500), (640, 480), (500, 500), (800, 450)]


def photos() -> dict[str, bytes]:
    """Photos of three days, some without a camera's time."""
    days = ["2026:05:01", "2026:05:01", "2026:05:02", "2026:05:03", None, "2026:05:02"]
    return {
        f"photo {number}.jpg": encoded(
            scene(width, height, seed=number),
            SniffedFormat.JPEG,
            exif=exif_block(make="Acme", model="One", taken=f"{day} 10:11:0{number}"),
        )
        if day
        else encoded(scene(width, height, seed=number), SniffedFormat.JPEG)
        for number, (day, (width, height)) in enumerate(zip(days, SHAPES, strict=True))
    }


@contextmanager
def visitor(world: GalleryWorld, browser: Browser, window: ViewportSize) -> Iterator[Page]:
    """A browser of its own on the start page. Whatever it loads, logs and throws is looked at in the end."""
    context = browser.new_context(viewport=window, base_url=world.api.url, has_touch=True, service_workers="block")
    page = context.new_page()
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if "Security Policy" in message.text else None)
    page.set_default_timeout(PATIENCE)
    page.goto("/")
    yield page
    context.close()
    host = urlsplit(world.api.url).netloc
    assert [url for url in asked if not url.startswith(("blob:", "data:")) and urlsplit(url).netloc != host] == []
    assert wrong == []


def log_in(page: Page, email: str) -> None:
    """Through the form."""
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("#auth-form button[type=submit]").click()
    expect(page.get_by_role("heading", name="Your gallery")).to_be_visible()


def test_a_customer_looks_at_photos_as_they_come(world: GalleryWorld, browser: Browser, tmp_path: Path) -> None:
    """Signed up in the page; photos appear without a reload, by day, with what is known, and come back byte by byte."""
    files = photos()
    with visitor(world, browser, WIDE) as page, world.account() as ada:
        assert_no_barrier(page)
        photographed(page, PICTURES, "start-wide")
        log_in(page, ada.email)
        expect(page.get_by_text("No photos yet.")).to_be_visible()
        world.send(ada, {**files, "cut.jpg": truncated(files["photo 0.jpg"], 0.5)})
        tiles = page.locator(".tile")
        expect(tiles).to_have_count(len(files))
        expect(page.get_by_text("1 photo could not be used")).to_be_visible()
        page.get_by_text("1 photo could not be used").click()
        expect(page.get_by_text("The photo is cut off")).to_be_visible()
        expect(page.locator(".tile.loaded")).to_have_count(len(files))
        assert page.locator(".day h3").count() == 4
        assert_no_barrier(page, every_level=True)
        photographed(page, PICTURES, "gallery-wide")
        look_around(page, files, tmp_path)
        page.get_by_text("By day uploaded").click()
        expect(page.locator(".day h3")).to_have_count(1)
        expect(tiles).to_have_count(len(files))
        sign_out(page)


def look_around(page: Page, files: dict[str, bytes], folder: Path) -> None:
    """The lightbox: facts, keys, download, keeping a photo, and back to where one was."""
    first = page.get_by_role("button", name="photo 3.jpg")
    first.focus()
    page.keyboard.press("Enter")
    box = page.get_by_role("dialog", name="photo 3.jpg")
    expect(box).to_be_visible()
    expect(box).to_be_focused()
    box.get_by_role("button", name="About this photo").click()
    facts = box.get_by_role("region", name="About this photo")
    for text in ("JPEG", "Acme", "10:11", hashlib.sha256(files["photo 3.jpg"]).hexdigest(), "are not in this file"):
        expect(facts).to_contain_text(text)
    expect(box.locator("img.pswp__img").first).to_have_js_property("complete", value=True)
    assert_no_barrier(page, every_level=True)
    photographed(page, PICTURES, "lightbox-wide")
    with page.expect_download() as download:
        box.get_by_role("link", name="Download the original").click()
    target = folder / download.value.suggested_filename
    download.value.save_as(target)
    assert target.name == "photo 3.jpg"
    assert target.read_bytes() == files["photo 3.jpg"]
    facts.get_by_role("button", name="Keep longer").click()
    expect(facts.get_by_text("This photo is kept.")).to_be_visible()
    expect(facts).to_contain_text("For as long as you want")
    page.keyboard.press("i")
    expect(facts).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("dialog")).to_have_accessible_name(re.compile("photo [25].jpg"))
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("dialog", name="photo 3.jpg")).to_be_visible()
    page.keyboard.press("Escape")
    expect(first).to_be_focused()
    expect(first).to_contain_text("kept")
    page.keyboard.press("ArrowRight")
    expect(first).not_to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(first).to_be_focused()


def sessions_of(page: Page) -> list[Cookie]:
    """What the browser keeps as proof of who is logged in."""
    return [cookie for cookie in page.context.cookies() if cookie.get("name") in COOKIES]


def sign_out(page: Page) -> None:
    """Nothing of the customer's stays on the page, and the session is over on the server too."""
    [cookie] = sessions_of(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Log in").first).to_be_visible()
    expect(page.locator(".tile")).to_have_count(0)
    expect(page.locator("#status")).to_have_text("You are signed out.")
    assert sessions_of(page) == []
    kept = {"Cookie": f"{cookie['name']}={cookie['value']}"}
    assert page.request.get("/api/v1/me", headers=kept).status == 401


def test_on_a_phone_and_for_somebody_else(world: GalleryWorld, browser: Browser) -> None:
    """At 360 pixels everything fits and works; a second customer sees nothing of the first one's."""
    with world.account() as ada, world.account() as grace:
        world.send(ada, photos())
        with visitor(world, browser, NARROW) as page:
            assert_fits(page)
            assert_no_barrier(page)
            photographed(page, PICTURES, "start-narrow")
            log_in(page, ada.email)
            expect(page.locator(".tile.loaded")).to_have_count(len(SHAPES))
            assert_fits(page)
            assert_no_barrier(page)
            photographed(page, PICTURES, "gallery-narrow")
            page.locator(".tile").first.click()
            expect(page.locator("img.pswp__img").first).to_have_js_property("complete", value=True)
            page.get_by_role("button", name="About this photo").click()
            assert_fits(page)
            assert_no_barrier(page, every_level=True)
            photographed(page, PICTURES, "lightbox-narrow")
            page.get_by_role("button", name="Close").click()
            page.get_by_role("button", name="Sign out").click()
            log_in(page, grace.email)
            expect(page.get_by_text("No photos yet.")).to_be_visible()
            expect(page.locator(".tile")).to_have_count(0)


def test_signing_up_in_the_page(world: GalleryWorld, browser: Browser) -> None:
    """A password that will not do is refused with a reason next to it; then one is in, and by keyboard alone."""
    with visitor(world, browser, WIDE) as page:
        page.get_by_role("button", name="Sign up").first.click()
        page.get_by_label("Name", exact=True).fill("Grace")
        page.get_by_label("E-mail address").fill("grace.browser@example.org")
        page.get_by_label("Password").fill("aaaaaaaaaaaa")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("different characters")
        assert_no_barrier(page)
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_text("No photos yet.")).to_be_visible()
        expect(page.get_by_text("Grace", exact=True)).to_be_visible()


def test_many_photos_scroll_without_end(world: GalleryWorld, browser: Browser) -> None:
    """The next page is there before its place is reached, each photo once, by the day taken."""
    with world.account() as ada, visitor(world, browser, WIDE) as page:
        small = {
            f"{number:03}.jpg": encoded(scene(64, 48, seed=1000 + number), SniffedFormat.JPEG) for number in range(130)
        }
        for first in range(0, len(small), 50):
            world.send(ada, dict(list(small.items())[first : first + 50]))
        log_in(page, ada.email)
        expect(page.locator(".tile").first).to_be_visible()
        # Tiles far from what is seen are taken away again.
        names: dict[str, None] = {}
        for _ in range(100):
            found = page.locator(".tile img").evaluate_all("pictures => pictures.map(picture => picture.alt)")
            names |= dict.fromkeys(found)
            if len(names) == len(small):
                break
            page.mouse.wheel(0, 800)
            page.wait_for_timeout(100)
        assert sorted(names) == sorted(small)
        assert page.locator(".tile").count() < len(small)


def years_of_photos(world: GalleryWorld, ada: Account) -> None:
    """More than a page has of eight years, by two cameras, and two frames of a device."""
    small = {
        f"{2025 - n // 10}-{n % 10:02}.jpg": encoded(
            scene(64, 48, seed=2000 + n),
            SniffedFormat.JPEG,
            exif=exif_block(make="Acme", model=f"{n % 2}", taken=f"{2025 - n // 10}:07:{10 + n % 10} 10:00:00"),
        )
        for n in range(72)
    }
    for first in (0, 36):
        world.send(ada, dict(list(small.items())[first : first + 36]))
    device = ada.client.post("/devices", json={"name": "Front door"}).raise_for_status().json()["device_id"]
    customer = UUID(ada.client.get("/me").json()["customer_id"])
    frames = (encoded(scene(64, 48, seed=3000 + n), SniffedFormat.JPEG) for n in range(2))
    events = (photo_event(customer, frame, Source.STREAM) for frame in frames)
    sent = [replace(event, origin=origin_of(UUID(device)), filename="frame.jpg") for event in events]
    world.pipeline.produce(*(event_record(world.pipeline.settings.topics, event) for event in sent))
    while world.pipeline.ingest():
        pass


def test_photos_are_found(world: GalleryWorld, browser: Browser) -> None:
    """By name and by what they have, in the address; by month, without what lies between. What fails is tried again."""
    with world.account() as ada:
        years_of_photos(world, ada)
        for window, name in ((WIDE, "wide"), (NARROW, "narrow")):
            with visitor(world, browser, window) as page:
                page.route("**/photos/timeline?*", lambda route: route.abort("internetdisconnected"))
                log_in(page, ada.email)
                trouble = page.locator("#timeline-trouble")
                expect(trouble).to_contain_text("Your months cannot be shown just now.")
                page.unroute("**/photos/timeline?*")
                trouble.get_by_role("button", name="Try now").click()
                expect(trouble).to_be_hidden()
                search(page, name)
                go_by_month(page)


def search(page: Page, window: str) -> None:
    """A device by its name, a camera, a part of a name; each is undone by Back, by its chip, and all by one button."""
    tiles = page.locator(".tile")
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("Device").select_option(label="Front door (2)")
    expect(tiles).to_have_count(2)
    expect(page.locator("#find-count")).to_have_text("2 photos")
    page.get_by_role("button", name="Do not ask for: Front door").click()
    page.get_by_label("Camera").select_option(label="Acme 1 (36)")
    expect(page.locator("#find-count")).to_have_text("36 photos")
    page.get_by_label("Part of a file's name").fill("2024-")
    expect(tiles).to_have_count(5)
    assert urlsplit(page.url).query == "name=2024-&camera=Acme+1"
    assert_no_barrier(page, every_level=True)
    assert_fits(page)
    photographed(page, PICTURES, f"found-{window}")
    page.reload()
    expect(tiles).to_have_count(5)
    page.get_by_label("Part of a file's name").fill("nothing of that name")
    expect(page.get_by_text("No photo matches.")).to_be_visible()
    page.go_back()
    expect(page.locator("#find-count")).to_have_text("5 photos")
    page.locator("#asked").get_by_role("button", name="Clear filters").click()
    expect(page.locator("#asked")).to_be_hidden()
    assert urlsplit(page.url).query == ""


def go_by_month(page: Page) -> None:
    """By keys to the last month, of which nothing was loaded; its neighbours are there, and the newest again."""
    rail = page.get_by_role("slider", name="Month")
    expect(rail).to_have_attribute("aria-valuemax", "8")
    rail.focus()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("End")
    expect(page.locator("#timeline-bubble")).to_have_text("July 2018, 2 photos")
    expect(page.locator(".day h3").first).to_contain_text("July 11, 2018")
    expect(page.locator(".day")).to_have_count(2)
    assert urlsplit(page.url).query == "at=2018-07"
    assert len([url for url in asked if "/photos?" in url and "status=processed&order=taken" in url]) == 1
    assert_no_barrier(page, every_level=True)
    page.get_by_role("button", name="Newer: July 2019").click()
    expect(page.locator(".day h3").first).to_contain_text("July 19, 2019")
    page.go_back()
    expect(page.locator(".day h3").first).to_contain_text("July 11, 2018")
    page.get_by_role("button", name="To the newest").click()
    expect(page.locator("#gallery-newer")).to_be_hidden()
    expect(page.get_by_role("button", name="frame.jpg").first).to_be_visible()


def test_the_documentation_is_open_to_all(world: GalleryWorld, browser: Browser) -> None:
    """No barrier in Swagger UI either, wide and narrow."""
    for window, name in ((WIDE, "docs-wide"), (NARROW, "docs-narrow")):
        with visitor(world, browser, window) as page:
            page.goto("/docs")
            expect(page.locator("#documentation .opblock").first).to_be_visible()
            expect(page.locator("#documentation h3").first).to_have_attribute("aria-level", "2")
            assert_no_barrier(page, every_level=True)
            photographed(page, PICTURES, name)
