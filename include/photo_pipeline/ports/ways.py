"""Where photos are looked up for operators. Whatever asks a server may raise ``ServerUnavailableError``."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from photo_pipeline.domain.photo import RecordCoordinates
from photo_pipeline.domain.ways import (
    LogRange,
    Mark,
    NamedFile,
    Passage,
    Person,
    PhotoFacts,
    RefusedQuestion,
    Standing,
    TaskPlace,
    Way,
)


class Ways(Protocol):
    """The ledger without names, at a cost that does not grow with its history."""

    def of_photo(self, photo_id: UUID) -> Way | None:
        """A photo's way; also of one that was refused each time. ``None`` where the ledger has never heard of it."""
        ...

    def of_record(self, where: RecordCoordinates) -> Way | None:
        """The way that begins with this record; ``None`` where it has no outcome."""
        ...

    def standing(self, where: RecordCoordinates) -> Standing | None:
        """How far the record's log is read; ``None`` where there is no such log."""
        ...

    def logs(self) -> Sequence[LogRange]:
        """Every log."""
        ...

    def photos(self, photo_ids: Collection[UUID]) -> Sequence[PhotoFacts]:
        """Those of them that there are or were."""
        ...

    def photos_near(self, photo_id: UUID) -> Sequence[UUID]:
        """The ids of photos and of refused ones that stand next to this one, in the order of their digits."""
        ...

    def photos_of_bytes(self, starts: Collection[str]) -> Sequence[PhotoFacts]:
        """Live photos whose sha256 begins with one of these, of 12 digits each."""
        ...

    def photos_of_bytes_from(self, start: str) -> Sequence[PhotoFacts]:
        """The first live photos whose sha256 begins so, with up to 12 digits."""
        ...

    def slices_near(self, slice_id: int) -> Sequence[int]:
        """The slice of that number, or its neighbours."""
        ...

    def of_slice(self, slice_id: int, from_offset: int) -> Sequence[Passage]:
        """A slice's records from an offset on, one more than fit on a page."""
        ...

    def of_customer(self, customer_id: UUID, before: Mark | None) -> Sequence[Passage]:
        """A customer's newest records, one more than fit on a page."""
        ...

    def refused(self, question: RefusedQuestion) -> Sequence[Passage]:
        """The newest refused records, up to one more than are counted."""
        ...


class NameBook(Protocol):
    """Who and what things are called, asked for operators alone."""

    def people(self, customer_ids: Collection[UUID]) -> Sequence[Person]:
        """Customers by their ids."""
        ...

    def people_near(self, email: str) -> Sequence[Person]:
        """The customer of that mail address, or those whose addresses stand next to it."""
        ...

    def files_called(self, name: str) -> Sequence[NamedFile]:
        """Photos and refused records of that name whatever its case, or else those whose names begin so, the newest."""
        ...

    def files(self, settled: Mapping[RecordCoordinates, datetime]) -> Mapping[RecordCoordinates, str]:
        """What the files of records are called, as long as that is kept. With each stands when it was settled."""
        ...


class SliceTasks(Protocol):
    """Airflow's own view of who worked on what."""

    def of_slice(self, run_id: str, slice_id: int) -> TaskPlace | None:
        """The task of a run that committed a slice; ``None`` where Airflow knows none."""
        ...
