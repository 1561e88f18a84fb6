"""What can be done with photos that a customer has chosen."""

from collections.abc import Collection, Sequence
from typing import Protocol
from uuid import UUID

from photo_pipeline.domain.gallery import GalleryPhoto, Page
from photo_pipeline.domain.photo import RenditionKind
from photo_pipeline.domain.selection import Chosen, Moved


class Selection(Protocol):
    """A customer's photos by their ids. Another's are as if they did not exist.

    Every method raises ``ServerUnavailableError`` when the database is away.
    """

    def put_into_bin(self, customer_id: UUID, photo_ids: Collection[UUID]) -> Moved:
        """Hide photos from everybody, at once. How long they are kept does not change."""
        ...

    def take_out_of_bin(self, customer_id: UUID, photo_ids: Collection[UUID]) -> Moved:
        """Show photos again."""
        ...

    def binned(self, customer_id: UUID, page: Page) -> Sequence[GalleryPhoto]:
        """What lies in the bin, last binned first; a page's key is the photo's id."""
        ...

    def chosen(self, customer_id: UUID, photo_ids: Sequence[UUID], kind: RenditionKind) -> Chosen:
        """Where one form of each of these photos lies, all different, in the order of the archive."""
        ...
