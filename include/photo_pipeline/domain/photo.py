"""A photo's identity, its source, and the coordinates by which Kafka knows its record."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

MAX_PHOTO_BYTES = 32 * 1024 * 1024
"""The largest photo that is accepted anywhere, in bytes."""


class Source(StrEnum):
    """Which web application a photo came through."""

    UPLOAD = "upload"
    STREAM = "stream"


class RenditionKind(StrEnum):
    """The forms in which a photo is archived."""

    ORIGINAL = "original"
    WEB = "web"
    THUMB = "thumb"


@dataclass(frozen=True, slots=True, order=True)
class TopicPartition:
    """One partition of one topic."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"


@dataclass(frozen=True, slots=True, order=True)
class RecordCoordinates:
    """Where a record lies in Kafka: the one name it has before it is processed."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}-{self.offset}"

    @property
    def topic_partition(self) -> TopicPartition:
        """The record's partition."""
        return TopicPartition(self.topic, self.partition)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a sender gets once Kafka has acknowledged their photo."""

    photo_id: UUID
    sha256: str
    coordinates: RecordCoordinates
    accepted_at: datetime


def sha256_hex(data: bytes) -> str:
    """The photo's sha256, as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def photo_id_for(customer_id: UUID, sha256: str) -> UUID:
    """UUIDv5 (RFC 9562, 5.5) with the customer as namespace and the lower-case hex digest as name.

    The same customer sending the same bytes again is thereby the same photo; another customer's copy is another.
    """
    return uuid5(customer_id, sha256)
