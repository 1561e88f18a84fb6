"""Where the sessions are kept that go on, for whoever wants to see and end their own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from photo_pipeline.domain.customers import EndedSession, OpenSession


class SessionRegister(Protocol):
    """Sessions that go on. Every method raises ``ServerUnavailableError`` when the database is away."""

    def begin(self, session: OpenSession, password_version: int) -> bool:
        """Note a new session.

        Returns:
            ``False`` where its customer has another password by now, or has closed the account: then it must not begin.
        """
        ...

    def seen(self, session_id: UUID, expires_at: datetime) -> bool:
        """Note that a session is used, and the end of its newest token; ``False`` where no such session goes on."""
        ...

    def of_customer(self, customer_id: UUID, limit: int) -> Sequence[OpenSession]:
        """A customer's sessions of which a token may still be good; those last that were not seen for longest."""
        ...

    def end(self, customer_id: UUID, session_id: UUID, forget_at: datetime) -> Sequence[EndedSession]:
        """End one of a customer's sessions; nothing where they have no such session."""
        ...

    def end_others(self, customer_id: UUID, kept: UUID, forget_at: datetime) -> Sequence[EndedSession]:
        """End all of a customer's sessions but one."""
        ...
