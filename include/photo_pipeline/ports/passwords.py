"""Where passwords are replaced: by whoever knows the old one, or reads the mail of the account's address."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from photo_pipeline.domain.customers import Customer, EndedSession, NewReset


class PasswordRegister(Protocol):
    """Passwords of open accounts. Every method raises ``ServerUnavailableError`` when the database is away."""

    def change(
        self, customer_id: UUID, version: int, password_hash: str, kept: UUID, forget_at: datetime
    ) -> Sequence[EndedSession] | None:
        """Set the next password after that version, void every reset, and end all sessions but ``kept``.

        Returns:
            What ended; ``None`` where the password was replaced meanwhile, or the account is closed.
        """
        ...

    def add_reset(self, reset: NewReset, limit: int) -> bool:
        """Let somebody set a password once; ``False`` where the customer may do so ``limit`` times already."""
        ...

    def drop_reset(self, token_hash: bytes) -> None:
        """Let nobody set a password with that token: nobody was given it."""
        ...

    def whose_reset(self, token_hash: bytes) -> Customer | None:
        """Who may set a password with that token; ``None`` where it is nobody's, was used, or is too old."""
        ...

    def use_reset(self, token_hash: bytes, password_hash: str, forget_at: datetime) -> Sequence[EndedSession] | None:
        """Set a password, void every reset of that customer, and end all of their sessions.

        Returns:
            What ended; ``None`` where ``whose_reset`` would say so.
        """
        ...
