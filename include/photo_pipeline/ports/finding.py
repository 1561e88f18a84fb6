"""Where photos are found among many."""

from typing import Protocol
from uuid import UUID

from photo_pipeline.domain.finding import COUNTED, Choices, Found, PhotoFilter, Search, Timeline
from photo_pipeline.domain.gallery import PhotoOrder


class PhotoFinder(Protocol):
    """A customer's processed photos without those in the bin. Another's are as if they did not exist.

    Every method reads a bounded number of photos, and raises ``ServerUnavailableError`` when the database is away.
    """

    def find(self, customer_id: UUID, search: Search) -> Found:
        """The next photos that fit, newest first in the search's order."""
        ...

    def timeline(self, customer_id: UUID, order: PhotoOrder, wanted: PhotoFilter, counted: int = COUNTED) -> Timeline:
        """How many photos fit of each month, among the newest so many; uploads by UTC."""
        ...

    def choices(self, customer_id: UUID, counted: int = COUNTED) -> Choices:
        """What the newest so many photos have that can be asked for; devices by name, revoked ones too."""
        ...
