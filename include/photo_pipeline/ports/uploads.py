"""Where the parts of uploads wait until they are whole."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from photo_pipeline.domain.uploads import Announced, StoredUpload


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

    def keep(self) -> None:
        """Let a begun upload be found: its sender is told its address now."""
        ...

    def complete(self, receipt: str, expires_at: datetime) -> None:
        """Keep the receipt in place of the bytes, until then."""
        ...

    def discard(self) -> None:
        """Forget the upload."""
        ...

    def close(self) -> None:
        """Let others have it; twice is fine. A begun upload that was not kept is gone."""
        ...


class UploadStore(Protocol):
    """Uploads under way, seen by all instances alike. All of these block.

    Every method raises ``ServerUnavailableError`` when the storage fails or is full.
    """

    def begin(self, announced: Announced, limit: int) -> LockedUpload:
        """Begin an upload that nobody finds until it is kept or complete; it ends with its process otherwise.

        Where the customer has ``limit`` unfinished ones, the stalest that nobody is writing makes room.

        Raises:
            TooManyUploadsError: when all of them are being written.
        """
        ...

    def claim(self, announced: Announced, limit: int) -> LockedUpload:
        """The upload of that id, unfinished or not, if there is one; else as ``begin``. One at a time has it.

        One that has expired unfinished by when this one was announced is begun anew.

        Raises:
            UploadLockedError: when somebody else has it.
            TooManyUploadsError: as of ``begin``.
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

    def forget(self, customer_id: UUID) -> None:
        """Remove all of a customer's uploads but those that are being written at this moment."""
        ...

    def sweep(self, now: datetime, orphans_before: datetime) -> int:
        """Remove uploads that have expired or were begun by a process that is gone; returns how many.

        So are files that belong to no upload and are older than ``orphans_before``.
        """
        ...
