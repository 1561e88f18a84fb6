"""The page on which a customer makes and revokes the tokens of devices, in a real browser."""

import io
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

import httpx
import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect
from tests.support.api_process import api_process
from tests.support.browser import NARROW, WIDE, assert_fits, assert_no_barrier, photographed, until
from tests.support.images import encoded, scene
from tests.support.stream_process import Account, stream_process

from local_stack import Endpoints
from photo_pipeline.domain.imaging import SniffedFormat

PICTURES = Path(__file__).resolve().parents[3] / ".local-test" / "screenshots"
SOON = 30_000
"""Milliseconds that a page may take for something."""
LIGHT: Literal["light"] = "light"
DARK: Literal["dark"] = "dark"
PATIENCE = 120.0
"""Seconds after which a photo that is not in the gallery counts as lost."""
NASTY = '<img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def urls(full_stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Give both applications with settings of their own: the upload API's address, and the stream's."""
    stack = full_stack
    folder = tmp_path_factory.mktemp("applications")
    with stream_process(stack, folder / "stream.log", device_fresh_seconds="0.5") as stream_url:
        environment = {
            "PHOTO_KAFKA_BOOTSTRAP_SERVERS": stack.kafka_bootstrap_servers,
            "PHOTO_DATABASE_URL": stack.api_database_url.replace("postgresql://", "postgresql+psycopg://"),
            "PHOTO_HDFS_NAMENODE": stack.hdfs_namenode,
            "PHOTO_SIGNING_KEY_FILE": stack.signing_key_file,
            "PHOTO_STREAM_URL": stream_url,
            "PHOTO_SIGN_UPS_PER_ADDRESS": "10000",  # all tests sign up from one
        }
        with api_process(environment, folder / "api.log") as api:
            yield api.url, stream_url


@pytest.fixture
def page(browser: Browser, urls: tuple[str, str]) -> Iterator[Page]:
    """Give the page, with a customer who has just signed in."""
    with devices_of_somebody(browser, Account(urls[0]), urls[0]) as page:
        yield page


@contextmanager
def devices_of_somebody(browser: Browser, account: Account, api_url: str) -> Iterator[Page]:
    """The page, as a customer sees it who has just signed in."""
    context = browser.new_context(viewport=WIDE)
    with closing(account.api), closing(context):
        token = account.api.headers["Authorization"].removeprefix("Bearer ")
        context.add_cookies([{"name": "photo_session", "value": token, "url": api_url, "httpOnly": True}])
        page = context.new_page()
        page.goto(f"{api_url}/devices")
        yield page


def make_device(page: Page, name: str) -> str:
    """Make a device on the page; its token."""
    page.get_by_label("Name of the new device").fill(name)
    page.get_by_role("button", name="Make a token").click()
    expect(page.get_by_role("heading", name=f"The token of {name}")).to_be_focused(timeout=SOON)
    return page.get_by_label("Token", exact=True).input_value()


def read_from_screen(page: Page) -> str:
    """What a phone reads from the code, as it is shown."""
    [found] = zxingcpp.read_barcodes(Image.open(io.BytesIO(page.locator("#code canvas").screenshot())))
    return str(found.text)


def is_good(stream_url: str, token: str) -> bool:
    """Whether the stream application takes the token."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{stream_url}/api/v1/sender", headers=headers, trust_env=False).status_code == 200


def test_a_token_is_made_used_and_revoked(page: Page, urls: tuple[str, str]) -> None:
    """It is shown once and works; once revoked it is refused, and the device is gone from the list."""
    expect(page.get_by_text("No devices yet.")).to_be_visible(timeout=SOON)
    assert_no_barrier(page)
    token = make_device(page, "Front door")
    assert is_good(urls[1], token)
    expect(page.get_by_role("listitem")).to_have_count(1)
    for name, size in (("wide", WIDE), ("narrow", NARROW)):
        page.set_viewport_size(size)
        assert_no_barrier(page)
        assert_fits(page)
        photographed(page, PICTURES, f"devices-{name}")
    assert read_from_screen(page) == page.locator("#camera-link").get_attribute("href")
    push(urls[1], token)
    page.get_by_role("button", name="I have it").click()
    assert token not in page.content()
    last = page.get_by_role("link", name="Last picture of Front door")
    until_there(page, last)
    expect(page.get_by_role("listitem")).to_contain_text("1 photo in the last hour, 1 in the last day")
    expect(page.get_by_role("listitem")).to_contain_text("Seen")
    assert last.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    looked_at(page, "devices-active")
    address = last.get_attribute("href")
    assert address is not None
    assert address.startswith("/#photo=")
    page.reload()
    page.get_by_role("button", name="Rename Front door").click(timeout=SOON)
    page.get_by_label("New name").fill("Back door")
    assert_no_barrier(page)
    photographed(page, PICTURES, "devices-renaming")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("The device is called Back door now.")
    revoke = page.get_by_role("button", name="Revoke Back door")
    revoke.click(timeout=SOON)
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_role("listitem")).to_have_count(1)
    revoke.click()
    assert_no_barrier(page)
    photographed(page, PICTURES, "devices-revoking")
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(page.get_by_text("No devices yet.")).to_be_visible(timeout=SOON)
    expect(page.get_by_role("status")).to_have_text("Back door is revoked.")
    until(page, lambda: not is_good(urls[1], token), "the revoked token is refused")


def push(stream_url: str, token: str) -> None:
    """Send one picture as the device; again, while the answer asks for that, as on a busy machine."""
    picture = encoded(scene(640, 480), SniffedFormat.JPEG)
    deadline = time.monotonic() + PATIENCE
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=PATIENCE) as device:
        answer = device.post(f"{stream_url}/api/v1/frames", content=picture)
        while answer.status_code == 503 and time.monotonic() < deadline:
            answer = device.post(f"{stream_url}/api/v1/frames", content=picture)
    assert answer.status_code == 202, answer.text


def until_there(page: Page, last: Locator) -> None:
    """Look again until the picture is in the gallery."""
    deadline = time.monotonic() + PATIENCE
    while last.count() == 0:
        assert time.monotonic() < deadline, "the device's picture is not shown"
        page.wait_for_timeout(1000)
        page.reload()
        expect(page.get_by_role("button", name="Rename Front door")).to_be_visible(timeout=SOON)


def test_both_applications_are_one_product(browser: Browser, full_stack: Endpoints) -> None:
    """One header leads from page to page, wide and narrow, light and dark; who signs out on any page is out of all."""
    api, stream = full_stack.api_url, full_stack.stream_url
    account = Account(api)
    token = account.add_device()
    with devices_of_somebody(browser, account, api) as page:
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        header = page.get_by_role("banner")
        for link, address in (("Account", f"{api}/account"), ("Stream", f"{stream}/camera")) * 2:
            header.get_by_role("link", name=link).click()
            expect(page).to_have_url(address)
        expect(header.get_by_role("link", name="Stream")).to_have_attribute("aria-current", "page")
        page.goto(f"{stream}/camera#token={token}")
        expect(page.get_by_role("button", name="Start")).to_be_visible(timeout=SOON)
        looked_at(page, "camera")
        page.goto(stream)
        looked_at(page, "stream")
        page.goto(f"{stream}/camera")
        header.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("button", name="Sign up")).to_be_visible(timeout=SOON)
        assert page.url == f"{api}/"
        assert all("401" in complaint for complaint in complaints), complaints
        page.goto(f"{stream}/camera")
        expect(page.get_by_label("Device token")).to_be_visible()
        page.goto(f"{api}/devices")
        expect(page.get_by_text("You are not logged in.")).to_be_visible(timeout=SOON)
        expect(header.get_by_role("button", name="Sign out")).to_be_hidden()


def looked_at(page: Page, name: str) -> None:
    """Nothing is in anybody's way, and nothing is cut off: wide and narrow, light and dark."""
    for size in (WIDE, NARROW):
        for scheme in (LIGHT, DARK):
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=scheme)
            assert_no_barrier(page, every_level=True)
            assert_fits(page)
            photographed(page, PICTURES, f"{name}-{size['width']}-{scheme}")


def test_names_are_text_and_faults_are_explained(page: Page) -> None:
    """A name that looks like markup is shown as it is; one that is no name is refused in words."""
    make_device(page, NASTY)
    expect(page.get_by_role("listitem")).to_contain_text(NASTY)
    assert page.title() == "Devices"
    page.get_by_label("Name of the new device").fill("\u202egnorw")
    page.get_by_role("button", name="Make a token").click()
    expect(page.get_by_role("alert").filter(visible=True)).to_contain_text(
        "Name: This has characters that cannot be seen"
    )
    assert_no_barrier(page)


def test_a_link_pairs_a_phone(page: Page, browser: Browser, urls: tuple[str, str]) -> None:
    """Opened elsewhere, where nobody is logged in, it is ready to stream, and its token has left the address.

    No server is told the token in an address, and it is kept until the tab is closed.
    """
    token = make_device(page, "phone")
    link = page.locator("#camera-link").get_attribute("href")
    assert link == f"{urls[1]}/camera#token={token}"
    with closing(browser.new_context(viewport=NARROW)) as phone:
        camera = phone.new_page()
        requested: list[str] = []
        camera.on("request", lambda request: requested.append(request.url))
        camera.goto(link)
        expect(camera.get_by_role("button", name="Start")).to_be_visible(timeout=SOON)
        assert camera.url == f"{urls[1]}/camera"
        assert not [url for url in requested if token in url.partition("#")[0]]
        assert_no_barrier(camera)
        assert_fits(camera)
        camera.reload()
        expect(camera.get_by_role("button", name="Start")).to_be_visible(timeout=SOON)
        camera.get_by_role("button", name="Forget the token").click()
        camera.goto(f"{urls[1]}/camera#token=nonsense")
        expect(camera.get_by_role("alert")).to_contain_text("not valid")


def test_nobody_sees_devices_without_signing_in(browser: Browser, urls: tuple[str, str]) -> None:
    """The page says how to go on instead, without a request to anybody else."""
    with closing(browser.new_context(viewport=NARROW)) as context:
        page = context.new_page()
        requested: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        page.goto(f"{urls[0]}/devices")
        expect(page.get_by_text("You are not logged in.")).to_be_visible(timeout=SOON)
        expect(page.get_by_role("button", name="Make a token")).to_be_hidden()
        assert_no_barrier(page)
        assert_fits(page)
        assert all(url.startswith(urls[0]) for url in requested)
