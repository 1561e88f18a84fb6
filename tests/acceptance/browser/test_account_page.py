"""The account's page, and the page that a link leads to, in a real browser."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.support.browser import NARROW, WIDE, assert_fits, assert_no_barrier, photographed
from tests.support.gallery import PASSWORD, Account, GalleryWorld
from tests.support.images import encoded, scene

from photo_pipeline.domain.imaging import SniffedFormat

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
        assert_no_barrier(page)
        assert_fits(page)
        photographed(page, PICTURES, f"{name}-{size_name}")


def test_links_bin_and_the_end(world: GalleryWorld, browser: Browser, ada: Account) -> None:
    """A photo is restored, a link ended, a wrong password told where it was typed, and then the account is over."""
    with closing(browser.new_context(viewport=WIDE, base_url=world.api.url)) as context:
        token = ada.client.headers["Authorization"].removeprefix("Bearer ")
        cookie = {"name": "photo_session", "value": token, "url": world.api.url, "httpOnly": True}
        context.add_cookies([cookie])  # type: ignore[list-item] # a dictionary of its keys
        page = context.new_page()
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
