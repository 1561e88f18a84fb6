"""Where customers, their devices and their ended sessions are kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from photo_pipeline.domain.customers import (
    COUNTED_PHOTOS,
    Credentials,
    Customer,
    Device,
    DeviceActivity,
    EndedSession,
    Usage,
)


class CustomerDirectory(Protocol):
    """Customers and their devices. Every method raises ``ServerUnavailableError`` when the database is away."""

    def add(self, customer_id: UUID, email: str, display_name: str, password_hash: str) -> Customer:
        """Sign somebody up.

        Raises:
            EmailTakenError: when the address, in any mix of cases, is taken.
        """
        ...

    def get(self, customer_id: UUID) -> Customer | None:
        """A customer; ``None`` where there is none, or the account is closed."""
        ...

    def credentials(self, email: str) -> Credentials | None:
        """What the log-in of this address is checked against."""
        ...

    def rename(self, customer_id: UUID, display_name: str) -> bool:
        """Give a customer another name; ``False`` where there is no such customer, or not any more."""
        ...

    def replace_password_hash(self, known: Credentials, password_hash: str) -> None:
        """Store the same password hashed anew, with today's parameters; nothing where it is another one by now."""
        ...

    def add_device(
        self, customer_id: UUID, device_id: UUID, name: str, limit: int, public_key: str | None = None
    ) -> Device:
        """Register a device; with the key by which it signs records, where it does.

        Raises:
            TooManyDevicesError: when the customer has ``limit`` devices that are not revoked.
            UnknownCustomerError: when there is no such customer, or not any more.
        """
        ...

    def devices(self, customer_id: UUID, counted: int = COUNTED_PHOTOS) -> Sequence[DeviceActivity]:
        """A customer's devices that are not revoked, newest first, with what the newest so many photos of each tell."""
        ...

    def rename_device(self, customer_id: UUID, device_id: UUID, name: str) -> Device | None:
        """Give a device another name; ``None`` where this customer has no such device."""
        ...

    def revoke_device(self, customer_id: UUID, device_id: UUID) -> bool:
        """End a device's right to stream; ``False`` where this customer has no such device."""
        ...

    def see_device(self, customer_id: UUID, device_id: UUID) -> bool:
        """See ``DeviceDirectory``."""
        ...


class SessionDirectory(Protocol):
    """Sessions that were ended before their time. Raises ``ServerUnavailableError`` when the database is away."""

    def end(self, session_id: UUID, forget_at: datetime) -> None:
        """Note that a session has ended, or all of a customer's, by the customer's id. Ended again, nothing changes."""
        ...

    def ended(self, since: datetime | None) -> Sequence[EndedSession]:
        """Those that ended at that time or later by the database's clock, or all; none that is to be forgotten."""
        ...


class DeviceDirectory(Protocol):
    """The part of ``CustomerDirectory`` that is needed here."""

    def see_device(self, customer_id: UUID, device_id: UUID) -> bool:
        """Whether the device is this customer's and not revoked; if so, it has been seen now, which is remembered.

        As late as a minute. Raises ``ServerUnavailableError``.
        """
        ...


class UsageDirectory(Protocol):
    """What customers have sent. Raises ``ServerUnavailableError`` when the database is away."""

    def usage(self, customer_id: UUID, sent_since: datetime, kept_since: datetime) -> Usage:
        """Photos that were dealt with since the one moment, and bytes that were archived since the other."""
        ...
