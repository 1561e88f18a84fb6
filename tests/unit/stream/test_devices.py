"""Revoked devices are found soon, without asking for every frame and without needing the database."""

import asyncio
import threading
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from tests.support.serving import eventually

from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.stream import devices
from photo_pipeline.stream.devices import RETRY_SECONDS, DeviceRegister
from photo_pipeline.web.tokens import DeviceIdentity

pytestmark = pytest.mark.anyio

FRESH_SECONDS = 30.0
ASK_SECONDS = 0.2
PATIENCE = 5.0


class Database:
    """Answers from a set of revoked devices; ``away`` raises, ``stuck`` holds whoever asks."""

    def __init__(self) -> None:
        self.revoked: set[UUID] = set()
        self.asked = 0
        self.away = False
        self.stuck = threading.Event()
        self.stuck.set()

    def see_device(self, customer_id: UUID, device_id: UUID) -> bool:
        """See ``DeviceDirectory``."""
        del customer_id
        self.asked += 1
        self.stuck.wait(PATIENCE)
        if self.away:
            raise ServerUnavailableError("PostgreSQL", "gone fishing")
        return device_id not in self.revoked


class Stopwatch:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        """The seconds so far."""
        return self.seconds


@pytest.fixture
def database() -> Database:
    """Give a database that answers."""
    return Database()


@pytest.fixture
def stopwatch() -> Stopwatch:
    """Give a clock that stands."""
    return Stopwatch()


@pytest.fixture
async def register(database: Database, stopwatch: Stopwatch) -> AsyncIterator[DeviceRegister]:
    """Give a register that knows no device yet."""
    register = DeviceRegister(database, stopwatch, FRESH_SECONDS, ASK_SECONDS)
    yield register
    database.stuck.set()
    await register.close()


def device() -> DeviceIdentity:
    """A device that nobody has seen."""
    return DeviceIdentity(uuid4(), uuid4())


async def test_an_unknown_device_is_asked_about_once(register: DeviceRegister, database: Database) -> None:
    """However many frames come at once, and after."""
    camera = device()
    answers = await asyncio.gather(*(register.is_active(camera) for _ in range(50)))
    assert all(answers)
    assert await register.is_active(camera)
    assert database.asked == 1


async def test_a_revoked_device_is_refused_at_once(register: DeviceRegister, database: Database) -> None:
    """A device that the register does not know waits for the database's answer."""
    camera = device()
    database.revoked.add(camera.device_id)
    assert not await register.is_active(camera)


async def test_a_revocation_is_seen_when_the_answer_has_aged(
    register: DeviceRegister, database: Database, stopwatch: Stopwatch
) -> None:
    """Until then the known answer holds; then it is renewed behind the frames."""
    camera = device()
    assert await register.is_active(camera)
    database.revoked.add(camera.device_id)
    stopwatch.seconds += FRESH_SECONDS - 1
    assert await register.is_active(camera)
    assert database.asked == 1
    stopwatch.seconds += 2

    async def is_refused() -> bool:
        return not await register.is_active(camera)

    await eventually(is_refused)


async def test_what_was_known_holds_while_the_database_is_away(
    register: DeviceRegister, database: Database, stopwatch: Stopwatch
) -> None:
    """Active stays active, revoked stays revoked, and the database is asked no more than every few seconds."""
    good, bad = device(), device()
    database.revoked.add(bad.device_id)
    assert await register.is_active(good)
    assert not await register.is_active(bad)
    database.away = True
    stopwatch.seconds += FRESH_SECONDS
    for _ in range(20):
        assert await register.is_active(good)
        assert not await register.is_active(bad)
        await asyncio.sleep(0.01)
    assert database.asked <= 4
    database.away = False
    stopwatch.seconds += RETRY_SECONDS
    asked = database.asked
    await register.is_active(good)

    async def asked_again() -> bool:
        return database.asked > asked

    await eventually(asked_again)


async def test_an_unknown_device_is_let_in_while_the_database_is_away(
    register: DeviceRegister, database: Database, stopwatch: Stopwatch
) -> None:
    """Its token is signed; once the database is back, the device is looked up."""
    camera = device()
    database.revoked.add(camera.device_id)
    database.away = True
    assert await register.is_active(camera)
    assert await register.is_active(camera)
    assert database.asked == 1
    database.away = False
    stopwatch.seconds += RETRY_SECONDS
    assert not await register.is_active(camera)


async def test_a_database_that_hangs_holds_nobody(register: DeviceRegister, database: Database) -> None:
    """An unknown device waits shortly and is let in; others do not wait at all, nor ask."""
    database.stuck.clear()
    async with asyncio.timeout(PATIENCE):
        assert await register.is_active(device())
        assert await register.is_active(device())
    assert database.asked == 1


async def test_memory_is_bounded(register: DeviceRegister, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The devices seen longest ago are forgotten."""
    monkeypatch.setattr(devices, "MAX_ENTRIES", 2)
    first, second, third = device(), device(), device()
    for camera in (first, second, first, third):
        assert await register.is_active(camera)
    assert database.asked == 3
    assert await register.is_active(first)
    assert database.asked == 3
    assert await register.is_active(second)
    assert database.asked == 4


async def test_whoever_gives_up_as_the_answer_comes_has_given_up(register: DeviceRegister, database: Database) -> None:
    """A connection that ends at that very moment ends: it does not go on to ask for as long as the process lives."""
    phone = device()
    database.stuck.clear()

    async def end_the_other() -> None:
        await register.is_still_active(phone)
        other.cancel()  # its answer has come as well, but it has not gone on yet

    async def is_asked() -> bool:
        return database.asked == 1

    one = asyncio.create_task(end_the_other())
    other = asyncio.create_task(register.is_still_active(phone))
    await eventually(is_asked)
    database.stuck.set()
    await one
    with pytest.raises(asyncio.CancelledError):
        await other
