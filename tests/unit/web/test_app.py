"""The application as a whole: problems, headers, readiness, its description and its pages."""

import asyncio
import inspect
import json
import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from uuid import UUID

import httpx
import jsonschema  # type: ignore[import-untyped] # it ships no types
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from tests.support.signing import new_key
from tests.support.web import Platform, running, sign_up, web_settings

from photo_pipeline.api.app import create_app
from photo_pipeline.api.pages import BUILT, STATIC
from photo_pipeline.api.routes.renditions import Conditions
from photo_pipeline.domain.errors import ErasureKeysError, ServerUnavailableError
from photo_pipeline.web.assets import Assets, AssetsError
from photo_pipeline.web.tokens import SigningKeyError

pytestmark = pytest.mark.anyio

ROOT = "http://testserver"
LINK = "x" * 43
FOR_EVER = "public, max-age=31536000, immutable"


async def test_nothing_that_a_route_asks_for_is_found_in_a_thread(platform: Platform) -> None:
    """FastAPI calls what is no coroutine in a thread, which takes longer than most answers."""
    routes = [route for route in platform.app.routes if isinstance(route, APIRoute)]
    asked = {each.call for route in routes for each in _dependants(route.dependant)}
    assert len(asked) > len(routes)
    assert [call for call in asked if call is not Conditions and not _is_coroutine(call)] == []


def _dependants(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for each in dependant.dependencies:
        yield from _dependants(each)


def _is_coroutine(call: object) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(vars(type(call)).get("__call__"))


async def test_a_failure_nobody_foresaw_is_a_problem(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    """500 with the request's id, which the log has too; no traceback and no message reach the client."""

    async def explode() -> None:
        raise RuntimeError("the password is swordfish")

    platform.app.add_api_route("/explode", explode)
    async with platform.client() as client:
        answer = await client.get(f"{ROOT}/explode")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "swordfish" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
    assert answer.headers["X-Request-Id"] in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", "/api/v1/nowhere", 404), ("PUT", "/api/v1/photos", 405), ("GET", "/%ff", 404)],
)
async def test_what_is_not_there_is_a_problem(platform: Platform, method: str, path: str, status: int) -> None:
    """Unknown paths and methods answer in the same shape as everything else."""
    async with platform.client() as client:
        answer = await client.request(method, ROOT + path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status
    if status == 405:
        assert answer.headers["Allow"] == "GET, POST"


async def test_whoever_goes_where_nothing_is_reads_that(platform: Platform) -> None:
    """A browser that is led to such an address shows a page of ours, which may load its style; a picture gets none."""
    async with platform.client(Accept="text/html,application/xhtml+xml,*/*;q=0.8") as client:
        page = await client.get(f"{ROOT}/nowhere")
        posted = await client.post(f"{ROOT}/nowhere")
    assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert page.headers["Cache-Control"] == "no-store"
    assert "style-src 'self'" in page.headers["Content-Security-Policy"]
    assert "There is nothing at this address." in page.text
    assert posted.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("POST", "/leave", 403, "own pages only"),
        ("POST", "/log-out", 403, "own pages only"),
        ("GET", "/s/x/y/web", 422, "Photo id"),
        ("GET", f"/s/{LINK}/{UUID(int=1)}/web", 404, "This link is over"),
        ("GET", f"/s/{LINK}", 503, "does not answer"),
        ("GET", "/api/v1/session", 405, "Method Not Allowed"),
        ("GET", "/api/v1/me/export", 401, "log in"),
    ],
)
async def test_whoever_opens_an_address_in_a_browser_reads_what_is_wrong(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, method: str, path: str, status: int, said: str
) -> None:
    """Also where it takes no reader, a form came from elsewhere, or the database is away; programs get a problem."""

    def away(*_: object, **__: object) -> None:
        raise ServerUnavailableError("PostgreSQL", "gone")

    monkeypatch.setattr(platform.shares, "album", away)
    async with platform.client(Accept="text/html,*/*;q=0.8") as browser, platform.client() as program:
        page, problem = [await each.request(method, ROOT + path) for each in (browser, program)]
    assert (page.status_code, page.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert "style-src 'self'" in page.headers["Content-Security-Policy"]
    assert said in page.text
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert problem.headers.get("Retry-After") == page.headers.get("Retry-After")


async def test_the_address_of_a_form_leads_to_the_start(platform: Platform) -> None:
    """Whoever reloads a page that came of a form, and sends it no more: nothing is done, nobody logged out."""
    async with platform.client() as browser:
        for path in ("/leave", "/log-out", "/share"):
            for method in ("GET", "HEAD"):
                answer = await browser.request(method, ROOT + path)
                assert (answer.status_code, answer.headers["Location"]) == (303, "/")
                assert not {"Set-Cookie", "Clear-Site-Data"} & answer.headers.keys()


async def test_every_answer_is_guarded(platform: Platform) -> None:
    """Data may do nothing in a browser; pages may load from here only; nobody may frame either."""
    async with platform.client() as client:
        data, page = await client.get("/photos"), await client.get(f"{ROOT}/")
    for answer in (data, page):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert data.headers["Cache-Control"] == "no-store"
    assert data.headers["Content-Security-Policy"].startswith("default-src 'none'; frame")
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]


async def test_readiness_is_kafkas(platform: Platform) -> None:
    """Ready while Kafka answers, whatever the database does; alive in any case; asked at most once a second."""
    platform.customers.away = True
    async with platform.client() as client:
        assert (await client.get(f"{ROOT}/readyz")).status_code == 200
        platform.log.away = True
        assert (await client.get(f"{ROOT}/readyz")).status_code == 200
        await asyncio.sleep(1.05)
        answer = await client.get(f"{ROOT}/readyz")
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert (await client.get(f"{ROOT}/healthz")).status_code == 200


async def test_the_keys_are_published(platform: Platform) -> None:
    """At the well-known place, for anyone, and cacheable."""
    async with platform.client() as stranger:
        answer = await stranger.get(f"{ROOT}/.well-known/jwks.json")
    assert answer.json() == platform.app.state.services.tokens.jwks()
    assert "public" in answer.headers["Cache-Control"]


async def test_the_keys_of_proofs_of_erasure_are_published(platform: Platform, tmp_path: Path) -> None:
    """The public ones that the operator has named, those of before too; none where none are named."""
    path = tmp_path / "erasure_keys.json"
    keys = [new_key().as_dict(private=False) for _ in range(2)]
    path.write_text(json.dumps({"keys": keys}))
    address = f"{ROOT}/.well-known/erasure-jwks.json"
    async with platform.client() as stranger:
        assert (await stranger.get(address)).json() == {"keys": []}
    async with running(web_settings(tmp_path, erasure_keys_file=path)) as with_keys, with_keys.client() as stranger:
        answer = await stranger.get(address)
    assert answer.json() == {"keys": [{**key, "use": "sig", "alg": "EdDSA"} for key in keys]}
    assert "public" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    "content",
    [json.dumps(new_key().as_dict(private=True)), '{"keys": []}', "nonsense"],
    ids=["private", "none", "nonsense"],
)
async def test_a_private_key_of_proofs_is_never_shown(tmp_path: Path, content: str) -> None:
    """Nothing starts where the file holds the pipeline's own key, or none; the error names the variable."""
    path = tmp_path / "erasure.jwk"
    path.write_text(content)
    with pytest.raises(ErasureKeysError, match=r"PHOTO_ERASURE_KEYS_FILE=.*erasure\.jwk"):
        create_app(web_settings(tmp_path, erasure_keys_file=path))


async def test_without_a_key_the_application_does_not_start(tmp_path: Path) -> None:
    """One error names the file and what it should hold."""
    settings = web_settings(tmp_path)
    settings.signing_key_file.unlink()
    with pytest.raises(SigningKeyError, match=r"signing_key\.jwk"):
        create_app(settings)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({}, "PHOTO_SIGNING_KEY_FILE"),
        ({"PHOTO_SIGNING_KEY_FILE": "/nowhere"}, "PHOTO_KAFKA_BOOTSTRAP_SERVERS"),
        ({"PHOTO_SIGNING_KEY_FILE": "/nowhere", "PHOTO_SESSION_SECONDS": "soon"}, "PHOTO_SESSION_SECONDS"),
        ({"PHOTO_SIGNING_KEY_FILE": "/nowhere", "PHOTO_KAFKA_BOOTSTRAP_SERVERS": "x"}, "PHOTO_DATABASE_URL"),
    ],
)
async def test_a_start_with_wrong_settings_ends_in_one_line(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], named: str
) -> None:
    """The line names the variable to set, and no value."""
    for name in [name for name in os.environ if name.startswith("PHOTO_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as end:
        create_app()
    assert named in str(end.value.code)
    assert "\n" not in str(end.value.code)
    assert "soon" not in str(end.value.code)


async def test_metrics_do_not_grow_with_what_is_asked_for(platform: Platform) -> None:
    """Ids, tokens and made-up methods make no series of their own."""
    async with platform.client() as client:
        await sign_up(client)
        for n in range(5):
            await client.get(f"/receipts/forged{n}")
            await client.get(f"{ROOT}/nowhere/{n}")
            await client.request(f"MADEUP{n}", f"{ROOT}/")
        metrics = (await client.get(f"{ROOT}/metrics")).text
    assert 'http_request_seconds_count{method="GET",route="/api/v1/receipts/{token}",status="404"} 5.0' in metrics
    assert 'http_request_seconds_count{method="GET",route="unmatched",status="404"} 5.0' in metrics
    assert "forged" not in metrics
    assert "MADEUP" not in metrics


def described(app: FastAPI) -> list[tuple[str, str, dict[str, object]]]:
    """Every operation of the OpenAPI document."""
    return [
        (method, path, operation)
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
    ]


async def test_every_problem_is_described(platform: Platform) -> None:
    """Each error of each operation is a problem document whose schema is there; 422 is never FastAPI's own shape."""
    schemas = platform.app.openapi()["components"]["schemas"]
    assert {"Problem", "ValidationProblem", "InvalidField"} <= set(schemas)
    assert "HTTPValidationError" not in schemas
    for method, path, operation in described(platform.app):
        responses = operation["responses"]
        assert isinstance(responses, dict)
        for status, response in responses.items():
            if int(status) >= 400:
                [(media_type, content)] = response["content"].items()
                assert media_type == "application/problem+json", (method, path, status)
                assert content["schema"]["$ref"].rpartition("/")[2] in schemas


async def test_problems_fit_their_schema(platform: Platform) -> None:
    """What is sent is what is described."""
    schemas = platform.app.openapi()["components"]["schemas"]
    async with platform.client() as client:
        answer = await client.post("/customers", json={})
    document = {"components": {"schemas": schemas}, **schemas["ValidationProblem"]}
    jsonschema.validate(answer.json(), document)


class Links(HTMLParser):
    """Collects what a page loads, and whatever it runs inline."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.inline: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note addresses, styles and handlers."""
        self._in_script = tag in {"script", "style"}
        self.urls += [value or "" for name, value in attrs if name in {"src", "href"}]
        self.inline += [name for name, _ in attrs if name == "style" or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        """Note scripts and styles within the page."""
        if self._in_script and data.strip():
            self.inline.append(data)
        self._in_script = False


@pytest.mark.parametrize("path", ["/", "/devices", "/docs"])
async def test_pages_load_from_here_and_run_nothing_inline(platform: Platform, path: str) -> None:
    """Every address in a page is this server's own and leads somewhere; no script or style is written into it."""
    async with platform.client() as client:
        page = await client.get(ROOT + path)
        assert page.status_code == 200
        links = Links()
        links.feed(page.text)
        assert links.inline == []
        for url in links.urls:
            assert url.startswith(("/", "#")), url
            if url.startswith("/"):
                answer = await client.get(ROOT + url)
                if url == "/stream":  # to the other application, whose address a static page does not know
                    assert answer.headers["Location"] == "http://127.0.0.1:8001/camera"
                    continue
                assert answer.status_code == 200, url
                expected = FOR_EVER if url.startswith("/assets/") else "no-cache"
                assert answer.headers["Cache-Control"] == expected


def test_scripts_name_no_other_server() -> None:
    """Own scripts and styles hold no address outside this server, but for sources named in comments."""
    for file in [*STATIC.rglob("*.js"), *STATIC.rglob("*.css")]:
        code = re.sub(r"(?m)(//|/\*).*$", "", file.read_text().replace("https://", "https:"))
        assert "https:" not in code, file


@pytest.mark.parametrize("name", ["index", "devices", "account", "not_signed_out"])
def test_the_pages_form_says_where_it_is_from(name: str) -> None:
    """A form's `Origin` is `null` under `no-referrer`, and over HTTP there is nothing else that says it (Fetch)."""
    page = (STATIC.parent / "templates" / f"{name}.html").read_text()
    assert '<meta name="referrer" content="same-origin">' in page


ENCODINGS = [("br", "br"), ("gzip, br;q=0", "gzip"), ("deflate, GZIP", "gzip"), ("identity", None)]


async def test_what_pages_load_is_small_and_kept_for_ever(platform: Platform) -> None:
    """A page names its files by their content, its module first; each comes in the smallest form that is taken."""
    async with platform.client() as client:
        page = (await client.get(f"{ROOT}/")).text
        assert re.findall(r'"(/(?:static|packages)/[^"]*)"', page) == ["/static/manifest.webmanifest"]
        named = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page)
        assert all(re.fullmatch(r"/assets/[\w.-]+-[0-9A-Z]{8}\.(?:js|css|svg|png)", name) for name in named)
        (module,) = re.findall(r'<script type="module" src="([^"]+)">', page)
        assert page.index(f'<link rel="modulepreload" href="{module}">') < page.index("stylesheet")
        bodies = dict[str | None, bytes]()
        for accepted, encoding in ENCODINGS:
            answer = await client.get(ROOT + module, headers={"Accept-Encoding": accepted})
            assert (answer.status_code, answer.headers.get("Content-Encoding")) == (200, encoding)
            assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == (FOR_EVER, "Accept-Encoding"), accepted
            assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
            assert int(answer.headers["Content-Length"]) < (100_000 if encoding is None else 34_000)
            bodies[encoding] = answer.content
    # This client cannot read Brotli; a browser does in test_first_photo.
    assert bodies["gzip"] == bodies[None]
    assert len(bodies["br"]) < len(bodies[None]) / 3


async def test_a_page_of_another_release_gets_what_it_loads(platform: Platform) -> None:
    """While replicas are replaced, a page may ask one for what the other has; it does not keep what it gets."""
    async with platform.client() as client:
        (module,) = re.findall(r'<script type="module" src="([^"]+)">', (await client.get(f"{ROOT}/")).text)
        other = await client.get(ROOT + re.sub(r"-[0-9A-Z]{8}", "-00000000", module))
        assert (other.status_code, other.headers["Cache-Control"]) == (200, "no-cache")
        assert other.content == (await client.get(ROOT + module)).content
        licences = await client.get(f"{ROOT}/assets/licences.txt")
        assert (licences.status_code, licences.headers["Cache-Control"]) == (200, "no-cache")
        for path in ("/assets/strange-00000000.js", "/assets/", "/assets/../pages.py"):
            assert (await client.get(ROOT + path)).status_code == 404, path


def test_a_file_is_found_by_its_name_without_the_hash() -> None:
    """No two differ by the hash alone: a page of another release would get the one for the other, and not begin."""
    contents = dict[str, set[bytes]]()
    for file in BUILT.iterdir():
        contents.setdefault(re.sub(r"-[0-9A-Z]{8}\.", ".", file.name), set()).add(file.read_bytes())
    assert {name for name, different in contents.items() if len(different) > 1} == set()


async def test_texts_are_compressed(platform: Platform) -> None:
    """Pages, documents and foreign scripts come as gzip to whoever takes it."""
    async with platform.client() as client:
        for path in ("/", "/openapi.json", "/docs/assets/swagger-ui.css", "/static/app.css"):
            answer = await client.get(ROOT + path, headers={"Accept-Encoding": "gzip"})
            assert (answer.headers["Content-Encoding"], answer.headers["Vary"]) == ("gzip", "Accept-Encoding"), path
            plain = await client.get(ROOT + path, headers={"Accept-Encoding": "identity"})
            assert "Content-Encoding" not in plain.headers
            assert plain.content == answer.content


def test_pages_that_are_not_built_are_not_served(tmp_path: Path) -> None:
    """Files of other sources than these would be an older page; the error says what builds them."""
    application = tmp_path / "api"
    for folder in ("static", "templates", "built"):
        (application / folder).mkdir(parents=True)
    with pytest.raises(AssetsError, match="is not there; bin/bootstrap builds it"):
        Assets.of(application / "built")
    (application / "built" / "manifest.json").write_text('{"digest": "of other files", "files": {}}')
    with pytest.raises(AssetsError, match="from other sources"):
        Assets.of(application / "built")


async def test_a_static_file_is_not_sent_twice(platform: Platform) -> None:
    """Browsers ask whether it changed and are told 304."""
    async with platform.client() as client:
        first = await client.get(f"{ROOT}/static/app.css")
        again = await client.get(f"{ROOT}/static/app.css", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code) == (200, 304)


async def test_files_outside_the_pages_are_out_of_reach(platform: Platform) -> None:
    """No path leads from the static files to the code."""
    transport = httpx.ASGITransport(platform.app)
    async with httpx.AsyncClient(transport=transport, base_url=ROOT) as client:
        for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd", "/static/..%2fapp.py"):
            answer = await client.send(httpx.Request("GET", httpx.URL(ROOT, raw_path=path.encode())))
            assert answer.status_code == 404, path
