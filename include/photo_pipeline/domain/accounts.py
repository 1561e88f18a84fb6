"""What is kept of a customer, for the customer."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from photo_pipeline.domain.photo import RecordCoordinates

STEP = 1000
"""Records of a customer that are changed in one transaction: others wait for some tenths of a second."""


@dataclass(frozen=True, slots=True)
class AccountRecord:
    """What became of something that the customer sent.

    Attributes:
        log_id: the ledger's short name of the log that it was in.
        filename: until the photo expires, or the rejection is forgotten.
        expired_at: when the photo expired that it brought or prolonged.
    """

    log_id: int
    coordinates: RecordCoordinates
    outcome: str
    reason: str | None
    photo_id: UUID | None
    source: str | None
    filename: str | None
    bytes: int | None
    accepted_at: datetime | None
    processed_at: datetime
    expired_at: datetime | None
