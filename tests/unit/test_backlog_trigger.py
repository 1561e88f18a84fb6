"""The trigger that wakes ``photo_ingest``: when it speaks, and when it keeps quiet."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

import pytest

import photo_backlog_trigger
from photo_backlog_trigger import PhotoBacklogTrigger

Backlog = Mapping[str, int | tuple[int, int]]


class Looks:
    """What the trigger would see, one look a second; after the last one it is cancelled."""

    def __init__(self, looks: list[Backlog | Exception]) -> None:
        self._remaining = iter(looks)
        self.second = -1

    def __call__(self) -> Backlog:
        """Look once."""
        self.second += 1
        found = next(self._remaining, asyncio.CancelledError())
        if isinstance(found, BaseException):
            raise found
        return found


async def in_this_thread(call: Callable[..., object], *arguments: object) -> object:
    """Stands in for ``asyncio.to_thread``."""
    return call(*arguments)


async def no_sleep(_seconds: float) -> None:
    """Stands in for ``asyncio.sleep``."""


async def seconds_of_events(trigger: PhotoBacklogTrigger, looks: Looks) -> list[int]:
    """Run the trigger until it is cancelled."""
    woken: list[int] = []
    with suppress(asyncio.CancelledError):
        async for _ in trigger.run():
            woken.append(looks.second)  # noqa: PERF401 - what came before the cancellation counts
    return woken


def events_of(monkeypatch: pytest.MonkeyPatch, looks: list[Backlog | Exception], **seconds: float) -> list[int]:
    """The seconds at which the trigger wakes the DAG."""
    looking = Looks(looks)
    monkeypatch.setattr(photo_backlog_trigger, "_backlog_looker", lambda _topics: looking)
    monkeypatch.setattr(photo_backlog_trigger.asyncio, "to_thread", in_this_thread)
    monkeypatch.setattr(photo_backlog_trigger.asyncio, "sleep", no_sleep)
    monkeypatch.setattr(photo_backlog_trigger.time, "monotonic", lambda: float(looking.second))
    return asyncio.run(seconds_of_events(PhotoBacklogTrigger(["photos.uploaded"], **seconds), looking))


def test_first_photo_wakes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a pause the DAG is woken by the very look that finds something."""
    assert events_of(monkeypatch, [{}, {}, {"a": 1}]) == [2]


def test_steady_stream_becomes_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """New records every second wake the DAG once in ``quiet_seconds``."""
    looks: list[Backlog | Exception] = [{"a": number} for number in range(1, 13)]
    assert events_of(monkeypatch, looks, quiet_seconds=5) == [0, 5, 10]


def test_same_backlog_is_announced_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog that nobody takes up is no reason for a run every few seconds, and is not forgotten either."""
    looks: list[Backlog | Exception] = [{"a": 1}] * 12
    assert events_of(monkeypatch, looks, quiet_seconds=2, repeat_seconds=10) == [0, 10]


def test_next_photo_is_no_old_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    """A photo that arrives as the one before it is done wakes the DAG, though as many wait as before."""
    looks: list[Backlog | Exception] = [{"a": 1}] * 6 + [{"a": 2}]
    assert events_of(monkeypatch, looks, quiet_seconds=5, repeat_seconds=30) == [0, 6]


def test_what_a_slice_has_left_over_is_no_old_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog that is worked off in several slices wakes the DAG for each, though no new photo comes."""
    looks: list[Backlog | Exception] = [{"a": (9, 9)}, *[{}] * 5, {"a": (6, 9)}, *[{}] * 5, {"a": (3, 9)}]
    assert events_of(monkeypatch, looks, quiet_seconds=5, repeat_seconds=30) == [0, 6, 12]


def test_servers_away_are_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error while looking does not end the watcher."""
    assert events_of(monkeypatch, [OSError("away"), {"a": 1}]) == [1]


def test_it_can_be_made_again() -> None:
    """The triggerer makes the same trigger from what it was serialized to."""
    trigger = PhotoBacklogTrigger(["photos.uploaded"], 2.0, 3.0, 4.0)
    path, arguments = trigger.serialize()
    assert path == "photo_backlog_trigger.PhotoBacklogTrigger"
    assert PhotoBacklogTrigger(**arguments).serialize() == (path, arguments)
