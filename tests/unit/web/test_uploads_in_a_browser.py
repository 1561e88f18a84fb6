"""The upload part of the page in a browser, before the whole API with twins of its servers: what outlives what."""

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from playwright.sync_api import Browser, BrowserContext, Page, Route, ViewportSize, expect
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from tests.support.browser import NARROW, WIDE, assert_fits, assert_no_barrier, until
from tests.support.images import encoded, scene
from tests.support.web import Platform, serving

from photo_pipeline.api.pages import BUILT
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.photo import sha256_hex
from photo_pipeline.web.assets import PREFIX, Assets

PASSWORD = "correct horse battery"
PATIENCE = 20_000
"""Milliseconds; expectations are met much sooner."""
LATER_MILLISECONDS = 4000
"""After which the page has the worker installed."""
UPLOADS = re.compile("/api/v1/uploads$|/api/v1/uploads/[0-9a-f-]{36}$")
REMEMBERED = """async () => {
  if (!(await indexedDB.databases()).some(({ name }) => name === "photo-queue")) return [0, 0];
  const answer = request => new Promise((resolve, reject) => {
    Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) });
  });
  const db = await answer(indexedDB.open("photo-queue"));
  const counts = ["photos", "bytes"].map(name => answer(db.transaction(name).objectStore(name).count()));
  const [photos, bytes] = await Promise.all(counts);
  db.close();
  return [photos, bytes];
}"""
CALL = "async ([module, name, args]) => (await import(module))[name](...args)"
DROP = """([target, files]) => {
  const dataTransfer = new DataTransfer();
  for (const [name, data] of files) {
    dataTransfer.items.add(new File([Uint8Array.from(atob(data), character => character.charCodeAt(0))], name));
  }
  const tell = kind => document.querySelector(target).dispatchEvent(
    new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
  tell("dragenter");
  tell("dragover");
  window.seenOver = !document.querySelector("#drop-anywhere").hidden;
  tell("drop");
}"""
OWN_FILES = """
// Files of the page's own in place of the reader's, with real handles; the browser's question is answered by a click.
window.showOpenFilePicker = async () => {
  const folder = await navigator.storage.getDirectory();
  const handles = [];
  for await (const handle of folder.values()) if (handle.kind === "file") handles.push(handle);
  return handles;
};
let granted = sessionStorage.getItem("asks") === null;
FileSystemHandle.prototype.queryPermission = async () => (granted ? "granted" : "prompt");
FileSystemHandle.prototype.requestPermission = async () => { granted = true; return "granted"; };
"""
PUT_FILE = """async ([name, data]) => {
  const folder = await navigator.storage.getDirectory();
  const handle = await folder.getFileHandle(name, { create: true });
  const writable = await handle.createWritable();
  await writable.write(Uint8Array.from(atob(data), character => character.charCodeAt(0)));
  await writable.close();
}"""
SHARE = """([action, files]) => {
  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
  const form = make("form", { action, method: "post", enctype: "multipart/form-data" });
  const input = make("input", { type: "file", name: "files", multiple: true });
  const transfer = new DataTransfer();
  for (const [name, data] of files) {
    const bytes = Uint8Array.from(atob(data), character => character.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
  }
  input.files = transfer.files;
  form.append(input);
  document.body.append(form);
  form.submit();
}"""
SPOIL = r"""async isOver => {
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const { url } of await cache.keys()) {
      if (!/\/$|\/main-/.test(new URL(url).pathname)) continue;
      await cache.put(url, isOver ? await fetch(url) : new Response("stale"));
    }
  }
}"""
"""Makes what the worker keeps of the page another version, or puts it right."""
KEPT = """async () => {
  const requests = await Promise.all((await caches.keys()).map(async name => (await caches.open(name)).keys()));
  return requests.flat().map(request => new URL(request.url).pathname);
}"""
HELD = """
const { estimate } = StorageManager.prototype;
StorageManager.prototype.estimate = async function () {
  while (window.isHeld) await new Promise(resolve => setTimeout(resolve, 50));
  return estimate.call(this);
};
"""
"""Has what is to be remembered wait."""
DAMAGED = """
const { get } = IDBObjectStore.prototype;
const { slice } = Blob.prototype;
const damage = () => JSON.parse(sessionStorage.getItem("damage"));
IDBObjectStore.prototype.get = function (key) {
  const { kind, id } = damage() ?? {};
  if (this.name === "bytes" && kind === "busy" && key === id) throw new DOMException("", "AbortError");
  return get.call(this, key);
};
// So Chromium has it where a file of its own is gone: the blob is there by name.
Blob.prototype.slice = function (...range) {
  const part = slice.apply(this, range);
  if (damage()?.kind === "gone" && this.size === damage().size) {
    part.arrayBuffer = async () => { throw new DOMException("", "NotFoundError"); };
  }
  return part;
};
"""
DAMAGE_ONE = """async kind => {
  const answer = request => new Promise(resolve => { request.onsuccess = () => resolve(request.result); });
  const db = await answer(indexedDB.open("photo-queue"));
  const store = () => db.transaction("bytes").objectStore("bytes");
  const [id] = await answer(store().getAllKeys());
  const { size } = await answer(store().get(id));
  db.close();
  sessionStorage.setItem("damage", JSON.stringify({ kind, id, size }));
}"""
"""Has the browser do so with what it remembers of the first photo."""
NO_ROOM = """
StorageManager.prototype.estimate = async () => ({ quota: 0, usage: 0 });
"""
FORGET_WHO = "localStorage.removeItem('photo-customer')"
MAKE_ONE_OLD = """async () => {
  const answer = request => new Promise(resolve => { request.onsuccess = () => resolve(request.result); });
  const db = await answer(indexedDB.open("photo-queue"));
  const store = db.transaction("photos", "readwrite").objectStore("photos");
  const [photo] = await answer(store.getAll());
  await answer(store.put({ ...photo, at: photo.at - 2 * 3600 * 1000 }));
  db.close();
}"""
SILENT = """
IDBFactory.prototype.open = () => Object.assign(Object.create(IDBOpenDBRequest.prototype), { addEventListener() {} });
"""
"""A browser that never says what became of opening a database."""
TOO_LONG_MILLISECONDS = 6000
IS_READY = "async () => (await navigator.serviceWorker.ready).active.state === 'activated'"
Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class World:
    """The platform, and where it is."""

    platform: Platform
    url: str

    @property
    def sent(self) -> list[str]:
        """What was accepted so far: the sha256 of every record."""
        return [sha256_hex(record.value) for record in self.platform.log.records]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give the API, whose limits are far away."""
    folder = tmp_path_factory.mktemp("api")
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serving(folder, sign_ups_per_address=10_000)) as (platform, url),
    ):
        yield World(platform, url)


@contextmanager
def browsing(
    browser: Browser, world: World, *, size: ViewportSize = WIDE, worker: bool = False
) -> Iterator[tuple[BrowserContext, Page]]:
    """A browser of somebody's own, in which the page is open; whatever it throws is looked at in the end."""
    with browser.new_context(
        viewport=size, base_url=world.url, service_workers="allow" if worker else "block"
    ) as context:
        context.add_init_script(OWN_FILES)
        page = opened(context)
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
        if worker:
            page.clock.install()
        page.goto("/")
        yield context, page
        assert wrong == []


def opened(context: BrowserContext) -> Page:
    """Another tab. It may be left at any time."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.on("dialog", lambda dialog: dialog.accept())
    return page


def sign_up(page: Page) -> str:
    """Become somebody new: the e-mail address."""
    email = f"{uuid4()}@example.org"
    page.get_by_role("button", name="Sign up").first.click()
    page.get_by_label("Name", exact=True).fill("Ada")
    fill(page, email)
    return email


def log_in(page: Page, email: str) -> None:
    """Become somebody again."""
    page.get_by_role("button", name="Log in").first.click()
    fill(page, email)


def fill(page: Page, email: str) -> None:
    """Send the form."""
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("#auth-form button[type=submit]").click()
    expect(page.locator("#drop-zone")).to_be_visible()


def photo(padding: int = 0) -> bytes:
    """A photo that nobody else has, with so many bytes behind it."""
    return encoded(scene(64, 48, seed=uuid4().int % 2**32), SniffedFormat.JPEG) + bytes(padding)


def choose(page: Page, files: Files) -> None:
    """Choose files."""
    payload = [{"name": name, "mimeType": "image/jpeg", "buffer": data} for name, data in files.items()]
    page.set_input_files("#file-input", payload)  # type: ignore[arg-type]  # dictionaries will do


def as_text(files: Files) -> list[list[str]]:
    """Files as a script can be given them."""
    return [[name, base64.b64encode(data).decode()] for name, data in files.items()]


def until_remembered(page: Page, photos: int, files: int) -> None:
    """Wait until the browser remembers so many photos, and the bytes of so many."""
    until(page, lambda: page.evaluate(REMEMBERED) == [photos, files], f"{photos} photos and {files} files remembered")


def summary(page: Page, text: str) -> None:
    """The page says so of all photos together."""
    expect(page.locator("#upload-summary")).to_have_text(text)


def choose_unknown(page: Page, count: int) -> None:
    """Choose photos while the page cannot know whose they are; nothing goes out."""
    page.evaluate(FORGET_WHO)
    page.context.route("**/api/v1/me", lambda route: route.fulfill(status=503))
    page.context.route(UPLOADS, refuse)
    page.reload()
    choose(page, {f"{n}.jpg": photo() for n in range(count)})
    summary(page, f"{count} to send")


def refuse(route: Route) -> None:
    """No answer, as on a line that is cut."""
    route.abort("connectionreset")


def after(pieces: int) -> Callable[[Route], None]:
    """Let so many pieces of files through, and then none."""
    left = [pieces]

    def pass_or_refuse(route: Route) -> None:
        if route.request.method == "PATCH":
            left[0] -= 1
        if left[0] < 0:
            route.abort("connectionreset")
        else:
            route.continue_()

    return pass_or_refuse


@contextmanager
def answers_lost(context: BrowserContext, page: Page) -> Iterator[list[str]]:
    """Cut what the server answers to creations, once it has done all of it; gives what was cut."""
    session = context.new_cdp_session(page)
    cut: list[str] = []

    def fail(event: dict[str, str]) -> None:
        cut.append(event["requestId"])
        session.send("Fetch.failRequest", {"requestId": event["requestId"], "errorReason": "ConnectionReset"})

    session.on("Fetch.requestPaused", fail)
    patterns = [{"urlPattern": "*/api/v1/uploads", "requestStage": "Response"}]
    session.send("Fetch.enable", {"patterns": patterns})
    yield cut
    session.detach()


@contextmanager
def deployed_anew(world: World) -> Iterator[None]:
    """Give some time in which the worker is another one, as after a deployment."""
    text = httpx.get(f"{world.url}/service-worker.js", trust_env=False).text

    async def newer(request: Request) -> Response:
        return Response(f"{text}// newer", media_type="text/javascript")

    routes = world.platform.app.router.routes
    routes.insert(0, StarletteRoute("/service-worker.js", newer))
    try:
        yield
    finally:
        del routes[0]


def test_what_is_said_of_time(browser: Browser, world: World) -> None:
    """The pace is that of a window in which bytes really went out; the time left is said as people say it."""
    with browsing(browser, world) as (_, page):
        words = {
            3: "a few seconds left",
            30: "less than a minute left",
            70: "about a minute left",
            170: "about 3 minutes left",
            23 * 60: "about 25 minutes left",
            3600: "about an hour left",
            7300: "about 2 hours left",
            90_000: "more than a day left",
        }
        for seconds, said in words.items():
            assert page.evaluate(CALL, ["/static/js/uploads/pace.js", "inWords", [seconds]]) == said
        rates = page.evaluate(
            """async () => {
              const { Pace } = await import("/static/js/uploads/pace.js");
              const [pace, rates] = [new Pace(), []];
              for (const [now, sent] of [[0, 0], [1000, 500], [10000, 10000], [45000, 10000], [60000, 25000]]) {
                pace.note(now, sent);
                rates.push(pace.rate);
              }
              const left = pace.timeFor(60000);
              pace.rest();
              return [...rates, left, pace.timeFor(1)];
            }"""
        )
        assert rates[:3] == [None, None, 1000]
        assert rates[4:] == [300, "about 3 minutes left", ""]
        remembering = Assets.of(BUILT).address("/static/js/uploads/remembered.js")
        fits = [
            page.evaluate(CALL, [remembering, "fits", list(sizes)])
            for sizes in [(10, 0, 100), (51, 0, 100), (10, 2 * 1024**3, 10**12)]
        ]
        assert fits == [True, False, False]


def test_a_queue_outlives_its_page(browser: Browser, world: World) -> None:
    """Loaded anew in the middle, and closed: all photos go on where they were, each is accepted once."""
    files = {f"{n}.jpg": photo(2**20) for n in range(4)} | {"large.jpg": photo(5 * 2**20), "paused.jpg": photo(2**20)}
    already = len(world.sent)
    with browsing(browser, world) as (context, page):
        sign_up(page)
        page.route(UPLOADS, after(2))
        choose(page, {"large.jpg": files["large.jpg"]})
        expect(page.locator("#upload-panel.is-bar")).to_be_visible()
        page.get_by_role("button", name="Show list").click()
        expect(page.locator("#upload-list li")).to_contain_text("Trying again")
        page.unroute_all()
        page.route(UPLOADS, refuse)
        choose(page, {name: data for name, data in files.items() if name != "large.jpg"})
        page.get_by_role("button", name="Pause paused.jpg").click()
        until_remembered(page, 6, 6)
        expect(page.locator("#upload-unremembered")).to_be_hidden()

        context.route(UPLOADS, refuse)
        page.reload()
        summary(page, "5 to send · 1 paused")
        page.close()
        context.unroute_all()
        again = opened(context)
        offsets: list[str] = []
        again.on("request", lambda request: offsets.append(request.headers.get("upload-offset", "")))
        again.goto("/")
        summary(again, "1 paused · 5 safe, being processed")
        pieces = [0, 1] * 4 + [2, 3, 4, 5]  # of the large one, what was not there
        assert sorted(filter(None, offsets)) == sorted(str(piece * 2**20) for piece in pieces)
        again.get_by_role("button", name="Resume all").click()
        summary(again, "6 safe, being processed")
        assert sorted(world.sent[already:]) == sorted(map(sha256_hex, files.values()))
        until_remembered(again, 0, 0)
        again.reload()
        expect(again.locator("#drop-zone")).to_be_visible()
        expect(again.locator("#upload-panel")).to_be_hidden()
        assert again.evaluate("Object.keys(localStorage).filter(key => key.startsWith('tus'))") == []


def test_a_photo_whose_answer_is_lost_is_sent_once(browser: Browser, world: World) -> None:
    """The page sends it again, now or when it was loaded anew, and hears the first receipt: it is no duplicate."""
    already = len(world.sent)
    with browsing(browser, world) as (context, page):
        sign_up(page)
        with answers_lost(context, page) as cut:
            choose(page, {"a.jpg": photo()})
            until(page, lambda: len(cut) > 1, "it was sent again")
        summary(page, "1 safe, being processed")
        assert len(world.sent) == already + 1

        with answers_lost(context, page) as cut:
            choose(page, {"b.jpg": photo()})
            until(page, lambda: len(cut) > 1, "it was sent again")
            context.route(UPLOADS, refuse)
        # The gallery has it by now.
        known = {"known": True, "photo_id": str(uuid4()), "kept_until": None}
        context.route("**/uploads/known/*", lambda route: route.fulfill(json=known))
        page.reload()
        context.unroute(UPLOADS)
        summary(page, "1 safe, being processed")
        assert len(world.sent) == already + 2


def test_a_queue_is_its_customers(browser: Browser, world: World) -> None:
    """Nobody else in the same browser sees or sends it, also not in a tab of before; signing out forgets it, asked."""
    files = {f"{n}.jpg": photo() for n in range(3)}
    already = len(world.sent)
    with browsing(browser, world) as (context, page):
        ada = sign_up(page)
        context.route(UPLOADS, refuse)
        choose(page, files)
        until_remembered(page, 3, 3)
        other = opened(context)
        other.goto("/")
        expect(other.locator("#drop-zone")).to_be_visible()
        expect(other.locator("#upload-panel")).to_be_hidden()  # the first tab has it
        context.clear_cookies()
        other.reload()
        sign_up(other)
        context.unroute_all()
        summary(other, "")
        expect(page.locator("#upload-panel")).to_be_hidden()
        assert len(world.sent) == already
        other.close()
        page.bring_to_front()
        page.get_by_role("button", name="Sign out").click()

        log_in(page, ada)
        summary(page, "3 safe, being processed")
        assert len(world.sent) == already + 3

        context.route(UPLOADS, refuse)
        choose(page, {"last.jpg": photo()})
        until_remembered(page, 1, 1)
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("#leave")).to_contain_text("1 photo is not sent yet")
        assert_no_barrier(page, every_level=True)
        page.get_by_role("button", name="Stay").click()
        expect(page.locator("#upload-panel")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("button", name="Sign out all the same").click()
        expect(page.locator("#welcome")).to_be_visible()
        until_remembered(page, 0, 0)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_bad_line_is_told_on_top(browser: Browser, world: World, size: ViewportSize) -> None:
    """Offline is told, and over by itself; what is wrong comes first in the list; photos fall anywhere on the page."""
    with browsing(browser, world, size=size) as (context, page):
        sign_up(page)
        context.set_offline(True)
        expect(page.locator("#offline")).to_be_visible()
        page.evaluate(DROP, ["#gallery", as_text({"0.jpg": photo(), "1.jpg": photo(), "text.jpg": b"hello"})])
        assert page.evaluate("window.seenOver")
        summary(page, "3 to send")
        expect(page.locator("#upload-panel.is-bar")).to_be_visible()
        assert_no_barrier(page, every_level=True)
        assert_fits(page)
        context.set_offline(False)
        expect(page.locator("#offline")).to_be_hidden()
        summary(page, "1 not taken · 2 safe, being processed")
        page.get_by_role("button", name="Show list").click()
        expect(page.locator("#upload-list .name").first).to_have_text("text.jpg")
        assert_no_barrier(page, every_level=True)
        assert_fits(page)


def test_files_are_asked_for_again(browser: Browser, world: World) -> None:
    """Of files with handles no bytes are kept; the browser's question costs one click; what is gone is named."""
    already = len(world.sent)
    with browsing(browser, world) as (context, page):
        sign_up(page)
        for name, data in as_text({"a.jpg": photo(), "b.jpg": photo(), "c.jpg": photo()}):
            page.evaluate(PUT_FILE, [name, data])
        context.route(UPLOADS, refuse)
        page.get_by_text("Choose photos").click()
        until_remembered(page, 3, 0)
        page.evaluate("async () => (await navigator.storage.getDirectory()).removeEntry('c.jpg')")
        page.evaluate("sessionStorage.setItem('asks', 'yes')")
        page.reload()
        expect(page.locator("#upload-permission")).to_contain_text("3 photos are not sent yet")
        assert_no_barrier(page, every_level=True)
        context.unroute_all()
        page.locator("#upload-permission").get_by_role("button", name="Go on").click()
        summary(page, "2 safe, being processed")
        expect(page.locator("#upload-gone")).to_contain_text("1 photo was not sent, and cannot be found any more: c")
        page.locator("#upload-gone").get_by_role("button", name="Close").click()
        until_remembered(page, 0, 0)
        assert len(world.sent) == already + 2


def test_the_page_is_an_application(browser: Browser, world: World) -> None:
    """It begins without a network, takes what a phone shares, logged in or not, and keeps no answer of the API."""
    already = len(world.sent)
    with browsing(browser, world, worker=True) as (context, page):
        ada = sign_up(page)
        page.clock.fast_forward(LATER_MILLISECONDS)
        until(page, lambda: page.evaluate(IS_READY), "the worker is ready")
        expect(page.locator("#drop-zone")).to_be_visible()
        with deployed_anew(world):
            page.evaluate("async () => (await navigator.serviceWorker.ready).update()")
            page.locator("#new-version").get_by_role("button", name="Load it").click()
            expect(page.locator("#new-version")).to_be_hidden()
        page.evaluate(SPOIL)
        page.reload()  # with a network, nothing is from there
        expect(page.locator("#drop-zone")).to_be_visible()
        page.evaluate(SPOIL, arg=True)
        shared = {"one.jpg": photo(), "two.jpg": photo()}
        with page.expect_navigation():
            page.evaluate(SHARE, ["/share", as_text(shared)])
        question = page.locator("#upload-shared")
        expect(question).to_contain_text("2 photos were shared with this page")
        assert page.url == f"{world.url}/"
        assert_no_barrier(page, every_level=True)
        assert len(world.sent) == already
        question.get_by_role("button", name="Send", exact=True).click()
        summary(page, "2 safe, being processed")
        assert sorted(world.sent[already:]) == sorted(map(sha256_hex, shared.values()))

        context.set_offline(True)
        page.reload()
        expect(page.locator("#offline")).to_be_visible()
        choose(page, {"later.jpg": photo()})
        summary(page, "1 to send")
        context.set_offline(False)
        summary(page, "1 safe, being processed")

        context.clear_cookies()
        shares: tuple[tuple[str, Files, str], ...] = (
            ("#upload-gone", {}, "There was no file in what was shared"),
            ("#auth-error", {"three.jpg": photo()}, "Log in to send what you have shared"),
        )
        for place, files, said in shares:
            with page.expect_navigation():
                page.evaluate(SHARE, ["/share", as_text(files)])
            expect(page.locator(place)).to_contain_text(said)
        log_in(page, ada)
        expect(question).to_contain_text("1 photo was shared with this page")
        kept = page.evaluate(KEPT)
        assert "/" in kept
        assert [path for path in kept if path != "/" and not path.startswith(PREFIX)] == []


def test_what_cannot_be_read_is_told(browser: Browser, world: World) -> None:
    """One photo whose bytes the browser has lost holds no other up, and is named until somebody has read that.

    What a busy browser cannot read is not lost. Of a changed file no line is blamed.
    """
    already = len(world.sent)
    files = {"a.jpg": photo(), "b.jpg": photo(100)}
    with browsing(browser, world) as (context, page):
        context.add_init_script(DAMAGED)
        sign_up(page)
        context.route(UPLOADS, refuse)
        choose(page, files)
        until_remembered(page, 2, 2)
        page.evaluate(DAMAGE_ONE, "busy")
        page.reload()
        context.unroute_all()
        summary(page, "1 safe, being processed")
        gone = page.locator("#upload-gone")
        expect(gone).to_contain_text("1 photo is not sent, and cannot be read just now")
        until_remembered(page, 1, 1)
        page.evaluate("sessionStorage.removeItem('damage')")
        page.evaluate(DAMAGE_ONE, "gone")
        for _ in range(2):  # the first time nobody may have looked
            page.reload()
            expect(gone).to_contain_text("1 photo was not sent, and cannot be found any more")
        until_remembered(page, 1, 1)
        gone.get_by_role("button", name="Close").click()
        until_remembered(page, 0, 0)
        assert len(world.sent) == already + 1
        expect(gone).to_be_hidden()

        [(name, data), (_, changed)] = as_text({"c.jpg": photo(), "changed.jpg": photo(100)})
        page.evaluate(PUT_FILE, [name, data])
        context.route(UPLOADS, refuse)
        page.get_by_text("Choose photos").click()
        page.get_by_role("button", name="Show list").click()
        row = page.locator("#upload-list li", has_text="c.jpg")
        expect(row).to_contain_text("Trying again")
        page.evaluate(PUT_FILE, [name, changed])
        context.unroute_all()
        expect(row).to_contain_text("This file could not be read. Was it moved or changed?")
        assert len(world.sent) == already + 1


def test_what_is_not_remembered_yet_is_its_customers(browser: Browser, world: World) -> None:
    """Somebody else logs in while the browser is still writing: all of it is written, for whose it is."""
    already = len(world.sent)
    with browsing(browser, world) as (context, page):
        context.add_init_script(HELD)
        page.reload()
        ada = sign_up(page)
        context.route(UPLOADS, refuse)
        page.evaluate("window.isHeld = true")
        choose(page, {f"{n}.jpg": photo() for n in range(3)})
        expect(page.locator("#upload-panel")).to_be_visible()
        account = opened(context)
        account.goto("/account")
        expect(account.locator("#email")).to_contain_text(ada)
        context.clear_cookies()
        other = opened(context)
        other.goto("/")
        grace = sign_up(other)
        expect(page.locator("#upload-panel")).to_be_hidden()
        expect(account.locator("#email")).to_contain_text(grace)  # the page would have acted as her
        page.evaluate("window.isHeld = false")
        until_remembered(page, 3, 3)
        other.close()
        account.close()
        context.unroute_all()
        page.bring_to_front()
        page.get_by_role("button", name="Sign out").click()
        log_in(page, ada)
        summary(page, "3 safe, being processed")
        assert len(world.sent) == already + 3


def test_what_a_browser_has_no_room_for_is_its_customers(browser: Browser, world: World) -> None:
    """Where somebody else logs in, it is named, with what can be done; its customer finds it in the same tab.

    What is nobody's is asked for there, too.
    """
    already = len(world.sent)
    with browsing(browser, world) as (context, page):
        context.add_init_script(NO_ROOM)
        page.reload()
        ada = sign_up(page)
        context.route(UPLOADS, refuse)
        choose(page, {f"{n}.jpg": photo() for n in range(2)})
        expect(page.locator("#upload-unremembered")).to_contain_text("2 photos")
        context.clear_cookies()
        other = opened(context)
        other.goto("/")
        sign_up(other)
        told = page.locator("#upload-gone")
        expect(told).to_contain_text("2 photos of the account that was here before are not sent")
        expect(told).to_contain_text("0.jpg, 1.jpg. Keep this page open, and log in here with that account again")
        expect(page.locator("#upload-panel")).to_be_hidden()
        assert_no_barrier(page, every_level=True)
        context.unroute_all()
        page.bring_to_front()
        page.get_by_role("button", name="Sign out").click()
        log_in(page, ada)
        summary(page, "2 safe, being processed")
        expect(told).to_be_hidden()
        assert len(world.sent) == already + 2

        choose_unknown(page, 1)
        context.unroute("**/api/v1/me")
        question = page.locator("#upload-strays")
        expect(question).to_contain_text("1 photo has come in here while nobody was logged in.")
        context.unroute_all()
        question.get_by_role("button", name="Send", exact=True).click()
        summary(page, "1 safe, being processed")


def test_what_came_in_when_nobody_was_known_is_asked_for(browser: Browser, world: World) -> None:
    """Whoever is known next says whether it is theirs; after an hour it is nobody's, and that is told."""
    already = len(world.sent)
    with browsing(browser, world) as (context, page):
        sign_up(page)
        choose_unknown(page, 3)
        until_remembered(page, 3, 3)
        page.evaluate(MAKE_ONE_OLD)
        context.unroute("**/api/v1/me")
        question, gone = page.locator("#upload-strays"), page.locator("#upload-gone")
        asked = "2 photos have come in here while nobody was logged in. Send them to the gallery of Ada?"
        expect(question).to_contain_text(asked)
        expect(gone).to_contain_text("1 photo has come in when nobody was logged in, more than an hour ago")
        expect(page.locator("#upload-panel")).to_be_hidden()
        assert_no_barrier(page, every_level=True)
        gone.get_by_role("button", name="Close").click()
        until_remembered(page, 2, 2)
        page.reload()
        expect(question).to_contain_text(asked)
        context.unroute_all()
        question.get_by_role("button", name="Send", exact=True).click()
        summary(page, "2 safe, being processed")
        assert len(world.sent) == already + 2
        until_remembered(page, 0, 0)


def test_every_page_asks_before_it_signs_out(browser: Browser, world: World) -> None:
    """Where something is not sent, as the gallery does; it forgets this customer's, in all tabs, and nobody else's."""
    with browsing(browser, world) as (context, page):
        sign_up(page)
        context.route(UPLOADS, refuse)
        choose(page, {"grace.jpg": photo()})
        until_remembered(page, 1, 1)
        context.clear_cookies()
        page.reload()
        sign_up(page)
        choose(page, {"ada.jpg": photo()})
        until_remembered(page, 2, 2)

        account = opened(context)
        account.goto("/account")
        leave = account.get_by_role("button", name="Sign out")
        leave.click()
        expect(account.locator("#leaving")).to_contain_text("1 photo is not sent yet")
        assert_no_barrier(account, every_level=True)
        account.set_viewport_size(NARROW)
        assert_fits(account)
        account.set_viewport_size(WIDE)
        account.get_by_role("button", name="Stay").click()
        expect(account.locator("#email")).to_be_visible()
        until_remembered(page, 2, 2)
        leave.click()
        account.get_by_role("button", name="Sign out all the same").click()
        expect(account.locator("#welcome")).to_be_visible()
        expect(page.locator("#welcome")).to_be_visible()
        until_remembered(page, 1, 1)
        assert account.request.get("/api/v1/me").status == 401


def test_a_browser_that_keeps_silent_about_its_database(browser: Browser, world: World) -> None:
    """Photos are sent, that they are not remembered is told, and signing out ends the session."""
    with browsing(browser, world) as (context, page):
        context.add_init_script(SILENT)
        page.clock.install()
        page.reload()
        sign_up(page)
        context.route(UPLOADS, refuse)
        choose(page, {"a.jpg": photo()})
        summary(page, "1 to send")
        page.clock.fast_forward(TOO_LONG_MILLISECONDS)
        expect(page.locator("#upload-unremembered")).to_be_visible()
        context.unroute_all()
        page.clock.fast_forward(TOO_LONG_MILLISECONDS)
        summary(page, "1 safe, being processed")
        page.get_by_role("button", name="Sign out").click()
        page.clock.fast_forward(TOO_LONG_MILLISECONDS)
        expect(page.locator("#welcome")).to_be_visible()
        page.clock.fast_forward(TOO_LONG_MILLISECONDS)
        expect(page.locator("#status")).to_have_text("You are signed out.")
        assert page.request.get("/api/v1/me").status == 401
