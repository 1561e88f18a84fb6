"""The gallery on a bad line: what fails is told where it fails, heals by itself, and nobody loses their place."""

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import ExifTags
from playwright.sync_api import Browser, ViewportSize, expect
from tests.support.bad_line import PATIENCE, Answer, Line, cut_off, gallery, gone, jpeg, unavailable, unreachable
from tests.support.browser import NARROW, WIDE, assert_fits, assert_no_barrier
from tests.support.gallery import PASSWORD, Account, GalleryWorld
from tests.support.images import encoded, exif_block, scene

from photo_pipeline.domain.imaging import SniffedFormat

PICTURES = Path(__file__).resolve().parents[3] / ".local-test" / "pictures"
LISTS = re.compile(r"/api/v1/photos\?")
LATER_PAGES = re.compile("cursor=")
THUMBS = re.compile(r"/thumb\?")
WEBS = re.compile(r"/web\?")
ORIGINALS = re.compile(r"/original\?")
SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
PLACE = """name => {
  const { x, y } = document.querySelector(`.tile:has([alt="${name}"])`).getBoundingClientRect();
  return [Math.round(x), Math.round(y)];
}"""
NAMES = "tiles => tiles.map(tile => tile.querySelector('img').alt)"


@pytest.fixture(scope="module")
def hoarder(world: GalleryWorld) -> Iterator[Account]:
    """Give somebody with more photos than a page holds."""
    with world.account() as account:
        for first in (0, 40, 80):
            numbers = range(first, min(first + 40, 90))
            world.send(
                account, {f"{n:03}.jpg": jpeg(5000 + n, f"2025:01:01 10:{n // 60:02}:{n % 60:02}") for n in numbers}
            )
        yield account


@pytest.mark.parametrize(("answer", "size"), [(unavailable, WIDE), (unreachable, NARROW), (cut_off, NARROW)])
def test_a_page_of_photos_that_fails_is_told_and_comes(
    world: GalleryWorld, browser: Browser, hoarder: Account, answer: Answer, size: ViewportSize
) -> None:
    """The first page and a later one: nothing looks like loss, a button tries again, and without it all come, too."""
    with gallery(world, browser, hoarder, size) as page:
        line = Line(page)
        trouble = page.locator("#pages-trouble")
        with line.broken(LATER_PAGES, answer):
            with line.broken(LISTS, answer):
                page.goto("/")
                expect(trouble).to_contain_text("None of them is lost")
                expect(page.get_by_text("No photos yet.")).to_be_hidden()
                assert_no_barrier(page, every_level=True)
                assert_fits(page)
                page.screenshot(path=PICTURES / f"trouble-first-page-{size['width']}.png")
                # While it goes wrong: the page tries again by itself, and would have no button any more.
                with page.expect_request(LISTS):
                    trouble.get_by_role("button", name="Try now").click()
            expect(page.locator(".tile").first).to_be_visible()
            page.locator(".tile").last.scroll_into_view_if_needed()
            expect(trouble).to_contain_text("More photos could not be loaded")
            assert 0 < page.locator(".tile").count() < 90
            assert_no_barrier(page, every_level=True)
        expect(page.locator(".tile")).to_have_count(90)
        expect(trouble).to_be_hidden()
        names = page.locator(".tile").evaluate_all(NAMES)
        assert names == sorted(names, reverse=True)


@SIZES
def test_thumbs_that_fail_heal_and_those_that_are_gone_say_so(
    world: GalleryWorld, browser: Browser, hoarder: Account, size: ViewportSize
) -> None:
    """A tile says that its picture is not there yet; all come by themselves. What has expired says that instead."""
    with gallery(world, browser, hoarder, size) as page:
        line = Line(page)
        with line.broken(THUMBS, unavailable):
            page.goto("/")
            expect(page.locator(".tile.missing").first).to_contain_text("not loaded yet")
            expect(page.locator("#thumbs-trouble")).to_contain_text("could not be loaded")
            assert_no_barrier(page, every_level=True)
            page.screenshot(path=PICTURES / f"trouble-thumbs-{size['width']}.png")
            asked = line.failed
            page.wait_for_timeout(1500)
            assert line.failed <= asked + 4, "it asks again for every thumb at a time"
        expect(page.locator(".tile.missing")).to_have_count(0)
        expect(page.locator("#thumbs-trouble")).to_be_hidden()
        expect(page.locator(".tile.loaded").first).to_be_visible()
        with line.broken(THUMBS, gone):
            page.reload()
            expect(page.locator(".tile.gone").first).to_contain_text("no longer kept")
            expect(page.locator("#thumbs-trouble")).to_be_hidden()


@SIZES
def test_new_photos_move_nothing_that_is_looked_at(world: GalleryWorld, browser: Browser, size: ViewportSize) -> None:
    """In the middle of the gallery and in the lightbox, a burst waits behind a button, which leads to it."""
    with world.account() as ada, gallery(world, browser, ada, size) as page:
        world.send(ada, {f"{n:02}.jpg": jpeg(6000 + n, f"2025:01:01 10:00:{n:02}", (320, 240)) for n in range(40)})
        page.goto("/")
        page.locator(".tile").nth(30).scroll_into_view_if_needed()
        name = page.locator(".tile img").nth(30).get_attribute("alt")
        before = page.evaluate(PLACE, name)
        world.send(ada, {f"new {n}.jpg": jpeg(6100 + n, f"2026:01:01 10:00:{n:02}") for n in range(8)})
        pill = page.get_by_role("button", name="8 new photos")
        expect(pill).to_be_visible()
        assert page.evaluate(PLACE, name) == before
        assert_no_barrier(page, every_level=True)
        assert_fits(page)
        page.screenshot(path=PICTURES / f"newcomers-{size['width']}.png")

        page.locator(".tile").nth(30).click()
        box = page.get_by_role("dialog", name=name)
        expect(box).to_be_visible()
        world.send(ada, {"newest.jpg": jpeg(6200, "2026:01:02 10:00:00")})
        expect(page.locator("#newcomers")).to_have_text("9 new photos")
        expect(box).to_be_visible()
        page.go_back()
        expect(box).to_be_hidden()
        assert page.evaluate(PLACE, name) == before
        page.get_by_role("button", name="9 new photos").click()
        expect(page.get_by_role("button", name="newest.jpg")).to_be_focused()
        expect(page.locator(".tile")).to_have_count(49)
        shown = page.locator(".tile").evaluate_all(NAMES)
        assert shown[:9] == ["newest.jpg", *(f"new {n}.jpg" for n in reversed(range(8)))]


def test_a_burst_is_in_order_on_the_server_and_in_the_page(world: GalleryWorld, browser: Browser) -> None:
    """By fractions of a second, then by name, however the photos came in; loaded anew it is the same."""
    second = "2026:02:03 04:05:06"
    with world.account() as ada, gallery(world, browser, ada, WIDE) as page:
        page.goto("/")
        expect(page.get_by_text("No photos yet.")).to_be_visible()
        world.send(ada, {"IMG_2.jpg": jpeg(7002, second), "IMG_5.jpg": jpeg(7005, f"{second}.75")})
        expect(page.locator(".tile")).to_have_count(2)
        names = {"IMG_3.jpg": second, "IMG_1.jpg": second, "IMG_4.jpg": f"{second}.25", "\U0001f4f7.jpg": second}
        world.send(ada, {name: jpeg(7010 + n, taken) for n, (name, taken) in enumerate(names.items())})
        expected = ["IMG_5.jpg", "IMG_4.jpg", "\U0001f4f7.jpg", "IMG_3.jpg", "IMG_2.jpg", "IMG_1.jpg"]
        expect(page.locator(".tile")).to_have_count(6)
        assert page.locator(".tile").evaluate_all(NAMES) == expected
        page.reload()
        expect(page.locator(".tile")).to_have_count(6)
        assert page.locator(".tile").evaluate_all(NAMES) == expected


def with_lens_and_place() -> bytes:
    """A photo in which its camera wrote all that the page shows."""
    exif = exif_block(make="Acme", model="One", taken="2026:03:04 05:06:07")
    exif.get_ifd(ExifTags.IFD.Exif).update(
        {
            ExifTags.Base.LensModel: "Acme 35mm F2",
            ExifTags.Base.ExposureTime: (1, 250),
            ExifTags.Base.FNumber: (28, 10),
            ExifTags.Base.ISOSpeedRatings: 400,
            ExifTags.Base.FocalLength: (35, 1),
        }
    )
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (52.0, 30.0, 0.0), 3: "E", 4: (13.0, 15.0, 0.0)})
    return encoded(scene(640, 480, seed=8000), SniffedFormat.JPEG, exif=exif)


@SIZES
def test_every_photo_has_an_address_and_details(world: GalleryWorld, browser: Browser, size: ViewportSize) -> None:
    """Back goes back, Forward comes again, a link opens it. On a broken line picture and details come when they can."""
    with world.account() as ada, gallery(world, browser, ada, size) as page:
        ids = world.send(ada, {"place.jpg": with_lens_and_place(), "plain.jpg": jpeg(8001, "2026:03:03 10:00:00")})
        line = Line(page)
        page.goto(f"/#photo={ids['place.jpg']}")
        box = page.get_by_role("dialog", name="place.jpg")
        expect(box).to_be_visible()
        with line.broken(ORIGINALS, unreachable):
            box.get_by_role("button", name="About this photo").click()
            facts = box.get_by_role("region", name="About this photo")
            expect(facts).to_contain_text("could not be read")
        for text in ("Acme 35mm F2", "1/250 s at f/2.8", "400", "35 mm", "52.50000° N, 13.25000° E"):
            expect(facts).to_contain_text(text)
        assert_no_barrier(page, every_level=True)
        page.screenshot(path=PICTURES / f"details-{size['width']}.png")
        with line.broken(WEBS, unavailable):
            page.reload()
            expect(page.locator(".slide-trouble").first).to_contain_text("tried again by itself")
            assert_no_barrier(page, every_level=True)
            page.screenshot(path=PICTURES / f"trouble-slide-{size['width']}.png")
        expect(page.locator(".slide-trouble")).to_have_count(0)
        page.get_by_role("button", name="Close").click()
        expect(box).to_be_hidden()
        assert page.evaluate("location.hash") == ""
        page.locator(".tile").last.click()
        expect(page.get_by_role("dialog", name="plain.jpg")).to_be_focused()
        page.keyboard.press("ArrowLeft")
        expect(box).to_be_visible()
        assert page.evaluate("location.hash") == f"#photo={ids['place.jpg']}"
        page.go_back()
        expect(box).to_be_hidden()
        expect(page.get_by_role("button", name="place.jpg")).to_be_focused()
        page.go_forward()
        expect(box).to_be_visible()
        page.goto(f"/#photo={uuid4()}")
        expect(page.locator("#photo-trouble")).to_contain_text("You have no such photo")
        expect(box).to_be_hidden()


def test_a_session_that_ends_says_so_and_comes_back(world: GalleryWorld, browser: Browser) -> None:
    """The page shows nothing more and says why; whoever logs in again is back at the photo."""
    with world.account() as ada, gallery(world, browser, ada, NARROW) as page:
        world.send(ada, {"one.jpg": jpeg(9000), "two.jpg": jpeg(9001)})
        page.goto("/")
        page.locator(".tile").first.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        name = page.get_by_role("dialog").get_attribute("aria-label")
        ada.client.delete("/session").raise_for_status()
        page.context.clear_cookies()
        page.evaluate("dispatchEvent(new Event('online'))")
        world.log_in(ada.client, ada.email)
        world.send(ada, {"three.jpg": jpeg(9002)})
        expect(page.get_by_text("Your session has ended.")).to_be_visible(timeout=60_000)
        expect(page.get_by_role("dialog")).to_be_hidden()
        page.get_by_label("E-mail address").fill(ada.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.locator("#auth-form button[type=submit]").click()
        expect(page.get_by_role("dialog", name=name)).to_be_visible()


def test_signing_up_says_what_is_wrong_in_words(world: GalleryWorld, browser: Browser) -> None:
    """No pointer and no pattern; an address that has an account leads to logging in with it."""
    with world.account() as ada, browser.new_context(viewport=NARROW, base_url=world.api.url) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto("/")
        page.get_by_role("button", name="Sign up").first.click()
        page.get_by_label("Name", exact=True).fill("\u202egnorw")
        page.get_by_label("E-mail address").fill(ada.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        problem = page.locator("#auth-error")
        expect(problem).to_have_text("Name: This has characters that cannot be seen, or spaces at its ends.")
        expect(page.get_by_label("Name", exact=True)).to_be_focused()
        page.get_by_label("Name", exact=True).fill("Ada")
        page.keyboard.press("Enter")
        expect(problem).to_contain_text("has an account already")
        assert_no_barrier(page, every_level=True)
        page.get_by_role("button", name="Log in with this address").click()
        page.get_by_role("button", name="Log in").last.click()
        expect(page.get_by_text("No photos yet.")).to_be_visible()
