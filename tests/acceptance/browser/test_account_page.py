"""Selecting photos on a line that breaks in between, the account's page, and the page that a link leads to."""

import re
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, CDPSession, Locator, Page, Route, expect
from tests.support.bad_line import Line, gallery, jpeg, unavailable, unreachable
from tests.support.browser import NARROW, WIDE, assert_fits, assert_no_barrier, photographed
from tests.support.gallery import PASSWORD, Account, GalleryWorld
from tests.support.images import encoded, scene
from tests.support.notices import Post

from photo_pipeline.domain.imaging import SniffedFormat

OTHER, BY_MAIL = "another horse entirely", "a horse that came by mail"
PICTURES = Path(__file__).resolve().parents[3] / ".local-test" / "pictures"
LATER_PAGES, ARCHIVES, HOLDS = re.compile("cursor="), re.compile("/photos/archive$"), re.compile("/holds/")
BINS, RESTORES, SHARES = re.compile("/photos/delete$"), re.compile("/photos/restore$"), re.compile("/shares$")
MANY, FEW = 58, 4
"""Photos of a day that is longer than a page of the list, and of the next day."""


@pytest.fixture
def ada(world: GalleryWorld) -> Iterator[Account]:
    """Give a customer with six photos, one of them in the bin, and a link to the others."""
    with world.account() as account:
        shapes = [(640, 480), (480, 640), (900, 300), (640, 480), (500, 500), (300, 900)]
        files = {
            f"photo {number}.jpg": encoded(scene(width, height, seed=number), SniffedFormat.JPEG)
            for number, (width, height) in enumerate(shapes)
        }
        ids = world.send(account, files)
        account.client.delete(f"/photos/{ids.pop('photo 0.jpg')}").raise_for_status()
        account.client.post("/shares", json={"photo_ids": list(ids.values())}).raise_for_status()
        yield account


def looked_at(page: Page, name: str) -> None:
    """Wide and on a phone: no barrier, nothing cut off."""
    for size_name, size in (("wide", WIDE), ("narrow", NARROW)):
        page.set_viewport_size(size)
        assert_no_barrier(page, every_level=True)
        assert_fits(page)
        photographed(page, PICTURES, f"{name}-{size_name}")
    page.set_viewport_size(WIDE)


@contextmanager
def logged_in(world: GalleryWorld, browser: Browser, account: Account) -> Iterator[Page]:
    """A page of that customer's, in a browser of its own."""
    with closing(browser.new_context(viewport=WIDE, base_url=world.api.url)) as context:
        token = account.client.headers["Authorization"].removeprefix("Bearer ")
        cookie = {"name": "photo_session", "value": token, "url": world.api.url, "httpOnly": True}
        context.add_cookies([cookie])  # type: ignore[list-item] # a dictionary of its keys
        yield context.new_page()


def failing_once(page: Page, method: str, path: str) -> None:
    """The next such request is answered 503, without being asked to come again soon."""
    left = [1]

    def answer(route: Route) -> None:
        if route.request.method == method and left:
            left.pop()
            route.fulfill(status=503, headers={"Retry-After": "600"}, json={"detail": "The server has to rest."})
        else:
            route.fallback()

    page.route(f"**/api/v1{path}", answer)


def test_name_password_and_sessions(world: GalleryWorld, browser: Browser, ada: Account, post: Post) -> None:
    """Each is changed, each failure is told where it is and tried again, and a forgotten password is set by mail."""
    with logged_in(world, browser, ada) as page, world.api.client() as phone:
        world.log_in(phone, ada.email)
        failing_once(page, "GET", "/me/sessions")
        page.goto("/account")
        expect(page.get_by_text("Your account cannot be shown just now.")).to_be_visible()
        looked_at(page, "account-trouble")
        page.get_by_role("button", name="Try now").click()
        name = page.get_by_label("Name", exact=True)
        expect(name).to_have_value("Ada")
        name.fill("Ada Lovelace")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved.")).to_be_visible()
        assert ada.client.get("/me").json()["display_name"] == "Ada Lovelace"
        sessions = page.get_by_role("list", name="Where you are logged in").get_by_role("listitem")
        expect(sessions).to_have_count(2)
        failing_once(page, "DELETE", "/me/sessions/*")
        page.get_by_role("button", name="Log out python-httpx").click()
        page.get_by_role("button", name="Try now").click()
        expect(sessions).to_have_count(1)
        assert phone.get("/me").status_code == 401
        world.log_in(phone, ada.email)
        change_password(page)
        assert phone.get("/me").status_code == 401
        assert ada.client.get("/me").status_code == 200
    with closing(browser.new_context(viewport=WIDE, base_url=world.api.url)) as context:
        set_by_mail(context.new_page(), ada.email, post)


def change_password(page: Page) -> None:
    """A wrong one, a weak one, and one that will do."""
    told = page.locator("#password-error")
    for old, new, said in (
        ("something else", OTHER, "This is not your password."),
        (PASSWORD, "password123", "guessed first"),
    ):
        page.get_by_label("Old password").fill(old)
        page.get_by_role("textbox", name="New password").fill(new)
        page.get_by_role("button", name="Change it").click()
        expect(told).to_contain_text(said)
    looked_at(page, "account-password")
    page.get_by_role("textbox", name="New password").fill(OTHER)
    page.get_by_role("button", name="Change it").click()
    expect(page.locator("#password-saved")).to_be_visible()
    expect(page.get_by_label("Old password")).to_have_value("")


def set_by_mail(page: Page, email: str, post: Post) -> None:
    """From the log-in to the log-in, by way of a mail, whose link is nowhere to be read afterwards."""
    page.goto("/")
    page.get_by_role("link", name="Forgotten the password?").click()
    looked_at(page, "password-ask")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_focused()
    looked_at(page, "password-asked")
    link = post.link_for(email)
    page.goto(link)
    expect(page.get_by_role("heading", name="Choose a new password")).to_be_visible()
    assert "token" not in page.url
    page.get_by_role("textbox", name="New password").fill("password123")
    page.get_by_role("button", name="Set it").click()
    expect(page.get_by_role("alert")).to_contain_text("guessed first")
    looked_at(page, "password-choose")
    page.get_by_role("textbox", name="New password").fill(BY_MAIL)
    page.get_by_role("button", name="Set it").click()
    expect(page.get_by_role("heading", name="Your new password is set")).to_be_focused()
    page.get_by_role("link", name="Log in with it").click()
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password", exact=True).fill(BY_MAIL)
    page.get_by_role("button", name="Log in", exact=True).last.click()
    expect(page.get_by_role("heading", name="Your gallery")).to_be_visible()
    page.goto(link)
    page.get_by_role("textbox", name="New password").fill(OTHER)
    page.get_by_role("button", name="Set it").click()
    expect(page.get_by_role("heading", name="This link is over")).to_be_focused()


def test_links_bin_and_the_end(world: GalleryWorld, browser: Browser, ada: Account) -> None:
    """A photo is restored, a link ended, a wrong password told where it was typed, and then the account is over."""
    with logged_in(world, browser, ada) as page:
        page.goto("/account")
        expect(page.get_by_text(ada.email)).to_be_visible()
        looked_at(page, "account")
        page.get_by_role("button", name="Restore photo 0.jpg").click()
        expect(page.get_by_text("Nothing in it.")).to_be_visible()
        assert len(ada.client.get("/photos").json()["photos"]) == 6
        page.get_by_role("button", name="End the link").click()
        expect(page.get_by_text("None. A link is made in the gallery")).to_be_visible()
        assert ada.client.get("/shares").json()["shares"] == []
        for password, told in (("something else", "This is not your password."), (PASSWORD, "Your account is closed")):
            page.get_by_label("Your password").fill(password)
            page.get_by_role("button", name="Close the account").click()
            page.get_by_role("button", name="Close it").click()
            expect(page.get_by_text(told)).to_be_visible()
        assert ada.client.get("/me").status_code == 401


def test_a_link_on_a_phone_and_on_a_desk(world: GalleryWorld, browser: Browser, ada: Account) -> None:
    """Without an account and without scripts: who, until when, and every photo; then that it is over."""
    ids = [photo["photo_id"] for photo in ada.client.get("/photos").json()["photos"]]
    made = ada.client.post("/shares", json={"photo_ids": ids}).raise_for_status().json()
    url = made["url"].replace("http://127.0.0.1:8000", world.api.url)
    with closing(browser.new_context(viewport=WIDE, java_script_enabled=False)) as context:
        page = context.new_page()
        page.goto(url)
        expect(page.get_by_role("heading", name="Photos from Ada")).to_be_visible()
        expect(page.get_by_role("img", name="Photo 5 of 5")).to_be_visible()
    with closing(browser.new_context(viewport=WIDE)) as context:
        page = context.new_page()
        page.goto(url)
        looked_at(page, "share")
        widths = page.evaluate("[...document.querySelectorAll('main img')].map(image => image.naturalWidth)")
        assert len(widths) == 5
        assert min(widths) > 0
        ada.client.delete(f"/shares/{made['share_id']}").raise_for_status()
        page.reload()
        expect(page.get_by_text("This link is over")).to_be_visible()
        looked_at(page, "share-over")


@pytest.fixture(scope="module")
def chooser(world: GalleryWorld) -> Iterator[Account]:
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


def looks_good(page: Page, name: str) -> None:
    """No barrier, nothing cut off, light and dark."""
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert_no_barrier(page, every_level=True)
        assert_fits(page)
        page.screenshot(path=PICTURES / f"{name}-{scheme}.png")


def test_a_selection_and_what_is_done_with_it(
    world: GalleryWorld, browser: Browser, chooser: Account, tmp_path: Path
) -> None:
    """By mouse, keys and day; it survives newcomers, reloads and failures, each with a button that tries again."""
    with gallery(world, browser, chooser, WIDE) as page:
        page.goto("/")
        expect(tile(page, "new 0.jpg")).to_be_visible()
        choose(page)
        newcomers_and_pages(world, page, chooser)
        download(page, chooser, tmp_path)
        page.keyboard.press("Escape")
        keep(page)
        share(world, page, browser)
        delete(page, chooser)
        from_the_lightbox(page, chooser)
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
    looks_good(page, "selecting-wide")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(count).to_contain_text("5 selected")
    page.keyboard.press("Escape")
    expect(count).to_be_hidden()
    page.get_by_role("button", name="Undo").click()
    expect(count).to_contain_text("5 selected")


def newcomers_and_pages(world: GalleryWorld, page: Page, chooser: Account) -> None:
    """All of a day are also those of a page that fails at first; nothing of it is forgotten by a reload."""
    count = page.locator("#selection-count")
    page.mouse.wheel(0, 200)
    world.send(chooser, {"late.jpg": jpeg(3900, "2025:01:03 10:00:00", (320, 240))})
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


def download(page: Page, chooser: Account, folder: Path) -> None:
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
    late = next(photo for photo in chooser.client.get("/photos").json()["photos"] if photo["filename"] == "late.jpg")
    chooser.client.delete(f"/photos/{late['photo_id']}").raise_for_status()
    bar.get_by_role("button", name="Download").click()
    expect(bar.get_by_role("alert")).to_contain_text("None of these is a photo of yours that is still there.")
    chooser.client.post("/photos/restore", json={"photo_ids": [late["photo_id"]]}).raise_for_status()


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
        looks_good(page, "share-trouble")
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


def delete(page: Page, chooser: Account) -> None:
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
    assert binned(chooser) == {"new 3.jpg", "new 2.jpg"}
    with Line(page).broken(RESTORES, unreachable):
        toast.get_by_role("button", name="Undo").click()
        expect(toast).to_contain_text("2 photos could not be brought back: still in the bin.")
    toast.get_by_role("button", name="Try now").click()
    expect(tile(page, "new 3.jpg")).to_be_focused()
    expect(bar).to_contain_text("2 selected")
    names = page.locator(".tile img").evaluate_all("pictures => pictures.slice(0, 5).map(picture => picture.alt)")
    assert names == ["late.jpg", "new 3.jpg", "new 2.jpg", "new 1.jpg", "new 0.jpg"]
    assert binned(chooser) == set()
    page.get_by_role("button", name="Clear").click()


def from_the_lightbox(page: Page, chooser: Account) -> None:
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
    assert binned(chooser) == {"new 3.jpg"}
    looks_good(page, "deleted-lightbox")
    after.get_by_role("button", name="Undo").click()
    expect(box).to_be_visible()
    page.keyboard.press("Escape")
    expect(tile(page, "new 3.jpg")).to_be_focused()
    assert binned(chooser) == set()


def binned(account: Account) -> set[str]:
    """The names of what is in the bin."""
    return {photo["filename"] for photo in account.client.get("/photos?status=binned").json()["photos"]}


def touch(session: CDPSession, kind: str, place: Locator | None = None) -> None:
    """What a finger does on a screen."""
    box = place.bounding_box() if place is not None else None
    points = [] if box is None else [{"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}]
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_selecting_on_a_phone(world: GalleryWorld, browser: Browser, chooser: Account) -> None:
    """A long press begins it, taps go on and none opens a photo; the bar and what it does fit on 360 pixels."""
    with gallery(world, browser, chooser, NARROW) as page:
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
            looks_good(page, "selecting-trouble-narrow")
        bar.get_by_role("button", name="Try now").tap()
        expect(page.locator("#toast")).to_contain_text("2 photos are in the bin.")
        looks_good(page, "deleted-narrow")
        page.get_by_role("button", name="Undo").tap()
        expect(tile(page, "new 0.jpg")).to_be_visible()
        bar.get_by_role("button", name="Share").tap()
        page.get_by_role("button", name="Cancel").tap()
        bar.get_by_role("button", name="Clear").tap()
        tile(page, "new 0.jpg").tap()
        expect(page.get_by_role("dialog", name="new 0.jpg").get_by_role("button", name="Delete")).to_be_visible()
        looks_good(page, "lightbox-buttons-narrow")
