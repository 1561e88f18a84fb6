"""Slows down whoever guesses passwords. In memory: each instance counts for itself, and a restart forgets."""

import math
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.ports.clock import Clock
from photo_pipeline.web.bounded_memory import BoundedMemory
from photo_pipeline.web.problems import too_many

WINDOW: Final = timedelta(minutes=5)
MAX_KEYS: Final = 50_000
HOME_BITS: Final = 64
"""What one household, or one server, is given of IPv6's addresses (RFC 6177): any of them is nobody else."""
FREE_FAILURES: Final = 20
"""So many failed log-ins of one person, from wherever, slow nobody down."""
LONGEST_PAUSE: Final = 8.0
PAUSING: Final = 4
"""So many log-ins of one person may be made to wait at a time: one each two seconds, then."""


class ThrottledError(PhotoPipelineError):
    """Too many failures of late.

    Attributes:
        retry_seconds: when to try again.
    """

    def __init__(self, retry_seconds: int) -> None:
        self.retry_seconds = retry_seconds
        super().__init__(f"too many failures; try again in {retry_seconds} s")


class Throttle:
    """Allows a number of failures per key within a window that slides.

    Args:
        allowed: failures within the window before the key is refused.
        clock: where the time comes from.
    """

    def __init__(self, allowed: int, clock: Clock) -> None:
        self._allowed = allowed
        self._clock = clock
        self._failures: OrderedDict[str, list[datetime]] = OrderedDict()

    def failures(self, key: str) -> int:
        """How often this key has failed within the window, as far as it is counted."""
        return len(self._recent(key))

    def check(self, key: str) -> None:
        """Let an attempt pass.

        Raises:
            ThrottledError: when this key has failed too often.
        """
        recent = self._recent(key)
        if len(recent) >= self._allowed:
            free_at = recent[-self._allowed] + WINDOW
            raise ThrottledError(max(1, math.ceil((free_at - self._clock.now()).total_seconds())))

    def failed(self, key: str) -> None:
        """Count a failure. Counted before the password is checked, so that attempts at once cannot all pass."""
        self._failures[key] = [*self._recent(key), self._clock.now()][-self._allowed :]
        self._failures.move_to_end(key)
        while len(self._failures) > MAX_KEYS:
            self._failures.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """Forget a key's failures."""
        self._failures.pop(key, None)

    def forgive(self, key: str) -> None:
        """Take back the latest count: that attempt was no failure."""
        if recent := self._recent(key):
            self._failures[key] = recent[:-1]

    def _recent(self, key: str) -> list[datetime]:
        horizon = self._clock.now() - WINDOW
        return [moment for moment in self._failures.get(key, ()) if moment > horizon]


def count_or_refuse(detail: str, *attempts: tuple[Throttle, str]) -> None:
    """Count an attempt at something of which nobody needs many, by each of its keys; or by none, where it is refused.

    Raises:
        ProblemError: 429 with ``detail`` after too many by any of them.
    """
    try:
        for throttle, key in attempts:
            throttle.check(key)
    except ThrottledError as error:
        raise too_many("too_many_attempts", detail, error.retry_seconds) from None
    for throttle, key in attempts:
        throttle.failed(key)


class Pace:
    """Slows down guesses at one person that come from many addresses, and locks nobody out.

    Whoever comes from where the person has logged in before does not wait. Others wait, longer after each failure, and
    a few at a time: so guesses come one every two seconds, while the person's own attempt takes seconds at most.

    Args:
        clock: where the time comes from.
        pause: waits for so many seconds.
    """

    def __init__(self, clock: Clock, pause: Callable[[float], Awaitable[None]]) -> None:
        self._failures = Throttle(FREE_FAILURES + int(LONGEST_PAUSE), clock)
        self._pause = pause
        self._waiting: Counter[str] = Counter()
        self._known = BoundedMemory[tuple[str, str], bool](MAX_KEYS)

    @asynccontextmanager
    async def attempt(self, person: str, network: str) -> AsyncIterator[None]:
        """Wait for the attempt's turn; inside the block it is made.

        Raises:
            ThrottledError: when as many attempts at this person are waiting as may.
        """
        late = 0 if (person, network) in self._known else self._failures.failures(person) - FREE_FAILURES
        self._failures.failed(person)
        if late > 0:
            await self._wait(person, min(LONGEST_PAUSE, late))
        yield

    def succeeded(self, person: str, network: str) -> None:
        """It was the person. Their attempt was no failure, and the next one from there does not wait."""
        self._failures.forgive(person)
        self._known.put((person, network), True)  # noqa: FBT003 - a value like any other

    async def _wait(self, person: str, seconds: float) -> None:
        if self._waiting[person] >= PAUSING:
            raise ThrottledError(math.ceil(seconds))
        self._waiting[person] += 1
        try:
            await self._pause(seconds)
        finally:
            self._waiting[person] -= 1
            self._waiting += Counter()  # drops who waits no longer


def network_of(address: str) -> str:
    """What counts as one sender: an IPv4 address, or all of an IPv6 network that one household is given."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((found, HOME_BITS), strict=False))
