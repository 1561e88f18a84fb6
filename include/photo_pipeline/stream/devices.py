"""Whether a device was revoked, known without asking the database for every frame, and while it is away."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from anyio import to_thread

from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.ports.customers import DeviceDirectory
from photo_pipeline.web.tokens import DeviceIdentity

MAX_ENTRIES = 50_000
RETRY_SECONDS = 5.0
"""After the database did not answer, it is not asked again for this long."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Answer:
    active: bool
    asked_at: float


class DeviceRegister:
    """Remembers what the database said about devices.

    A device that is known is answered at once; an answer that has aged is renewed behind it. One that is not known
    waits for the database, shortly. While the database is away, what was known last goes on to hold, and a device that
    was never seen is let in: its token is signed and in date, and taking photos must not need the database.

    A device that is asked about is here, sending or not: the database remembers that, and the page of devices tells it.

    Args:
        directory: the database.
        monotonic: seconds from a clock that never goes back.
        fresh_seconds: how long an answer holds.
        ask_seconds: how long an unknown device waits.
    """

    def __init__(
        self, directory: DeviceDirectory, monotonic: Callable[[], float], fresh_seconds: float, ask_seconds: float
    ) -> None:
        self._directory = directory
        self._monotonic = monotonic
        self._fresh_seconds = fresh_seconds
        self._ask_seconds = ask_seconds
        self._known: OrderedDict[DeviceIdentity, _Answer] = OrderedDict()
        self._asking: dict[DeviceIdentity, asyncio.Task[bool]] = {}
        self._away_until = float("-inf")

    async def is_active(self, device: DeviceIdentity) -> bool:
        """Whether photos of this device are to be taken."""
        known = self._known.get(device)
        if known is None:
            return await self._ask(device)
        self._known.move_to_end(device)
        if self._has_aged(known) and not self._seems_away():
            self._renewal(device)
        return known.active

    async def is_still_active(self, device: DeviceIdentity) -> bool:
        """The same, but where the answer has aged, a new one is waited for, shortly: for a connection that is idle."""
        known = self._known.get(device)
        return known.active if known is not None and not self._has_aged(known) else await self._ask(device)

    async def close(self) -> None:
        """Give up what is being asked."""
        for task in self._asking.values():
            task.cancel()
        await asyncio.gather(*self._asking.values(), return_exceptions=True)

    def _has_aged(self, answer: _Answer) -> bool:
        return self._monotonic() - answer.asked_at >= self._fresh_seconds

    def _seems_away(self) -> bool:
        return self._monotonic() < self._away_until

    def _last_known(self, device: DeviceIdentity) -> bool:
        known = self._known.get(device)
        return known is None or known.active

    async def _ask(self, device: DeviceIdentity) -> bool:
        if self._seems_away():
            return self._last_known(device)
        try:
            async with asyncio.timeout(self._ask_seconds):
                return await asyncio.shield(self._renewal(device))  # others may wait for the same answer
        except TimeoutError:
            self._is_away("no answer in time")
            return self._last_known(device)

    def _renewal(self, device: DeviceIdentity) -> asyncio.Task[bool]:
        task = self._asking.get(device)
        if task is None:
            task = asyncio.create_task(self._renew(device))
            self._asking[device] = task
            task.add_done_callback(lambda _: self._asking.pop(device))
        return task

    async def _renew(self, device: DeviceIdentity) -> bool:
        try:
            active = await to_thread.run_sync(
                self._directory.see_device, device.customer_id, device.device_id, abandon_on_cancel=True
            )
        except ServerUnavailableError as error:
            self._is_away(str(error))
            return self._last_known(device)
        self._known[device] = _Answer(active, self._monotonic())
        self._known.move_to_end(device)
        while len(self._known) > MAX_ENTRIES:
            self._known.popitem(last=False)
        return active

    def _is_away(self, detail: str) -> None:
        self._away_until = self._monotonic() + RETRY_SECONDS
        logger.warning("devices are taken as last known: %s", detail)
