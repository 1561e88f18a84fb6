"""Where the parts of uploads wait until they are whole: what the service needs of it, and what can go wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from photo_pipeline.domain.errors import PhotoPipelineError


class NoSuchUploadError(PhotoPipelineError):
    """This customer has no such upload: never had, ended it, or its time has passed."""


class UploadLockedError(PhotoPipelineError):
    """Another request is adding to the same upload just now."""


class TooManyUploadsError(PhotoPipelineError):
    """The customer has as many unfinished uploads as are allowed."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"a customer may have {limit} unfinished uploads")


@dataclass(frozen=True, slots=True)
class Announced:
    """An upload as its sender announced it; it does not change.

    Attributes:
        length: bytes of the whole file.
        metadata: key to value, as the sender gave them.
        expires_at: unfinished or not, it is forgotten then.
    """

    customer_id: UUID
    upload_id: UUID
    length: int
    metadata: Mapping[str, bytes]
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """An upload and how far it has come.

    Attributes:
        announced: what its sender said at the beginning.
        stored: bytes that are here, counted from the file's beginning.
        receipt: JSON of the receipt, once Kafka has the photo; the bytes are gone then.
    """

    announced: Announced
    stored: int
    receipt: str | None = None

    @property
    def offset(self) -> int:
        """Where the sender is to go on.

        The last byte counts only together with the receipt (ADR 0120): so "all is there" means "it is safe", and a
        sender whose photo could not be passed on sends that byte again and thereby asks again.
        """
        length = self.announced.length
        return length if self.receipt is not None else min(self.stored, length - 1)


class BytesApart(Protocol):
    """Bytes of an upload that do not count yet. All of these block."""

    def append(self, data: bytes) -> None:
        """Add bytes at the end."""
        ...

    def join(self) -> None:
        """Add all of them to the upload, for good."""
        ...

    def close(self) -> None:
        """Forget them, unless they joined."""
        ...


class LockedUpload(Protocol):
    """An upload that nobody else can change, on any instance, until it is closed. All of these block."""

    @property
    def upload(self) -> StoredUpload:
        """As it is now."""
        ...

    def truncate(self, size: int) -> None:
        """Forget what comes after the first ``size`` bytes."""
        ...

    def append(self, data: bytes) -> None:
        """Add bytes at the end; they survive this process at once, and the machine after ``sync``."""
        ...

    def apart(self) -> BytesApart:
        """Begin to gather bytes that do not count yet."""
        ...

    def sync(self) -> None:
        """Make what was appended survive the machine."""
        ...

    def read(self) -> bytes:
        """All that is stored."""
        ...

    def complete(self, receipt: str) -> None:
        """Keep the receipt in place of the bytes."""
        ...

    def discard(self) -> None:
        """Forget the upload."""
        ...

    def close(self) -> None:
        """Let others have it; twice is fine."""
        ...


class UploadStore(Protocol):
    """Uploads under way, seen by all instances alike. All of these block.

    Every method raises ``ServerUnavailableError`` when the storage fails or is full.
    """

    def create(self, announced: Announced, limit: int) -> None:
        """Begin an upload.

        Raises:
            TooManyUploadsError: when the customer has ``limit`` unfinished ones.
        """
        ...

    def find(self, customer_id: UUID, upload_id: UUID) -> StoredUpload:
        """Look an upload up.

        Raises:
            NoSuchUploadError: when this customer has none with that id.
        """
        ...

    def lock(self, customer_id: UUID, upload_id: UUID) -> LockedUpload:
        """Take an upload to change it, without waiting.

        Raises:
            NoSuchUploadError: when this customer has none with that id.
            UploadLockedError: when somebody else has it.
        """
        ...

    def sweep(self, now: datetime, orphans_before: datetime) -> int:
        """Remove uploads that have expired, and files of that age that belong to none; returns how many uploads."""
        ...
