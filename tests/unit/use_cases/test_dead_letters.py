"""Feeding again, against in-memory servers: what Kafka has lost holds up nothing else."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.events import OutboundRecord, Record
from photo_pipeline.domain.ledger import Watermarks
from photo_pipeline.domain.photo import Log, RecordCoordinates, TopicPartition
from photo_pipeline.domain.reprocess import Mode, Request
from photo_pipeline.use_cases.reprocess.dead_letters import FeedLimits, FeedPorts, feed_dead_letters

NOON = datetime(2026, 5, 9, 12, tzinfo=UTC)
LOG = Log("photos.uploaded", 0, topic_id="x")


@dataclass
class Delivery:
    """Where a record went."""

    coordinates: RecordCoordinates


@dataclass
class Kafka:
    """One log of five records; what lies beyond them is waited for in vain."""

    sent: list[bytes] = field(default_factory=list)

    def watermarks(self, topics: Collection[str]) -> Mapping[TopicPartition, Watermarks]:
        """As it is."""
        return {LOG.topic_partition: Watermarks(0, 5, "x")}

    def read(self, log: Log, start: int, end: int) -> Iterator[Record]:
        """Records with their offsets as bytes."""
        for offset in range(start, end):
            if offset >= 5:
                raise ServerUnavailableError("Kafka", "sends nothing")
            yield Record(log.at(offset), NOON, None, bytes([offset]), [])

    def publish(self, records: Sequence[OutboundRecord]) -> Sequence[Delivery]:
        """Note them."""
        self.sent += [record.value for record in records]
        return [Delivery(LOG.at(100 + len(self.sent))) for _ in records]


@dataclass
class Ledger:
    """Rejected records, none of them fed yet."""

    waiting: Sequence[RecordCoordinates]
    settled: dict[RecordCoordinates, RecordCoordinates] = field(default_factory=dict)

    @contextmanager
    def alone(self, _request_id: str) -> Iterator[Callable[[], None]]:
        """Nobody else is there."""
        yield lambda: None

    def rejected(self, *asked: Any) -> Sequence[RecordCoordinates]:
        """One page."""
        return self.waiting if asked[2] is None else []

    def announce(self, _request_id: str, records: Sequence[RecordCoordinates], _ends: Any) -> set[RecordCoordinates]:
        """All are this request's."""
        return set(records)

    def unsettled(self, _request_id: str) -> Sequence[Any]:
        """None was left."""
        return []

    def settle(self, fed: Mapping[RecordCoordinates, RecordCoordinates]) -> None:
        """Note them."""
        self.settled |= fed

    def fed(self, _request_id: str) -> int:
        """How many."""
        return len(self.settled)


def test_what_a_cut_log_has_lost_is_gone_and_the_rest_is_fed() -> None:
    """A record beyond the log's end is counted, not waited for until the request has failed."""
    kafka, ledger = Kafka(), Ledger([LOG.at(2), LOG.at(7)])
    ports = FeedPorts(cast("Any", ledger), cast("Any", kafka), cast("Any", kafka), [LOG.topic])
    request = Request("r", Mode.DEAD_LETTERS, NOON, NOON)
    summary = feed_dead_letters(request, ports, FeedLimits(10, 1000, 10_000))
    assert (summary.fed, summary.gone, kafka.sent) == (1, 1, [bytes([2])])
