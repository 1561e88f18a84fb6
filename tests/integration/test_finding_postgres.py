"""Photos found among many on real PostgreSQL, under the API's own role, with rows that the ingest's commit made."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from tests.support.gallery_rows import Commit, expire, photos_of, signed_up
from tests.support.slices import accepted

from photo_pipeline.adapters.postgres.customers import PostgresCustomers
from photo_pipeline.adapters.postgres.finding import PostgresFinder, search_statement
from photo_pipeline.adapters.postgres.gallery import PostgresGallery
from photo_pipeline.adapters.postgres.selection import PostgresSelection
from photo_pipeline.domain.customers import Customer
from photo_pipeline.domain.events import MAX_FILENAME_LENGTH
from photo_pipeline.domain.finding import Choice, Month, PhotoFilter, Search
from photo_pipeline.domain.gallery import Page, PhotoOrder, Place
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.ledger import ArchivedPhoto
from photo_pipeline.domain.photo import Source

ORDERS = pytest.mark.parametrize("order", list(PhotoOrder))


@pytest.fixture
def finder(api: Engine) -> PostgresFinder:
    """Give the way to find photos."""
    return PostgresFinder(api)


@pytest.fixture
def customers(api: Engine) -> PostgresCustomers:
    """Give the customers."""
    return PostgresCustomers(api)


def photo(given: ArchivedPhoto, **changes: object) -> ArchivedPhoto:
    """The same photo with other facts, those of its metadata too."""
    own = {name: changes.pop(name) for name in ("camera", "format", "taken_at") if name in changes}
    metadata = replace(given.metadata, **own)  # type: ignore[arg-type] # the keys are the fields
    return replace(given, metadata=metadata, **changes)  # type: ignore[arg-type] # as above


def sent(commit: Commit, photos: Sequence[ArchivedPhoto]) -> list[UUID]:
    """Commit photos; their ids."""
    commit(list(photos), [accepted(n, each) for n, each in enumerate(photos)])
    return [each.photo_id for each in photos]


def some(customer: Customer, device_id: UUID) -> list[ArchivedPhoto]:
    """Five photos that differ in what can be asked for, oldest first in both orders."""
    given = photos_of(customer, 5)
    return [
        photo(given[0], filename="B\u00c4R 100%.jpg", taken_at="2024-12-31T23:59:59.9"),
        photo(given[1], filename="ba\u0308r.png", format=SniffedFormat.PNG, taken_at="2025-01-01T00:00:00"),
        photo(given[2], filename=None, camera=None, taken_at="2025-01-31T10:00:00"),
        photo(given[3], source=Source.STREAM, device_id=device_id, taken_at="2025-02-01T10:00:00"),
        photo(given[4], filename="100_1.jpg", camera="Acme Two", taken_at=None),
    ]


def test_photos_are_found_by_what_they_are(
    finder: PostgresFinder, customers: PostgresCustomers, commit: Commit, api: Engine, owner: Engine
) -> None:
    """Names in letters of any script and case, whatever stands for a wildcard; never another's, expired or binned."""
    ada, grace = signed_up(customers), signed_up(customers)
    device = customers.add_device(ada.customer_id, uuid4(), "Front door", 10)
    ids = sent(commit, [*some(ada, device.device_id), *photos_of(grace, 1)])

    def found(**wanted: object) -> list[int]:
        search = Search(PhotoFilter(**wanted), PhotoOrder.TAKEN, 10)  # type: ignore[arg-type] # the keys are the fields
        result = finder.find(ada.customer_id, search)
        assert result.next is None
        return [ids.index(each.photo_id) for each in result.photos]

    assert found() == [4, 3, 2, 1, 0]
    assert found(name="b\u00e4R") == found(name="BA\u0308R") == [1, 0]
    assert (found(name="0%"), found(name="_"), found(name="\\")) == ([0], [4], [])
    assert found(source=Source.STREAM) == found(device_id=device.device_id) == [3]
    assert found(camera="Acme Two") == [4]
    assert found(format=SniffedFormat.PNG) == [1]
    assert found(first_day=date(2025, 1, 1), last_day=date(2025, 1, 31)) == [2, 1]
    assert found(last_day=date(2024, 12, 31)) == [0]
    assert found(last_day=date.max, name="100") == [4, 0]
    assert finder.choices(ada.customer_id).devices == [Choice(str(device.device_id), 1, "Front door")]
    customers.revoke_device(ada.customer_id, device.device_id)
    assert finder.choices(ada.customer_id).devices == [Choice(str(device.device_id), 1, "Front door")]
    PostgresSelection(api).put_into_bin(ada.customer_id, [ids[1]])
    expire(owner, ids[4])
    assert found() == [3, 2, 0]
    assert finder.choices(ada.customer_id).cameras == [Choice("Acme One", 2)]
    months = [Month(date(2025, 2, 1), 1), Month(date(2025, 1, 1), 1), Month(date(2024, 12, 1), 1)]
    assert finder.timeline(ada.customer_id, PhotoOrder.TAKEN, PhotoFilter()).months == months
    of_camera = finder.timeline(ada.customer_id, PhotoOrder.TAKEN, PhotoFilter(camera="Acme One"))
    assert of_camera.months == [months[0], months[2]]
    assert finder.timeline(ada.customer_id, PhotoOrder.UPLOADED, PhotoFilter()).months == [Month(date(2026, 5, 1), 3)]


@ORDERS
def test_pages_of_a_search_are_complete_and_ordered(
    finder: PostgresFinder, customers: PostgresCustomers, commit: Commit, order: PhotoOrder
) -> None:
    """However few photos are looked at for a page, each that fits comes once and in order, also within one moment."""
    ada = signed_up(customers)
    given = photos_of(ada, 60, minutes_apart=0)
    photos = [
        photo(
            each,
            filename=f"{n % 7}.jpg",
            camera="Acme Two" if n % 3 == 0 else "Acme One",
            taken_at=f"2025-01-0{1 + n % 2}T10:00:00" if n % 5 else None,
        )
        for n, each in enumerate(given)
    ]
    sent(commit, photos)
    everything = finder.find(ada.customer_id, Search(PhotoFilter(), order, 100)).photos
    assert len(everything) == len(photos)
    wanted = PhotoFilter(camera="Acme Two", first_day=date(2025, 1, 1), last_day=date(2026, 5, 3))
    if order is PhotoOrder.UPLOADED:
        wanted = PhotoFilter(camera="Acme Two")
    last = wanted.before
    expected = [
        each.photo_id
        for each in everything
        if each.camera == "Acme Two" and (last is None or each.place(order).moment < last)
    ]
    assert expected
    for limit, looked_at in ((4, 100), (4, 3), (3, 1), (20, 20), (7, 21)):
        seen: list[UUID] = []
        after: Place | None = None
        while True:
            found = finder.find(ada.customer_id, Search(wanted, order, limit, after, looked_at))
            assert len(found.photos) <= limit
            seen += [each.photo_id for each in found.photos]
            after = found.next
            if after is None:
                break
        assert seen == expected, (limit, looked_at)


@ORDERS
def test_a_place_before_the_days_that_are_asked_for_begins_with_them(
    finder: PostgresFinder, customers: PostgresCustomers, commit: Commit, order: PhotoOrder
) -> None:
    """A cursor of another search is a place like any: nothing outside of the days is found. Old ones have no name."""
    ada = signed_up(customers)
    photos = [photo(each, taken_at=f"2026-05-0{1 + n}T10:00:00") for n, each in enumerate(photos_of(ada, 3, 24 * 60))]
    ids = sent(commit, photos)
    newest, *_ = finder.find(ada.customer_id, Search(PhotoFilter(), order, 1)).photos
    assert newest.photo_id == ids[2]
    place = newest.place(order)
    day = date(2026, 5, 1 if order is PhotoOrder.TAKEN else 4)
    search = Search(PhotoFilter(last_day=day), order, 10, place)
    assert [each.photo_id for each in finder.find(ada.customer_id, search).photos] == [ids[0]]
    old = Search(PhotoFilter(camera="Acme One"), order, 10, Place(place.moment, place.key))
    assert [each.photo_id for each in finder.find(ada.customer_id, old).photos] == [ids[2], ids[1], ids[0]]


def test_what_is_counted_is_bounded(finder: PostgresFinder, customers: PostgresCustomers, commit: Commit) -> None:
    """Of more photos the newest are counted, and the count says so."""
    ada = signed_up(customers)
    sent(commit, [photo(each, taken_at=f"2025-0{1 + n}-01T10:00:00") for n, each in enumerate(photos_of(ada, 4))])
    found = finder.timeline(ada.customer_id, PhotoOrder.TAKEN, PhotoFilter(), counted=3)
    assert found.months == [Month(date(2025, month, 1), 1) for month in (4, 3, 2)]
    assert not found.is_complete
    assert finder.timeline(ada.customer_id, PhotoOrder.TAKEN, PhotoFilter(), counted=5).is_complete
    assert finder.choices(ada.customer_id, counted=3).sources == [Choice("upload", 3)]


@ORDERS
def test_a_search_reads_the_index_alone(
    finder: PostgresFinder, customers: PostgresCustomers, commit: Commit, owner: Engine, api: Engine, order: PhotoOrder
) -> None:
    """Nothing is sorted, it begins where the page begins, and no photo is fetched that does not fit."""
    ada = signed_up(customers)
    photos = [photo(each, taken_at=each.accepted_at.isoformat()[:19]) for each in photos_of(ada, 300)]
    sent(commit, photos)
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE photo"))
    found = finder.find(ada.customer_id, Search(PhotoFilter(), order, 149)).photos
    search = Search(PhotoFilter(camera="None"), order, 10, found[-1].place(order), looked_at=50)
    statement, parameters = search_statement(ada.customer_id, search)
    with api.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))  # 300 rows are too few to need an index
        explain = f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {statement}"
        plan = list(connection.exec_driver_sql(explain, parameters).scalars())
    scan = next(line for line in plan if "photo_newest" in line)
    assert "Index Only Scan" in scan, plan
    assert "rows=50 " in scan, plan
    assert sum("Sort Key" in line for line in plan) == 1, "what is found is put in order, and what is looked at is not"


def test_the_longest_names_have_room_in_the_indexes(customers: PostgresCustomers, commit: Commit, api: Engine) -> None:
    """A file's and a camera's, of characters that take four bytes each and do not compress: no commit fails by them."""
    ada, (given,) = signed_up(customers), photos_of(signed_up(customers), 1)
    characters = [chr(0x20000 + (n * 7919) % 40_000) for n in range(MAX_FILENAME_LENGTH + 100)]
    longest = photo(
        replace(given, customer_id=ada.customer_id),
        filename="".join(characters[:MAX_FILENAME_LENGTH]),
        camera="".join(characters[MAX_FILENAME_LENGTH:]),
        device_id=uuid4(),
    )
    ids = sent(commit, [longest])
    page = PostgresGallery(api).photos(ada.customer_id, Page(10))
    assert [each.photo_id for each in page] == ids
    assert page[0].device_id == longest.device_id
