"""Feeding again, against in-memory servers: what Kafka has lost holds up nothing else, and what was erased stays."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.events import OutboundRecord, Record
from photo_pipeline.domain.ledger import Watermarks
from photo_pipeline.domain.photo import Log, RecordCoordinates, TopicPartition, photo_id_for, sha256_hex
from photo_pipeline.domain.reprocess import Mode, Request, UnsettledRecord
from photo_pipeline.use_cases.reprocess.dead_letters import FeedLimits, FeedPorts, FeedSummary, feed_dead_letters

NOON = datetime(2026, 5, 9, 12, tzinfo=UTC)
LOG = Log("photos.uploaded", 0, topic_id="x")
CUSTOMERS = [UUID(int=offset) for offset in range(5)]
"""By the offset of their record."""


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
            yield Record(log.at(offset), NOON, None, bytes([offset]), [("ce_subject", str(CUSTOMERS[offset]).encode())])

    def publish(self, records: Sequence[OutboundRecord]) -> Sequence[Delivery]:
        """Note them."""
        self.sent += [record.value for record in records]
        return [Delivery(LOG.at(100 + len(self.sent))) for _ in records]


@dataclass
class Ledger:
    """Rejected records, none of them fed yet."""

    waiting: Sequence[RecordCoordinates]
    left: Sequence[RecordCoordinates] = ()
    gone: Collection[UUID] = ()
    withdrawn: set[RecordCoordinates] = field(default_factory=set)
    settled: dict[RecordCoordinates, RecordCoordinates] = field(default_factory=dict)

    @contextmanager
    def alone(self, _request_id: str) -> Iterator["Ledger"]:
        """Nobody else is there."""
        yield self

    def check(self) -> None:
        """It lasts."""

    def erased(self, customers: Collection[UUID], photos: Collection[UUID]) -> set[UUID]:
        """As planted."""
        return {*customers, *photos} & set(self.gone)

    def withdraw(self, records: Collection[RecordCoordinates]) -> None:
        """Note them."""
        self.withdrawn |= set(records)

    def rejected(self, *asked: Any) -> Sequence[RecordCoordinates]:
        """One page."""
        return self.waiting if asked[2] is None else []

    def announce(self, _request_id: str, records: Sequence[RecordCoordinates], _ends: Any) -> set[RecordCoordinates]:
        """All are this request's."""
        return set(records)

    def unsettled(self, _request_id: str) -> Sequence[UnsettledRecord]:
        """What a task that was killed has announced; it sent nothing."""
        return [UnsettledRecord(each, {0: 5}) for each in self.left]

    def settle(self, fed: Mapping[RecordCoordinates, RecordCoordinates]) -> None:
        """Note them."""
        self.settled |= fed

    def fed(self, _request_id: str) -> int:
        """How many."""
        return len(self.settled)


def test_what_a_cut_log_has_lost_is_gone_and_the_rest_is_fed() -> None:
    """A record beyond the log's end is counted, not waited for until the request has failed."""
    kafka, ledger = Kafka(), Ledger([LOG.at(2), LOG.at(7)])
    summary = feed(ledger, kafka)
    assert (summary.fed, summary.gone, kafka.sent) == (1, 1, [bytes([2])])


@pytest.mark.parametrize("gone", [CUSTOMERS[1], photo_id_for(CUSTOMERS[1], sha256_hex(bytes([1])))])
@pytest.mark.parametrize("was_left", [True, False], ids=["announced before", "announced now"])
def test_what_was_erased_is_not_sent(gone: UUID, *, was_left: bool) -> None:
    """By its customer or its bytes, whenever it was announced; it is no longer, and the others go on."""
    kafka, records = Kafka(), [LOG.at(1), LOG.at(2)]
    ledger = Ledger([], records, [gone]) if was_left else Ledger(records, [], [gone])
    summary = feed(ledger, kafka)
    assert (summary.fed, summary.erased, kafka.sent) == (1, 1, [bytes([2])])
    assert ledger.withdrawn == {LOG.at(1)}


def feed(ledger: Ledger, kafka: Kafka) -> FeedSummary:
    """A task, from its beginning to its end."""
    ports = FeedPorts(cast("Any", ledger), cast("Any", kafka), cast("Any", kafka), [LOG.topic])
    return feed_dead_letters(Request("r", Mode.DEAD_LETTERS, NOON, NOON), ports, FeedLimits(10, 1000, 10_000))
