"""Resumable uploads: what is announced, what has come, and what can go wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from photo_pipeline.domain.errors import PhotoPipelineError


class NoSuchUploadError(PhotoPipelineError):
    """This customer has no such upload: never had, ended it, or its time has passed."""


class UploadLockedError(PhotoPipelineError):
    """Another request is adding to the same upload just now."""


class TooManyUploadsError(PhotoPipelineError):
    """The customer has as many unfinished uploads as are allowed, and each of them is being written just now.

    Attributes:
        limit: how many are allowed.
        silent_seconds: for so long nothing has come for the stalest of them.
    """

    def __init__(self, limit: int, silent_seconds: float) -> None:
        self.limit = limit
        self.silent_seconds = silent_seconds
        super().__init__(f"a customer may have {limit} unfinished uploads")


_KEYED = UUID("0b5a4a2e-6f0e-4c8c-9d7a-3f2f1c0e8b57")


def keyed_upload_id(customer_id: UUID, key: str) -> UUID:
    """The id of the upload that a customer's request with this key begins, whoever takes the request."""
    return uuid5(_KEYED, f"{customer_id} {key}")


def is_keyed(upload_id: UUID) -> bool:
    """Whether it is one of those; others are made up at random."""
    return upload_id.version == 5  # noqa: PLR2004 - as uuid5 says


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
