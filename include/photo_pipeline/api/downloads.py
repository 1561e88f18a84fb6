"""Answers that take as long as their client takes, and the places that there are for them."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from anyio import CapacityLimiter, to_thread
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from photo_pipeline.domain.gallery import Absence
from photo_pipeline.domain.selection import Chosen
from photo_pipeline.web.bounded_memory import BoundedMemory
from photo_pipeline.web.problems import too_many, unavailable

PER_CUSTOMER = 2
IN_ALL = 16
AT_ONCE = 4
"""Of all of them, so many read at a time: a page's photos have other threads."""
RETRY_SECONDS = 30
FAILED_SECONDS = 600.0
MAX_FAILED = 10_000

Made = TypeVar("Made")


class Downloads:
    """Gives out places, so many to a customer and so many in all, and threads to read in.

    Args:
        monotonic: seconds from a clock that never goes back.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._failed = BoundedMemory[UUID, float](MAX_FAILED)
        self._places: Counter[UUID] = Counter()
        self._threads = CapacityLimiter(AT_ONCE)

    def take(self, customer_id: UUID) -> None:
        """Take a place, until ``give_back``.

        Raises:
            ProblemError: 429 where the customer has as many as one may have; 503 where all are taken.
        """
        if self._places[customer_id] >= PER_CUSTOMER:
            detail = f"You have {PER_CUSTOMER} downloads under way. Please wait until one is done."
            raise too_many("too_many_downloads", detail, RETRY_SECONDS)
        if self._places.total() >= IN_ALL:
            raise unavailable("too_many_downloads", "Too many downloads are under way. Please try again in a moment.")
        self._places[customer_id] += 1

    def give_back(self, customer_id: UUID) -> None:
        """Somebody else's turn."""
        self._places[customer_id] -= 1
        self._places += Counter()  # drops who has none

    def failed(self, photo_id: UUID) -> None:
        """A download broke off at this photo: the next ones leave it out for a while, so that they come to an end."""
        self._failed.put(photo_id, self._monotonic() + FAILED_SECONDS)

    def readable(self, chosen: Chosen) -> Chosen:
        """The selection without what has broken a download off of late."""
        now = self._monotonic()
        broken = {photo.photo_id for photo in chosen.photos if (self._failed.get(photo.photo_id) or now) > now}
        photos = [photo for photo in chosen.photos if photo.photo_id not in broken]
        return Chosen(photos, {**chosen.absent, **dict.fromkeys(broken, Absence.UNREADABLE)})

    async def prepare(self, make: Callable[[Chosen, datetime], Made], chosen: Chosen, now: datetime) -> Made:
        """What takes its time before the first byte, without blocking anybody else."""
        return await to_thread.run_sync(make, chosen, now, limiter=self._threads)

    async def read(self, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
        """What an iterator that blocks gives, without blocking anybody else."""
        while (piece := await to_thread.run_sync(next, pieces, None, limiter=self._threads)) is not None:
            yield piece


class Download(StreamingResponse):
    """A stream that gives its place back however it ends."""

    def __init__(
        self, content: AsyncIterator[bytes], headers: Mapping[str, str], media_type: str, done: Callable[[], None]
    ) -> None:
        super().__init__(content, headers=headers, media_type=media_type)
        self._done = done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._done()
