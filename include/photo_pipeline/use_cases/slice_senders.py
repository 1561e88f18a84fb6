"""Who sent the records of a slice: proven where that is asked for, and a customer that there is. And what was erased.

The database is asked about all new senders of a group of records at once: a slice from five hundred of them does not
ask five hundred times.
"""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from uuid import UUID

from photo_pipeline.domain.errors import RecordRejected
from photo_pipeline.domain.events import PhotoEvent
from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.domain.proof import ProofRules, SigningDevice, device_of, is_proven
from photo_pipeline.ports.ingest import IngestLedger
from photo_pipeline.use_cases.slice_reading import AbsentRange, ReadRecord, weight_of

NOT_WHAT_WAS_SIGNED = frozenset(
    {RejectReason.SHA256_MISMATCH, RejectReason.PHOTO_ID_MISMATCH, RejectReason.EMPTY, RejectReason.TOO_LARGE}
)
"""A proof is about headers, the sha256 among them: of other bytes, or under another key, it proves nothing."""

Read = ReadRecord | AbsentRange

GROUP_RECORDS = 100
GROUP_BYTES = 4 * 1024 * 1024
"""A group ends with the record that reaches this."""


def from_known_senders(items: Iterable[Read], ledger: IngestLedger, rules: ProofRules) -> Generator[Read, None, None]:
    """Refuse the records that nobody may have sent.

    Raises:
        ServerUnavailableError: when the database is away.
    """
    senders = _Senders(ledger, rules)
    for group in _grouped(items):
        senders.learn([item for item in group if isinstance(item, ReadRecord)])
        for item in group:
            yield item if isinstance(item, AbsentRange) else senders.judged(item)


def _grouped(items: Iterable[Read]) -> Iterator[list[Read]]:
    group: list[Read] = []
    size = 0
    for item in items:
        group.append(item)
        size += weight_of(item)
        if len(group) >= GROUP_RECORDS or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    yield group


class _Senders:
    """What is known of a slice's senders; asked for once."""

    def __init__(self, ledger: IngestLedger, rules: ProofRules) -> None:
        self._ledger = ledger
        self._rules = rules
        self._customers: dict[UUID, bool] = {}
        self._asked_erased: set[UUID] = set()
        self._erased: set[UUID] = set()
        self._asked_devices: set[UUID] = set()
        self._devices: dict[UUID, SigningDevice] = {}

    def learn(self, items: Iterable[ReadRecord]) -> None:
        """Ask about those who are new."""
        customers = {item.found.customer_id for item in items if isinstance(item.found, PhotoEvent)}
        if new := customers - self._customers.keys():
            known = self._ledger.known_customers(new)
            self._customers |= {customer_id: customer_id in known for customer_id in new}
        named = {found for item in items for found in _named(item)}
        if fresh := named - self._asked_erased:
            self._erased |= self._ledger.erased(fresh)
            self._asked_erased |= fresh
        devices = {device for item in items if (device := device_of(item.record, self._rules)) is not None}
        if unknown := devices - self._asked_devices:
            self._devices |= self._ledger.signing_devices(unknown)
            self._asked_devices |= unknown

    def judged(self, item: ReadRecord) -> ReadRecord:
        """The record, refused where nobody may have sent it, or what it brings was erased."""
        believed = self._believed(item)
        if self._erased.isdisjoint(_named(item)):
            return believed
        return replace(believed, found=RecordRejected(RejectReason.ERASED, "not taken again"))

    def _believed(self, item: ReadRecord) -> ReadRecord:
        """The record, refused where nobody may have sent it.

        One that proves nothing is accounted to nobody: whoever can write to Kafka could fill anybody's list of refused
        photos otherwise. What is wrong with the record itself is said first.
        """
        rejected = item.found if isinstance(item.found, RecordRejected) else None
        try:
            proven = is_proven(item.record, self._rules, self._devices)
        except RecordRejected as rejection:
            return replace(item, found=rejected or rejection, customer_id=None)
        if proven and rejected is not None and rejected.reason in NOT_WHAT_WAS_SIGNED:
            return replace(item, customer_id=None)
        if isinstance(item.found, PhotoEvent) and not self._customers[item.found.customer_id]:
            unknown = RecordRejected(RejectReason.UNKNOWN_CUSTOMER, str(item.found.customer_id))
            return replace(item, found=unknown)
        return item


def _named(item: ReadRecord) -> set[UUID]:
    """The customer whom a record names, and its photo."""
    named = {item.found.photo_id, item.found.customer_id} if isinstance(item.found, PhotoEvent) else set()
    return named if item.customer_id is None else named | {item.customer_id}
