"""Kafka, as photos come in and go out."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from photo_pipeline.domain.events import Delivery, OutboundRecord, Record
from photo_pipeline.domain.ledger import Watermarks
from photo_pipeline.domain.photo import Log, TopicPartition


class PhotoLogReader(Protocol):
    """Kafka, as the pipeline reads it: by planned ranges, never by a consumer group's position."""

    def watermarks(self, topics: Collection[str]) -> Mapping[TopicPartition, Watermarks]:
        """What Kafka holds of every partition of these topics; topics that are not there are left out."""
        ...

    def read(self, log: Log | TopicPartition, start: int, end: int, epoch: int | None = None) -> Iterator[Record]:
        """The records of ``[start, end)`` in offset order. An offset that is no record is left out.

        Args:
            log: which; a place, or a log without ``topic_id``, is whatever Kafka has there now.
            start: the first offset.
            end: one past the last.
            epoch: the leader epoch of the record before ``start``, where it is known.

        Raises:
            LogChangedError: when Kafka has another log in its place, before the first record or after the last.
            OffsetOutOfRangeError: when Kafka has deleted ``start``, or has lost what came before it.
            ServerUnavailableError: when the log does not answer in time.
        """
        ...

    def confirm(self, log: Log) -> None:
        """See that Kafka still has this log: then all that was read since ``read`` began was this log's.

        Raises:
            LogChangedError: when it has not.
            ServerUnavailableError: when Kafka does not answer.
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
        """Write one record and wait for its delivery report. Its coordinates have the topic's id where that is known.

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
