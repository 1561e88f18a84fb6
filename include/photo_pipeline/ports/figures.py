"""Where the platform's figures about itself come from. Everything here has a cost that the backlog does not change."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from photo_pipeline.domain.figures import CommittedSlice, LedgerFigures
from photo_pipeline.domain.logs import KnownLog
from photo_pipeline.domain.photo import TopicPartition


class FigureSource(Protocol):
    """The ledger, in figures."""

    def logs(self) -> Sequence[KnownLog]:
        """Every log that the ledger knows."""
        ...

    def ledger(self) -> LedgerFigures:
        """What it holds and what it has found.

        Raises:
            ServerUnavailableError: when the database is away, or takes too long.
        """
        ...

    def committed(self, since: datetime, known: Collection[int]) -> Sequence[CommittedSlice]:
        """The slices that were committed since then, apart from those that are known, and their outcomes."""
        ...


class AppendTimes(Protocol):
    """When Kafka took what waits."""

    def of(self, offsets: Mapping[TopicPartition, int], now: datetime) -> Mapping[TopicPartition, datetime]:
        """Each partition's append time at that offset.

        Raises:
            ServerUnavailableError: when Kafka does not answer.
        """
        ...

    def first_since(self, partitions: Collection[TopicPartition], at: datetime) -> Mapping[TopicPartition, int]:
        """The offset of the first record that Kafka took at that time or later; none where there is none.

        Raises:
            ServerUnavailableError: when Kafka does not answer.
        """
        ...
