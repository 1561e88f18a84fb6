"""What placing and lifting holds needs."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from photo_pipeline.domain.retention import Hold


class PhotoOwners(Protocol):
    """Whose photos are."""

    def customer_of(self, photo_id: UUID) -> UUID | None:
        """The customer to whom a photo belongs, or belonged; ``None`` where there was never such a photo."""
        ...


class HoldRegister(Protocol):
    """Where holds are kept."""

    def place(self, customer_id: UUID, photo_id: UUID | None, reason: str, placed_by: str) -> Hold:
        """Place a hold, or find the one that is there for the same photo or customer.

        Once this returns, what the hold names cannot expire until the hold is lifted.

        Raises:
            UnknownCustomerError: when there is no such customer.
            UnknownPhotoError: when that customer has no such photo.
            PhotoExpiredError: when it is gone.
        """
        ...

    def lift(self, customer_id: UUID, photo_id: UUID | None) -> bool:
        """Lift a hold; ``False`` where there is none."""
        ...

    def active(self, customer_id: UUID | None = None) -> Sequence[Hold]:
        """The holds that are not lifted, oldest first: a customer's, or everyone's."""
        ...
