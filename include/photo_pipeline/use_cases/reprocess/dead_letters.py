"""Feed again: rejected records, as they came, to the topic they came from.

Each is announced in the ledger before it is sent, with where its topic ended then. Whoever comes after a task that was
killed looks there for what was sent, so that no record is fed twice; a new record is a new offset, and ends as an
outcome of its own. What was erased meanwhile is not sent, and nothing is erased while it is being sent: a proof says
until when Kafka has it.
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from photo_pipeline.domain.events import OutboundRecord, Record, customer_of
from photo_pipeline.domain.lanes import Lane
from photo_pipeline.domain.ledger import Watermarks
from photo_pipeline.domain.photo import Log, RecordCoordinates, TopicPartition, photo_id_for, sha256_hex
from photo_pipeline.domain.reprocess import OF, REQUEST, Request, UnsettledRecord, offset_runs, reprocess_headers
from photo_pipeline.ports.photo_log import PhotoLogReader, PhotoLogWriter
from photo_pipeline.ports.reprocess import DeadLetterLedger, Turn

logger = logging.getLogger(__name__)

LARGEST_GAP = 8
"""Offsets that are read in vain rather than opening the log once more."""
SIGN_OF_LIFE_RECORDS = 100
"""Read between two signs of life: the server ends a transaction that says nothing for long."""
HEADERS_BYTES = 1024
"""What the additional headers may take."""


@dataclass(frozen=True, slots=True)
class FeedLimits:
    """What bounds a batch, and the largest record that Kafka takes."""

    batch_records: int
    batch_bytes: int
    record_bytes: int


@dataclass(frozen=True, slots=True)
class FeedPorts:
    """The outside world, as feeding needs it."""

    ledger: DeadLetterLedger
    reader: PhotoLogReader
    writer: PhotoLogWriter
    incoming: Sequence[str]


@dataclass(slots=True)
class FeedSummary:
    """What a request came to.

    Attributes:
        fed: records that were sent again, by this task or one before it.
        gone: records that Kafka no longer has.
        too_large: records that leave no room for the additional headers.
        erased: records of what was erased after they were chosen.
    """

    fed: int = 0
    gone: int = 0
    too_large: int = 0
    erased: int = 0


def feed_dead_letters(request: Request, ports: FeedPorts, limits: FeedLimits) -> FeedSummary:
    """Feed every record of the request again that no request has fed yet.

    Raises:
        RequestBusyError: when another task works on the request.
        ServerUnavailableError: when a server is away; run again, it goes on from there.
    """
    summary = FeedSummary()
    feeding = _Feeding(request, ports, limits, summary)
    feeding.settle_what_was_left()
    for batch in feeding.batches():
        feeding.feed(batch)
    summary.fed = ports.ledger.fed(request.request_id)
    return summary


class _Feeding:
    """One task's work on a request."""

    def __init__(self, request: Request, ports: FeedPorts, limits: FeedLimits, summary: FeedSummary) -> None:
        self._request = request
        self._ports = ports
        self._limits = limits
        self._summary = summary

    def settle_what_was_left(self) -> None:
        """Find out what a task that was killed has sent, and send the rest."""
        request_id = self._request.request_id
        with self._ports.ledger.alone(request_id) as turn:
            unsettled = self._ports.ledger.unsettled(request_id)
            for topic, group in groupby(unsettled, key=lambda each: each.coordinates.topic):
                records = list(group)
                sent = self._seek(topic, records, turn)
                self._ports.ledger.settle(sent)
                unsent = [each.coordinates for each in records if each.coordinates not in sent]
                for batch in self._read(unsent):
                    self._send(batch, turn)

    def batches(self) -> Iterator[list[Record]]:
        """What is left of the request, read from Kafka, a batch in memory at a time."""
        after: RecordCoordinates | None = None
        while page := self._ports.ledger.rejected(
            self._request, self._ports.incoming, after, self._limits.batch_records
        ):
            after = page[-1]
            yield from self._read(page)

    def feed(self, batch: Sequence[Record]) -> None:
        """Announce a batch of one topic's records, and send it."""
        topic = batch[0].coordinates.topic
        request_id = self._request.request_id
        with self._ports.ledger.alone(request_id) as turn:
            ends = {where.partition: marks.high for where, marks in self._ports.reader.watermarks([topic]).items()}
            mine = self._ports.ledger.announce(request_id, [record.coordinates for record in batch], ends)
            self._send([record for record in batch if record.coordinates in mine], turn)

    def _send(self, announced: Sequence[Record], turn: Turn) -> None:
        request_id = self._request.request_id
        records = self._not_erased(announced, turn)
        outbound = [
            OutboundRecord(
                record.coordinates.topic,
                record.key,
                record.value,
                reprocess_headers(record.headers, record.coordinates, request_id),
                Lane.BULK,
            )
            for record in records
        ]
        # One that was frozen meanwhile must not send what another task has sent in its place.
        turn.check()
        deliveries = self._ports.writer.publish(outbound)
        fed = {record.coordinates: delivery.coordinates for record, delivery in zip(records, deliveries, strict=True)}
        self._ports.ledger.settle(fed)
        logger.info("fed request=%s records=%d", request_id, len(fed))

    def _not_erased(self, records: Sequence[Record], turn: Turn) -> list[Record]:
        """Those that may be sent; the others are not announced any more."""
        named = {record.coordinates: _named(record) for record in records}
        customers = {customer for customer, _ in filter(None, named.values())}
        erased = turn.erased(customers, {photo for _, photo in filter(None, named.values())})
        gone = {coordinates for coordinates, ids in named.items() if ids and not erased.isdisjoint(ids)}
        self._ports.ledger.withdraw(gone)
        self._summary.erased += len(gone)
        return [record for record in records if record.coordinates not in gone]

    def _seek(
        self, topic: str, unsettled: Sequence[UnsettledRecord], turn: Turn
    ) -> dict[RecordCoordinates, RecordCoordinates]:
        """Where these were sent to, as far as they were."""
        names = {str(each.coordinates): each.coordinates for each in unsettled}
        found: dict[RecordCoordinates, RecordCoordinates] = {}
        for partition, marks in self._ports.reader.watermarks([topic]).items():
            start = max(marks.low, min(each.sought_from.get(partition.partition, 0) for each in unsettled))
            for seen, record in enumerate(self._ports.reader.read(partition, start, marks.high)):
                if seen % SIGN_OF_LIFE_RECORDS == 0:
                    turn.check()
                headers = dict(record.headers)
                name = headers.get(OF, b"").decode(errors="replace")
                if headers.get(REQUEST) == self._request.request_id.encode() and name in names:
                    found.setdefault(names[name], record.coordinates)
        return found

    def _read(self, wanted: Sequence[RecordCoordinates]) -> Iterator[list[Record]]:
        """These records in batches of one topic each, within the limits. Those that Kafka has deleted are counted."""
        batch: list[Record] = []
        size = 0
        for record in self._records(wanted):
            if batch and (size + len(record.value) > self._limits.batch_bytes or _topic(batch[0]) != _topic(record)):
                yield batch
                batch, size = [], 0
            batch.append(record)
            size += len(record.value)
        if batch:
            yield batch

    def _records(self, wanted: Sequence[RecordCoordinates]) -> Iterator[Record]:
        marks = self._watermarks({coordinates.topic for coordinates in wanted})
        for log, group in groupby(wanted, key=lambda each: each.log):
            offsets = [coordinates.offset for coordinates in group]
            there = [offset for offset in offsets if _has(marks.get(log.topic_partition), log, offset)]
            found = 0
            for start, end in offset_runs(there, LARGEST_GAP):
                for record in self._ports.reader.read(log, start, end):
                    if record.coordinates.offset in there:
                        found += 1
                        yield from self._if_it_fits(record)
            self._summary.gone += len(offsets) - found

    def _if_it_fits(self, record: Record) -> Iterator[Record]:
        headers = sum(len(name) + len(value) for name, value in record.headers)
        if len(record.value) + len(record.key or b"") + headers + HEADERS_BYTES > self._limits.record_bytes:
            self._summary.too_large += 1
        else:
            yield record

    def _watermarks(self, topics: Collection[str]) -> Mapping[TopicPartition, Watermarks]:
        return self._ports.reader.watermarks(topics)


def _topic(record: Record) -> str:
    return record.coordinates.topic


def _named(record: Record) -> tuple[UUID, UUID] | None:
    """The customer whom a record names and the photo that its bytes are, whatever it says itself of that."""
    customer_id = customer_of(record.headers)
    return None if customer_id is None else (customer_id, photo_id_for(customer_id, sha256_hex(record.value)))


def _has(marks: Watermarks | None, log: Log, offset: int) -> bool:
    """Whether Kafka still has this record.

    A topic that was made anew has others at the same offsets; beyond the end of one that was cut nothing ever comes.
    """
    return marks is not None and log.may_be(marks.topic_id) and marks.low <= offset < marks.high
