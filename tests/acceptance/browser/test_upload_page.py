"""The upload part of the page in Chromium, on a real API, Kafka, PostgreSQL and HDFS; the ingest runs when asked."""

import base64
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import OFFSET_END, TopicPartition
from confluent_kafka.admin import AdminClient
from joserfc.jwk import OKPKey
from playwright.sync_api import Browser, Page, ViewportSize, expect
from tests.support.api_process import ApiProcess, api_environment, api_process
from tests.support.browser import NARROW, WATCH_LONG_TASKS, WIDE, assert_fits, assert_no_barrier, photographed
from tests.support.cutting_proxy import cutting_proxy
from tests.support.images import encoded, scene
from tests.support.pipeline import Pipeline, fresh_pipeline

from local_stack import Endpoints, Stack
from photo_pipeline.domain.imaging import SniffedFormat

MIB = 1024 * 1024
PICTURES = Path(__file__).resolve().parents[3] / ".local-test" / "pictures"
PATIENCE = 60_000
"""Milliseconds; expectations are met much sooner."""
DROP = """
files => {
  const transfer = new DataTransfer();
  for (const [name, data] of Object.entries(files)) {
    const bytes = Uint8Array.from(atob(data), character => character.charCodeAt(0));
    transfer.items.add(new File([bytes], name));
  }
  const zone = document.querySelector("#drop-zone");
  zone.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
}
"""
STATES = """() => Object.fromEntries([...document.querySelectorAll("#upload-list li")].map(
  row => [row.querySelector(".name").textContent, row.dataset.state]))"""
SCROLL = """share => {
  const list = document.querySelector("#upload-window");
  list.scrollTop = share * list.scrollHeight;
  return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
}"""
IS_WARNED = "() => !window.dispatchEvent(new Event('beforeunload', { cancelable: true }))"


@pytest.fixture(scope="module")
def pipeline(stack: Endpoints, test_stack: Stack) -> Iterator[Pipeline]:
    """Give a pipeline of this module's own."""
    with fresh_pipeline(stack, test_stack, partitions=2) as own:
        yield own


@pytest.fixture(scope="module")
def api(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    """Give a running API."""
    folder = tmp_path_factory.mktemp("api")
    key_file = folder / "signing_key.jwk"
    key_file.write_text(json.dumps(OKPKey.generate_key("Ed25519", private=True).as_dict(private=True)))
    settings = pipeline.settings
    servers = settings.kafka.bootstrap_servers
    environment = api_environment(servers, pipeline.database.api, settings.hdfs, settings.topics, key_file)
    with api_process(environment, folder / "api.log") as running:
        yield running


@contextmanager
def customers_page(browser: Browser, url: str, size: ViewportSize = WIDE) -> Iterator[Page]:
    """The page after somebody new has signed up on it; whatever it logged as an error fails the test."""
    context = browser.new_context(viewport=size, service_workers="block")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("console", lambda message: broken.append(message.text) if "Content Security" in message.text else None)
    try:
        page.goto(url)
        page.get_by_role("button", name="Sign up").first.click()
        page.get_by_label("Name", exact=True).fill("Ada")
        page.get_by_label("E-mail address").fill(f"{uuid4()}@example.org")
        page.get_by_label("Password").fill("correct horse battery")
        page.locator("#auth-form button[type=submit]").click()
        expect(page.locator("#drop-zone")).to_be_visible(timeout=PATIENCE)
        yield page
        assert broken == []
    finally:
        context.close()


def photo(seed: int | None = None, kind: SniffedFormat = SniffedFormat.JPEG) -> bytes:
    """A photo that nobody else has."""
    return encoded(scene(640, 480, seed=uuid4().int % 2**32 if seed is None else seed), kind)


def drop(page: Page, files: Mapping[str, bytes]) -> None:
    """Let files fall on the page."""
    page.evaluate(DROP, {name: base64.b64encode(data).decode() for name, data in files.items()})


def states(page: Page) -> dict[str, str]:
    """What the page says about each file that it shows."""
    found: dict[str, str] = page.evaluate(STATES)
    return found


def scroll(page: Page, share: float) -> None:
    """Scroll the list of uploads, and let the page draw what is to be seen there."""
    page.evaluate(SCROLL, share)


def show_list(page: Page) -> None:
    """See each photo, and go on to do so: once somebody has chosen, the list does not close by itself."""
    toggle = page.locator("#toggle-uploads")
    toggle.click()
    if toggle.inner_text() == "Show list":
        toggle.click()


def row(page: Page, name: str) -> str:
    """The selector of a file's row."""
    return f'#upload-list li:has(.name:text-is("{name}"))'


@pytest.mark.parametrize(("name", "size"), [("wide", WIDE), ("narrow", NARROW)])
def test_twelve_photos_become_safe_and_come_into_the_gallery(
    browser: Browser, api: ApiProcess, pipeline: Pipeline, name: str, size: ViewportSize
) -> None:
    """Ten good ones (one HEIC) are safe and then processed; the damaged and the double one are told apart, in words."""
    files = {f"{number:02}.jpg": photo() for number in range(9)}
    files |= {"phone.heic": photo(kind=SniffedFormat.HEIF), "again.jpg": files["00.jpg"], "text.jpg": b"hello"}
    with customers_page(browser, api.url, size) as page:
        assert_no_barrier(page)
        drop(page, files)
        expect(page.locator("#upload-summary")).to_have_text(
            "1 not taken · 10 safe, being processed · 1 already here", timeout=PATIENCE
        )
        expect(page.locator("#upload-panel.is-bar")).to_be_visible()
        photographed(page, PICTURES, f"upload-{name}-safe")
        assert_no_barrier(page)
        assert_fits(page)
        show_list(page)
        expect(page.locator("#upload-list .name").first).to_have_text("text.jpg")
        expect(page.locator(row(page, "text.jpg"))).to_contain_text("not a photo in a format that can be read here")
        scroll(page, 1)
        expect(page.locator(row(page, "again.jpg"))).to_contain_text("already here: the same photo as 00.jpg")
        while pipeline.ingest():
            pass
        expect(page.locator("#upload-summary")).to_have_text("1 not taken · 10 done · 1 already here", timeout=PATIENCE)
        expect(page.locator("#gallery .tile")).to_have_count(10, timeout=PATIENCE)
        page.get_by_role("button", name="Clear finished").click()
        expect(page.locator("#upload-panel")).to_be_hidden()

        drop(page, {"05.jpg": files["05.jpg"]})
        show_list(page)
        expect(page.locator(row(page, "05.jpg"))).to_contain_text("already here, kept until", timeout=PATIENCE)
        page.get_by_role("button", name="Send again 05.jpg").click()
        expect(page.locator("#upload-summary")).to_have_text("1 safe, being processed", timeout=PATIENCE)


def test_a_photo_that_was_lost_is_sent_again(browser: Browser, api: ApiProcess, pipeline: Pipeline) -> None:
    """Its record is gone from Kafka before it is read: the page says so, and sends it again when asked."""
    with customers_page(browser, api.url) as page:
        drop(page, {"lost.jpg": photo()})
        expect(page.locator("#upload-summary")).to_have_text("1 safe, being processed", timeout=PATIENCE)
        forget_records(pipeline)
        pipeline.ingest()
        expect(page.locator(row(page, "lost.jpg"))).to_contain_text("Please send it again", timeout=PATIENCE)
        page.locator("#retry-uploads").click()
        expect(page.locator("#upload-summary")).to_have_text("1 safe, being processed", timeout=PATIENCE)
        pipeline.ingest()
        expect(page.locator("#upload-summary")).to_have_text("1 done", timeout=PATIENCE)


def forget_records(pipeline: Pipeline) -> None:
    """Kafka deletes all that was uploaded, as its retention does."""
    admin = AdminClient({"bootstrap.servers": pipeline.settings.kafka.bootstrap_servers})
    partitions = [TopicPartition(pipeline.settings.topics.uploaded, number, OFFSET_END) for number in range(2)]
    for future in admin.delete_records(partitions).values():
        future.result()


def test_a_large_photo_survives_three_cuts(browser: Browser, api: ApiProcess, tmp_path: Path) -> None:
    """The connection breaks three times in the middle of 25 MB: the upload goes on by itself, where it was cut.

    All that the browser sends, requests for other things included, stays under 1.2 times the file.
    """
    large = tmp_path / "large.jpg"
    large.write_bytes(photo() + os.urandom(25_000_000))
    size = large.stat().st_size
    with cutting_proxy(api.url) as line, customers_page(browser, line.url) as page:
        line.count(cut_at=[size // 5, size // 2, size * 4 // 5])
        page.set_input_files("#file-input", large)
        expect(page.locator("#upload-summary")).to_have_text("1 safe, being processed", timeout=PATIENCE)
        print(f"\n25 MB with {line.cuts} cuts: {line.sent / size:.3f} times the file sent")  # noqa: T201 - asked for by the issue
        assert line.cuts == 3
        assert line.sent < 1.2 * size


def test_a_paused_photo_outlives_its_page(browser: Browser, api: ApiProcess, tmp_path: Path) -> None:
    """Paused and loaded anew in the middle, it is there, still paused; what had arrived is not sent again.

    Leaving is warned of as long as something goes out.
    """
    large = tmp_path / "large.jpg"
    large.write_bytes(photo() + os.urandom(24 * MIB))
    size = large.stat().st_size
    with cutting_proxy(api.url) as line, customers_page(browser, line.url) as page:
        line.count(cut_at=[])
        page.route("**/api/v1/uploads/*", lambda route: route.abort() if line.sent > size // 2 else route.continue_())
        page.set_input_files("#file-input", large)
        show_list(page)
        expect(page.locator(row(page, "large.jpg"))).to_contain_text("Trying again", timeout=PATIENCE)
        assert page.evaluate(IS_WARNED)
        page.get_by_role("button", name="Pause large.jpg").click()
        page.wait_for_function(f"!({IS_WARNED})()", timeout=PATIENCE)
        before = line.sent
        page.unroute_all()
        page.reload()
        expect(page.locator("#upload-summary")).to_have_text("1 paused", timeout=PATIENCE)
        page.get_by_role("button", name="Resume large.jpg").click()
        expect(page.locator("#upload-summary")).to_have_text("1 safe, being processed", timeout=PATIENCE)
        assert line.sent < 1.2 * size
        assert line.sent - before < 0.75 * size


def test_a_folder_of_five_hundred_goes_through(browser: Browser, api: ApiProcess, tmp_path: Path) -> None:
    """Few rows exist at a time, wherever the list is scrolled to; all photos become safe, other files are left out."""
    folder = tmp_path / "holiday"
    (folder / "day 2").mkdir(parents=True)
    tail = photo()
    for number in range(500):
        (folder / ("day 2" if number % 2 else ".") / f"{number:03}.jpg").write_bytes(tail + number.to_bytes(2, "big"))
    (folder / "notes.txt").write_text("no photo")
    with customers_page(browser, api.url) as page:
        page.evaluate(WATCH_LONG_TASKS)
        page.set_input_files("#folder-input", folder)
        summary = page.locator("#upload-summary")
        expect(summary).to_contain_text("to send", timeout=PATIENCE)
        show_list(page)
        for share in (0, 0.5, 1):
            scroll(page, share)
            assert 0 < len(states(page)) < 60
        expect(summary).to_have_text(
            re.compile(r"^500 safe, being processed · 1 other file left out$"), timeout=3 * PATIENCE
        )
        print(f"\n500 photos: longest task {page.evaluate('window.longest'):.0f} ms")  # noqa: T201 - asked for by the issue
        assert len(states(page)) < 60
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("#upload-panel")).to_be_hidden()
