"""Sessions that were ended at other instances: heard of soon, and nobody waits for a database that is away."""

from datetime import timedelta
from uuid import uuid4

import pytest
from tests.support.web import NOON, FakeClock, FakeSessions

from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.web import ended_sessions
from photo_pipeline.web.ended_sessions import EndedSessions

pytestmark = pytest.mark.anyio

LATER = NOON + timedelta(hours=12)


class Ticks:
    """A monotonic clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.seconds


class Instances:
    """Two instances on one database."""

    def __init__(self) -> None:
        self.clock, self.ticks = FakeClock(), Ticks()
        self.directory = FakeSessions(self.clock)
        self.here = EndedSessions(self.directory, self.clock, self.ticks)
        self.there = EndedSessions(self.directory, self.clock, self.ticks)

    def advance(self, seconds: float) -> None:
        """Let time go by."""
        self.clock.advance(seconds=seconds)
        self.ticks.seconds += seconds


async def test_another_instance_hears_of_an_end_within_seconds() -> None:
    """Here at once, there once what it knows has aged."""
    both, session_id = Instances(), uuid4()
    assert not await both.there.has_ended(session_id)
    await both.here.end(session_id, LATER)
    assert await both.here.has_ended(session_id)
    both.advance(ended_sessions.FRESH_SECONDS)
    assert await both.there.has_ended(session_id)


async def test_the_database_is_asked_once_in_a_while() -> None:
    """However many requests there are, and only for what is new."""
    both = Instances()
    for _ in range(100):
        await both.here.has_ended(uuid4())
    assert both.directory.asked == 1


async def test_an_end_that_was_committed_late_is_heard_of() -> None:
    """A younger one that came first does not hide it."""
    both, early, late = Instances(), uuid4(), uuid4()
    both.advance(30)
    both.directory.end(late, LATER)
    assert await both.here.has_ended(late)
    both.clock.advance(seconds=-20)
    both.directory.end(early, LATER)
    both.advance(20)
    assert await both.here.has_ended(early)


async def test_a_database_that_is_away_keeps_nobody_out() -> None:
    """What was known goes on to hold; it is asked again after a while, not for every request."""
    both, ended = Instances(), uuid4()
    await both.here.end(ended, LATER)
    both.directory.away = True
    both.advance(60)
    assert await both.here.has_ended(ended)
    assert not await both.here.has_ended(uuid4())
    with pytest.raises(ServerUnavailableError):
        await both.here.end(uuid4(), LATER)
    both.directory.away = False
    asked = both.directory.asked
    await both.here.has_ended(ended)
    assert both.directory.asked == asked
    both.advance(ended_sessions.RETRY_SECONDS)
    await both.here.has_ended(ended)
    assert both.directory.asked == asked + 1


async def test_what_can_be_forgotten_is() -> None:
    """Memory does not grow for ever: a session whose tokens are all at their end needs no note."""
    both, session_id = Instances(), uuid4()
    await both.here.end(session_id, NOON + timedelta(seconds=30))
    both.directory.noted.clear()
    both.advance(60)
    assert not await both.here.has_ended(session_id)
