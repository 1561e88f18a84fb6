"""A password that somebody has forgotten, set anew by mail."""

import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry
from tests.support.web import NOON, FakeMailer, Platform, running, sign_up, web_settings

from photo_pipeline.api.posting import MOST_AT_ALL, MOST_WAITING, PAUSES, Posting
from photo_pipeline.api.routes.resets import MOST_RESETS
from photo_pipeline.api.services import RESETS_FROM_ADDRESS, RESETS_OF_PERSON
from photo_pipeline.api.visits import WRONG_LINKS
from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.mail import Mail, MailRefusedError

pytestmark = pytest.mark.anyio

EMAIL, OTHER = "ada@example.org", "another horse entirely"


async def asked(client: httpx.AsyncClient, email: str = EMAIL) -> httpx.Response:
    """Have a link mailed."""
    return await client.post("/password-resets", json={"email": email})


async def mailed(platform: Platform) -> list[Mail]:
    """All that was sent by now."""
    await platform.app.state.services.posting.close()
    assert isinstance(platform.mailer, FakeMailer)
    return platform.mailer.sent


async def token_for(platform: Platform, client: httpx.AsyncClient) -> str:
    """What the newest mailed link ends with."""
    assert (await asked(client)).status_code == 202
    return token_in((await mailed(platform))[-1])


def token_in(mail: Mail) -> str:
    """What the mail's link ends with."""
    [found] = re.findall(r"^http://testserver/password#token=([\w-]+)$", mail.text, re.MULTILINE)
    return str(found)


async def used(client: httpx.AsyncClient, token: str, password: str = OTHER) -> httpx.Response:
    """Set another password with a link."""
    return await client.put("/password-resets", json={"token": token, "password": password})


@pytest.fixture
async def stranger(platform: Platform, ada: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """Give somebody who has no session; there is an account of Ada's."""
    async with platform.client() as client:
        yield client


async def test_a_password_is_set_anew_by_mail(
    platform: Platform, ada: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    """The link is random, goes to the account's own address and works once; all sessions end, and Ada is told."""
    assert (await asked(stranger, " ADA@Example.org ")).status_code == 202
    [mail] = await mailed(platform)
    assert (mail.recipient, mail.subject, mail.written_at) == (EMAIL, "Set a new password for testserver", NOON)
    for said in ("http://testserver\n", "within 60 minutes", "If it was not you"):
        assert said in mail.text
    token = token_in(mail)
    assert len(token) == 43
    assert token.encode() not in b"".join(platform.passwords.resets), "what is kept makes the link"
    assert (await used(stranger, token)).status_code == 204
    assert (await ada.get("/me")).status_code == 401
    assert (await used(stranger, token, "yet another horse")).status_code == 410
    logins = [
        await stranger.post("/session", json={"email": EMAIL, "password": each})
        for each in (OTHER, "correct horse battery")
    ]
    assert [login.status_code for login in logins] == [200, 401]
    assert [each.subject for each in await mailed(platform)][1:] == ["Your password for testserver was replaced"]


async def test_nobody_learns_who_has_an_account(platform: Platform, stranger: httpx.AsyncClient) -> None:
    """The same answer, headers and all, after the same questions to the database; and the same limit."""
    looked_up: list[str] = []
    found = platform.customers.credentials

    def counted(email: str) -> object:
        looked_up.append(email)
        return found(email)

    platform.customers.credentials = counted  # type: ignore[method-assign,assignment]
    answers = {
        email: [await asked(stranger, email) for _ in range(RESETS_OF_PERSON + 1)]
        for email in (EMAIL, "eve@example.org")
    }
    known, unknown = (
        [(a.status_code, a.content, {**a.headers, "x-request-id": ""}) for a in each] for each in answers.values()
    )
    for one, other in zip(known[:-1], unknown[:-1], strict=True):
        assert one == other
    assert [each[0] for each in known] == [each[0] for each in unknown] == [202] * RESETS_OF_PERSON + [429]
    assert looked_up == [EMAIL] * RESETS_OF_PERSON + ["eve@example.org"] * RESETS_OF_PERSON
    assert {mail.recipient for mail in await mailed(platform)} == {EMAIL}


async def test_an_answer_waits_for_no_mail_server(platform: Platform, stranger: httpx.AsyncClient) -> None:
    """What becomes of the mail is nobody's to see: one that cannot be sent is answered like any other."""
    assert isinstance(platform.mailer, FakeMailer)
    platform.mailer.refusing = [MailRefusedError("it answered 550")]
    assert (await asked(stranger)).status_code == 202
    assert await mailed(platform) == []
    assert (await asked(stranger)).status_code == 202
    assert len(await mailed(platform)) == 1


async def test_nobodys_mail_is_flooded(platform: Platform, stranger: httpx.AsyncClient) -> None:
    """So many links are good at a time; more are asked for in vain, which the answer does not tell."""
    for _ in range(2):
        for _ in range(RESETS_OF_PERSON):
            assert (await asked(stranger)).status_code == 202
        platform.clock.advance(minutes=6)
    assert len(await mailed(platform)) == MOST_RESETS
    platform.clock.advance(minutes=60)
    await asked(stranger)
    assert len(await mailed(platform)) == MOST_RESETS + 1


async def test_a_link_that_nobody_got_is_not_counted(platform: Platform, stranger: httpx.AsyncClient) -> None:
    """After a mail server was away for a while, its customers need not wait for an hour."""
    assert isinstance(platform.mailer, FakeMailer)
    platform.mailer.refusing = [MailRefusedError("it answered 550")] * MOST_RESETS
    for _ in range(MOST_RESETS):
        assert (await asked(stranger)).status_code == 202
    assert await mailed(platform) == []
    assert platform.passwords.resets == {}
    platform.clock.advance(minutes=6)
    assert (await used(stranger, await token_for(platform, stranger))).status_code == 204


async def test_nobody_asks_for_everybody(stranger: httpx.AsyncClient) -> None:
    """One address may ask for so many people's."""
    statuses = [(await asked(stranger, f"{n}@example.org")).status_code for n in range(RESETS_FROM_ADDRESS + 1)]
    assert statuses == [202] * RESETS_FROM_ADDRESS + [429]


async def test_a_link_is_over_after_an_hour(platform: Platform, stranger: httpx.AsyncClient) -> None:
    """And is as good until then."""
    token = await token_for(platform, stranger)
    platform.clock.advance(minutes=59)
    assert (await used(stranger, token, "short")).status_code == 422
    platform.clock.advance(minutes=2)
    assert (await used(stranger, token)).status_code == 410


@pytest.mark.parametrize("weak", [EMAIL, "password123", "aaaaaaaaaaaa"])
async def test_a_weak_password_costs_no_link(platform: Platform, stranger: httpx.AsyncClient, weak: str) -> None:
    """It is refused as at signing up, and the link goes on to work."""
    token = await token_for(platform, stranger)
    assert (await used(stranger, token, weak)).json()["type"].rpartition(":")[2] == "weak_password"
    assert (await used(stranger, token)).status_code == 204


async def test_a_link_is_overtaken_by_a_change(
    platform: Platform, ada: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    """Whoever knows the password has set another one meanwhile."""
    token = await token_for(platform, stranger)
    body = {"old_password": "correct horse battery", "password": OTHER}
    assert (await ada.put("/me/password", json=body)).status_code == 204
    assert (await used(stranger, token)).status_code == 410


async def test_guesses_at_links_are_counted(stranger: httpx.AsyncClient) -> None:
    """410 for each that never was, then 429; what could be none is 422."""
    assert (await used(stranger, "not a token")).status_code == 422
    statuses = [(await used(stranger, f"guess{n}")).status_code for n in range(WRONG_LINKS + 1)]
    assert statuses == [410] * WRONG_LINKS + [429]


async def test_who_has_guessed_in_vain_logs_in_after_it(platform: Platform, stranger: httpx.AsyncClient) -> None:
    """Failed log-ins from there count no more: it was the person."""
    wrong = {"email": EMAIL, "password": "wrong wrong wrong"}
    while (await stranger.post("/session", json=wrong)).status_code == 401:
        pass
    assert (await used(stranger, await token_for(platform, stranger))).status_code == 204
    assert (await stranger.post("/session", json={"email": EMAIL, "password": OTHER})).status_code == 200


async def test_the_link_names_the_site_that_the_operator_names(platform: Platform, stranger: httpx.AsyncClient) -> None:
    """Whatever a request claims to have been sent to."""
    answer = await stranger.post(
        "/password-resets", json={"email": EMAIL}, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    )
    assert answer.status_code == 202
    [mail] = await mailed(platform)
    assert "evil.example" not in mail.text + mail.subject
    assert token_in(mail)


async def test_nothing_in_a_mail_is_anybodys_to_choose(platform: Platform) -> None:
    """Who signs up with another one's address and a name that lures has no text of theirs delivered to them."""
    async with platform.client() as eve:
        body = {"email": EMAIL, "password": OTHER, "display_name": "Win at evil.example"}
        assert (await eve.post("/customers", json=body)).status_code == 201
        await asked(eve)
    [mail] = await mailed(platform)
    assert "evil.example" not in mail.text + mail.subject


async def test_other_sites_cannot_have_a_browser_ask(platform: Platform, stranger: httpx.AsyncClient) -> None:
    """Nor use a link."""
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    for method in ("POST", "PUT"):
        assert (await stranger.request(method, "/password-resets", json={}, headers=foreign)).status_code in {403, 422}
    answer = await stranger.post("/password-resets", json={"email": EMAIL}, headers=foreign)
    assert answer.status_code == 403
    assert await mailed(platform) == []


async def test_a_closed_account_has_no_link(
    platform: Platform, ada: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    """The one of before is over, and there is no other."""
    token = await token_for(platform, stranger)
    await ada.request("DELETE", "/me", json={"password": "correct horse battery"})
    assert (await used(stranger, token)).status_code == 410
    assert (await asked(stranger)).status_code == 202
    assert len(await mailed(platform)) == 1


async def test_a_database_that_is_away_promises_nothing(platform: Platform, stranger: httpx.AsyncClient) -> None:
    """503, whoever it is about."""
    platform.customers.away = True
    assert [(await asked(stranger, each)).status_code for each in (EMAIL, "eve@example.org")] == [503, 503]


async def test_without_mail_it_says_how_to_have_some(tmp_path: Path) -> None:
    """503 to whoever asks, and on the page; with mail the page has a form."""
    async with running(web_settings(tmp_path)) as platform, platform.client() as client:
        await sign_up(client)
        page = (await client.get("http://testserver/password")).text
        assert '<form id="ask-form" >' in page
        platform.app.state.services.posting._mailer = None
        answer = await asked(client)
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (503, "no_mail")
        assert "PHOTO_MAIL_HOST" in answer.json()["detail"]
        page = (await client.get("http://testserver/password")).text
        assert '<form id="ask-form" hidden>' in page


class TestPosting:
    """Mail that is sent behind an answer."""

    MAIL = Mail(EMAIL, "subject", "text", NOON)

    async def test_a_server_that_is_away_is_tried_again(self) -> None:
        """Longer after each time; what it takes in the end was not lost."""
        pauses: list[float] = []
        mailer = FakeMailer()
        mailer.refusing = [ServerUnavailableError("SMTP", "gone fishing") for _ in PAUSES]
        posting = Posting(mailer, recorder(pauses), CollectorRegistry())
        posting.post(self.written)
        await posting.close()
        assert (mailer.sent, pauses) == ([self.MAIL], list(PAUSES))

    async def test_what_nobody_takes_is_given_up(self, caplog: pytest.LogCaptureFixture) -> None:
        """After the last try, or at once where the server never will; the log has no address."""
        for errors in (
            [ServerUnavailableError("SMTP", "away")] * (len(PAUSES) + 1),
            [MailRefusedError("it answered 550")],
        ):
            mailer, registry = FakeMailer(), CollectorRegistry()
            mailer.refusing = list(errors)
            posting = Posting(mailer, recorder([]), registry)
            with caplog.at_level(logging.WARNING):
                posting.post(self.written)
                await posting.close()
            assert mailer.sent == []
            assert mailer.refusing == []
            assert registry.get_sample_value("mails_total", {"outcome": "given_up"}) == 1
        assert "given up" in caplog.text
        assert EMAIL not in caplog.text

    async def test_so_many_wait_at_a_time(self) -> None:
        """One more is promised to nobody, as nobody knows whether it would be sent."""
        posting = Posting(FakeMailer(), recorder([]), CollectorRegistry())
        for _ in range(MOST_WAITING):
            posting.require()
            posting.post(self.written)
        with pytest.raises(Exception, match="mail_is_late"):
            posting.require()
        await posting.close()
        posting.require()

    async def test_what_nobody_asked_for_is_bounded_too(self) -> None:
        """Passwords that are replaced while the server is away fill no memory: what is too much is given up."""
        mailer, registry = FakeMailer(), CollectorRegistry()
        posting = Posting(mailer, recorder([]), registry)
        for _ in range(MOST_AT_ALL + 1):
            posting.post(self.written)
        await posting.close()
        assert len(mailer.sent) == MOST_AT_ALL
        assert registry.get_sample_value("mails_total", {"outcome": "given_up"}) == 1

    async def written(self) -> Mail:
        """Write it."""
        return self.MAIL


def recorder(pauses: list[float]):  # noqa: ANN201 - a coroutine function
    """A pause that takes no time."""

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    return pause
