"""Ways, names and tasks in memory: what the Photos page asks when somebody looks for something."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from photo_pipeline.domain.photo import RecordCoordinates
from photo_pipeline.domain.ways import (
    Course,
    LogRange,
    Mark,
    Member,
    NamedFile,
    Passage,
    Person,
    PhotoFacts,
    Place,
    RefusedQuestion,
    Standing,
    TaskPlace,
    Told,
    Way,
    Work,
)

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADA = UUID("0a000000-0000-4000-8000-00000000ada0")
CAMERA = UUID("0c000000-0000-4000-8000-0000000000ca")
PHOTO = UUID("f81d4fae-7dec-51d0-a765-00a0c91e6bf6")
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
WHERE = RecordCoordinates("photos.uploaded", 0, 7)
LOG = LogRange("photos.uploaded-0", 3, 12)
RUN = "scheduled__2026-03-09T10:00:00+00:00"
WORK = Work(5, "committed", 2, NOW - HOUR, NOW - HOUR, RUN, "/photos/archive/dt=2026-03-09/a.tar", "live")
PLACE = Place("/photos/archive/dt=2026-03-09/a.tar", "archive", "live", 3000, NOW - HOUR, None)
PERSON = Person(ADA, "Ada", "ada@example.org")
TASK = TaskPlace("/dags/photo_ingest/runs/r/tasks/process_slice/mapped/0", "worker-3", 1, NOW - HOUR, NOW - HOUR)


def photo(**parts: object) -> PhotoFacts:
    """A photo in the archive but for these parts."""
    facts: dict[str, object] = {
        "photo_id": PHOTO,
        "customer_id": ADA,
        "sha256": SHA256,
        "source": "upload",
        "status": "processed",
        "format": "jpeg",
        "width": 4000,
        "height": 3000,
        "bytes": 1200,
        "uploaded_at": NOW - 2 * HOUR,
        "accepted_at": NOW - 2 * HOUR,
        "processed_at": NOW - HOUR,
        "expired_at": None,
        "binned_at": None,
        "place": PLACE,
    }
    return PhotoFacts(**{**facts, **parts})  # type: ignore[arg-type] # parts by name


def passage(**parts: object) -> Passage:
    """A record that brought that photo but for these parts."""
    values: dict[str, object] = {
        "where": WHERE,
        "slice_id": 5,
        "outcome": "processed",
        "reason": None,
        "detail": None,
        "source": "upload",
        "bytes": 1200,
        "photo_id": PHOTO,
        "customer_id": ADA,
        "device_id": None,
        "accepted_at": NOW - 2 * HOUR,
        "processed_at": NOW - HOUR,
    }
    return Passage(**{**values, **parts})  # type: ignore[arg-type] # parts by name


REFUSED = passage(
    where=RecordCoordinates("photos.streamed", 0, 4),
    outcome="rejected",
    reason="truncated",
    detail="ends early",
    photo_id=None,
    device_id=CAMERA,
    source="stream",
)
COURSE = Course(WORK, Told("processed", NOW - HOUR, NOW), synced=True, refed_at=None)
MEMBERS = (Member("original", 512, 1200, "image/jpeg", 4000, 3000), Member("web", 2048, 300, "image/jpeg", 1600, 1200))


@dataclass
class MemoryTrails:
    """A few photos and records behind all three ports."""

    known: list[PhotoFacts] = field(default_factory=lambda: [photo()])
    passages: list[Passage] = field(default_factory=lambda: [passage(), REFUSED])
    person: Person = PERSON
    asked_names: int = 0

    def of_photo(self, photo_id: UUID) -> Way | None:
        """See the port."""
        found = [one for one in self.passages if one.photo_id == photo_id]
        photos = self.photos([photo_id])
        return Way(NOW, photos[0] if photos else None, found, COURSE, MEMBERS) if found or photos else None

    def of_record(self, where: RecordCoordinates) -> Way | None:
        """See the port."""
        found = [one for one in self.passages if one.where == where]
        photos = self.photos([one.photo_id for one in found if one.photo_id is not None])
        return Way(NOW, photos[0] if photos else None, found, COURSE) if found else None

    def standing(self, where: RecordCoordinates) -> Standing | None:
        """See the port."""
        return Standing(NOW, 3, 12, 20, "current", None) if where.topic == "photos.uploaded" else None

    def logs(self) -> Sequence[LogRange]:
        """See the port."""
        return [LOG, LogRange("photos.streamed-0", 0, 5)]

    def photos(self, photo_ids: Collection[UUID]) -> Sequence[PhotoFacts]:
        """See the port."""
        return [one for one in self.known if one.photo_id in photo_ids]

    def photos_near(self, photo_id: UUID) -> Sequence[UUID]:
        """See the port."""
        ids = sorted(one.photo_id for one in self.known)
        return [*[one for one in ids if one < photo_id][-3:], *[one for one in ids if one >= photo_id][:3]]

    def photos_of_bytes(self, starts: Collection[str]) -> Sequence[PhotoFacts]:
        """See the port."""
        return [one for one in self.known if one.sha256[:12] in starts]

    def photos_of_bytes_from(self, start: str) -> Sequence[PhotoFacts]:
        """See the port."""
        return [one for one in self.known if one.sha256.startswith(start)]

    def slices_near(self, slice_id: int) -> Sequence[int]:
        """See the port."""
        return [5]

    def of_slice(self, slice_id: int, from_offset: int) -> Sequence[Passage]:
        """See the port."""
        return [one for one in self.passages if one.slice_id == slice_id and one.where.offset >= from_offset]

    def of_customer(self, customer_id: UUID, before: Mark | None) -> Sequence[Passage]:
        """See the port."""
        return [one for one in self.passages if one.customer_id == customer_id]

    def refused(self, question: RefusedQuestion) -> Sequence[Passage]:
        """See the port."""
        return [one for one in self.passages if one.outcome == "rejected"]

    def people(self, customer_ids: Collection[UUID]) -> Sequence[Person]:
        """See the port."""
        self.asked_names += 1
        return [self.person] if self.person.customer_id in customer_ids else []

    def people_near(self, email: str) -> Sequence[Person]:
        """See the port."""
        self.asked_names += 1
        return [self.person]

    def files_called(self, name: str) -> Sequence[NamedFile]:
        """See the port."""
        self.asked_names += 1
        files = [NamedFile("IMG_0001.jpg", NOW, PHOTO), NamedFile("IMG_0002.jpg", NOW, REFUSED.where)]
        return [one for one in files if one.filename.lower().startswith(name.lower())]

    def files(self, settled: Mapping[RecordCoordinates, datetime]) -> Mapping[RecordCoordinates, str]:
        """See the port."""
        self.asked_names += 1
        return dict.fromkeys(settled, "IMG_0001.jpg")


class MemoryTasks:
    """The ``SliceTasks`` port: one task that is known."""

    def of_slice(self, run_id: str, slice_id: int) -> TaskPlace | None:
        """See the port."""
        return TASK if (run_id, slice_id) == (RUN, 5) else None
