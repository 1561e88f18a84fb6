"""A photo that is shown large: its address and what is shown agree, however quickly somebody presses what there is."""

from datetime import timedelta

from playwright.sync_api import Browser, Locator, Page, Route, ViewportSize, expect
from tests.support.browser import until
from tests.support.gallery_page import FakeApi, gallery, jpeg
from tests.support.told_photos import photo

PHOTOS = 4
CUSTOMER = {"customer_id": "id of Ada", "display_name": "Ada", "holds_allowed": 9}
UNKNOWN = "00000000-0000-4000-8000-000000000099"
PRESS = """async steps => {
  const wait = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));
  for (const [what, milliseconds] of steps) {
    if (what === "back") history.back();
    else if (what === "forward") history.forward();
    else if (what.startsWith("#")) location.hash = what;
    else if (what.startsWith("tile ")) {
      document.querySelectorAll(".tile")[what.slice(5)].click();
      while (document.querySelector(".pswp") === null) await wait(0); // what shows it may have to be loaded
    }
    else if (what === "close") document.querySelector(".pswp__button--close")?.click();
    else document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: what, bubbles: true }));
    await wait(milliseconds);
  }
}"""
"""One thing after the other, sooner than a page that is busy can do them; after each, milliseconds."""
SEEN = """() => [
  /^#photo=/.test(location.hash) ? Number(location.hash.slice(-12)) : null,
  [...document.querySelectorAll(".pswp")].map(each => Number.parseInt(each.getAttribute("aria-label"), 10)),
  document.querySelector("#main").inert,
]"""
ENTRIES_BELOW = "for (let n = 0; n < 40; n += 1) history.pushState(null, '', location.pathname)"
SETTLED_MILLISECONDS = 200
"""Longer than anything moves."""
Step = tuple[str, int]


def address_of(number: int) -> str:
    """A photo's address, after the page's own."""
    return f"#photo=00000000-0000-4000-8000-{number:012}"


def press(page: Page, *steps: Step) -> None:
    """Do one thing after the other in the page."""
    page.evaluate(PRESS, [list(step) for step in steps])


def seen(page: Page) -> tuple[int | None, list[int], bool]:
    """The photo in the address, those that are shown, and whether the gallery is behind one."""
    address, shown, is_behind = page.evaluate(SEEN)
    return address, shown, is_behind


def assert_shown(page: Page, number: int | None, what: str) -> None:
    """Fail where the photo, or none, is not what is shown and what the address says once all is done."""
    page.wait_for_timeout(SETTLED_MILLISECONDS)
    expected = (number, [] if number is None else [number], number is not None)
    until(page, lambda: seen(page) == expected, f"{what}: {expected}")


def photos() -> FakeApi:
    """Some photos, and no other one."""
    return FakeApi([photo(n, age=timedelta(minutes=n)) for n in range(PHOTOS)], jpeg())


def apart(one: Locator, other: Locator) -> bool:
    """Whether neither covers the other."""
    left, right = one.bounding_box(), other.bounding_box()
    assert left is not None
    assert right is not None
    return left["x"] + left["width"] <= right["x"] or left["y"] + left["height"] <= right["y"]


def test_what_is_pressed_while_a_photo_opens_or_closes_counts(browser: Browser, pages: str) -> None:
    """A photo closes as soon as it is there, another opens while one closes; Back and Forward lead where they do."""
    orders: list[tuple[list[Step], int | None]] = [
        ([("tile 1", 5), ("Escape", 0)], None),
        ([("tile 1", 5), ("close", 0)], None),
        ([("tile 1", 5), ("back", 0)], None),
        ([("forward", 20), ("back", 20), ("forward", 0)], 1),
        ([("Escape", 0)], None),
        ([("tile 1", 5), ("Escape", 0), ("tile 2", 0)], 2),
        ([("ArrowRight", 0), ("back", 0)], None),
        ([("forward", 0)], 3),
        ([(address_of(0), 0), (address_of(2), 0)], 2),
        ([("back", 0), ("back", 0)], 3),
        ([("close", 0)], None),
    ]
    with gallery(browser, pages, photos()) as page:
        page.evaluate(ENTRIES_BELOW)
        for steps, number in orders:
            press(page, *steps)
            assert_shown(page, number, str(steps))


def test_an_address_without_a_photo_is_told_while_another_photo_opens(browser: Browser, pages: str) -> None:
    """That one closes, and what is told stays; a photo that is opened meanwhile stays, too."""
    with gallery(browser, pages, photos()) as page:
        trouble = page.locator("#photo-trouble")
        press(page, ("tile 0", 5), (f"#photo={UNKNOWN}", 0))
        assert_shown(page, None, "an unknown address")
        expect(trouble).to_contain_text("You have no such photo")
        press(page, (f"#photo={UNKNOWN}", 0), ("tile 1", 0))
        assert_shown(page, 1, "a tile")
        expect(trouble).to_be_hidden()


def test_what_became_of_one_photo_is_not_said_of_another(browser: Browser, pages: str) -> None:
    """Whoever has gone on meanwhile can keep that one, too; where the session has ended the page says so."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    with gallery(browser, pages, photos()) as page:
        page.route("**/api/v1/me", lambda route: route.fulfill(json=CUSTOMER))
        page.route("**/api/v1/holds/*", hold)
        page.reload()
        page.locator(".tile").first.click()
        page.get_by_role("button", name="About this photo").click()
        button = page.get_by_role("button", name="Keep longer")
        with page.expect_request("**/api/v1/holds/*"):
            button.click()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("dialog", name="0001.jpg")).to_be_visible()
        with page.expect_response("**/api/v1/photos/*0000"):
            held[0].fulfill(status=204)
        expect(button).to_be_enabled()
        expect(page.locator("#about .note").first).to_be_empty()
        with page.expect_request("**/api/v1/holds/*"):
            button.click()
        held[1].fulfill(status=401, json={"status": 401, "detail": "Log in."})
        expect(page.get_by_text("Your session has ended.")).to_be_visible()


def test_what_is_known_leaves_room_for_the_photo(browser: Browser, pages: str) -> None:
    """Beside it where a phone lies on its side, below it where it stands."""
    upright, lying = ViewportSize(width=390, height=740), ViewportSize(width=740, height=360)
    with gallery(browser, pages, photos(), viewport=upright) as page:
        page.locator(".tile").first.click()
        page.get_by_role("button", name="About this photo").click()
        shown, sheet = page.locator(".pswp__item[aria-hidden=false] img.pswp__img").last, page.locator("#about")
        for size in (upright, lying):
            page.set_viewport_size(size)
            until(page, lambda: apart(shown, sheet), f"the photo is free at {size}")
            box = sheet.bounding_box()
            assert box is not None
            assert (box["x"] == 0) is (size is upright)
