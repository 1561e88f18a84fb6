"""One document of the search index per outcome: what analysts may know of it, and nothing else."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from photo_pipeline.domain.events import format_time
from photo_pipeline.domain.photo import RecordCoordinates

DocumentBody = Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True, order=True)
class CommitPosition:
    """A place in commit order: everything up to and with this record's row has been read.

    Attributes:
        xid: the transaction that last changed the row, PostgreSQL's 64-bit id.
        topic: of the record, like the next two.
        partition: -1 stands before every record of the transaction.
        offset: as ``partition``, like the next.
        incarnation: of the record's log.
    """

    xid: int
    topic: str = ""
    partition: int = -1
    offset: int = -1
    incarnation: int = -1


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """A row of the view ``bi_outcome``. Times carry a zone, save ``taken_at``: the camera's clock, zone unknown.

    ``first_of_customer`` is of the one record that brought a customer's first photo.
    """

    coordinates: RecordCoordinates
    updated_xid: int
    version: int
    outcome: str
    reject_reason: str | None
    photo_id: UUID | None
    customer_id: UUID | None
    customer_name: str | None
    source: str | None
    bytes: int | None
    format: str | None
    width: int | None
    height: int | None
    megapixels: Decimal | None
    camera: str | None
    taken_at: datetime | None
    taken_at_offset: str | None
    uploaded_at: datetime | None
    processed_at: datetime
    expired_at: datetime | None
    latency_ms: int | None
    first_of_customer: bool = False

    @property
    def position(self) -> CommitPosition:
        """Where the row lies in commit order."""
        record = self.coordinates
        return CommitPosition(self.updated_xid, record.topic, record.partition, record.offset, record.incarnation)


@dataclass(frozen=True, slots=True)
class Document:
    """A document and the name, month and version under which it is stored.

    Attributes:
        document_id: ``<topic>-<partition>-<offset>``, with ``~<incarnation>`` behind the topic of a later log of that
            name; an outcome keeps it for ever.
        version: grows with every change of the row, so that an older state can never replace a newer one.
        month: ``YYYY.MM`` in UTC of the record's acceptance, which never changes: the document never moves.
        body: the fields; what is unknown is left out.
    """

    document_id: str
    version: int
    month: str
    body: DocumentBody


FIRST_GENERATION = 1
_INDEX = re.compile(r"(?P<alias>.+)-(?P<month>\d{4}\.\d\d)(?:-g(?P<generation>\d+))?")


@dataclass(frozen=True, slots=True)
class IndexName:
    """A monthly index: ``<alias>-YYYY.MM``, with ``-g<N>`` behind it from the second generation on.

    A generation is one whole copy of all outcomes. Analysts see one through the alias while the next is being filled.
    """

    alias: str
    month: str
    generation: int = FIRST_GENERATION

    def __str__(self) -> str:
        later = "" if self.generation == FIRST_GENERATION else f"-g{self.generation}"
        return f"{self.alias}-{self.month}{later}"

    @classmethod
    def parse(cls, name: str) -> "IndexName | None":
        """The index of that name; ``None`` where it is none of ours."""
        found = _INDEX.fullmatch(name)
        if found is None:
            return None
        return cls(found["alias"], found["month"], int(found["generation"] or FIRST_GENERATION))


def index_month(moment: datetime) -> str:
    """The month of a moment in UTC as indices are named, ``YYYY.MM``: such texts are in the months' order."""
    there = moment.astimezone(UTC)
    return f"{there.year:04}.{there.month:02}"


def document_of(row: OutcomeRow) -> Document:
    """The document of a row. Pure: the same row gives the same document on every run."""
    record = row.coordinates
    # A record without acceptance time cannot come from Kafka; one wrong row must not stop the sync of all others.
    accepted_at = row.uploaded_at or row.processed_at
    return Document(
        document_id=str(record),
        version=row.version,
        month=index_month(accepted_at),
        body={name: value for name, value in _fields(row).items() if value is not None},
    )


def _fields(row: OutcomeRow) -> dict[str, str | int | float | None]:
    return {
        "topic": row.coordinates.topic,
        "partition": row.coordinates.partition,
        "offset": row.coordinates.offset,
        "version": row.version,
        "outcome": row.outcome,
        "reject_reason": row.reject_reason,
        "photo_id": None if row.photo_id is None else str(row.photo_id),
        "customer_id": None if row.customer_id is None else str(row.customer_id),
        "customer_name": row.customer_name,
        "source": row.source,
        "bytes": row.bytes,
        "format": row.format,
        "width": row.width,
        "height": row.height,
        "megapixels": None if row.megapixels is None else float(row.megapixels),
        "camera": row.camera,
        "taken_at": None if row.taken_at is None else row.taken_at.isoformat(),
        "taken_at_offset": row.taken_at_offset,
        "uploaded_at": None if row.uploaded_at is None else format_time(row.uploaded_at),
        "processed_at": format_time(row.processed_at),
        "expired_at": None if row.expired_at is None else format_time(row.expired_at),
        "latency_ms": row.latency_ms,
        "first_of_customer": row.first_of_customer or None,
    }


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """How far the search index follows.

    Attributes:
        watermark: every change by a transaction below this one is in the index.
        synced_at: what was committed by then is in the index, save transactions that were still open.
        documents: how many documents have been sent, ever.
    """

    watermark: int
    synced_at: datetime | None
    documents: int


@dataclass(frozen=True, slots=True)
class RefusedDocument:
    """A document that the index did not take, and why, in one line."""

    document_id: str
    month: str
    reason: str


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What became of the documents that were sent.

    Attributes:
        indexed: now in the index.
        conflicts: there already in a newer version.
        refused: not taken, while others were.
    """

    indexed: int
    conflicts: int
    refused: Sequence[RefusedDocument] = ()
