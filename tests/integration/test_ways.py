"""What is found on a real ledger, by its ids, bytes and names, and the whole way of what was committed there."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError
from tests.support.databases import Database
from tests.support.gallery_rows import Commit
from tests.support.slices import accepted, add_customer, archived_photo, rejected

from photo_pipeline.adapters.postgres.bi import PostgresOutcomeSource
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.names import PostgresNames
from photo_pipeline.adapters.postgres.ways import PostgresWays
from photo_pipeline.domain.ledger import ArchivedPhoto
from photo_pipeline.domain.outcomes import Outcome
from photo_pipeline.domain.photo import RecordCoordinates
from photo_pipeline.domain.ways import FOUND, RECORDS, Mark, Passage, RefusedQuestion
from photo_pipeline.operations.finding import Finder
from photo_pipeline.operations.search import edits

TOPIC = "photos.uploaded"
CAMERA = uuid4()
SOON = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Two slices: a photo, a refused record of a device, one that nobody sent; and the photo again."""

    ways: PostgresWays
    names: PostgresNames
    owner: Engine
    customer: UUID
    photo: ArchivedPhoto

    def sql(self, statement: str, **values: object) -> None:
        """Change something, as whoever owns it would."""
        with self.owner.begin() as connection:
            connection.execute(text(statement), values)


@pytest.fixture
def ledger(database: Database, owner: Engine, commit: Commit) -> Iterator[Ledger]:
    """Give such a ledger, its views under the role that the page has, its names under the one for operators."""
    customer = add_customer(owner)
    photo = replace(archived_photo(customer, b"one"), filename="Am Meer.JPG")
    refused = replace(rejected(1), customer_id=customer, filename="Am Abend.jpg", device_id=CAMERA)
    commit([photo], [accepted(0, photo), refused, rejected(2)])
    commit([photo], [accepted(3, photo)])
    views, names = make_engine(database.bi, "tests"), make_engine(database.pipeline, "tests")
    yield Ledger(PostgresWays(views), PostgresNames(names), owner, customer, photo)
    views.dispose()
    names.dispose()


def at(offset: int) -> RecordCoordinates:
    """A record of that ledger."""
    return RecordCoordinates(TOPIC, 0, offset)


def lately() -> RefusedQuestion:
    """Everything that was refused."""
    now = datetime.now(UTC)
    return RefusedQuestion(now - SOON, now + SOON)


def test_a_photos_way_is_what_was_committed(ledger: Ledger) -> None:
    """Its records, the newest first, the run that brought the newest, where its bytes lie, and what holds it."""
    way = ledger.ways.of_photo(ledger.photo.photo_id)
    assert way is not None
    assert way.photo is not None
    assert (way.photo.sha256, way.photo.customer_id) == (ledger.photo.sha256, ledger.customer)
    assert [(one.where, one.outcome) for one in way.passages] == [(at(3), "duplicate"), (at(0), "processed")]
    assert [(one.kind, one.offset, one.length) for one in way.members] == [
        ("original", 512, 100),
        ("web", 1024, 100),
        ("thumb", 1536, 100),
    ]
    assert way.course is not None
    assert (way.course.work.run_id, way.course.work.attempt, way.course.work.state) == ("run", 1, "committed")
    assert way.photo.place is not None
    assert way.photo.place.path == way.course.work.path
    assert way.course.told is None, "a duplicate is not published"
    first = ledger.ways.of_record(at(0))
    assert first is not None
    assert first.passages[0].where == at(0)
    assert first.course is not None
    assert first.course.told is not None
    assert (first.course.told.kind, first.course.told.published_at) == ("processed", None)
    assert ledger.ways.of_photo(uuid4()) is None


def test_a_way_follows_what_happens_later(ledger: Ledger) -> None:
    """Published, synced, held, binned, fed again: each as soon as the ledger has it."""
    ledger.sql("UPDATE outbox SET published_at = now()")
    ledger.sql("INSERT INTO bi_sync_state (name, watermark, synced_at) VALUES ('x', pg_current_xact_id(), now())")
    ledger.sql(
        "INSERT INTO hold (customer_id, photo_id, reason, placed_by) "
        "VALUES (:who, NULL, 'all', 'G'), (:who, :id, 'it', 'G')",
        who=ledger.customer,
        id=ledger.photo.photo_id,
    )
    ledger.sql("INSERT INTO reprocess_request (request_id, mode, parameters) VALUES ('again', 'dead_letters', '{}')")
    ledger.sql(
        'INSERT INTO refed_record (topic, "partition", "offset", request_id, sought_from, fed_at, fed_partition, '
        "fed_offset) VALUES (:topic, 0, 1, 'again', '{}', now(), 0, 9)",
        topic=TOPIC,
    )
    way, refused = ledger.ways.of_record(at(0)), ledger.ways.of_record(at(1))
    assert way is not None
    assert way.course is not None
    assert way.course.told is not None
    assert way.course.told.published_at is not None
    assert way.course.synced
    assert [one.reason for one in way.holds] == ["all", "it"]
    assert refused is not None
    assert refused.course is not None
    assert refused.course.refed_at is not None
    assert refused.photo is None
    assert refused.passages[0].device_id == CAMERA


def test_a_record_that_has_no_outcome_waits(ledger: Ledger) -> None:
    """How far its log is read; of a log that there is none of, nothing."""
    assert ledger.ways.of_record(at(4)) is None
    standing = ledger.ways.standing(at(4))
    assert standing is not None
    assert (standing.first_offset, standing.next_offset, standing.work) == (0, 4, None)
    assert ledger.ways.standing(RecordCoordinates("elsewhere", 0, 1)) is None
    assert [(log.name, log.next_offset) for log in ledger.ways.logs()] == [(f"{TOPIC}-0", 4)]


def test_what_is_one_slip_away_is_found(ledger: Ledger) -> None:
    """By neighbours in an index and by every slip of one digit, of ids and of bytes."""
    photo = ledger.photo
    slip = photo.photo_id.hex[:-1]
    assert photo.photo_id in ledger.ways.photos_near(UUID(f"{slip}0"))
    found = ledger.ways.photos({UUID(each) for each in edits(slip, 32)})
    assert [one.photo_id for one in found] == [photo.photo_id]
    assert [one.sha256 for one in ledger.ways.photos_of_bytes([photo.sha256[:12]])] == [photo.sha256]
    assert [one.sha256 for one in ledger.ways.photos_of_bytes_from(photo.sha256[:7])] == [photo.sha256]
    ledger.sql("UPDATE photo SET status = 'expired', shard_id = NULL, filename = NULL, expired_at = now()")
    assert ledger.ways.photos_of_bytes([photo.sha256[:12]]) == [], "only those that are kept are found by their bytes"
    gone = ledger.ways.of_photo(photo.photo_id)
    assert gone is not None
    assert gone.photo is not None
    assert (gone.photo.status, gone.photo.place) == ("expired", None)


def test_people_and_files_are_found_by_name(ledger: Ledger) -> None:
    """Whatever the case, by their beginning, and by what stands next to a mistyped address."""
    (called,) = ledger.names.files_called("am meer.jpg")
    assert (called.filename, called.of) == ("Am Meer.JPG", ledger.photo.photo_id)
    assert {one.of for one in ledger.names.files_called("AM")} == {ledger.photo.photo_id, at(1)}
    assert ledger.names.files_called("am%") == []
    assert ledger.names.files_called("al") == [], "they stand behind it, and do not begin so"
    (person,) = ledger.names.people([ledger.customer])
    assert ledger.names.people_near(str(person.email)) == [person]
    assert person in ledger.names.people_near(f"{str(person.email)[:-1]}")
    settled = {one.where: one.processed_at for one in ledger.ways.of_slice(1, 0)}
    assert ledger.names.files(settled) == {at(0): "Am Meer.JPG", at(1): "Am Abend.jpg"}


def test_refused_records_are_narrowed_to_a_customer(ledger: Ledger) -> None:
    """The newest first, and none of anybody else."""

    def offsets(question: RefusedQuestion) -> list[int]:
        return sorted(one.where.offset for one in ledger.ways.refused(question))

    assert offsets(lately()) == [1, 2]
    assert offsets(replace(lately(), customer_id=ledger.customer)) == [1]
    assert offsets(replace(lately(), customer_id=uuid4())) == []
    assert offsets(replace(lately(), until=datetime.now(UTC) - SOON)) == []


def test_lists_go_on_where_they_ended(ledger: Ledger, commit: Commit) -> None:
    """A slice's records by offset and a customer's by time, each once, though all of a slice have the same time."""
    photos = [archived_photo(ledger.customer, str(n).encode()) for n in range(RECORDS + 2)]
    del commit
    many = RECORDS + 2
    ledger.sql(
        'INSERT INTO slice (topic, "partition", "start", "end", dt, state, committed_at) '
        "VALUES (:topic, 0, 4, 4 + :many, current_date, 'committed', now())",
        topic=TOPIC,
        many=many,
    )
    ledger.sql(
        'INSERT INTO ingest_record (topic, "partition", "offset", slice_id, outcome, customer_id, photo_id, '
        "processed_at) SELECT topic, 0, n, slice_id, 'duplicate', :who, :id, committed_at "
        '  FROM slice CROSS JOIN generate_series(4, 3 + :many) n WHERE "start" = 4',
        who=ledger.customer,
        id=photos[0].photo_id,
        many=many,
    )
    page = ledger.ways.of_slice(3, 0)
    assert [one.where.offset for one in page] == list(range(4, 5 + RECORDS))
    assert [one.where.offset for one in ledger.ways.of_slice(3, 3 + many)] == [3 + many]
    seen: list[Passage] = []
    mark: Mark | None = None
    while found := ledger.ways.of_customer(ledger.customer, mark)[:RECORDS]:
        seen += found
        mark = Mark(found[-1].processed_at, found[-1].where)
    assert [one.where.offset for one in seen] == [*range(3 + many, 2, -1), 1, 0]
    way = ledger.ways.of_photo(photos[0].photo_id)
    assert way is not None
    assert len(way.passages) == FOUND


def test_what_is_typed_is_found_on_a_real_ledger(ledger: Ledger) -> None:
    """Each kind of thing, by somebody who may know names and by somebody who may not."""
    photo = ledger.photo
    (person,) = ledger.names.people([ledger.customer])
    for typed in (str(photo.photo_id), photo.sha256, "am meer.jpg", f"{TOPIC}/0@0", "1", str(person.email)):
        assert Finder(ledger.ways, ledger.names).find(f" {typed} ").only is not None, typed
    mistyped = f"{str(photo.photo_id)[:-1]}x".upper()
    assert [hit.path for hit in Finder(ledger.ways, None).find(mistyped).near] == [f"/photos/{photo.photo_id}"]
    assert Finder(ledger.ways, None).find(str(person.email)).only is None


def test_a_record_is_found_by_its_document_wherever_it_is(ledger: Ledger, database: Database) -> None:
    """In its slice's month, and anywhere once the slice has been forgotten; under both roles that ask."""
    documents = [str(at(0)), str(at(1)), str(at(9))]
    for role in (database.bi, database.pipeline):
        engine = make_engine(role, "tests")
        source = PostgresOutcomeSource(engine)
        assert {row.coordinates for row in source.named(documents)} == {at(0), at(1)}
        ledger.sql("UPDATE slice SET committed_at = committed_at - interval '60 days'")
        assert {row.coordinates for row in source.named(documents)} == {at(0), at(1)}
        ledger.sql("UPDATE slice SET committed_at = committed_at + interval '60 days'")
        engine.dispose()


def test_names_are_out_of_the_analysts_reach(database: Database) -> None:
    """The role that the page's figures come by may not ask for them, and the other one reads no password."""
    for role, view in ((database.bi, "email FROM page_customer"), (database.pipeline, "password_hash FROM customer")):
        engine = make_engine(role, "tests")
        with engine.connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text(f"SELECT {view}"))
        engine.dispose()


def test_a_repeat_in_one_slice_says_its_device_too(ledger: Ledger, commit: Commit) -> None:
    """Whatever became of a record, the device that it names is kept with it."""
    commit_again = replace(accepted(4, ledger.photo, Outcome.DUPLICATE), device_id=CAMERA)
    commit([ledger.photo], [commit_again])
    way = ledger.ways.of_photo(ledger.photo.photo_id)
    assert way is not None
    assert way.passages[0].device_id == CAMERA
