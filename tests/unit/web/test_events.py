"""Outcomes as they happen: who hears what, how many may listen, and when a connection ends."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import anyio
import httpx
import pytest
from tests.support.web import NOON, Platform, sign_up

from photo_pipeline.api import outcome_hub
from photo_pipeline.domain.gallery import CustomerOutcome, ReceiptState, ReceiptStatus
from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.domain.photo import RecordCoordinates

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome_hub, "POLL_SECONDS", 0.01)


def outcome(customer_id: UUID, offset: int, reason: str | None = None) -> CustomerOutcome:
    """What became of a record."""
    status = ReceiptStatus(ReceiptState.REJECTED if reason else ReceiptState.PROCESSED, reason, NOON)
    return CustomerOutcome(customer_id, RecordCoordinates("photos.uploaded", 0, offset), uuid4(), "a.jpg", status)


class Connection:
    """A page that listens; what it heard is there once the connection has ended."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.answer: httpx.Response | None = None

    async def listen(self, client: httpx.AsyncClient, **headers: str) -> None:
        """Stay until the server ends it."""
        self.answer = await client.get("/events", headers=headers)

    async def heard_of(self, asked: int) -> None:
        """Wait until the database has been asked so often."""
        while len(self.platform.outcomes.asked_for) < asked:  # noqa: ASYNC110 - it is asked in another thread
            await anyio.sleep(0.01)

    @property
    def events(self) -> list[tuple[str, object]]:
        """Names and data."""
        assert self.answer is not None
        blocks = [block.split("\n") for block in self.answer.text.split("\n\n") if block]
        fields = [dict(line.split(": ", 1) for line in block) for block in blocks]
        return [(found["event"], json.loads(found["data"])) for found in fields if "event" in found]

    @property
    def offsets(self) -> list[int]:
        """Of the outcomes told."""
        told = [data for name, data in self.events if name == "outcomes"]
        return [found["offset"] for data in told for found in data["outcomes"]]  # type: ignore[index] # as described


@asynccontextmanager
async def listening(platform: Platform, client: httpx.AsyncClient, **headers: str) -> AsyncIterator[Connection]:
    """A page that is greeted; at the end its session ends, and with it the connection."""
    connection = Connection(platform)
    asked, began = len(platform.outcomes.asked_for), platform.clock.now()
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: connection.listen(client, **headers))
            await connection.heard_of(asked + 1)
            yield connection
            if platform.clock.now() == began:  # or else another one's end was this one's, too
                await connection.heard_of(len(platform.outcomes.asked_for) + 2)
            platform.clock.advance(hours=2)
            platform.app.state.services.hub.wake()


async def test_a_page_hears_of_its_customers_photos_alone(platform: Platform) -> None:
    """First that nothing is missed from now on, then each outcome once, with a reason that a person understands."""
    async with platform.client() as ada:
        me = await sign_up(ada)
        async with listening(platform, ada) as page:
            platform.outcomes.committed += [outcome(me, 1), outcome(uuid4(), 2), outcome(me, 3, "truncated")]
    assert page.answer is not None
    assert page.answer.headers["Content-Type"].startswith("text/event-stream")
    assert page.answer.headers["Cache-Control"] == "no-store"
    assert page.events[0] == ("hello", {})
    assert page.offsets == [1, 3]
    assert RejectReason.TRUNCATED.sentence in page.answer.text


async def test_what_was_missed_comes_first(platform: Platform) -> None:
    """With Last-Event-ID, as a browser sends it by itself; an id that is none of ours changes nothing."""
    async with platform.client() as ada:
        me = await sign_up(ada)
        platform.outcomes.committed += [outcome(me, 7), outcome(uuid4(), 8)]
        async with listening(platform, ada, **{"Last-Event-ID": NOON.isoformat()}) as page:
            pass
    assert page.offsets == [7]


@pytest.mark.parametrize("made_up", ["", "x", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-05-04"])
async def test_made_up_event_ids_do_no_harm(platform: Platform, made_up: str) -> None:
    """They lead to an answer like any other."""
    async with platform.client() as ada:
        await sign_up(ada)
        async with listening(platform, ada, **{"Last-Event-ID": made_up}) as page:
            pass
    assert page.answer is not None
    assert page.answer.status_code == 200


async def test_one_question_serves_all_who_listen(platform: Platform) -> None:
    """The database is asked for everybody together."""
    async with platform.client() as ada, platform.client() as grace:
        both = {await sign_up(ada), await sign_up(grace, "grace@example.org")}
        async with listening(platform, ada), listening(platform, grace) as page:
            await page.heard_of(len(platform.outcomes.asked_for) + 2)
            assert platform.outcomes.asked_for[-1] == both


async def test_nobody_asks_when_nobody_listens(platform: Platform) -> None:
    """After the last page has gone the database is left alone."""
    async with platform.client() as ada:
        await sign_up(ada)
        async with listening(platform, ada):
            pass
        await anyio.sleep(0.05)
        asked = len(platform.outcomes.asked_for)
        await anyio.sleep(0.1)
        assert len(platform.outcomes.asked_for) == asked


async def test_a_customer_may_listen_so_often(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is told when to come back; a place that was left is free again."""
    monkeypatch.setattr(outcome_hub, "PER_CUSTOMER", 1)
    async with platform.client() as ada, platform.client() as grace:
        await sign_up(ada)
        await sign_up(grace, "grace@example.org")
        async with listening(platform, ada):
            refused = await ada.get("/events")
            monkeypatch.setattr(outcome_hub, "IN_ALL", 1)
            full = await grace.get("/events")
    assert (refused.status_code, "Retry-After" in refused.headers) == (429, True)
    assert (full.status_code, "Retry-After" in full.headers) == (503, True)
    assert platform.app.state.services.hub.join(uuid4())


async def test_a_connection_ends_with_the_log_out(platform: Platform) -> None:
    """At once, not when the token would have ended."""
    async with platform.client() as ada:
        await sign_up(ada)
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                page = Connection(platform)
                tasks.start_soon(page.listen, ada)
                await page.heard_of(1)
                await ada.delete("/session")
    assert page.answer is not None


async def test_the_application_does_not_wait_for_pages(platform: Platform) -> None:
    """When it is asked to stop, connections end."""
    async with platform.client() as ada:
        await sign_up(ada)
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                page = Connection(platform)
                tasks.start_soon(page.listen, ada)
                await page.heard_of(1)
                platform.app.state.services.hub.close()
    assert page.answer is not None


async def test_who_lags_behind_is_told_to_look(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: instead of more outcomes than a page takes, it is told that there were some."""
    monkeypatch.setattr(outcome_hub, "MOST_WAITING", 2)
    async with platform.client() as ada:
        me = await sign_up(ada)
        async with listening(platform, ada) as page:
            platform.outcomes.committed += [outcome(me, number) for number in range(3)]
    assert page.offsets == []
    assert ("refresh", {}) in page.events


async def test_without_a_session_nobody_listens(platform: Platform) -> None:
    """401, before anything is asked."""
    async with platform.client() as stranger:
        assert (await stranger.get("/events")).status_code == 401
    assert platform.outcomes.asked_for == []
