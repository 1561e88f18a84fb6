"""What is told of rejected records whose log is not what it was."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.events import OutboundRecord, Record
from photo_pipeline.domain.ledger import DeadLetterEntry
from photo_pipeline.domain.photo import Log
from photo_pipeline.use_cases.publish import PublishPorts, publish_outbox

LOG = Log("photos.uploaded", 0, topic_id="x")


@dataclass
class Outbox:
    """Its entries, once."""

    entries: list[DeadLetterEntry]

    @contextmanager
    def outbox(self, _limit: int) -> Iterator[Sequence[DeadLetterEntry]]:
        """All of them; none afterwards."""
        yield self.entries
        self.entries = []


@dataclass
class Kafka:
    """A log that ends below what is asked for, and takes what it is given."""

    sent: list[OutboundRecord] = field(default_factory=list)

    def read(self, _log: Log, start: int, end: int) -> Iterator[Record]:
        """Waits in vain."""
        if start < end:
            raise ServerUnavailableError("Kafka", "sends nothing")
        yield from ()

    def publish(self, records: Iterator[OutboundRecord]) -> list[OutboundRecord]:
        """Note them."""
        self.sent += records
        return self.sent


def test_a_dead_letter_of_a_log_that_was_cut_is_its_reason_alone() -> None:
    """Nothing is read where another record may stand by now, or none, so that it stops nothing behind it."""
    entry = DeadLetterEntry(1, LOG.at(7), "truncated", None, whole_log=False)
    kafka = Kafka()
    ports = PublishPorts(
        cast("Any", Outbox([entry])), cast("Any", kafka), cast("Any", kafka), cast("Any", None), "p", "r"
    )
    assert publish_outbox(ports, 10).dead_letters == 1
    (letter,) = kafka.sent
    assert (letter.value, dict(letter.headers)["reject_offset"]) == (None, b"7")


def test_a_log_that_is_whole_is_waited_for() -> None:
    """A change of leader is no loss."""
    kafka = Kafka()
    outbox = Outbox([DeadLetterEntry(1, LOG.at(7), "truncated", None)])
    ports = PublishPorts(cast("Any", outbox), cast("Any", kafka), cast("Any", kafka), cast("Any", None), "p", "r")
    with pytest.raises(ServerUnavailableError):
        publish_outbox(ports, 10)
