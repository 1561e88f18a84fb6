"""What is told of rejected records whose log is not what it was, and how renditions are read for those processed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Barrier, Lock
from typing import Any, cast
from uuid import UUID

import pytest

from photo_pipeline.domain.errors import ArchiveMemberError, ServerUnavailableError
from photo_pipeline.domain.events import OutboundRecord, Record
from photo_pipeline.domain.ledger import ArchiveLocation, DeadLetterEntry, OutboxEntry, ProcessedEntry
from photo_pipeline.domain.photo import Log
from photo_pipeline.use_cases.publish import Lane, PublishPorts, PublishSummary, publish_outbox

LOG = Log("photos.uploaded", 0, topic_id="x")


@dataclass
class Outbox:
    """Its entries, each once; notes those that were marked."""

    entries: Sequence[OutboxEntry]
    marked: list[OutboxEntry] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    @contextmanager
    def outbox(self, limit: int) -> Iterator[Sequence[OutboxEntry]]:
        """The next ones, which nobody else gets."""
        with self.lock:
            taken, self.entries = self.entries[:limit], self.entries[limit:]
        yield taken
        self.marked += taken


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
        sent = list(records)
        self.sent += sent
        return sent


def _ports(outbox: Outbox, *lanes: Kafka, archive: object = None) -> PublishPorts:
    return PublishPorts(
        cast("Any", outbox),
        [Lane(cast("Any", kafka), cast("Any", kafka)) for kafka in lanes],
        cast("Any", archive),
        "p",
        "r",
    )


def test_a_dead_letter_of_a_log_that_was_cut_is_its_reason_alone() -> None:
    """Nothing is read where another record may stand by now, or none, so that it stops nothing behind it."""
    entry = DeadLetterEntry(1, LOG.at(7), "truncated", None, whole_log=False)
    kafka = Kafka()
    assert publish_outbox(_ports(Outbox([entry]), kafka), 10).dead_letters == 1
    (letter,) = kafka.sent
    assert (letter.value, dict(letter.headers)["reject_offset"]) == (None, b"7")


def test_no_copy_is_made_of_what_was_erased() -> None:
    """Its dead letter is its reason alone, though Kafka still has the record: nobody reads that."""
    kafka = Kafka()
    erased = DeadLetterEntry(1, LOG.at(7), "erased", "not taken again")
    assert publish_outbox(_ports(Outbox([erased]), kafka), 10).dead_letters == 1
    (letter,) = kafka.sent
    assert (letter.key, letter.value, dict(letter.headers)["reject_reason"]) == (None, None, b"erased")


def test_a_log_that_is_whole_is_waited_for() -> None:
    """A change of leader is no loss."""
    outbox = Outbox([DeadLetterEntry(1, LOG.at(7), "truncated", None)])
    with pytest.raises(ServerUnavailableError):
        publish_outbox(_ports(outbox, Kafka()), 10)
    assert outbox.marked == []


SHARD = bytes(range(251)) * 40_000


def _photo(number: int, path: str, offset: int | None, length: int = 1000) -> ProcessedEntry:
    place = None if offset is None else ArchiveLocation(path, offset, length)
    return ProcessedEntry(
        outbox_id=number,
        coordinates=LOG.at(number),
        photo_id=UUID(int=number),
        customer_id=UUID(int=7),
        sha256="00",
        filename=None,
        format="jpeg",
        width=4,
        height=3,
        processed_at=datetime(2026, 5, 4, tzinfo=UTC),
        original=place,
        web=place,
    )


@dataclass
class Hdfs:
    """Shards that all hold the same; ``short`` ones end early. Notes what is read."""

    short: Mapping[str, int] = field(default_factory=dict)
    reads: list[tuple[str, int, int]] = field(default_factory=list)

    def read(self, path: str, offset: int, length: int) -> bytes:
        """Exactly that range."""
        self.reads.append((path, offset, length))
        if offset + length > self.short.get(path, len(SHARD)):
            raise ArchiveMemberError(path, "is short")
        return SHARD[offset : offset + length]


def _published(entries: Sequence[ProcessedEntry], hdfs: Hdfs) -> tuple[PublishSummary, list[OutboundRecord]]:
    kafka = Kafka()
    return publish_outbox(_ports(Outbox(entries), kafka, archive=hdfs), 100), kafka.sent


def test_neighbours_are_read_in_one_go() -> None:
    """Each event has its own photo's bytes, in the outbox's order, whoever was read with whom."""
    places = [("a", 0), ("a", 5_000), ("a", 100_000), ("a", 5_000_000), ("b", 5_002_000), ("b", 20)]
    entries = [_photo(number, path, offset) for number, (path, offset) in enumerate(places)]
    hdfs = Hdfs()
    summary, sent = _published(entries, hdfs)
    assert [record.value for record in sent] == [SHARD[offset : offset + 1000] for _, offset in places]
    assert [record.key for record in sent] == [str(UUID(int=number)).encode() for number in range(len(places))]
    assert dict(sent[1].headers)["ce_archive"] == b"a;offset=5000;length=1000"
    assert sorted(hdfs.reads) == [("a", 0, 101_000), ("a", 5_000_000, 1000), ("b", 20, 1000), ("b", 5_002_000, 1000)]
    assert summary.processed == 6


def test_a_read_is_bounded() -> None:
    """However many photos lie side by side."""
    entries = [_photo(number, "a", number * 100_000, 100_000) for number in range(90)]
    hdfs = Hdfs()
    _, sent = _published(entries, hdfs)
    assert len(sent) == 90
    assert max(length for _, _, length in hdfs.reads) <= 4 * 1024 * 1024
    assert len(hdfs.reads) < 5


def test_one_that_cannot_be_read_takes_no_other_with_it() -> None:
    """A file that ends early still has those before its end; an expired photo has nothing to say."""
    entries = [_photo(0, "a", 0), _photo(1, "a", 2_000), _photo(2, "a", 4_000), _photo(3, "a", None), _photo(4, "b", 0)]
    summary, sent = _published(entries, Hdfs(short={"a": 3_500}))
    assert [record.key for record in sent] == [str(UUID(int=number)).encode() for number in (0, 1, 4)]
    assert (summary.processed, summary.skipped) == (3, 2)


@dataclass
class SlowKafka(Kafka):
    """Acknowledges its ``nth`` batch only when another waits as well."""

    nth: int = 1
    together: Barrier = field(default_factory=lambda: Barrier(2))

    def publish(self, records: Iterator[OutboundRecord]) -> list[OutboundRecord]:
        """As any, later."""
        sent = super().publish(records)
        self.nth -= 1
        if self.nth == 0:
            self.together.wait(timeout=10)
        return sent


def test_a_batch_is_on_its_way_while_another_waits() -> None:
    """From the second one on. Each entry goes out once, whichever lane takes it, and all are marked."""
    entries = [_photo(number, "a", number * 2_000) for number in range(20)]
    outbox, together = Outbox(entries), Barrier(2)
    lanes = [SlowKafka(nth=2, together=together), SlowKafka(nth=1, together=together)]
    summary = publish_outbox(_ports(outbox, *lanes, archive=Hdfs()), 4)
    sent = [record.key for lane in lanes for record in lane.sent]
    assert sorted(sent, key=str) == [str(entry.photo_id).encode() for entry in entries]
    assert sorted(entry.outbox_id for entry in outbox.marked) == list(range(20))
    assert summary == PublishSummary(processed=20, dead_letters=0, skipped=0)


def test_what_fails_in_one_lane_is_told_and_marks_nothing_of_its_batch() -> None:
    """The other lane goes on with what is its own."""
    photos = [_photo(number, "a", number * 2_000) for number in range(3)]
    unread = DeadLetterEntry(3, LOG.at(7), "truncated", None)
    outbox = Outbox([*photos, unread, *(_photo(number, "a", number * 2_000) for number in range(4, 9))])
    with pytest.raises(ServerUnavailableError):
        publish_outbox(_ports(outbox, Kafka(), Kafka(), archive=Hdfs()), 2)
    assert {2, 3}.isdisjoint(entry.outbox_id for entry in outbox.marked)
    assert {0, 1} <= {entry.outbox_id for entry in outbox.marked}


def test_a_small_outbox_opens_one_lane() -> None:
    """A second client of Kafka is nothing to start for a handful of photos."""
    first, second = Kafka(), Kafka()
    publish_outbox(_ports(Outbox([_photo(0, "a", 0)]), first, second, archive=Hdfs()), 2)
    assert (len(first.sent), len(second.sent)) == (1, 0)
