"""How old the records are that wait, without reading one: a photo is large, and its age is asked for often."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

from confluent_kafka import IsolationLevel
from confluent_kafka import TopicPartition as KafkaTopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined] # it re-exports these without saying so
    AdminClient,
    OffsetSpec,
)

from photo_pipeline.adapters.kafka.client import ADMIN_SECONDS, results
from photo_pipeline.domain.photo import TopicPartition

PRECISION = timedelta(seconds=1)
FARTHEST = timedelta(days=32)
"""Older than anything that Kafka keeps: 22 questions narrow this down to a second."""

NONE = 2**63 - 1
"""Beyond every offset: there is no such record."""


class KafkaAppendTimes:
    """When Kafka took the record at an offset, by asking which offset it had at which time.

    Topics say ``LogAppendTime``, so times never fall along a partition and can be searched by halves. What was found
    is remembered: an offset's time does not change.

    Args:
        client: speaks to Kafka; the caller's.
    """

    def __init__(self, client: AdminClient) -> None:
        self._client = client
        self._known: dict[TopicPartition, tuple[int, datetime]] = {}

    def of(self, offsets: Mapping[TopicPartition, int], now: datetime) -> Mapping[TopicPartition, datetime]:
        """Each partition's append time at that offset, or of the next record where the offset holds none.

        At most a second too old. The cost does not depend on the backlog.

        Raises:
            ServerUnavailableError: when Kafka does not answer.
        """
        missing = {where: at for where, at in offsets.items() if self._known.get(where, (-1, now))[0] != at}
        bounds = dict.fromkeys(missing, (now - FARTHEST, now))
        while open_ := {where: pair for where, pair in bounds.items() if pair[1] - pair[0] > PRECISION}:
            middles = {where: low + (high - low) / 2 for where, (low, high) in open_.items()}
            for where, (offset, found_at) in self._first_since(middles).items():
                low, high = bounds[where]
                if offset == missing[where]:
                    bounds[where] = (found_at, found_at)
                elif offset > missing[where]:
                    bounds[where] = (low, middles[where])
                else:
                    bounds[where] = (middles[where], high)
        self._known = {where: self._known[where] for where in offsets if where not in missing}
        self._known |= {where: (missing[where], low) for where, (low, _) in bounds.items()}
        return {where: at for where, (_, at) in self._known.items()}

    def first_since(self, partitions: Collection[TopicPartition], at: datetime) -> Mapping[TopicPartition, int]:
        """See the port."""
        found = self._first_since(dict.fromkeys(partitions, at)) if partitions else {}
        return {where: offset for where, (offset, _) in found.items() if offset != NONE}

    def _first_since(self, times: Mapping[TopicPartition, datetime]) -> Mapping[TopicPartition, tuple[int, datetime]]:
        """The first record that Kafka took at that time or later; far beyond every offset where there is none."""
        request = {
            KafkaTopicPartition(where.topic, where.partition): OffsetSpec.for_timestamp(int(time.timestamp() * 1000))
            for where, time in times.items()
        }
        futures = self._client.list_offsets(
            request, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=ADMIN_SECONDS
        )
        return {
            TopicPartition(where.topic, where.partition): (
                (found.offset, datetime.fromtimestamp(found.timestamp / 1000, UTC))
                if found.offset >= 0
                else (NONE, datetime.max.replace(tzinfo=UTC))
            )
            for where, found in results(futures, "asking for times").items()
        }
