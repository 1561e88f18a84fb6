"""What a customer may ask for who goes: everything that is kept of them, and that it is kept no longer."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from photo_pipeline.domain.accounts import AccountRecord


class AccountRegister(Protocol):
    """Whole accounts. Every method raises ``ServerUnavailableError`` when the database is away."""

    def close(self, customer_id: UUID, sessions_until: datetime) -> bool:
        """End an account: nobody logs in to it or sees its photos any more, and what is personal of it is gone.

        Of an account with very much in it, some of that goes with the next run of the retention.

        Args:
            customer_id: whose.
            sessions_until: when no token of any of its sessions can be good any more.

        Returns:
            ``False`` where it was closed before, or never was.
        """
        ...

    def records(self, customer_id: UUID, after: AccountRecord | None, limit: int) -> Sequence[AccountRecord]:
        """What became of all that the customer sent, oldest first, as far as that is remembered."""
        ...
