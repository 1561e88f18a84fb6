"""Customers and the gallery on real PostgreSQL, under the API's own role, with rows that the ingest's commit made."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from psycopg.errors import UndefinedTable
from pydantic import SecretStr
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError
from tests.support.databases import Database
from tests.support.gallery_rows import Commit, expire, photos_of, signed_up
from tests.support.slices import accepted, rejected

from photo_pipeline.adapters.postgres.customers import PostgresCustomers
from photo_pipeline.adapters.postgres.engine import make_engine, reading, transaction
from photo_pipeline.adapters.postgres.gallery import PostgresGallery
from photo_pipeline.adapters.postgres.gallery_photos import page_statement
from photo_pipeline.adapters.postgres.holds import PostgresCustomerHolds, PostgresHoldRegister
from photo_pipeline.adapters.postgres.outcome_feed import PostgresOutcomeFeed
from photo_pipeline.adapters.postgres.selection import PostgresSelection
from photo_pipeline.adapters.postgres.sessions import PostgresSessions
from photo_pipeline.adapters.postgres.usage import PostgresUsage
from photo_pipeline.domain.customers import EmailTakenError, LastPhoto, SentLately, TooManyDevicesError, Usage
from photo_pipeline.domain.errors import ServerUnavailableError, UnknownPhotoError, UnstorableError
from photo_pipeline.domain.gallery import (
    Absence,
    GalleryPhoto,
    Page,
    PhotoOrder,
    PhotoStatus,
    Place,
    ReceiptState,
    RejectedPhoto,
    RenditionName,
    StoredRendition,
)
from photo_pipeline.domain.ledger import ArchivedPhoto, RecordResult
from photo_pipeline.domain.outcomes import AbsentReason, Outcome, RejectReason
from photo_pipeline.domain.photo import Receipt, RecordCoordinates, RenditionKind, Source
from photo_pipeline.domain.retention import TooManyHoldsError
from photo_pipeline.settings import DatabaseSettings
from photo_pipeline.use_cases.holds import place_hold

TOPIC = "photos.uploaded"


@pytest.fixture
def customers(api: Engine) -> PostgresCustomers:
    """Give the customers."""
    return PostgresCustomers(api)


@pytest.fixture
def gallery(api: Engine) -> PostgresGallery:
    """Give the gallery."""
    return PostgresGallery(api)


@pytest.fixture
def feed(api: Engine) -> PostgresOutcomeFeed:
    """Give the outcomes as they are committed."""
    return PostgresOutcomeFeed(api)


def receipt_of(photo: ArchivedPhoto, offset: int) -> Receipt:
    """The receipt that the sender of a photo got."""
    return Receipt(photo.photo_id, photo.sha256, RecordCoordinates(TOPIC, 0, offset), photo.accepted_at)


class TestCustomers:
    """Who signs up."""

    def test_a_customer_is_found_again(self, customers: PostgresCustomers) -> None:
        """By id, and by the address in any letters; nobody else is."""
        ada = signed_up(customers, "Ada.Lovelace@Example.ORG")
        assert ada.email == "ada.lovelace@example.org"
        assert customers.get(ada.customer_id) == ada
        found = customers.credentials("ADA.LOVELACE@example.org")
        assert found is not None
        assert (found.customer_id, found.password_hash) == (ada.customer_id, "$argon2id$x")
        assert customers.get(uuid4()) is None
        assert customers.credentials("grace@example.org") is None

    @pytest.mark.parametrize("email", ["İ@example.org", "ß@straße.example", "ПРИВЕТ@example.org"])
    def test_addresses_of_any_script_are_folded_by_the_database(self, customers: PostgresCustomers, email: str) -> None:
        """Where Python and PostgreSQL disagree on lower case, PostgreSQL's is what counts, for both ways in."""
        ada = signed_up(customers, email)
        found = customers.credentials(email)
        assert found is not None
        assert found.customer_id == ada.customer_id

    def test_an_address_is_taken_once(self, customers: PostgresCustomers) -> None:
        """Also when two sign up with it at the same moment."""

        def attempt(email: str) -> bool:
            try:
                signed_up(customers, email)
            except EmailTakenError:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            outcomes = list(
                pool.map(attempt, ["ada@example.org", "ADA@example.org", "Ada@Example.org", "aDa@example.org"])
            )
        assert sorted(outcomes) == [False, False, False, True]

    def test_a_password_hash_can_be_renewed(self, customers: PostgresCustomers) -> None:
        """The next log-in is checked against the new hash."""
        signed_up(customers, "ada@example.org")
        known = customers.credentials("ada@example.org")
        assert known is not None
        customers.replace_password_hash(known, "$argon2id$y")
        assert customers.credentials("ada@example.org") == replace(known, password_hash="$argon2id$y")

    def test_devices_belong_to_one_customer(self, customers: PostgresCustomers) -> None:
        """They are listed, checked and revoked by their customer only; a revoked one is neither listed nor active."""
        ada, grace = signed_up(customers), signed_up(customers)
        first = customers.add_device(ada.customer_id, uuid4(), "door", 10)
        second = customers.add_device(ada.customer_id, uuid4(), "garden", 10)
        assert [each.device for each in customers.devices(ada.customer_id)] == [second, first]
        assert list(customers.devices(grace.customer_id)) == []
        assert customers.see_device(ada.customer_id, first.device_id)
        assert not customers.see_device(grace.customer_id, first.device_id)
        assert not customers.revoke_device(grace.customer_id, first.device_id)
        assert customers.revoke_device(ada.customer_id, first.device_id)
        assert not customers.revoke_device(ada.customer_id, first.device_id)
        assert not customers.see_device(ada.customer_id, first.device_id)
        assert [each.device for each in customers.devices(ada.customer_id)] == [second]

    def test_what_devices_do_is_told(
        self, customers: PostgresCustomers, commit: Commit, api: Engine, owner: Engine
    ) -> None:
        """Seen by asking, by a photo or by a refused one; what is in the bin counts and is not shown; its own alone."""
        ada, grace = signed_up(customers), signed_up(customers)
        door, silent, broken, revoked = (
            customers.add_device(ada.customer_id, uuid4(), name, 10) for name in ("door", "silent", "broken", "old")
        )
        assert customers.see_device(ada.customer_id, silent.device_id)
        customers.revoke_device(ada.customer_id, revoked.device_id)
        now = datetime.now(UTC)
        ages = [timedelta(minutes=1), timedelta(minutes=2), timedelta(hours=2), timedelta(days=2)]
        photos = [
            replace(photo, accepted_at=now - age, source=Source.STREAM, device_id=door.device_id)
            for photo, age in zip(photos_of(ada, 4), ages, strict=True)
        ]
        strange = replace(photos_of(grace, 1)[0], accepted_at=now, device_id=door.device_id)
        refused = replace(
            rejected(5), accepted_at=now, customer_id=ada.customer_id, source=Source.STREAM, device_id=broken.device_id
        )
        sent = [*photos, strange]
        commit(sent, [*(accepted(n, each) for n, each in enumerate(sent)), refused])
        PostgresSelection(api).put_into_bin(ada.customer_id, [photos[0].photo_id])
        told = {each.device.name: each for each in customers.devices(ada.customer_id)}
        assert list(told) == ["broken", "silent", "door"]
        assert told["door"].seen_at == photos[0].accepted_at
        assert (told["door"].last_hour.photos, told["door"].last_day.photos) == (2, 3)
        assert told["door"].last_photo == LastPhoto(photos[1].photo_id, photos[1].accepted_at)
        (_, _, much) = customers.devices(ada.customer_id, counted=2)
        assert (much.last_hour.photos, much.last_day.photos) == (2, 2)
        assert SentLately(2, timedelta(hours=1)) != much.last_hour == much.last_day
        assert told["broken"].seen_at == now
        assert [told[name].last_photo for name in ("broken", "silent")] == [None, None]
        seen = told["silent"].seen_at
        assert seen is not None
        assert abs(seen - now) < timedelta(minutes=1)
        customers.see_device(ada.customer_id, silent.device_id)
        assert customers.devices(ada.customer_id)[1].seen_at == seen
        with owner.begin() as connection:
            connection.execute(text("UPDATE device SET seen_at = seen_at - interval '61 seconds'"))
        customers.see_device(ada.customer_id, silent.device_id)
        again = customers.devices(ada.customer_id)[1].seen_at
        assert again is not None
        assert again >= seen

    def test_the_last_place_for_a_device_is_given_once(self, customers: PostgresCustomers) -> None:
        """However many ask at the same moment, no customer has more devices than allowed."""
        ada = signed_up(customers)

        def attempt(_: int) -> bool:
            try:
                customers.add_device(ada.customer_id, uuid4(), "x", 3)
            except TooManyDevicesError:
                return False
            return True

        with ThreadPoolExecutor(5) as pool:
            outcomes = list(pool.map(attempt, range(10)))
        assert sum(outcomes) == 3
        assert len(customers.devices(ada.customer_id)) == 3

    def test_the_api_cannot_touch_the_ledger(self, api: Engine) -> None:
        """Its role may look at photos but not change them, and knows nothing of slices."""
        for statement in ("UPDATE photo SET filename = 'x'", "DELETE FROM ingest_record", "SELECT * FROM slice"):
            with api.connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
                connection.execute(text(statement))

    def test_a_database_that_is_away_is_named_as_such(self) -> None:
        """Callers get the one error that they turn into 503."""
        nowhere = DatabaseSettings(url=SecretStr("postgresql://x:y@127.0.0.1:1/z"), connect_timeout_seconds=1)
        engine = make_engine(nowhere, "tests")
        with pytest.raises(ServerUnavailableError):
            PostgresCustomers(engine).get(uuid4())
        with pytest.raises(ServerUnavailableError):
            PostgresGallery(engine).photos(uuid4(), Page(10))
        engine.dispose()


class TestPhotos:
    """What the gallery shows."""

    def test_a_committed_photo_is_shown_as_it_is(
        self, customers: PostgresCustomers, gallery: PostgresGallery, commit: Commit, owner: Engine
    ) -> None:
        """Metadata, renditions with their tags, and from when the time that it is kept counts."""
        ada = signed_up(customers)
        [photo] = photos_of(ada, 1)
        commit([photo], [accepted(0, photo)])
        [shown] = gallery.photos(ada.customer_id, Page(10))
        assert (shown.photo_id, shown.sha256, shown.filename) == (photo.photo_id, photo.sha256, "a.jpg")
        assert (shown.status, shown.held, shown.uploaded_at) == (PhotoStatus.PROCESSED, False, photo.accepted_at)
        assert shown.taken_at == datetime(2026, 5, 1, 10, 11, 12)  # noqa: DTZ001 - the camera's time has no zone
        with owner.connect() as connection:
            assert shown.archived_at == connection.execute(text("SELECT committed_at FROM shard")).scalar_one()
        tags = {rendition.kind: rendition.tag for rendition in shown.renditions}
        assert tags == {
            RenditionKind.ORIGINAL: photo.sha256,
            RenditionKind.WEB: "00000007-64",
            RenditionKind.THUMB: "00000007-64",
        }
        assert gallery.photo(ada.customer_id, photo.photo_id) == shown

    def test_pages_are_complete_and_ordered(
        self, customers: PostgresCustomers, gallery: PostgresGallery, commit: Commit
    ) -> None:
        """Page by page every photo comes once, newest first, also where many have the same time."""
        ada, grace = signed_up(customers), signed_up(customers)
        photos = [*photos_of(ada, 12), *photos_of(ada, 25, minutes_apart=0)[12:], *photos_of(grace, 3)]
        commit(photos, [accepted(n, photo) for n, photo in enumerate(photos)])
        seen: list[GalleryPhoto] = []
        page = Page(4)
        while found := gallery.photos(ada.customer_id, page):
            seen += found
            page = Page(4, found[-1].place(PhotoOrder.UPLOADED))
        own = [photo for photo in photos if photo.customer_id == ada.customer_id]
        names = {photo.photo_id: photo.filename for photo in seen}

        def place(photo: ArchivedPhoto) -> tuple[datetime, str, bytes]:
            return photo.accepted_at, names[photo.photo_id] or "", photo.photo_id.bytes

        expected = sorted(own, key=place, reverse=True)
        assert [photo.photo_id for photo in seen] == [photo.photo_id for photo in expected]

    @pytest.mark.parametrize("order", list(PhotoOrder))
    def test_a_burst_is_in_order_by_name(
        self, customers: PostgresCustomers, gallery: PostgresGallery, commit: Commit, order: PhotoOrder
    ) -> None:
        """Photos of one moment come by name, by its characters in any alphabet, whatever the pages; fractions count.

        An old cursor, without a name, goes on with the whole of its moment.
        """
        ada = signed_up(customers)
        names = [
            "IMG_2.jpg",
            "IMG_1.jpg",
            "img_1.jpg",
            "\u00e9t\u00e9.jpg",
            "\U0001f4f7.jpg",
            "\uff21.jpg",
            "IMG_0.jpg",
        ]
        moments = ["12:00:00"] * 6 + ["12:00:00.25"]
        photos = [
            replace(
                photo,
                filename=name,
                accepted_at=photo.accepted_at.replace(microsecond=250_000 if "." in moment else 0),
                metadata=replace(photo.metadata, taken_at=f"2026-05-03T{moment}"),
            )
            for photo, name, moment in zip(photos_of(ada, 7, minutes_apart=0), names, moments, strict=True)
        ]
        commit(photos, [accepted(n, photo) for n, photo in enumerate(photos)])
        seen: list[GalleryPhoto] = []
        page = Page(2, order=order)
        while found := gallery.photos(ada.customer_id, page):
            seen += found
            page = Page(2, found[-1].place(order), order)
        expected = ["IMG_0.jpg", *sorted(names[:6], reverse=True)]
        assert [photo.filename for photo in seen] == expected
        old = Place(seen[3].place(order).moment, str(seen[3].photo_id))
        assert [p.filename for p in gallery.photos(ada.customer_id, Page(9, old, order))] == expected[1:]

    def test_pages_by_time_taken_are_complete_and_ordered(
        self, customers: PostgresCustomers, gallery: PostgresGallery, commit: Commit
    ) -> None:
        """The camera's local time decides, whatever came first; a photo without one stands where it was uploaded."""
        ada = signed_up(customers)
        photos = photos_of(ada, 9)
        hours = [5, 1, None, 7, 3, None, 2, 8, 2]
        taken = [None if hour is None else f"2026-05-03T0{hour}:00:00" for hour in hours]
        photos = [
            replace(photo, metadata=replace(photo.metadata, taken_at=moment))
            for photo, moment in zip(photos, taken, strict=True)
        ]
        commit(photos, [accepted(n, photo) for n, photo in enumerate(photos)])
        seen: list[GalleryPhoto] = []
        page = Page(2, order=PhotoOrder.TAKEN)
        while found := gallery.photos(ada.customer_id, page):
            seen += found
            page = Page(2, found[-1].place(PhotoOrder.TAKEN), PhotoOrder.TAKEN)
        shown = [None if photo.taken_at is None else photo.taken_at.hour for photo in seen]
        assert shown == [None, None, 8, 7, 5, 3, 2, 2, 1]
        assert len({photo.photo_id for photo in seen}) == len(photos)

    @pytest.mark.parametrize(
        ("order", "index"),
        [(PhotoOrder.UPLOADED, "photo_newest_first"), (PhotoOrder.TAKEN, "photo_newest_taken_first")],
    )
    def test_a_page_is_found_by_the_index(
        self,
        customers: PostgresCustomers,
        gallery: PostgresGallery,
        commit: Commit,
        owner: Engine,
        api: Engine,
        order: PhotoOrder,
        index: str,
    ) -> None:
        """A page in the middle is read where it begins: no sort, and no photo before it is looked at."""
        ada = signed_up(customers)
        photos = [
            replace(photo, metadata=replace(photo.metadata, taken_at=photo.accepted_at.isoformat()[:19]))
            for photo in photos_of(ada, 300)
        ]
        commit(photos, [accepted(n, photo) for n, photo in enumerate(photos)])
        with owner.begin() as connection:
            connection.execute(text("ANALYZE"))
        middle = gallery.photo(ada.customer_id, photos[150].photo_id)
        assert isinstance(middle, GalleryPhoto)
        page = Page(10, middle.place(order), order)
        statement, parameters = page_statement(ada.customer_id, page)
        assert len(gallery.photos(ada.customer_id, page)) == 10
        with api.begin() as connection:
            connection.execute(text("SET LOCAL enable_seqscan = off"))  # 300 rows are too few to need an index
            explain = f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {statement}"
            plan = list(connection.exec_driver_sql(explain, parameters).scalars())
        scan = next(line for line in plan if index in line)
        assert "rows=10 " in scan, plan
        assert not any("Sort" in line for line in plan), plan

    def test_duplicates_keep_the_photo_and_expiry_removes_it(
        self, customers: PostgresCustomers, gallery: PostgresGallery, commit: Commit, owner: Engine
    ) -> None:
        """Sent twice it is one photo; expired it is out of the list, but its row still says what became of it."""
        ada = signed_up(customers)
        [photo] = photos_of(ada, 1)
        commit([photo], [accepted(0, photo)])
        commit([photo], [accepted(1, photo)])
        assert len(gallery.photos(ada.customer_id, Page(10))) == 1
        expire(owner, photo.photo_id)
        assert gallery.photos(ada.customer_id, Page(10)) == []
        gone = gallery.photo(ada.customer_id, photo.photo_id)
        assert isinstance(gone, GalleryPhoto)
        assert (gone.status, gone.filename, gone.archived_at, gone.renditions) == (PhotoStatus.EXPIRED, None, None, [])

    @pytest.mark.parametrize("of_all", [False, True])
    def test_a_hold_shows_until_it_is_lifted(
        self, customers: PostgresCustomers, gallery: PostgresGallery, commit: Commit, owner: Engine, of_all: object
    ) -> None:
        """A hold on the photo, or on all of the customer's, marks this customer's photos and no others'."""
        ada, grace = signed_up(customers), signed_up(customers)
        photos = [*photos_of(ada, 1), *photos_of(grace, 1)]
        commit(photos, [accepted(n, photo) for n, photo in enumerate(photos)])
        with owner.begin() as connection:
            connection.execute(
                text("INSERT INTO hold (customer_id, photo_id, reason, placed_by) VALUES (:c, :p, 'r', 'b')"),
                {"c": ada.customer_id, "p": None if of_all else photos[0].photo_id},
            )
        assert [photo.held for photo in gallery.photos(ada.customer_id, Page(10))] == [True]
        assert [photo.held for photo in gallery.photos(grace.customer_id, Page(10))] == [False]
        [found] = gallery.renditions([RenditionName(ada.customer_id, photos[0].photo_id, RenditionKind.WEB)])
        assert isinstance(found, StoredRendition)
        assert found.held
        with owner.begin() as connection:
            connection.execute(text("UPDATE hold SET lifted_at = now()"))
        assert [photo.held for photo in gallery.photos(ada.customer_id, Page(10))] == [False]

    def test_another_customers_photo_does_not_exist(
        self, customers: PostgresCustomers, gallery: PostgresGallery, commit: Commit, owner: Engine
    ) -> None:
        """Neither its row, nor its bytes, nor that it was there once."""
        ada, grace = signed_up(customers), signed_up(customers)
        [photo] = photos_of(ada, 1)
        commit([photo], [accepted(0, photo)])
        assert gallery.photo(grace.customer_id, photo.photo_id) is None
        hers = [RenditionName(grace.customer_id, photo.photo_id, kind) for kind in RenditionKind]
        his = [RenditionName(ada.customer_id, photo.photo_id, kind) for kind in RenditionKind]
        assert gallery.renditions(hers) == [Absence.UNKNOWN] * len(hers)
        expire(owner, photo.photo_id)
        assert gallery.renditions([*his, *hers]) == [Absence.EXPIRED] * len(his) + [Absence.UNKNOWN] * len(hers)

    def test_many_customers_are_answered_together(
        self, customers: PostgresCustomers, gallery: PostgresGallery, commit: Commit
    ) -> None:
        """In one question: each in the place of what they asked for, whatever others asked for beside it."""
        people = [signed_up(customers) for _ in range(3)]
        photos = [photo for person in people for photo in photos_of(person, 2)]
        commit(photos, [accepted(n, photo) for n, photo in enumerate(photos)])
        asked = [
            RenditionName(person.customer_id, photo.photo_id, kind)
            for photo in photos
            for person in people
            for kind in (RenditionKind.THUMB, RenditionKind.WEB)
        ]
        answers = dict(zip(asked, gallery.renditions(asked), strict=True))
        found = {name: answer for name, answer in answers.items() if isinstance(answer, StoredRendition)}
        owners = {photo.photo_id: photo.customer_id for photo in photos}
        assert {(name.photo_id, name.customer_id) for name in found} == set(owners.items())
        assert len(found) == 2 * len(photos)
        assert gallery.renditions([]) == []

    def test_a_rendition_is_found_where_it_lies(
        self, customers: PostgresCustomers, gallery: PostgresGallery, commit: Commit
    ) -> None:
        """Shard, offset and length; after a duplicate, in the newer shard."""
        ada = signed_up(customers)
        [photo] = photos_of(ada, 1)
        commit([photo], [accepted(0, photo)])
        name = RenditionName(ada.customer_id, photo.photo_id, RenditionKind.THUMB)
        [before] = gallery.renditions([name])
        commit([photo], [accepted(1, photo)])
        [after] = gallery.renditions([name])
        assert isinstance(before, StoredRendition)
        assert isinstance(after, StoredRendition)
        thumb = photo.renditions[2]
        assert (after.location.offset, after.location.length) == (thumb.offset, thumb.length)
        assert after.location.path != before.location.path
        assert after.archived_at > before.archived_at


class TestReading:
    """The way of questions that change nothing."""

    def test_a_session_that_was_ended_is_told_and_the_next_is_fine(self, api: Engine) -> None:
        """As after a failover: the connection is gone from the pool, and no question hangs on it."""
        with pytest.raises(ServerUnavailableError), reading(api) as cursor:  # noqa: PT012 - both are one question
            [pid] = cursor.execute("SELECT pg_backend_pid()").fetchone() or [0]
            with reading(api) as other:
                other.execute("SELECT pg_terminate_backend(%s)", (pid,))
            cursor.execute("SELECT 1")
        with reading(api) as cursor:
            assert cursor.execute("SELECT 1").fetchall() == [(1,)]

    def test_whoever_has_the_connection_next_has_a_transaction(self, api: Engine) -> None:
        """Also after a question that failed: what the next one does is done as a whole or not at all."""
        with pytest.raises(UndefinedTable), reading(api) as cursor:
            cursor.execute("SELECT * FROM nothing_of_that_name")
        for _ in range(api.pool.size()):  # type: ignore[attr-defined] # make_engine's pool has a size
            with transaction(api) as connection:
                first, second = (connection.execute(text("SELECT now()")).scalar_one() for _ in range(2))
                assert first == second


class TestRejected:
    """What could not become a photo."""

    def test_rejected_records_are_listed_page_by_page(
        self, customers: PostgresCustomers, gallery: PostgresGallery, commit: Commit
    ) -> None:
        """Newest first, all of one commit in the order of their offsets; others' and those without customer are not."""
        ada, grace = signed_up(customers), signed_up(customers)
        mine = [replace(rejected(n), customer_id=ada.customer_id, photo_id=uuid4(), filename=f"{n}") for n in range(5)]
        commit([], [*mine, replace(rejected(5), customer_id=grace.customer_id), rejected(6)])
        seen: list[RejectedPhoto] = []
        page = Page(2)
        while found := gallery.rejected(ada.customer_id, page):
            seen += found
            page = Page(2, found[-1].place)
        assert [photo.filename for photo in seen] == ["4", "3", "2", "1", "0"]
        assert seen[0].coordinates == RecordCoordinates(TOPIC, 0, 4)
        assert seen[0].photo_id is not None
        assert gallery.photo(ada.customer_id, seen[0].photo_id) == seen[0]
        assert gallery.photo(grace.customer_id, seen[0].photo_id) is None

    def test_a_photo_that_came_to_be_after_all_is_not_rejected(
        self, customers: PostgresCustomers, gallery: PostgresGallery, commit: Commit
    ) -> None:
        """When a later attempt succeeded, the photo is in the gallery and no longer among the rejected."""
        ada = signed_up(customers)
        [photo] = photos_of(ada, 1)
        commit([], [replace(rejected(0), customer_id=ada.customer_id, photo_id=photo.photo_id)])
        assert len(gallery.rejected(ada.customer_id, Page(10))) == 1
        commit([photo], [accepted(1, photo)])
        assert gallery.rejected(ada.customer_id, Page(10)) == []
        assert isinstance(gallery.photo(ada.customer_id, photo.photo_id), GalleryPhoto)


class TestReceipts:
    """What became of accepted records."""

    def test_receipts_follow_the_ledger(
        self, customers: PostgresCustomers, gallery: PostgresGallery, commit: Commit, owner: Engine
    ) -> None:
        """Pending, processed, duplicate, rejected, lost and expired, each by its own offset, in the order asked."""
        ada = signed_up(customers)
        first, second = photos_of(ada, 2)
        lost = RecordResult(3, Outcome.ABSENT, reason=AbsentReason.DELETED_BY_KAFKA)
        refused = replace(rejected(2), photo_id=second.photo_id)
        commit([first], [accepted(0, first), accepted(1, first, Outcome.DUPLICATE), refused, lost])
        receipts = [
            receipt_of(second, 4),
            receipt_of(second, 3),
            receipt_of(second, 2),
            receipt_of(first, 1),
            receipt_of(first, 0),
        ]
        statuses = gallery.receipts(receipts)
        assert [(status.state, status.reason) for status in statuses] == [
            (ReceiptState.PENDING, None),
            (ReceiptState.LOST, "deleted_by_kafka"),
            (ReceiptState.REJECTED, "not_a_cloudevent"),
            (ReceiptState.DUPLICATE, None),
            (ReceiptState.PROCESSED, None),
        ]
        assert statuses[4].processed_at is not None
        expire(owner, first.photo_id)
        assert [status.state for status in gallery.receipts(receipts[3:])] == [ReceiptState.EXPIRED] * 2

    @pytest.mark.parametrize("reason", [*AbsentReason, RejectReason.DECODER_TIMEOUT])
    def test_a_verdict_follows_the_photo(
        self,
        customers: PostgresCustomers,
        gallery: PostgresGallery,
        commit: Commit,
        owner: Engine,
        reason: AbsentReason | RejectReason,
    ) -> None:
        """A record compacted away, lost, or rejected: once another record has brought the photo, all say it is there.

        And that it has expired, after that. Lost or rejected after its photo had expired, a record is just that.
        """
        ada = signed_up(customers)
        [photo] = photos_of(ada, 1)
        outcome = Outcome.ABSENT if isinstance(reason, AbsentReason) else Outcome.REJECTED
        gone = RecordResult(0, outcome, reason=reason)
        commit([], [gone])
        alone = ReceiptState.LOST if outcome is Outcome.ABSENT else ReceiptState.REJECTED

        def says(offset: int) -> tuple[ReceiptState, str | None]:
            [status] = gallery.receipts([receipt_of(photo, offset)])
            return status.state, status.reason

        assert says(0) == (alone, reason)
        commit([photo], [accepted(1, photo)])
        assert [says(0), says(1)] == [(ReceiptState.DUPLICATE, None), (ReceiptState.PROCESSED, None)]
        expire(owner, photo.photo_id)
        commit([], [replace(gone, offset=2)])
        assert [says(0), says(1)] == [(ReceiptState.EXPIRED, None)] * 2
        assert says(2) == (alone, reason)

    def test_a_receipt_of_an_older_topic_is_not_answered_with_another_photo(
        self, customers: PostgresCustomers, gallery: PostgresGallery, commit: Commit
    ) -> None:
        """Offsets begin anew in a topic that was made again: another photo's outcome is not this receipt's."""
        ada = signed_up(customers)
        first, second = photos_of(ada, 2)
        commit([first], [accepted(0, first)])
        [status] = gallery.receipts([receipt_of(second, 0)])
        assert status.state is ReceiptState.PENDING


class TestLiveStatus:
    """Outcomes as they are committed."""

    def test_what_is_committed_is_told_once(
        self, customers: PostgresCustomers, feed: PostgresOutcomeFeed, commit: Commit
    ) -> None:
        """To those who ask for that customer, and nothing from before they began to ask."""
        ada, grace = signed_up(customers), signed_up(customers)
        [before, photo] = photos_of(ada, 2)
        [other] = photos_of(grace, 1)
        commit([before], [accepted(0, before)])
        begun = feed.since(None, {ada.customer_id})
        assert begun.outcomes == []
        refused = replace(rejected(3), customer_id=ada.customer_id, filename="b.jpg")
        commit([photo, other], [accepted(1, photo), accepted(2, other), refused])
        told = feed.since(begun.position, {ada.customer_id})
        assert {(o.coordinates.offset, o.status.state, o.filename) for o in told.outcomes} == {
            (1, ReceiptState.PROCESSED, "a.jpg"),
            (3, ReceiptState.REJECTED, "b.jpg"),
        }
        assert {outcome.customer_id for outcome in told.outcomes} == {ada.customer_id}
        assert feed.since(told.position, {ada.customer_id, grace.customer_id}).outcomes == []

    def test_a_transaction_that_began_early_and_commits_late_is_told(
        self, customers: PostgresCustomers, feed: PostgresOutcomeFeed, commit: Commit, owner: Engine
    ) -> None:
        """A younger one that was told before it does not hide it, and it hides none."""
        ada = signed_up(customers)
        first, second = photos_of(ada, 2)
        position = feed.since(None, {ada.customer_id}).position
        commit([first], [accepted(0, first)])
        with owner.begin() as late:
            late.execute(text('UPDATE ingest_record SET reason = reason WHERE "offset" = 0'))
            commit([second], [accepted(1, second)])
            told = feed.since(position, {ada.customer_id})
            assert [outcome.coordinates.offset for outcome in told.outcomes] == [0, 1]
        again = feed.since(told.position, {ada.customer_id})
        assert [outcome.coordinates.offset for outcome in again.outcomes] == [0]

    def test_recent_outcomes_are_the_newest_oldest_first(
        self, customers: PostgresCustomers, feed: PostgresOutcomeFeed, commit: Commit
    ) -> None:
        """For a page that was away for a moment."""
        ada = signed_up(customers)
        photos = photos_of(ada, 3)
        for number, photo in enumerate(photos):
            commit([photo], [accepted(number, photo)])
        long_ago = datetime.now(UTC) - timedelta(minutes=5)
        assert [o.coordinates.offset for o in feed.recent(ada.customer_id, long_ago, 2)] == [1, 2]
        assert feed.recent(ada.customer_id, datetime.now(UTC) + timedelta(minutes=5), 2) == []
        assert feed.recent(signed_up(customers).customer_id, long_ago, 2) == []


class TestCustomerHolds:
    """Photos that their customers keep."""

    def test_a_customer_keeps_and_lets_go(
        self, customers: PostgresCustomers, gallery: PostgresGallery, commit: Commit, api: Engine
    ) -> None:
        """Shown as kept by the customer; so many and no more; another's photo is unknown."""
        ada = signed_up(customers)
        first, second = photos_of(ada, 2)
        commit([first, second], [accepted(0, first), accepted(1, second)])
        register = PostgresCustomerHolds(api, limit=1)
        for _ in range(2):
            place_hold(register, ada.customer_id, first.photo_id, "kept by its customer", "customer")
        with pytest.raises(TooManyHoldsError):
            register.place(ada.customer_id, second.photo_id, "kept by its customer", "customer")
        with pytest.raises(UnknownPhotoError):
            register.place(signed_up(customers).customer_id, first.photo_id, "kept by its customer", "customer")
        kept = {photo.photo_id: photo.held_by_customer for photo in gallery.photos(ada.customer_id, Page(10))}
        assert kept == {first.photo_id: True, second.photo_id: False}
        assert register.lift(ada.customer_id, first.photo_id)
        assert not register.lift(ada.customer_id, first.photo_id)
        register.place(ada.customer_id, second.photo_id, "kept by its customer", "customer")

    @pytest.mark.parametrize("operator_first", [True, False])
    def test_an_operators_hold_is_not_the_customers_to_lift(
        self,
        customers: PostgresCustomers,
        gallery: PostgresGallery,
        commit: Commit,
        api: Engine,
        operator_first: object,
    ) -> None:
        """Two holds on one photo, in either order: each ends its own, and the photo is held until both have."""
        ada = signed_up(customers)
        [photo] = photos_of(ada, 1)
        commit([photo], [accepted(0, photo)])
        operator, customer = PostgresHoldRegister(api), PostgresCustomerHolds(api, limit=5)
        for register in (operator, customer) if operator_first else (customer, operator):
            register.place(ada.customer_id, photo.photo_id, "because", "somebody")
        assert customer.lift(ada.customer_id, photo.photo_id)
        [shown] = gallery.photos(ada.customer_id, Page(10))
        assert (shown.held, shown.held_by_customer) == (True, False)
        assert operator.lift(ada.customer_id, photo.photo_id)
        assert not gallery.photos(ada.customer_id, Page(10))[0].held


class TestSessions:
    """Sessions that were ended before their time."""

    def test_an_end_is_told_until_it_can_be_forgotten(self, api: Engine) -> None:
        """To every instance, from a given time on; ended twice is ended once."""
        sessions = PostgresSessions(api)
        first, second, old = uuid4(), uuid4(), uuid4()
        later = datetime.now(UTC) + timedelta(hours=12)
        sessions.end(old, datetime.now(UTC) - timedelta(seconds=1))
        for session_id in (first, first, second):
            sessions.end(session_id, later)
        told = sessions.ended(None)
        assert {session.session_id for session in told} == {first, second}
        assert {session.forget_at for session in told} == {later}
        newest = max(session.ended_at for session in told)
        assert [session.session_id for session in sessions.ended(newest)] == [second]
        with api.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM ended_session")).scalar_one() == 2


@pytest.mark.parametrize("value", ["a\x00b", "\ud800"])
def test_what_is_no_text_is_told_as_such(customers: PostgresCustomers, value: str) -> None:
    """Looked for or written, and the connection is good for the next one."""
    with pytest.raises(UnstorableError):
        customers.credentials(value)
    with pytest.raises(UnstorableError):
        customers.add(uuid4(), f"{uuid4()}@example.org", value, "hash")
    assert customers.credentials("nobody@example.org") is None


def test_a_server_that_has_become_a_standby_is_away(
    database: Database, customers: PostgresCustomers, owner: Engine
) -> None:
    """Who is sending is known without it, as while it is down: nobody is refused because a device cannot be noted."""
    ada = signed_up(customers)
    device = customers.add_device(ada.customer_id, uuid4(), "door", 10)
    only_reads = "EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database())"
    with owner.begin() as connection:
        connection.execute(text(f"DO $$ BEGIN {only_reads}; END $$"))
    engine = make_engine(database.api, "tests")
    try:
        with pytest.raises(ServerUnavailableError):
            PostgresCustomers(engine).see_device(ada.customer_id, device.device_id)
        assert [each.device for each in PostgresCustomers(engine).devices(ada.customer_id)] == [device]
    finally:
        engine.dispose()


def test_a_number_out_of_range_is_told_as_such(api: Engine) -> None:
    """The same for what is larger than any column."""
    with pytest.raises(UnstorableError):
        PostgresGallery(api).photos(uuid4(), Page(2**70, None, PhotoOrder.UPLOADED))


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("pipeline", "SELECT password_hash FROM customer"),
        ("pipeline", "SELECT email FROM customer"),
        ("pipeline", "SELECT * FROM customer"),
        ("api", "UPDATE customer SET email = 'a@example.org'"),
        ("api", "UPDATE customer SET customer_id = gen_random_uuid()"),
        ("api", "UPDATE customer SET created_at = now()"),
        ("api", "UPDATE device SET customer_id = gen_random_uuid()"),
    ],
)
def test_roles_reach_the_columns_that_they_need(database: Database, role: str, statement: str) -> None:
    """Whoever has the pipeline's password has nobody's; whoever has the API's can give no account away."""
    engine = make_engine(getattr(database, role), "tests")
    try:
        with pytest.raises(ProgrammingError, match="permission denied"), engine.begin() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()


def test_what_a_customer_has_sent_is_counted(commit: Commit, api: Engine, customers: PostgresCustomers) -> None:
    """All records of the day, and the bytes of those that were archived; nobody else's."""
    ada, grace = signed_up(customers), signed_up(customers)
    photos = photos_of(ada, 3)
    commit(photos, [accepted(n, photo) for n, photo in enumerate(photos)])
    now = datetime.now(UTC)
    usage = PostgresUsage(api)
    assert usage.usage(ada.customer_id, now - timedelta(days=1), now - timedelta(days=7)) == Usage(
        3, sum(photo.bytes for photo in photos)
    )
    assert usage.usage(ada.customer_id, now + timedelta(hours=1), now + timedelta(hours=1)) == Usage(0, 0)
    assert usage.usage(grace.customer_id, now - timedelta(days=1), now - timedelta(days=7)) == Usage(0, 0)
