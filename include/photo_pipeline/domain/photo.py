"""A photo's identity, its source, and the coordinates by which Kafka knows its record."""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid5

MAX_PHOTO_BYTES = 32 * 1024 * 1024
"""The largest photo that is accepted anywhere, in bytes."""

LATER = "~"
_RECORD = re.compile(rf"([a-zA-Z0-9._-]{{1,249}})(?:{LATER}([1-9]\d{{0,3}}))?-(\d{{1,9}})-(\d{{1,18}})", re.ASCII)
"""Topics as Kafka names them, and numbers that a database can hold."""
"""Stands between a topic's name and the number of a later log of that name. Kafka allows it in no topic's name."""


class Source(StrEnum):
    """Which web application a photo came through."""

    UPLOAD = "upload"
    STREAM = "stream"


class RenditionKind(StrEnum):
    """The forms in which a photo is archived; ``thumb2x`` is missing of small photos, and of those of before."""

    ORIGINAL = "original"
    WEB = "web"
    THUMB = "thumb"
    THUMB_2X = "thumb2x"


@dataclass(frozen=True, slots=True, order=True)
class TopicPartition:
    """One partition of one topic."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"


@dataclass(frozen=True, slots=True, order=True)
class Log:
    """One log: a partition of a topic from the topic's making to its end. Offsets mean something within a log alone.

    Attributes:
        topic: its name.
        partition: of the topic.
        incarnation: which log of that name it is, counted by the ledger; 1 where no topic was ever made anew.
        topic_id: Kafka's id of the topic (KIP-516); ``None`` where it is not known.
    """

    topic: str
    partition: int
    incarnation: int = 1
    topic_id: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.topic}{_later(self.incarnation)}-{self.partition}"

    @property
    def topic_partition(self) -> TopicPartition:
        """Where Kafka has it, or had it."""
        return TopicPartition(self.topic, self.partition)

    def at(self, offset: int) -> "RecordCoordinates":
        """One of its records."""
        return RecordCoordinates(self.topic, self.partition, offset, self.incarnation, self.topic_id)

    def may_be(self, topic_id: str | None) -> bool:
        """Whether the topic of that id can be this log's. What is not known speaks against nothing."""
        return self.topic_id is None or topic_id is None or self.topic_id == topic_id


@dataclass(frozen=True, slots=True, order=True)
class RecordCoordinates:
    """Where a record lies in Kafka: the one name it has before it is processed.

    Attributes:
        topic: of its log, like the next.
        partition: as ``topic``.
        offset: within its log.
        incarnation: of its log, as the ledger counts them.
        topic_id: Kafka's id of the topic; ``None`` where it is not known.
    """

    topic: str
    partition: int
    offset: int
    incarnation: int = 1
    topic_id: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.topic_name}-{self.partition}-{self.offset}"

    @property
    def topic_name(self) -> str:
        """Its topic, with the incarnation where that is a later one: as names and addresses have it."""
        return f"{self.topic}{_later(self.incarnation)}"

    @property
    def topic_partition(self) -> TopicPartition:
        """The record's partition."""
        return TopicPartition(self.topic, self.partition)

    @property
    def log(self) -> Log:
        """The record's log."""
        return Log(self.topic, self.partition, self.incarnation, self.topic_id)

    @classmethod
    def parse(cls, name: str) -> "RecordCoordinates":
        """The record of that name; the opposite of ``str``.

        Raises:
            ValueError: when it is no record's name.
        """
        found = _RECORD.fullmatch(name)
        if found is None:
            raise ValueError("not the name of a record")
        topic, incarnation, partition, offset = found.groups()
        return cls(topic, int(partition), int(offset), int(incarnation or 1))


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a sender gets once Kafka has acknowledged their photo."""

    photo_id: UUID
    sha256: str
    coordinates: RecordCoordinates
    accepted_at: datetime


def _later(incarnation: int) -> str:
    return "" if incarnation == 1 else f"{LATER}{incarnation}"


def sha256_hex(data: bytes) -> str:
    """The photo's sha256, as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def photo_id_for(customer_id: UUID, sha256: str) -> UUID:
    """UUIDv5 (RFC 9562, 5.5) with the customer as namespace and the lower-case hex digest as name.

    The same customer sending the same bytes again is thereby the same photo; another customer's copy is another.
    """
    return uuid5(customer_id, sha256)
