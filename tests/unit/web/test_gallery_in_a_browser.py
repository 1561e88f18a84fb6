"""The gallery's page in a browser, before an API that says what it is told to: news, and pictures that are none."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from tests.support.browser import NARROW, assert_no_barrier, metrics_of, until
from tests.support.gallery_page import DEVICE, FakeApi, gallery, jpeg
from tests.support.told_photos import NOW, Photo, photo

from photo_pipeline.api.pages import TEMPLATES
from photo_pipeline.web.pages import PageTemplate

LOOK_MILLISECONDS = 600
"""Longer than the page gathers events before it looks."""
TELL = 'outcomes => events.dispatchEvent(new MessageEvent("outcomes", { data: JSON.stringify({ outcomes }) }))'
MARK = "document.querySelector('.tile').dataset.mark = 'the same'"
IS_MARKED = "document.querySelector('[data-mark]') !== null"


def outcome(of: Photo, offset: int) -> dict[str, Any]:
    """What an event tells of a photo."""
    return {
        "photo_id": of["photo_id"],
        "status": "processed",
        "topic": "photos",
        "partition": 0,
        "offset": offset,
        "processed_at": of["processed_at"],
    }


def tell(page: Page, *outcomes: dict[str, Any]) -> None:
    """Send the page an event, and wait until it has looked."""
    with page.expect_response(re.compile("status=rejected")):
        page.evaluate(TELL, outcomes)
    page.wait_for_timeout(LOOK_MILLISECONDS)


def test_photos_that_are_there_already_are_no_news(browser: Browser, pages: str) -> None:
    """After a burst of hundreds, an event about one that is shown does not begin the list anew under its reader."""
    api = FakeApi([photo(n, age=timedelta(milliseconds=500 * n)) for n in range(900)], jpeg())
    with gallery(browser, pages, api) as page:
        page.evaluate(MARK)
        tell(page, outcome(api.photos[0], 0))
        assert page.evaluate(IS_MARKED)
        expect(page.locator("#newcomers")).to_be_hidden()
        api.photos.append(photo(1000, age=timedelta(0)))
        tell(page, *(outcome(api.photos[number], number) for number in (-1, 0, 1)))
        expect(page.locator("#status")).to_have_text("A photo has come into your gallery")


def late_photos(first: int, count: int) -> list[Photo]:
    """Photos that were sent long ago, have only now come out, and are by the time they were taken the newest of all."""
    return [
        photo(
            n,
            age=timedelta(days=3),
            processed=timedelta(0),
            taken=(NOW + timedelta(days=1, seconds=n)).replace(tzinfo=None).isoformat(),
        )
        for n in range(first, first + count)
    ]


def test_photos_that_waited_long_are_shown_when_they_are_told_of(browser: Browser, pages: str) -> None:
    """Hundreds that were sent after it do not hide it. Of very many the page says so, once, and asks for none."""
    api = FakeApi([photo(n, age=timedelta(days=1, minutes=n)) for n in range(300)], jpeg())
    with gallery(browser, pages, api) as page:
        late = late_photos(400, 1)
        api.photos += late
        tell(page, outcome(late[0], 0))
        expect(page.locator(".tile").first).to_have_accessible_name(re.compile("0400.jpg"))

        many = late_photos(500, 60)
        api.photos += many
        page.evaluate(MARK)
        told = [outcome(each, 1 + n) for n, each in enumerate(many)]
        tell(page, *told)
        expect(page.locator("#newcomers")).to_have_text("Many new photos")
        assert page.evaluate(IS_MARKED)
        assert sum(api.asked[f"/photos/{each['photo_id']}"] for each in many) == 0
        page.locator("#newcomers").click()
        expect(page.locator(".tile").first).to_have_accessible_name(re.compile("0559.jpg"))
        tell(page, *told)
        expect(page.locator("#newcomers")).to_be_hidden()


def test_a_picture_that_is_none_is_not_asked_for_again_and_again(browser: Browser, pages: str) -> None:
    """What comes whole and cannot be shown is said to be so, in its tile and in the lightbox."""
    api = FakeApi([photo(n, age=timedelta(days=1, minutes=n)) for n in range(3)], b"no picture")
    with gallery(browser, pages, api) as page:
        expect(page.locator(".tile.broken")).to_have_count(3)
        expect(page.locator(".tile").first).to_contain_text("cannot be shown")
        expect(page.locator("#thumbs-trouble")).to_be_hidden()
        page.locator(".tile").first.click()
        expect(page.locator(".slide-trouble").first).to_contain_text("cannot be shown. Its original can be downloaded.")
        page.wait_for_timeout(LOOK_MILLISECONDS)
        asked = api.asked.copy()
        page.wait_for_timeout(LOOK_MILLISECONDS)
        assert api.asked == asked


def test_events_do_not_hurry_a_server_in_trouble(browser: Browser, pages: str) -> None:
    """It is asked again as late as it said, however much it tells meanwhile; or when its reader wants it to be."""
    api = FakeApi([photo(n, age=timedelta(days=1, minutes=n)) for n in range(3)], jpeg())
    with gallery(browser, pages, api) as page:
        new = photo(10, age=timedelta(0))
        api.photos.append(new)
        api.away = True
        page.evaluate(TELL, [outcome(new, 0)])
        trouble = page.locator("#news-trouble")
        expect(trouble).to_contain_text("cannot be looked for")
        asked = api.asked["/photos processed"]
        for offset in range(1, 4):
            page.evaluate(TELL, [outcome(new, offset)])
            page.wait_for_timeout(LOOK_MILLISECONDS)
        assert api.asked["/photos processed"] == asked
        api.away = False
        trouble.get_by_role("button", name="Try now").click()
        expect(page.locator(".tile")).to_have_count(4)
        expect(trouble).to_be_hidden()


ALL_ELEMENTS = "document.querySelectorAll('*').length"
TO_THE_END = "window.scrollTo(0, document.body.scrollHeight)"
WITH_TEXTS = 3
"""Nodes of a page for each of its elements, and some that are about to go."""


def test_what_is_no_longer_shown_is_not_kept(browser: Browser, pages: str) -> None:
    """However far one scrolls and however often one sorts anew: a page that kept its tiles crashed after thousands."""
    api = FakeApi([photo(n, age=timedelta(days=1, minutes=n)) for n in range(300)], jpeg())
    with gallery(browser, pages, api) as page:
        session = page.context.new_cdp_session(page)
        shown = page.locator(".tile img")
        while "0299.jpg" not in shown.last.get_attribute("alt"):
            page.evaluate(TO_THE_END)
            expect(page.locator(".tile.loaded").last).to_be_visible()
        assert metrics_of(session)["Nodes"] < WITH_TEXTS * page.evaluate(ALL_ELEMENTS)
        for order in ("uploaded", "taken") * 2:
            page.get_by_text(f"By day {order}", exact=True).click()
            expect(page.locator(".tile.loaded").first).to_be_visible()
        assert metrics_of(session)["Nodes"] < WITH_TEXTS * page.evaluate(ALL_ELEMENTS)


FIRST_SEEN = """() => [...document.querySelectorAll(".tile img")].filter(
  each => each.getBoundingClientRect().bottom > 120).map(each => each.alt)[0]"""
IS_SEEN = """name => [...document.querySelectorAll(".tile img")].filter(each => each.alt === name).some(
  each => each.getBoundingClientRect().bottom > 60 && each.getBoundingClientRect().top < innerHeight)"""


def test_a_reader_keeps_their_place(browser: Browser, pages: str) -> None:
    """Far down, when the window becomes wider or narrower, and when the page is loaded anew: there, or in a photo."""
    api = FakeApi([photo(n, age=timedelta(days=1, minutes=n)) for n in range(400)], jpeg())
    with gallery(browser, pages, api, viewport=NARROW) as page:
        shown = page.locator(".tile img")
        while api.asked["/photos processed"] < 4:
            page.evaluate(TO_THE_END)
            page.wait_for_timeout(LOOK_MILLISECONDS)
        place = page.evaluate(FIRST_SEEN)
        for width, height in ((740, 360), (1280, 900), (360, 740)):
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(LOOK_MILLISECONDS)
            assert page.evaluate(IS_SEEN, place), (width, height)
        for leave in (lambda: None, page.reload, lambda: shown.and_(page.get_by_alt_text(place)).click()):
            leave()
            page.reload()
            until(page, lambda: page.evaluate(IS_SEEN, place), "the place is found again")
        expect(page.get_by_role("dialog", name=place)).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name=place)).to_be_focused()

        with page.expect_response(re.compile("name=photo")):
            page.get_by_role("searchbox").press_sequentially("photo", delay=100)
        page.go_back()
        until(page, lambda: page.evaluate(IS_SEEN, place), "the search is over")
        api.who = ""
        page.locator(".tile").last.click()  # whatever asks next is told that there is no session
        page.evaluate(TELL, [outcome(api.photos[0], 0)])
        expect(page.get_by_text("Your session has ended.")).to_be_visible()
        page.get_by_label("E-mail address").fill("ada@example.org")
        page.get_by_label("Password").fill("correct horse battery")
        page.keyboard.press("Enter")
        until(page, lambda: page.evaluate(IS_SEEN, place), "the session goes on where it ended")


def test_a_link_that_ends_while_it_is_open_says_so(browser: Browser, pages: str) -> None:
    """Where a photo does not come; nothing is said where all do."""
    names = {
        "shared_by": "Ada",
        "count": "1 photo",
        "until": "2026-12-05",
        "until_text": "5 December",
        "layout": "rows",
    }
    shared = PageTemplate(TEMPLATES / "shared.html").text(photos='<li><img src="/s/x/1/thumb" alt="a"></li>', **names)
    with browser.new_context(viewport=NARROW, base_url=pages) as context:
        page = context.new_page()
        answers = iter(({"body": jpeg()}, {"status": 404}))
        page.route("**/thumb", lambda route: route.fulfill(**next(answers)))
        page.route("**/s/x", lambda route: route.fulfill(body=shared, content_type="text/html"))
        for comes in (True, False):
            with page.expect_response("**/thumb"):
                page.goto("/s/x")
            expect(page.get_by_role("alert")).to_be_visible(visible=not comes)
        assert_no_barrier(page, every_level=True)


def test_the_timeline_learns_of_what_comes_and_goes(browser: Browser, pages: str) -> None:
    """Also of a new month, which can be gone to."""
    api = FakeApi([photo(n, age=timedelta(days=40 + 40 * n)) for n in range(2)], jpeg())
    with gallery(browser, pages, api) as page:
        rail = page.get_by_role("slider")
        expect(rail).to_have_attribute("aria-valuemax", "1")
        new = photo(10, age=timedelta(0))
        api.photos.append(new)
        tell(page, outcome(new, 0))
        expect(rail).to_have_attribute("aria-valuemax", "2")
        expect(rail).to_have_attribute("aria-valuetext", re.compile(rf"{NOW:%B %Y}, 1 photo"))
        page.get_by_role("button", name="0010.jpg").focus()
        page.keyboard.press("Space")
        page.keyboard.press("Delete")
        expect(rail).to_have_attribute("aria-valuemax", "1")


def test_what_is_deleted_in_one_tab_is_gone_from_the_others(browser: Browser, pages: str) -> None:
    """And comes back with Undo, which moves nobody; what they look at, large or small, stays as it is."""
    api = FakeApi([photo(n, age=timedelta(days=1, minutes=n)) for n in range(120)], jpeg())
    with gallery(browser, pages, api) as page:
        other = page.context.new_page()
        other.route("**/api/v1/**", api.answer)
        other.goto("/")
        expect(other.locator(".tile.loaded").first).to_be_visible()
        page.evaluate("window.scrollTo(0, 700)")
        page.wait_for_timeout(LOOK_MILLISECONDS)
        name = page.evaluate(FIRST_SEEN.replace("bottom", "top"))
        place = "document.querySelector('[alt=\"' + name + '\"]').getBoundingClientRect().top"
        before = page.evaluate(f"name => {place}", name)
        page.get_by_role("button", name=name).focus()
        page.keyboard.press("Space")
        page.keyboard.press("Delete")
        for tab in (page, other):
            expect(tab.get_by_alt_text(name)).to_have_count(0)
        page.get_by_role("button", name="Undo").click()
        for tab in (page, other):
            expect(tab.get_by_alt_text(name)).to_have_count(1)
        assert page.evaluate(f"name => {place}", name) == pytest.approx(before, abs=1)


def frames(first: int, count: int, age: timedelta) -> list[Photo]:
    """What a device sent, ten seconds apart, the newest so long ago."""
    return [
        photo(first + n, age=age + n * timedelta(seconds=10)) | {"source": "stream", "device_id": DEVICE}
        for n in range(count)
    ]


def seen(page: Page) -> list[str]:
    """Names of the photos that have a tile which is seen, in order."""
    return page.locator("#gallery li:not([hidden]) .tile img").evaluate_all("all => all.map(each => each.alt)")


def test_frames_of_a_device_are_one_tile(browser: Browser, pages: str) -> None:
    """With their number, which shows them all; keys go past them, the lightbox does not; new ones join, not chosen."""
    day, noon = timedelta(days=1), NOW - NOW.replace(hour=12, minute=0)  # a burst ends with its day
    burst, two = frames(10, 8, 2 * day + noon), frames(30, 2, 3 * day + noon)
    api = FakeApi([photo(1, age=day + noon), *burst, *two, photo(40, age=4 * day + noon)], jpeg())
    with gallery(browser, pages, api) as page:
        stack = page.get_by_role("button", name="8 frames of Front door")
        expect(stack).to_have_attribute("aria-expanded", "false")
        assert seen(page) == ["0001.jpg", "0010.jpg", "0030.jpg", "0031.jpg", "0040.jpg"]
        assert_no_barrier(page, every_level=True)
        page.get_by_role("button", name="0010.jpg").focus()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("button", name="0030.jpg")).to_be_focused()
        stack.click()
        expect(stack).to_have_attribute("aria-expanded", "true")
        assert seen(page)[1:9] == [f"00{n}.jpg" for n in range(10, 18)]
        stack.click()
        expect(page.get_by_role("button", name="0011.jpg")).to_be_hidden()

        page.get_by_role("button", name="0010.jpg").click()
        expect(page.get_by_role("dialog", name="0010.jpg")).to_be_focused()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("dialog", name="0011.jpg")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="0011.jpg")).to_be_focused()
        stack.click()

        page.get_by_role("checkbox", name="Select 0010.jpg").check()
        page.get_by_role("searchbox").press("Escape")  # which is the field's
        expect(page.locator("#selection-count")).to_have_text(re.compile("^8 selected"))
        (new,) = frames(50, 1, 2 * day + noon - timedelta(seconds=10))
        new["processed_at"] = datetime.now(UTC).isoformat()
        api.photos.append(new)
        page.get_by_role("button", name="Filters").focus()  # nobody looks at a photo
        page.evaluate("scrollTo(0, 0)")
        tell(page, outcome(new, 0))
        expect(page.get_by_role("button", name="9 frames of Front door")).to_be_visible()
        assert seen(page) == ["0001.jpg", "0050.jpg", "0030.jpg", "0031.jpg", "0040.jpg"]
        tick = page.get_by_role("checkbox", name="Select 0050.jpg")
        assert tick.evaluate("tick => [tick.checked, tick.indeterminate]") == [False, True]
        tick.click()
        expect(page.locator("#selection-count")).to_have_text(re.compile("^9 selected"))
        assert tick.evaluate("tick => [tick.checked, tick.indeterminate]") == [True, False]
        tick.click()
        expect(page.locator("#selection")).to_be_hidden()


def test_two_tabs_are_of_one_session(browser: Browser, pages: str) -> None:
    """Who logs in as somebody else in another tab sees the same account in both: none of the first one's photos stay.

    And they are all there when the first one logs in again, without anybody reloading a page.
    """
    api = FakeApi([photo(n, age=timedelta(days=1, minutes=n)) for n in range(3)], jpeg())
    with gallery(browser, pages, api) as first:
        other = first.context.new_page()
        other.route("**/api/v1/**", api.answer)
        for who, shown in (("Grace", 0), ("Ada", 3)):
            api.who = who
            other.goto("/")
            expect(other.locator("#account-name")).to_have_text(who)
            expect(first.locator("#account-name")).to_have_text(who)
            expect(first.locator(".tile")).to_have_count(shown)
        expect(first.locator(".tile img:visible")).to_have_count(3)


def test_a_dialog_that_was_opened_anew_is_no_longer_about_the_first_photos(browser: Browser, pages: str) -> None:
    """While the first link is being made, one to others can be asked for; what became of the first is not shown."""
    api = FakeApi([photo(n, age=timedelta(days=1, minutes=n)) for n in range(2)], jpeg())
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    with gallery(browser, pages, api) as page:
        page.route("**/api/v1/shares", hold)
        for number in range(2):
            page.get_by_role("checkbox", name=f"Select {number:04}.jpg").click()
            page.get_by_role("button", name="Share").click()
            page.get_by_role("button", name="Make a link").click()
            until(page, lambda count=number + 1: len(held) == count, "the link is being made")
            if number == 0:
                page.locator("#share .close").first.click()
        first, second = held
        with page.expect_response("**/api/v1/shares"):
            first.fulfill(status=503, json={"status": 503, "detail": "away"})
        expect(page.locator("#share-trouble")).to_be_hidden()
        assert len(second.request.post_data_json["photo_ids"]) == 2
        end = (NOW + timedelta(days=7)).isoformat()
        second.fulfill(json={"url": "https://photos.example/s/x", "photos": 2, "expires_at": end})
        expect(page.locator("#share-link")).to_have_value("https://photos.example/s/x")


Size = tuple[int, int]


def of_sizes(number: int, original: Size, **renditions: Size) -> Photo:
    """A photo with these renditions, and the original."""
    told = photo(number, age=timedelta(hours=number))
    made = {
        kind: {**told["renditions"]["web"], "width": width, "height": height, "url": f"/api/v1/photos/{number}/{kind}"}
        for kind, (width, height) in {"original": original, **renditions}.items()
    }
    return told | {"width": original[0], "height": original[1], "renditions": made}


SHAPES = {
    "large": of_sizes(1, (4000, 3000), web=(1600, 1200), thumb=(320, 240), thumb2x=(640, 480)),
    "large, of before": of_sizes(2, (4000, 3000), web=(1600, 1200), thumb=(320, 240)),
    "small": of_sizes(3, (640, 480), web=(640, 480), thumb=(320, 240)),
    "tiny": of_sizes(4, (64, 48), web=(64, 48), thumb=(64, 48)),
    "panorama": of_sizes(5, (12000, 900), web=(6400, 480), thumb=(1280, 96), thumb2x=(2560, 192)),
    "long panorama": of_sizes(6, (20000, 500), web=(8192, 205), thumb=(3836, 96)),
    "panorama, of before": of_sizes(7, (20000, 500), web=(1600, 40), thumb=(320, 8)),
}


def test_a_tile_shows_what_there_is_as_sharp_as_the_screen(browser: Browser, pages: str) -> None:
    """Two pixels for each of a style sheet's: the larger thumb, `web` in its place where it is small, and no other.

    A panorama fills its tile with a part of it, and can be looked at closely.
    """
    with gallery(browser, pages, FakeApi(list(SHAPES.values()), jpeg()), device_scale_factor=2) as page:
        expect(page.locator(".tile.loaded")).to_have_count(len(SHAPES))
        images = page.locator(".tile img")
        named = images.evaluate_all("all => all.map(each => each.srcset.match(/\\d+w/g).join(' '))")
        expected = ["320w 640w", "320w", "320w 640w", "64w", "1280w 2560w", "3836w 8192w", "1600w"]
        assert dict(zip(SHAPES, named, strict=True)) == dict(zip(SHAPES, expected, strict=True))
        loaded = images.evaluate_all("all => all.map(each => each.currentSrc.split('/').pop())")
        kinds = ["thumb2x", "thumb", "web", "thumb", "thumb2x", "web", "web"]
        assert dict(zip(SHAPES, loaded, strict=True)) == dict(zip(SHAPES, kinds, strict=True))
        tile = page.locator(".tile").nth(5).bounding_box()
        assert tile is not None
        assert tile["width"] / tile["height"] == pytest.approx(3, abs=0.1)

        page.locator(".tile").nth(5).click()
        shown = page.locator(".pswp__item[aria-hidden=false] img.pswp__img:not(.pswp__img--placeholder)")
        expect(shown).to_be_visible()
        page.locator(".pswp__button--zoom").click()
        page.wait_for_timeout(LOOK_MILLISECONDS)
        box = shown.bounding_box()
        assert box is not None
        assert (box["width"], box["height"]) == (pytest.approx(8192, abs=2), pytest.approx(205, abs=2))


def test_a_row_that_takes_much_room_is_sharp(browser: Browser, pages: str) -> None:
    """A photo that stands alone because the next one is wide is shown twice as wide as usual, from the larger thumb."""
    alone, next_one = SHAPES["large"], SHAPES["panorama"]
    options = {"viewport": NARROW, "device_scale_factor": 2}
    with gallery(browser, pages, FakeApi([alone, next_one], jpeg()), **options) as page:
        image = page.locator(".tile.loaded img").first
        expect(image).to_have_js_property("clientWidth", 320)
        assert image.evaluate("each => each.currentSrc").endswith("/thumb2x")
