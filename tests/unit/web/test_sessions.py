"""Accounts: signing up, logging in and out, and what a browser may be made to do."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher
from tests.support.web import API, QUICK, Platform, running, sign_up, web_settings

from photo_pipeline.api.passwords import Passwords

pytestmark = pytest.mark.anyio

EMAIL = "ada@example.org"
PASSWORD = "correct horse battery"
ADA = {"email": EMAIL, "password": PASSWORD, "display_name": "Ada"}
LOG_IN = {"email": EMAIL, "password": PASSWORD}


async def in_browser(client: httpx.AsyncClient) -> None:
    """Sign up and log in as a browser does: the cookie holds the session."""
    assert (await client.post("/customers", json=ADA)).status_code == 201
    assert (await client.post("/session", json=LOG_IN)).status_code == 200


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(platform: Platform) -> None:
    """HttpOnly, SameSite=Strict, for the whole host, and ending with the token."""
    async with platform.browser() as browser:
        await browser.post("/customers", json=ADA)
        answer = await browser.post("/session", json=LOG_IN)
        cookie = answer.headers["Set-Cookie"].lower()
        assert (await browser.get("/me")).json()["email"] == EMAIL
    assert cookie.startswith("photo_session=")
    for attribute in ("httponly", "samesite=strict", "path=/", "max-age=3600"):
        assert attribute in cookie
    assert answer.json()["expires_in"] == 3600


async def test_over_https_the_cookie_is_bound_to_the_host(tmp_path: Path) -> None:
    """Behind HTTPS the cookie is Secure with the __Host- prefix, and browsers are told to stay with HTTPS."""
    settings = web_settings(tmp_path, public_url="https://photos.example.org")
    async with running(settings) as platform, platform.client() as client:
        await client.post("/customers", json=ADA)
        answer = await client.post("/session", json=LOG_IN)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-photo_session=")
    assert "secure" in cookie.lower()
    assert "max-age" in answer.headers["Strict-Transport-Security"]


async def test_passwords_are_stored_as_argon2_hashes(platform: Platform) -> None:
    """What the database gets is argon2id in its encoded form, and fits the password."""
    async with platform.client() as client:
        await sign_up(client)
    [(_, password_hash)] = platform.customers.customers.values()
    assert password_hash.startswith("$argon2id$")
    assert PasswordHasher().verify(password_hash, PASSWORD)


async def test_hashes_take_the_memory_that_the_standard_asks_for() -> None:
    """With the library's own parameters: RFC 9106's second recommendation, 64 MiB and three passes."""
    assert "$m=65536,t=3,p=4$" in await Passwords(PasswordHasher()).hash(PASSWORD)


async def test_an_outdated_hash_is_renewed_at_log_in(platform: Platform) -> None:
    """A hash of other parameters than today's is replaced once the password is known."""
    async with platform.client() as client:
        await client.post("/customers", json=ADA)
        customer, _ = platform.customers.customers[EMAIL]
        weak = PasswordHasher(time_cost=1, memory_cost=32).hash(PASSWORD)
        platform.customers.customers[EMAIL] = (customer, weak)
        assert (await client.post("/session", json=LOG_IN)).status_code == 200
    renewed = platform.customers.customers[EMAIL][1]
    assert renewed != weak
    assert not QUICK.check_needs_rehash(renewed)


@pytest.mark.parametrize(
    "change",
    [
        {"password": "short"},
        {"password": "x" * 257},
        {"password": EMAIL},
        {"password": EMAIL.upper()},
        {"password": "aaaaabbbbb"},
        {"password": "Ada Lovelace", "display_name": "ada lovelace"},
        {"email": "no address"},
        {"email": "a@" + "b" * 300 + ".org"},
        {"display_name": ""},
        {"display_name": " "},
        {"display_name": " Ada"},
        {"display_name": "Ada "},
        {"display_name": "a\tb"},
        {"display_name": "a\x00b"},
        {"display_name": "a\u202eb"},
        {"display_name": "x" * 101},
        {"is_admin": True},
        {"email": None},
    ],
)
async def test_sign_up_refuses_what_would_not_do(platform: Platform, change: dict[str, object]) -> None:
    """Weak passwords, no addresses, invisible names, unknown fields: 422, nobody signed up, and no password echoed."""
    async with platform.client() as client:
        answer = await client.post("/customers", json={**ADA, **change})
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert str({**ADA, **change}["password"]) not in answer.text
    assert platform.customers.customers == {}


async def test_a_validation_problem_points_at_the_field(platform: Platform) -> None:
    """Each thing that is wrong is named by a JSON Pointer."""
    async with platform.client() as client:
        answer = await client.post("/customers", json={**ADA, "password": "short", "a/b": 1})
    assert {(error["where"], error["pointer"]) for error in answer.json()["errors"]} == {
        ("body", "/password"),
        ("body", "/a~1b"),
    }
    assert answer.json()["detail"] == "A/b: There is no such field. Password: This has too few characters: at least 10."


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"display_name": ""}, "Display name: This has too few characters: at least 1."),
        ({"display_name": " Ada"}, "Display name: This has characters that cannot be seen, or spaces at its ends."),
        ({"display_name": "\u3164"}, "Display name: Nothing of this name can be seen."),
        ({"display_name": 7}, "Display name: This is no text."),
        ({"email": "ada"}, "Email: This is no e-mail address."),
    ],
)
async def test_a_validation_problem_is_said_in_words(
    platform: Platform, change: dict[str, object], sentence: str
) -> None:
    """People read it: no pointer, no pattern, none of the library's words."""
    async with platform.client() as client:
        answer = await client.post("/customers", json={**ADA, **change})
    assert (answer.status_code, answer.json()["detail"]) == (422, sentence)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"email": "\\ud800@x.org"}', b"\xff"])
async def test_bodies_that_are_no_json_object_are_problems(platform: Platform, body: bytes) -> None:
    """Broken JSON, lone surrogates, other types: 422, never a failure of the server."""
    async with platform.client() as client:
        answer = await client.post("/customers", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("name", ["Ada", "Ādā 漢字", "क्\u200dष", "👩\u200d🚀", "Ada-Maria O'Neill"])
async def test_names_of_all_scripts_are_welcome(platform: Platform, name: str) -> None:
    """Joiners that scripts and emoji need are part of a name."""
    async with platform.client() as client:
        answer = await client.post("/customers", json={**ADA, "display_name": name})
    assert answer.json()["display_name"] == name


async def test_an_address_signs_up_once(platform: Platform) -> None:
    """The same address in other letters is the same address: 409. It also logs in in any letters."""
    async with platform.client() as client:
        await client.post("/customers", json=ADA)
        again = await client.post("/customers", json={**ADA, "email": EMAIL.upper()})
        assert again.status_code == 409
        assert (await client.post("/session", json={**LOG_IN, "email": EMAIL.upper()})).status_code == 200


async def test_a_wrong_password_and_an_unknown_address_look_the_same(platform: Platform) -> None:
    """Nobody learns from a log-in which addresses have signed up."""
    async with platform.client() as client:
        await client.post("/customers", json=ADA)
        wrong = await client.post("/session", json={**LOG_IN, "password": "wrong"})
        unknown = await client.post("/session", json={**LOG_IN, "email": "grace@example.org"})
    ignored = {"request_id"}
    assert wrong.status_code == unknown.status_code == 401
    assert {k: v for k, v in wrong.json().items() if k not in ignored} == {
        k: v for k, v in unknown.json().items() if k not in ignored
    }


async def test_guessing_is_throttled_per_person_and_address(platform: Platform) -> None:
    """After ten failures even the right password waits; another person at the same address does not."""
    async with platform.client() as client:
        await client.post("/customers", json=ADA)
        await client.post("/customers", json={**ADA, "email": "grace@example.org"})
        for _ in range(10):
            answer = await client.post("/session", json={**LOG_IN, "password": "a guess"})
            assert answer.status_code == 401
        throttled = await client.post("/session", json=LOG_IN)
        assert throttled.status_code == 429
        assert 0 < int(throttled.headers["Retry-After"]) <= 300
        assert (await client.post("/session", json={**LOG_IN, "email": "grace@example.org"})).status_code == 200
        platform.clock.advance(seconds=int(throttled.headers["Retry-After"]))
        assert (await client.post("/session", json=LOG_IN)).status_code == 200


async def test_a_session_ends(platform: Platform) -> None:
    """After its time a bearer token is refused, with a challenge that says why."""
    async with platform.client() as client:
        await sign_up(client)
        platform.clock.advance(hours=1, seconds=30)
        answer = await client.get("/me")
    assert answer.status_code == 401
    assert "invalid_token" in answer.headers["WWW-Authenticate"]


async def test_an_open_page_prolongs_its_session_for_half_a_day(platform: Platform) -> None:
    """Asking who one is keeps a browser's session alive, until twelve hours after the log-in."""
    began = platform.clock.now()
    async with platform.browser() as browser:
        await in_browser(browser)
        while (answer := await browser.get("/me")).status_code == 200:
            platform.clock.advance(minutes=40)
        lasted = platform.clock.now() - began
    assert answer.status_code == 401
    assert timedelta(hours=12) <= lasted <= timedelta(hours=12, minutes=41)


async def test_a_bearer_token_is_not_prolonged(platform: Platform) -> None:
    """A script logs in again: what it holds cannot be made to last."""
    async with platform.client() as client:
        await sign_up(client)
        platform.clock.advance(minutes=50)
        assert "Set-Cookie" not in (await client.get("/me")).headers


async def test_logging_out_without_a_session_is_no_error(platform: Platform) -> None:
    """Whoever is logged out already stays so."""
    async with platform.client() as client:
        assert (await client.delete("/session")).status_code == 204


async def test_logging_out_takes_the_cookie_and_the_cached_photos_back(platform: Platform) -> None:
    """Afterwards the browser is nobody, and has no photo of the customer in its cache."""
    async with platform.browser() as browser:
        await in_browser(browser)
        answer = await browser.delete("/session")
        assert answer.status_code == 204
        assert answer.headers["Clear-Site-Data"] == '"cache"'
        assert (await browser.get("/me")).status_code == 401


async def test_a_session_ends_with_the_log_out(platform: Platform) -> None:
    """Whoever kept a copy of the token, or of one that the page prolonged, is refused: 401, uploads included."""
    async with platform.browser() as browser, platform.client() as thief:
        await in_browser(browser)
        first = browser.cookies["photo_session"]
        platform.clock.advance(minutes=40)
        await browser.get("/me")
        second = browser.cookies["photo_session"]
        assert first != second
        assert (await browser.delete("/session")).status_code == 204
        for token in (first, second):
            thief.headers["Authorization"] = f"Bearer {token}"
            assert (await thief.get("/photos")).status_code == 401
            assert (await thief.post("/photos", files={"files": ("a.jpg", b"x")})).status_code == 401
            assert "invalid_token" in (await thief.get("/me")).headers["WWW-Authenticate"]


async def test_other_sessions_of_the_customer_go_on(platform: Platform) -> None:
    """Signing out on the phone signs nobody out at the desk."""
    async with platform.browser() as phone, platform.browser() as desk:
        await in_browser(phone)
        await desk.post("/session", json=LOG_IN)
        await phone.delete("/session")
        assert (await desk.get("/me")).status_code == 200


async def test_a_program_ends_its_session_too(platform: Platform) -> None:
    """A bearer token is refused after its own log-out."""
    async with platform.client() as client:
        await sign_up(client)
        assert (await client.delete("/session")).status_code == 204
        assert (await client.get("/me")).status_code == 401


async def test_any_page_of_ours_signs_out_by_a_form(platform: Platform) -> None:
    """Of both applications, whose pages are of the same site; another one's form, or one from nowhere, is refused.

    Where that cannot be noted the cookie stays, and a page says how to try again.
    """
    form = f"{API.removesuffix('/api/v1')}/log-out"
    here, there = {"Origin": "http://testserver"}, {"Origin": "http://127.0.0.1:8001", "Sec-Fetch-Site": "same-site"}
    async with platform.client() as browser:
        await in_browser(browser)
        for foreign in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {}, {"Sec-Fetch-Site": "same-site"}):
            assert (await browser.post(form, headers=foreign)).status_code == 403
        platform.sessions.away = True
        answer = await browser.post(form, headers=there)
        assert (answer.status_code, "Set-Cookie" in answer.headers) == (503, False)
        assert '<form class="card" method="post" action="/log-out">' in answer.text
        assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
        platform.sessions.away = False
        token = browser.cookies["photo_session"]
        answer = await browser.post(form, headers=there)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'  # photos that wait to be sent, too
        answer = await browser.post(f"{form}?forgotten=true", headers=here)
        assert answer.headers["Clear-Site-Data"] == '"cache"'  # what others have not sent stays
        assert not browser.cookies
        bearer = {"Authorization": f"Bearer {token}"}
        assert (await browser.get("/me", headers=bearer)).status_code == 401
        assert (await browser.post(form, headers=here)).status_code == 303


async def test_a_page_asks_before_a_form_signs_out(platform: Platform) -> None:
    """Both applications' pages lead to it; it ends nothing by itself, and no other site leads there."""
    page = f"{API.removesuffix('/api/v1')}/leave"
    async with platform.client() as browser:
        await in_browser(browser)
        assert (await browser.post(page, headers={"Origin": "http://evil.example"})).status_code == 403
        for origin in ("http://testserver", "http://127.0.0.1:8001"):
            answer = await browser.post(page, headers={"Origin": origin})
            assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
            assert 'action="/log-out"' in answer.text
            assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert (await browser.get("/me")).status_code == 200


async def test_a_log_out_that_cannot_be_noted_says_so(platform: Platform) -> None:
    """With the database away the browser forgets all the same, this instance refuses, and the answer is 503."""
    async with platform.browser() as browser:
        await in_browser(browser)
        token = browser.cookies["photo_session"]
        platform.sessions.away = True
        answer = await browser.delete("/session")
        assert (answer.status_code, answer.headers["Clear-Site-Data"]) == (503, '"cache"')
        assert "photo_session" not in browser.cookies
        again = await browser.get("/photos", headers={"Authorization": f"Bearer {token}"})
    assert again.status_code == 401


async def test_signing_up_is_throttled_by_address(tmp_path: Path) -> None:
    """After so many, taken addresses among them, the next waits; what was refused unseen does not count."""
    async with running(web_settings(tmp_path, sign_ups_per_address=2)) as platform, platform.client() as client:
        for change, status in [({"password": "short"}, 422), ({}, 201), ({}, 409), ({"email": "b@example.org"}, 429)]:
            answer = await client.post("/customers", json={**ADA, **change})
            assert answer.status_code == status
        assert 0 < int(answer.headers["Retry-After"]) <= 300
        platform.clock.advance(minutes=6)
        assert (await client.post("/customers", json={**ADA, "email": "b@example.org"})).status_code == 201


FORGED = [
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://other.testserver"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://testserver.evil.example"},
    {"Origin": "null"},
    {},
]


@pytest.mark.parametrize("headers", FORGED)
async def test_other_sites_cannot_use_the_cookie(platform: Platform, headers: dict[str, str]) -> None:
    """Whatever another site makes a browser send with the cookie is refused where it would change something."""
    async with platform.client(Origin="http://testserver") as browser:
        await in_browser(browser)
        del browser.headers["Origin"]
        photo = {"files": ("a.jpg", b"x")}
        answers = [
            await browser.post("/photos", files=photo, headers=headers),
            await browser.post("/devices", json={"name": "x"}, headers=headers),
        ]
        if headers:  # a browser names a request's origin; what does not is none, and may log itself out
            answers.append(await browser.delete("/session", headers=headers))
        for answer in answers:
            assert answer.status_code == 403, answer.request.url
            assert answer.json()["type"] == "urn:photo-pipeline:problem:cross_site_request"
        assert (await browser.get("/me", headers=headers)).status_code == 200


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://testserver"}])
async def test_own_pages_can_use_the_cookie(platform: Platform, headers: dict[str, str]) -> None:
    """Both the newer and the older way in which browsers name a request's origin are understood."""
    async with platform.client(**headers) as browser:
        await in_browser(browser)
        assert (await browser.post("/devices", json={"name": "x"})).status_code == 201


@pytest.mark.parametrize("headers", [h for h in FORGED if h])
async def test_other_sites_cannot_log_anybody_in(platform: Platform, headers: dict[str, str]) -> None:
    """A browser cannot be made to log in as somebody else, or to sign up."""
    async with platform.client() as client:
        await client.post("/customers", json=ADA)
        assert (await client.post("/session", json=LOG_IN, headers=headers)).status_code == 403
        other = {**ADA, "email": "grace@example.org"}
        assert (await client.post("/customers", json=other, headers=headers)).status_code == 403


async def test_scripts_with_a_token_need_no_browser_headers(platform: Platform) -> None:
    """A bearer token is never sent by a browser on its own, so nothing more is asked of it."""
    async with platform.client() as client:
        await sign_up(client)
        assert (await client.post("/devices", json={"name": "x"})).status_code == 201


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Bearer nonsense", "Basic YTpi", "Bearer a b"])
async def test_other_credentials_are_refused(platform: Platform, authorization: str) -> None:
    """Without a good token there is no caller."""
    async with platform.client() as client:
        answer = await client.get("/me", headers={"Authorization": authorization})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_receipts_and_device_tokens_are_no_sessions(platform: Platform) -> None:
    """Neither of the other tokens of this platform logs anybody in."""
    async with platform.client() as client:
        await sign_up(client)
        device = (await client.post("/devices", json={"name": "x"})).json()["token"]
        answer = await client.get("/me", headers={"Authorization": f"Bearer {device}"})
    assert answer.status_code == 401
