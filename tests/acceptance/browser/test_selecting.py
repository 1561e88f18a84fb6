"""Photos are selected, and downloaded, kept, shared and deleted together, on a line that breaks in between."""

import re
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, CDPSession, Locator, Page, expect
from tests.support.bad_line import Line, gallery, jpeg, unavailable, unreachable
from tests.support.browser import NARROW, WIDE, assert_fits, assert_no_barrier
from tests.support.gallery import Account, GalleryWorld

PICTURES = Path(__file__).resolve().parents[3] / ".local-test" / "pictures"
LATER_PAGES, ARCHIVES, HOLDS = re.compile("cursor="), re.compile("/photos/archive$"), re.compile("/holds/")
BINS, RESTORES, SHARES = re.compile("/photos/delete$"), re.compile("/photos/restore$"), re.compile("/shares$")
MANY, FEW = 58, 4
"""Photos of a day that is longer than a page of the list, and of the next day."""


@pytest.fixture(scope="module")
def ada(world: GalleryWorld) -> Iterator[Account]:
    """Give somebody with photos of two days."""
    with world.account() as account:
        taken = {f"old {n:02}.jpg": f"2025:01:01 1{n // 60}:{n % 60:02}:00" for n in range(MANY)}
        taken |= {f"new {n}.jpg": f"2025:01:02 10:{n:02}:00" for n in range(FEW)}
        shots = {name: jpeg(3000 + n, moment, (320, 240)) for n, (name, moment) in enumerate(taken.items())}
        names = list(shots)
        for first in (0, 40):
            world.send(account, {name: shots[name] for name in names[first : first + 40]})
        yield account


def tile(page: Page, name: str) -> Locator:
    """The button of a photo."""
    return page.locator(".tile").filter(has=page.get_by_alt_text(name, exact=True))


def tick(page: Page, name: str) -> Locator:
    """What selects it."""
    return page.get_by_role("checkbox", name=f"Select {name}", exact=True)


def looked_at(page: Page, name: str) -> None:
    """No barrier, nothing cut off, light and dark."""
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert_no_barrier(page, every_level=True)
        assert_fits(page)
        page.screenshot(path=PICTURES / f"{name}-{scheme}.png")


def test_a_selection_and_what_is_done_with_it(
    world: GalleryWorld, browser: Browser, ada: Account, tmp_path: Path
) -> None:
    """By mouse, keys and day; it survives newcomers, reloads and failures, each with a button that tries again."""
    with gallery(world, browser, ada, WIDE) as page:
        page.goto("/")
        expect(tile(page, "new 0.jpg")).to_be_visible()
        choose(page)
        newcomers_and_pages(world, page, ada)
        download(page, ada, tmp_path)
        page.keyboard.press("Escape")
        keep(page)
        share(world, page, browser)
        delete(page, ada)
        from_the_lightbox(page, ada)
        page.get_by_role("navigation", name="Pages").get_by_role("link", name="Account").click()
        expect(page.get_by_text("Nothing in it.")).to_be_visible()


def choose(page: Page) -> None:
    """Ticks, Shift, Ctrl, Space, arrows; Escape ends it, and that can be undone."""
    count = page.locator("#selection-count")
    tick(page, "new 3.jpg").click()
    expect(count).to_contain_text(re.compile(r"^1 selected, \d+ KiB$"))
    tile(page, "new 1.jpg").click(modifiers=["Shift"])
    expect(count).to_contain_text("3 selected")
    tile(page, "new 2.jpg").click()
    expect(count).to_contain_text("2 selected")
    day = page.get_by_role("checkbox", name="Select all of Thursday, January 2, 2025")
    expect(day).to_have_js_property("indeterminate", value=True)
    tile(page, "new 2.jpg").click(modifiers=["ControlOrMeta"])
    tile(page, "new 0.jpg").focus()
    page.keyboard.press("Space")
    expect(tick(page, "new 0.jpg")).to_be_checked()
    expect(day).to_be_checked()
    expect(page.locator("#status")).to_have_text("4 selected")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(count).to_contain_text("6 selected")
    page.keyboard.press("Shift+ArrowLeft")
    expect(count).to_contain_text("5 selected")
    looked_at(page, "selecting-wide")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(count).to_contain_text("5 selected")
    page.keyboard.press("Escape")
    expect(count).to_be_hidden()
    page.get_by_role("button", name="Undo").click()
    expect(count).to_contain_text("5 selected")


def newcomers_and_pages(world: GalleryWorld, page: Page, ada: Account) -> None:
    """All of a day are also those of a page that fails at first; nothing of it is forgotten by a reload."""
    count = page.locator("#selection-count")
    page.mouse.wheel(0, 200)
    world.send(ada, {"late.jpg": jpeg(3900, "2025:01:03 10:00:00", (320, 240))})
    page.get_by_role("button", name="1 new photo").click()
    expect(tile(page, "late.jpg")).to_be_focused()
    expect(count).to_contain_text("5 selected")
    with Line(page).broken(LATER_PAGES, unavailable):
        page.reload()
        expect(count).to_contain_text("5 selected")
        expect(tick(page, "new 0.jpg")).to_be_checked()
        page.get_by_role("checkbox", name="Select all of Wednesday, January 1, 2025").click()
        expect(page.locator("#selection-note")).to_contain_text("The other photos of this day are on their way")
        expect(page.locator("#pages-trouble")).to_contain_text("More photos could not be loaded")
    expect(count).to_contain_text(f"{FEW + MANY} selected")
    expect(page.locator("#selection-note")).to_have_text("You may keep 2 at most.")
    expect(page.get_by_role("button", name="Keep longer")).to_be_disabled()


def download(page: Page, ada: Account, folder: Path) -> None:
    """One ZIP of all. A line that is cut, and a refusal of the server, are told in the bar, and nothing is lost."""
    bar = page.locator("#selection")
    with Line(page).broken(ARCHIVES, unreachable):
        bar.get_by_role("button", name="Download").click()
        expect(bar.get_by_role("alert")).to_contain_text("The server cannot be reached")
    expect(bar).to_contain_text(f"{FEW + MANY} selected")
    with page.expect_download() as saved:
        bar.get_by_role("button", name="Try now").click()
    saved.value.save_as(folder / "photos.zip")
    with zipfile.ZipFile(folder / "photos.zip") as archive:
        assert archive.testzip() is None
        names = {f"old {n:02}.jpg" for n in range(MANY)} | {f"new {n}.jpg" for n in range(FEW)}
        assert set(archive.namelist()) == names
    expect(bar.get_by_role("alert")).to_be_hidden()
    page.get_by_role("button", name="Clear").click()
    tick(page, "late.jpg").click()
    late = next(photo for photo in ada.client.get("/photos").json()["photos"] if photo["filename"] == "late.jpg")
    ada.client.delete(f"/photos/{late['photo_id']}").raise_for_status()
    bar.get_by_role("button", name="Download").click()
    expect(bar.get_by_role("alert")).to_contain_text("None of these is a photo of yours that is still there.")
    ada.client.post("/photos/restore", json={"photo_ids": [late["photo_id"]]}).raise_for_status()


def keep(page: Page) -> None:
    """The second of two fails: the first stays kept, the second is kept when it is tried again; then both go."""
    bar = page.locator("#selection")
    for name in ("new 3.jpg", "new 2.jpg"):
        tick(page, name).click()
    with Line(page).broken(HOLDS, unavailable):
        bar.get_by_role("button", name="Keep longer").click()
        expect(bar.get_by_role("alert")).to_contain_text("2 photos could not be kept.")
    bar.get_by_role("button", name="Try now").click()
    for name in ("new 3.jpg", "new 2.jpg"):
        expect(tile(page, name)).to_contain_text("kept")
    bar.get_by_role("button", name="Do not keep longer").click()
    expect(page.locator("#toast")).to_contain_text("2 photos go when the time has come.")
    expect(tile(page, "new 2.jpg")).not_to_contain_text("kept")


def share(world: GalleryWorld, page: Page, browser: Browser) -> None:
    """The dialog says what a link shows and until when; after a failure it makes one, shown once."""
    page.get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog", name="Share 2 photos")
    expect(dialog).to_contain_text("Originals are not part of a link")
    with Line(page).broken(SHARES, unreachable):
        dialog.get_by_role("button", name="Make a link").click()
        expect(dialog.get_by_role("alert")).to_contain_text("The link could not be made.")
        looked_at(page, "share-trouble")
    dialog.get_by_role("button", name="Try now").click()
    made = page.get_by_role("dialog", name="The link to 2 photos")
    expect(made.get_by_role("heading")).to_be_focused()
    url = made.get_by_role("textbox", name="Link").input_value().replace("http://127.0.0.1:8000", world.api.url)
    made.get_by_role("button", name="Copy").click()
    expect(page.locator("#status")).to_contain_text("The link is")
    made.get_by_role("button", name="Done").click()
    expect(page.locator("#share-link")).to_have_value("")
    with closing(browser.new_context()) as stranger:
        shown = stranger.new_page()
        shown.goto(url)
        expect(shown.get_by_role("img", name="Photo 2 of 2")).to_be_visible()


def delete(page: Page, ada: Account) -> None:
    """Nothing is gone while it fails; then both are, on the server too, and Undo brings them back selected."""
    bar, toast = page.locator("#selection"), page.locator("#toast")
    with Line(page).broken(BINS, unavailable):
        tile(page, "new 2.jpg").focus()
        page.keyboard.press("Control+Enter")
        expect(bar.get_by_role("button", name="Download")).to_be_focused()
        page.keyboard.press("Delete")
        expect(bar.get_by_role("alert")).to_contain_text("2 photos could not be deleted.")
        expect(tile(page, "new 2.jpg")).to_be_visible()
    bar.get_by_role("button", name="Try now").click()
    expect(toast).to_contain_text("2 photos are in the bin.")
    for name in ("new 3.jpg", "new 2.jpg"):
        expect(tile(page, name)).to_have_count(0)
    expect(tile(page, "new 1.jpg")).to_be_focused()
    assert binned(ada) == {"new 3.jpg", "new 2.jpg"}
    with Line(page).broken(RESTORES, unreachable):
        toast.get_by_role("button", name="Undo").click()
        expect(toast).to_contain_text("2 photos could not be brought back: still in the bin.")
    toast.get_by_role("button", name="Try now").click()
    expect(tile(page, "new 3.jpg")).to_be_focused()
    expect(bar).to_contain_text("2 selected")
    names = page.locator(".tile img").evaluate_all("pictures => pictures.slice(0, 5).map(picture => picture.alt)")
    assert names == ["late.jpg", "new 3.jpg", "new 2.jpg", "new 1.jpg", "new 0.jpg"]
    assert binned(ada) == set()
    page.get_by_role("button", name="Clear").click()


def from_the_lightbox(page: Page, ada: Account) -> None:
    """One photo is shared and deleted where it is seen: the next one takes its place, and Undo leads back to it."""
    tile(page, "new 3.jpg").click()
    box = page.get_by_role("dialog", name="new 3.jpg")
    box.get_by_role("button", name="Share").click()
    expect(page.get_by_role("dialog", name="Share this photo")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Share this photo")).to_be_hidden()
    with Line(page).broken(BINS, unavailable):
        box.get_by_role("button", name="Delete").click()
        expect(box).to_contain_text("1 photo could not be deleted.")
    box.get_by_role("button", name="Try now").click()
    after = page.get_by_role("dialog", name="new 2.jpg")
    expect(after).to_contain_text("1 photo is in the bin.")
    assert binned(ada) == {"new 3.jpg"}
    looked_at(page, "deleted-lightbox")
    after.get_by_role("button", name="Undo").click()
    expect(box).to_be_visible()
    page.keyboard.press("Escape")
    expect(tile(page, "new 3.jpg")).to_be_focused()
    assert binned(ada) == set()


def binned(account: Account) -> set[str]:
    """The names of what is in the bin."""
    return {photo["filename"] for photo in account.client.get("/photos?status=binned").json()["photos"]}


def touch(session: CDPSession, kind: str, place: Locator | None = None) -> None:
    """What a finger does on a screen."""
    box = place.bounding_box() if place is not None else None
    points = [] if box is None else [{"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_selecting_on_a_phone(world: GalleryWorld, browser: Browser, ada: Account) -> None:
    """A long press begins it, taps go on and none opens a photo; the bar and what it does fit on 360 pixels."""
    with gallery(world, browser, ada, NARROW) as page:
        page.goto("/")
        expect(page.get_by_role("navigation", name="Pages").get_by_role("link", name="Devices")).to_be_visible()
        assert_fits(page)
        session = page.context.new_cdp_session(page)
        tile(page, "new 1.jpg").scroll_into_view_if_needed()
        touch(session, "touchStart", tile(page, "new 1.jpg"))
        bar = page.locator("#selection")
        expect(bar).to_contain_text("1 selected")
        touch(session, "touchEnd")
        tile(page, "new 0.jpg").tap()
        tile(page, "old 57.jpg").tap()
        tile(page, "new 1.jpg").tap()
        expect(bar).to_contain_text("2 selected")
        expect(page.get_by_role("dialog")).to_be_hidden()
        with Line(page).broken(BINS, unreachable):
            bar.get_by_role("button", name="Delete").tap()
            expect(bar.get_by_role("alert")).to_contain_text("2 photos could not be deleted.")
            looked_at(page, "selecting-trouble-narrow")
        bar.get_by_role("button", name="Try now").tap()
        expect(page.locator("#toast")).to_contain_text("2 photos are in the bin.")
        looked_at(page, "deleted-narrow")
        page.get_by_role("button", name="Undo").tap()
        expect(tile(page, "new 0.jpg")).to_be_visible()
        bar.get_by_role("button", name="Share").tap()
        page.get_by_role("button", name="Cancel").tap()
        bar.get_by_role("button", name="Clear").tap()
        tile(page, "new 0.jpg").tap()
        expect(page.get_by_role("dialog", name="new 0.jpg").get_by_role("button", name="Delete")).to_be_visible()
        looked_at(page, "lightbox-buttons-narrow")
