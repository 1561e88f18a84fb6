"""Where links to photos are kept."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from photo_pipeline.domain.shares import NewShare, Share, SharedAlbum


class ShareRegister(Protocol):
    """Links to photos. Every method raises ``ServerUnavailableError`` when the database is away."""

    def add(self, share: NewShare, limit: int) -> Share:
        """Make a link to those of the photos that are the customer's and can be seen.

        Raises:
            TooManySharesError: when the customer has ``limit`` links that are not over.
            NothingToShareError: when it would lead to nothing.
            UnknownCustomerError: when there is no such customer, or not any more.
        """
        ...

    def of_customer(self, customer_id: UUID) -> Sequence[Share]:
        """A customer's links that are not over, newest first."""
        ...

    def revoke(self, customer_id: UUID, share_id: UUID) -> bool:
        """End a link; ``False`` where this customer has no such link."""
        ...

    def album(self, token_hash: bytes, *, counted: bool) -> SharedAlbum | None:
        """What a link leads to, and count that somebody looks; ``None`` where there is no such link, or it is over.

        It is over when its time has come, when its customer has closed the account, and when none of its photos is
        left. A photo that expired and was sent again is another one.
        """
        ...

    def owner(self, token_hash: bytes, photo_id: UUID) -> UUID | None:
        """Whose photo it is, where that link leads to it now."""
        ...
