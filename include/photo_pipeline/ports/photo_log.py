"""Kafka, as photos come in and go out."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from photo_pipeline.domain.events import Delivery, OutboundRecord, Record
from photo_pipeline.domain.ledger import (
    Watermarks,
)
from photo_pipeline.domain.photo import TopicPartition


class PhotoLogReader(Protocol):
    """Kafka, as the pipeline reads it: by planned ranges, never by a consumer group's position."""

    def watermarks(self, topics: Collection[str]) -> Mapping[TopicPartition, Watermarks]:
        """What Kafka holds of every partition of these topics."""
        ...

    def read(self, topic_partition: TopicPartition, start: int, end: int) -> Iterator[Record]:
        """The records of ``[start, end)`` in offset order. An offset that is no record is left out.

        Raises:
            OffsetOutOfRangeError: when Kafka has deleted ``start``.
            ServerUnavailableError: when the log does not answer in time.
        """
        ...

    def report_progress(self, positions: Mapping[TopicPartition, int]) -> None:
        """Commit the consumer group, so that ordinary tools show the lag. Nothing reads it back."""
        ...


class PhotoLogWriter(Protocol):
    """Kafka, as the pipeline writes it: acks from all in-sync replicas, idempotent."""

    def publish(self, records: Iterable[OutboundRecord]) -> Sequence[Delivery]:
        """Write the records and wait for every delivery report.

        Raises:
            ServerUnavailableError: when one was not acknowledged; some may still have been written.
        """
        ...


class AsyncPhotoLogWriter(Protocol):
    """Kafka, as a web application writes it: many senders wait at once, each for its own record."""

    async def append(self, record: OutboundRecord) -> Delivery:
        """Write one record and wait for its delivery report.

        Raises:
            ServerUnavailableError: when it was not acknowledged in time; it may still have been written.
        """
        ...

    async def ready(self, topic: str | None = None) -> bool:
        """Whether Kafka answers and, where a topic is named, all its partitions have a leader."""
        ...

    async def close(self) -> None:
        """Wait for what is under way, then disconnect."""
        ...
