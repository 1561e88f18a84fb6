"""A photo's way through the platform, as the servers know it, and what it is found by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from photo_pipeline.domain.photo import RecordCoordinates
from photo_pipeline.domain.retention import Hold

RECORDS = 50
"""As many records are on a page."""
FOUND = 10
"""As many things are offered where a search finds several."""
NEWEST_REFUSED = 5000
"""Refused records are counted among so many of the newest that a question is about."""


@dataclass(frozen=True, slots=True)
class Place:
    """The shard in which a photo lies. ``kept_until`` is known once a run of the retention has marked it."""

    path: str
    kind: str
    state: str
    length: int
    committed_at: datetime
    kept_until: datetime | None


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """A photo without what would say whose it is, save its customer's id. ``place`` is ``None`` once it has gone."""

    photo_id: UUID
    customer_id: UUID
    sha256: str
    source: str
    status: str
    format: str
    width: int
    height: int
    bytes: int
    uploaded_at: datetime
    accepted_at: datetime
    processed_at: datetime
    expired_at: datetime | None
    binned_at: datetime | None
    place: Place | None


@dataclass(frozen=True, slots=True)
class Member:
    """A rendition, and where in the shard it lies: ``length`` bytes from ``offset`` on."""

    kind: str
    offset: int
    length: int
    content_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Work:
    """A record's slice. ``run_id`` is of ``photo_ingest``; slices of an older release have none."""

    slice_id: int
    state: str
    attempt: int
    planned_at: datetime
    committed_at: datetime | None
    run_id: str | None
    path: str | None
    shard_state: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """What was to be said of a record on Kafka; ``published_at`` is ``None`` as long as it waits."""

    kind: str
    created_at: datetime
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class Passage:
    """A record with its outcome, as a line of a list."""

    where: RecordCoordinates
    slice_id: int
    outcome: str
    reason: str | None
    detail: str | None
    source: str | None
    bytes: int | None
    photo_id: UUID | None
    customer_id: UUID | None
    device_id: UUID | None
    accepted_at: datetime | None
    processed_at: datetime


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a list goes on: behind the record that was last on the page before."""

    at: datetime
    where: RecordCoordinates


@dataclass(frozen=True, slots=True)
class Course:
    """What became of a record besides its outcome. ``synced`` is the ledger's word: the search index has it."""

    work: Work
    told: Told | None
    synced: bool
    refed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Way:
    """All that is known of a photo, or of one record.

    Attributes:
        now: the ledger's time.
        photo: ``None`` where none came of it.
        passages: the records that brought it, the newest first, up to ``FOUND``.
        course: of the record that is looked at: the first of ``passages`` unless another was asked for.
        members: where its bytes lie.
        holds: what keeps it.
    """

    now: datetime
    photo: PhotoFacts | None
    passages: Sequence[Passage]
    course: Course | None
    members: Sequence[Member] = ()
    holds: Sequence[Hold] = ()

    @property
    def photo_id(self) -> UUID | None:
        """The photo's id, known of a refused record too where it could be made out."""
        if self.photo is not None:
            return self.photo.photo_id
        return next((one.photo_id for one in self.passages if one.photo_id is not None), None)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the log of a record is read, for one that has no outcome. ``work`` has been planned and holds it."""

    now: datetime
    first_offset: int
    next_offset: int
    kafka_end: int | None
    state: str
    work: Work | None


@dataclass(frozen=True, slots=True)
class LogRange:
    """A log's name and the offsets that the ledger has of it, the end excluded."""

    name: str
    first_offset: int
    next_offset: int


@dataclass(frozen=True, slots=True)
class TaskPlace:
    """An Airflow task that worked on a slice: where its page and log are, who ran it and when."""

    path: str
    worker: str
    attempt: int
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Person:
    """A customer as operators see them; names are ``None`` once the account is closed."""

    customer_id: UUID
    name: str | None
    email: str | None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A photo of that name, by its id, or a refused record, by its place."""

    filename: str
    at: datetime
    of: UUID | RecordCoordinates


@dataclass(frozen=True, slots=True)
class RefusedQuestion:
    """Which refused records are asked for: the newest of a window."""

    since: datetime
    until: datetime
    customer_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """What operators are told besides: people by their customer id, file names by their record."""

    people: Mapping[UUID, Person] = field(default_factory=dict)
    files: Mapping[RecordCoordinates, str] = field(default_factory=dict)
