"""The account's page, and the page that a link leads to, in a real browser."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from tests.support.browser import NARROW, WIDE, assert_fits, assert_no_barrier, photographed
from tests.support.gallery import PASSWORD, Account, GalleryWorld
from tests.support.images import encoded, scene
from tests.support.notices import Post

from photo_pipeline.domain.imaging import SniffedFormat

OTHER, BY_MAIL = "another horse entirely", "a horse that came by mail"
PICTURES = Path(__file__).resolve().parents[3] / ".local-test" / "pictures"


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
