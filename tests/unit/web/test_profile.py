"""Who one is: another name, another password, and the sessions in which one is logged in."""

from itertools import pairwise
from uuid import uuid4

import httpx
import pytest
from tests.support.web import NOON, FakeMailer, Platform, sign_up

from photo_pipeline.api.agents import agent_named
from photo_pipeline.api.services import PASSWORD_CHANGES, RENAMINGS
from photo_pipeline.api.sessions import LONGEST_SESSION

pytestmark = pytest.mark.anyio

EMAIL, PASSWORD, OTHER = "ada@example.org", "correct horse battery", "another horse entirely"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def logged_in(platform: Platform, password: str = PASSWORD, agent: str = FIREFOX) -> httpx.AsyncClient:
    """Ada once more, elsewhere; the test closes it."""
    client = platform.client(**{"User-Agent": agent})
    answer = await client.post("/session", json={"email": EMAIL, "password": password})
    assert answer.status_code == 200, answer.text
    client.cookies.clear()
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return client


async def test_a_name_is_changed(ada: httpx.AsyncClient) -> None:
    """It is told from then on; what nobody could see is refused, and so is changing it all the time."""
    answer = await ada.patch("/me", json={"display_name": "Ada Lovelace"})
    assert (answer.status_code, answer.json()["display_name"]) == (200, "Ada Lovelace")
    assert (await ada.get("/me")).json()["display_name"] == "Ada Lovelace"
    for wrong in (
        {"display_name": "\u202eada"},
        {"display_name": " "},
        {},
        {"display_name": "A", "email": "a@b.example"},
    ):
        assert (await ada.patch("/me", json=wrong)).status_code == 422
    statuses = [(await ada.patch("/me", json={"display_name": f"Ada {n}"})).status_code for n in range(RENAMINGS)]
    assert statuses == [200] * (RENAMINGS - 1) + [429]


async def test_a_password_is_changed_by_who_knows_it(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Other sessions end, one's own goes on, and the old password is none. They are told by mail."""
    phone = await logged_in(platform)
    wrong = await ada.put("/me/password", json={"old_password": "something else", "password": OTHER})
    assert (wrong.status_code, wrong.json()["type"].rpartition(":")[2]) == (403, "wrong_password")
    assert (await phone.get("/me")).status_code == 200
    answer = await ada.put("/me/password", json={"old_password": PASSWORD, "password": OTHER})
    assert answer.status_code == 204
    assert (await ada.get("/me")).status_code == 200
    assert (await phone.get("/me")).status_code == 401
    old = await ada.post("/session", json={"email": EMAIL, "password": PASSWORD})
    assert old.status_code == 401
    await (await logged_in(platform, OTHER)).aclose()
    await phone.aclose()
    await platform.app.state.services.posting.close()
    assert isinstance(platform.mailer, FakeMailer)
    [mail] = platform.mailer.sent
    assert (mail.recipient, mail.subject) == (EMAIL, "Your password for testserver was replaced")


@pytest.mark.parametrize("weak", ["short", "aaaaaaaaaaaa", EMAIL, "password123"])
async def test_a_new_password_is_held_to_what_a_first_one_is(ada: httpx.AsyncClient, weak: str) -> None:
    """422, and the old one stays."""
    answer = await ada.put("/me/password", json={"old_password": PASSWORD, "password": weak})
    assert answer.status_code == 422
    assert (await ada.post("/session", json={"email": EMAIL, "password": PASSWORD})).status_code == 200


async def test_guesses_at_the_old_password_are_counted(ada: httpx.AsyncClient) -> None:
    """As at the log-in: a session that was left open lets nobody try passwords."""
    body = {"old_password": "guess guess guess", "password": OTHER}
    statuses = [(await ada.put("/me/password", json=body)).status_code for _ in range(12)]
    assert statuses == [403] * 10 + [429] * 2


async def test_a_password_is_not_changed_all_the_time(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Each change has a mail sent to an address that may be another one's: nobody's mail is flooded by it."""
    passwords = [PASSWORD, *(f"another horse {n}" for n in range(PASSWORD_CHANGES + 1))]
    bodies = [{"old_password": old, "password": new} for old, new in pairwise(passwords)]
    statuses = [(await ada.put("/me/password", json=body)).status_code for body in bodies]
    assert statuses == [204] * PASSWORD_CHANGES + [429]
    await platform.app.state.services.posting.close()
    assert isinstance(platform.mailer, FakeMailer)
    assert len(platform.mailer.sent) == PASSWORD_CHANGES
    platform.clock.advance(minutes=6)
    assert (await ada.put("/me/password", json=bodies[-1])).status_code == 204


async def test_sessions_are_seen_and_ended(platform: Platform, ada: httpx.AsyncClient) -> None:
    """Each with what it was begun with; one's own is marked. One that was ended is refused, and gone from the list."""
    phone = await logged_in(platform)
    platform.clock.advance(minutes=1)
    assert (await phone.get("/me")).status_code == 200
    listed = (await ada.get("/me/sessions")).json()["sessions"]
    assert [(each["agent"], each["current"]) for each in listed] == [
        ("Firefox on Linux", False),
        ("python-httpx", True),
    ]
    assert listed[0]["seen_at"] > listed[0]["began_at"]
    assert (await ada.delete(f"/me/sessions/{uuid4()}")).status_code == 404
    assert (await ada.delete("/me/sessions/none")).status_code == 422
    other = listed[0]["session_id"]
    assert (await ada.delete(f"/me/sessions/{other}")).status_code == 204
    assert (await phone.get("/me")).status_code == 401
    assert (await ada.delete(f"/me/sessions/{other}")).status_code == 404
    assert len((await ada.get("/me/sessions")).json()["sessions"]) == 1
    await phone.aclose()


async def test_all_others_end_at_once(platform: Platform, ada: httpx.AsyncClient) -> None:
    """And nobody else's; the export has what is left."""
    phones = [await logged_in(platform) for _ in range(3)]
    async with platform.client() as grace:
        await sign_up(grace, "grace@example.org")
        assert (await ada.delete("/me/sessions")).status_code == 204
        assert [(await phone.get("/me")).status_code for phone in phones] == [401] * 3
        assert [(await client.get("/me")).status_code for client in (ada, grace)] == [200] * 2
    for phone in phones:
        await phone.aclose()
    assert [each["agent"] for each in (await ada.get("/me/export")).json()["sessions"]] == ["python-httpx"]


async def test_a_session_that_is_not_noted_is_not_prolonged(platform: Platform) -> None:
    """One of before an upgrade, or ended at another instance a moment ago, lasts as long as its token."""
    async with platform.browser() as browser:
        await browser.post("/customers", json={"email": EMAIL, "password": PASSWORD, "display_name": "Ada"})
        await browser.post("/session", json={"email": EMAIL, "password": PASSWORD})
        platform.clock.advance(minutes=40)
        assert "Set-Cookie" in (await browser.get("/me")).headers
        [session] = platform.open_sessions.open.values()
        assert session.expires_at == platform.clock.now() + (session.expires_at - platform.clock.now())
        assert session.expires_at < NOON + LONGEST_SESSION
        platform.open_sessions.open.clear()
        platform.clock.advance(minutes=40)
        assert "Set-Cookie" not in (await browser.get("/me")).headers


async def test_a_log_in_with_a_password_that_is_replaced_meanwhile_is_none(
    platform: Platform, ada: httpx.AsyncClient
) -> None:
    """401: the password was right when it was looked at, and is not when the session would begin."""
    (customer, _), *_ = platform.customers.customers.values()
    found = platform.customers.credentials

    def replaced_meanwhile(email: str) -> object:
        known = found(email)
        platform.customers.versions[customer.customer_id] += 1
        return known

    platform.customers.credentials = replaced_meanwhile  # type: ignore[method-assign,assignment]
    assert (await ada.post("/session", json={"email": EMAIL, "password": PASSWORD})).status_code == 401


async def test_a_device_is_renamed_and_has_a_link(platform: Platform, ada: httpx.AsyncClient) -> None:
    """The link leads to the operator's stream application, its token behind the #; 404 for others'."""
    made = (await ada.post("/devices", json={"name": "door"})).json()
    assert made["camera_url"] == f"{platform.settings.stream_url}/camera#token={made['token']}"
    path = f"/devices/{made['device_id']}"
    renamed = await ada.patch(path, json={"name": "back door"})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "back door")
    assert [each["name"] for each in (await ada.get("/devices")).json()["devices"]] == ["back door"]
    async with platform.client() as grace:
        await sign_up(grace, "grace@example.org")
        assert (await grace.patch(path, json={"name": "mine"})).status_code == 404
    assert (await ada.patch(path, json={"name": " "})).status_code == 422


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.5 Safari/605.1.15", "Safari on Mac"),
        ("curl/8.14.1", "curl"),
        ("Mozilla/5.0", None),
        ("", None),
        ("<img src=x>", None),
        ("x" * 5000, "x" * 50),
    ],
)
async def test_programs_are_told_by_name(user_agent: str, name: str | None) -> None:
    """As their customer knows them, without a version; nothing else of what they say is kept."""
    assert agent_named(user_agent) == name
