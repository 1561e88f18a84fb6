"""One person has one address, however it is typed, and one household is one sender; guesses are slowed everywhere."""

import asyncio
from collections.abc import Awaitable, Callable
from unicodedata import normalize

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.web import FakeClock, Platform

from photo_pipeline.api.emails import canonical_email, email_given
from photo_pipeline.api.services import FAILED_LOGINS_PER_PERSON
from photo_pipeline.api.throttle import FREE_FAILURES, LONGEST_PAUSE, PAUSING, Pace, ThrottledError, network_of

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"
SPELLINGS = (
    "Ada.L\u00f6ve@B\u00fccher.example",
    "ada.lo\u0308ve@b\u00fccher.example",
    " ADA.L\u00d6VE@B\u00dcCHER.EXAMPLE ",
    "Ada L\u00f6ve <ada.l\u00f6ve@b\u00fccher.example>",
    "ada.l\u00f6ve@xn--bcher-kva.example",
)


@pytest.mark.parametrize("typed", SPELLINGS)
async def test_every_spelling_logs_in(platform: Platform, typed: str) -> None:
    """Signed up in any way, logged in in any other."""
    async with platform.client() as client:
        await signed_up(client, typed)
        for other in SPELLINGS:
            answer = await client.post("/session", json={"email": other, "password": PASSWORD})
            assert answer.status_code == 200, other
        again = {"email": SPELLINGS[0], "password": PASSWORD, "display_name": "Ada"}
        assert (await client.post("/customers", json=again)).status_code == 409


@pytest.mark.parametrize("email", ["ada@example.org", "\u0130da@example.org", SPELLINGS[0]])
async def test_spellings_are_no_more_tries(platform: Platform, email: str) -> None:
    """The throttle counts the person, whatever PostgreSQL or Python make of a letter, a space or a name."""
    spellings = [email, f" {email}", email.upper(), f"A <{email}>", f"B <{email}>", normalize("NFD", email)]
    async with platform.client() as client:
        tries = 0
        while (await client.post("/session", json=wrong(spellings[tries % len(spellings)]))).status_code == 401:
            tries += 1
        assert tries == FAILED_LOGINS_PER_PERSON


async def test_what_is_no_address_is_nobodys_and_counts(platform: Platform) -> None:
    """401 like any other, and 429 in the end."""
    async with platform.client() as client:
        statuses = [(await client.post("/session", json=wrong(text))).status_code for text in ["no", " NO "] * 6]
        assert statuses == [401] * FAILED_LOGINS_PER_PERSON + [429] * 2


@given(st.emails() | st.text(max_size=20).map(lambda text: f"{text}@example.org"))
def test_the_canonical_form_is_its_own(typed: str) -> None:
    """What is kept is what is looked for."""
    try:
        kept = canonical_email(typed)
    except ValueError:
        return
    assert canonical_email(kept) == kept == email_given(typed)
    assert kept == kept.lower()


async def test_a_household_is_one_sender(platform: Platform) -> None:
    """Of IPv6's addresses all of a /64; an IPv4 address in the form of IPv6 is the same as in its own."""
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert network_of("::ffff:192.0.2.7") == network_of("192.0.2.7") == "192.0.2.7"
    assert network_of("fe80::1%eth0") == network_of("fe80::2")
    assert network_of("testclient") == "testclient"
    statuses = []
    for host in range(FAILED_LOGINS_PER_PERSON + 1):
        transport = httpx.ASGITransport(platform.app, client=(f"2001:db8::{host:x}", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver/api/v1") as client:
            statuses.append((await client.post("/session", json=wrong("ada@example.org"))).status_code)
    assert statuses == [401] * FAILED_LOGINS_PER_PERSON + [429]


class TestPace:
    """Guesses at one person from many addresses."""

    async def test_they_are_slowed_more_and_more_and_never_locked_out(self) -> None:
        """The first ones not at all; then longer each time, and never longer than some seconds."""
        pauses: list[float] = []
        pace = Pace(FakeClock(), recorder(pauses))
        for host in range(FREE_FAILURES + 20):
            async with pace.attempt("ada", f"192.0.2.{host}"):
                pass
        assert pauses == [min(LONGEST_PAUSE, each + 1.0) for each in range(19)]

    async def test_they_do_not_slow_the_person_where_they_were_before(self) -> None:
        """Who has logged in from there needs not wait, however many guess elsewhere."""
        pauses: list[float] = []
        pace = Pace(FakeClock(), recorder(pauses))
        async with pace.attempt("ada", "home"):
            pace.succeeded("ada", "home")
        for host in range(FREE_FAILURES):
            async with pace.attempt("ada", f"192.0.2.{host}"):
                pass
        for network, waited in (("home", 0), ("elsewhere", 1)):
            async with pace.attempt("ada", network):
                assert len(pauses) == waited

    async def test_they_wait_a_few_at_a_time(self) -> None:
        """One more is told when to come back; others' attempts go on."""
        go_on = asyncio.Event()

        async def pause(_seconds: float) -> None:
            await go_on.wait()

        pace = Pace(FakeClock(), pause)
        for _ in range(FREE_FAILURES + 1):
            await attempted(pace)
        waiting = [asyncio.create_task(attempted(pace)) for _ in range(PAUSING)]
        await asyncio.sleep(0)
        with pytest.raises(ThrottledError):
            await attempted(pace)
        async with pace.attempt("grace", "192.0.2.1"):
            pass
        go_on.set()
        await asyncio.gather(*waiting)
        await attempted(pace)

    async def test_they_are_forgotten_after_the_window(self) -> None:
        """Nobody waits for what was long ago."""
        pauses: list[float] = []
        clock = FakeClock()
        pace = Pace(clock, recorder(pauses))
        for _ in range(FREE_FAILURES + 1):
            await attempted(pace)
        clock.advance(minutes=6)
        await attempted(pace)
        assert pauses == []


async def attempted(pace: Pace) -> None:
    """One attempt at Ada from somewhere."""
    async with pace.attempt("ada", "192.0.2.1"):
        pass


def recorder(pauses: list[float]) -> Callable[[float], Awaitable[None]]:
    """A pause that takes no time."""

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    return pause


def wrong(email: str) -> dict[str, str]:
    """A guess."""
    return {"email": email, "password": "wrong wrong wrong"}


async def signed_up(client: httpx.AsyncClient, email: str) -> None:
    """Sign up."""
    created = await client.post("/customers", json={"email": email, "password": PASSWORD, "display_name": "Ada"})
    assert created.status_code == 201, created.text
