"""The bin, selections, links and closed accounts on real PostgreSQL, under each role that has to do with them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, func, select, text
from tests.support.databases import Database
from tests.support.gallery_rows import Commit, expire, photos_of, signed_up
from tests.support.replicas import wait_for
from tests.support.slices import accepted, archived_photo, rejected

from photo_pipeline.adapters.postgres.accounts import PostgresAccounts
from photo_pipeline.adapters.postgres.bi import PostgresOutcomeSource, PostgresRenamings
from photo_pipeline.adapters.postgres.customers import PostgresCustomers
from photo_pipeline.adapters.postgres.engine import make_engine
from photo_pipeline.adapters.postgres.gallery import PostgresGallery
from photo_pipeline.adapters.postgres.gallery_photos import bin_statement, page_statement
from photo_pipeline.adapters.postgres.hold_review import review_holds
from photo_pipeline.adapters.postgres.holds import PostgresCustomerHolds, PostgresHoldRegister
from photo_pipeline.adapters.postgres.ingest_ledger import PostgresIngestLedger
from photo_pipeline.adapters.postgres.metrics import PostgresFigures
from photo_pipeline.adapters.postgres.outbox import waiting_entries
from photo_pipeline.adapters.postgres.outcome_feed import PostgresOutcomeFeed
from photo_pipeline.adapters.postgres.retention import PostgresRetentionLedger
from photo_pipeline.adapters.postgres.selection import PostgresSelection
from photo_pipeline.adapters.postgres.sessions import PostgresSessions
from photo_pipeline.adapters.postgres.shares import PostgresShares
from photo_pipeline.domain.customers import Credentials, Customer
from photo_pipeline.domain.documents import CommitPosition, OutcomeRow
from photo_pipeline.domain.errors import PhotoBinnedError, UnknownCustomerError
from photo_pipeline.domain.gallery import Absence, GalleryPhoto, Page, PhotoOrder, PhotoStatus, Place, RenditionName
from photo_pipeline.domain.ledger import ProcessedEntry
from photo_pipeline.domain.photo import RenditionKind
from photo_pipeline.domain.shares import NewShare, NothingToShareError, TooManySharesError

LATER = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def ada(api: Engine) -> Customer:
    """Give a customer."""
    return signed_up(PostgresCustomers(api))


@pytest.fixture
def grace(api: Engine) -> Customer:
    """Give another one."""
    return signed_up(PostgresCustomers(api))


@pytest.fixture
def selection(api: Engine) -> PostgresSelection:
    """Give the bin and selections."""
    return PostgresSelection(api)


@pytest.fixture
def shares(api: Engine) -> PostgresShares:
    """Give the links."""
    return PostgresShares(api)


def shown(api: Engine, customer: Customer) -> list[UUID]:
    """The photos on a customer's pages, which both orders agree on."""
    gallery = PostgresGallery(api)
    pages = [gallery.photos(customer.customer_id, Page(50, order=order)) for order in PhotoOrder]
    first, second = ({photo.photo_id for photo in page} for page in pages)
    assert first == second
    return [photo.photo_id for photo in pages[0]]


def documents(database: Database) -> dict[int, OutcomeRow]:
    """What the analysts' sync would index of each offset."""
    engine = make_engine(database.bi, "tests")
    source = PostgresOutcomeSource(engine)
    rows = source.page(CommitPosition(0), source.horizon(), 1000)
    engine.dispose()
    return {row.coordinates.offset: row for row in rows}


class TestBin:
    """What a customer throws away."""

    def test_a_binned_photo_is_nowhere_until_it_is_restored(
        self, api: Engine, ada: Customer, commit: Commit, selection: PostgresSelection
    ) -> None:
        """Neither on a page nor by its renditions; it is in the bin, and afterwards all is as it was."""
        kept, gone = photos_of(ada, 2)
        commit([kept, gone], [accepted(0, kept), accepted(1, gone)])
        gallery = PostgresGallery(api)
        before = gallery.photo(ada.customer_id, gone.photo_id)
        for _ in range(2):
            assert selection.put_into_bin(ada.customer_id, [gone.photo_id]).done == {gone.photo_id}
        assert shown(api, ada) == [kept.photo_id]
        names = [RenditionName(ada.customer_id, gone.photo_id, kind) for kind in RenditionKind]
        assert gallery.renditions(names) == [Absence.BINNED] * len(names)
        [in_bin] = selection.binned(ada.customer_id, Page(10))
        assert (in_bin.photo_id, in_bin.binned_at is None) == (gone.photo_id, False)
        for _ in range(2):
            assert selection.take_out_of_bin(ada.customer_id, [gone.photo_id]).done == {gone.photo_id}
        assert gallery.photo(ada.customer_id, gone.photo_id) == before
        assert selection.binned(ada.customer_id, Page(10)) == []

    def test_others_photos_and_gone_ones_are_left_alone(
        self, api: Engine, ada: Customer, grace: Customer, commit: Commit, selection: PostgresSelection, owner: Engine
    ) -> None:
        """Another's is as one that never was; an expired one is told apart; the rest of the batch is done."""
        [hers], [his, old] = photos_of(grace, 1), photos_of(ada, 2)
        commit([hers, his, old], [accepted(n, photo) for n, photo in enumerate([hers, his, old])])
        expire(owner, old.photo_id)
        moved = selection.put_into_bin(ada.customer_id, [hers.photo_id, his.photo_id, old.photo_id, uuid4()])
        assert (moved.done, moved.expired) == ({his.photo_id}, {old.photo_id})
        assert shown(api, grace) == [hers.photo_id]
        assert selection.take_out_of_bin(grace.customer_id, [his.photo_id]).done == frozenset()
        assert shown(api, ada) == []

    def test_pages_of_the_bin_are_complete_and_ordered(
        self, ada: Customer, commit: Commit, selection: PostgresSelection
    ) -> None:
        """Last binned first, each once, also where many were binned at the same time."""
        photos = photos_of(ada, 7)
        commit(photos, [accepted(n, photo) for n, photo in enumerate(photos)])
        selection.put_into_bin(ada.customer_id, [photo.photo_id for photo in photos[:4]])
        selection.put_into_bin(ada.customer_id, [photo.photo_id for photo in photos[4:]])
        seen: list[GalleryPhoto] = []
        page = Page(2)
        while found := selection.binned(ada.customer_id, page):
            seen += found
            assert found[-1].binned_at is not None
            page = Page(2, Place(found[-1].binned_at, str(found[-1].photo_id)))
        assert {photo.photo_id for photo in seen[:3]} == {photo.photo_id for photo in photos[4:]}
        assert {photo.photo_id for photo in seen} == {photo.photo_id for photo in photos}
        assert len(seen) == 7

    def test_a_full_bin_costs_a_page_nothing(
        self, ada: Customer, commit: Commit, selection: PostgresSelection, owner: Engine, api: Engine
    ) -> None:
        """Photos that lie in the bin between those of a page are not looked at, nor those beside the bin's."""
        photos = photos_of(ada, 300)
        commit(photos, [accepted(n, photo) for n, photo in enumerate(photos)])
        selection.put_into_bin(ada.customer_id, [photo.photo_id for n, photo in enumerate(photos) if n % 10])
        with owner.begin() as connection:
            connection.execute(text("ANALYZE"))
        statements = [page_statement(ada.customer_id, Page(10, order=order)) for order in PhotoOrder]
        for statement, parameters in [*statements, bin_statement(ada.customer_id, Page(10))]:
            with api.begin() as connection:
                connection.execute(text("SET LOCAL enable_seqscan = off"))  # 300 rows are too few to need an index
                explain = f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {statement}"
                plan = list(connection.exec_driver_sql(explain, parameters).scalars())
            scan = next(line for line in plan if "photo_newest" in line or "photo_binned" in line)
            assert "rows=10 " in scan, plan
            assert not any("Sort" in line or "Rows Removed" in line for line in plan), plan

    def test_sent_again_it_is_wanted_again(
        self, api: Engine, ada: Customer, commit: Commit, selection: PostgresSelection
    ) -> None:
        """A duplicate accepted after the bin shows it; one that was under way already does not. Both prolong it."""
        [photo] = photos_of(ada, 1)
        commit([photo], [accepted(0, photo)])
        selection.put_into_bin(ada.customer_id, [photo.photo_id])
        earlier = replace(photo, accepted_at=photo.accepted_at + timedelta(minutes=5))
        commit([earlier], [accepted(1, earlier)])
        assert shown(api, ada) == []
        later = replace(photo, accepted_at=datetime.now(UTC) + timedelta(seconds=5))
        commit([later], [accepted(2, later)])
        assert shown(api, ada) == [photo.photo_id]

    def test_an_expired_photo_is_in_no_bin(
        self, api: Engine, ada: Customer, commit: Commit, selection: PostgresSelection, owner: Engine
    ) -> None:
        """Its time passes as any other's; sent again after that it is a new photo, which is shown."""
        [photo] = photos_of(ada, 1)
        commit([photo], [accepted(0, photo)])
        selection.put_into_bin(ada.customer_id, [photo.photo_id])
        expire(owner, photo.photo_id)
        assert selection.binned(ada.customer_id, Page(10)) == []
        gone = PostgresGallery(api).photo(ada.customer_id, photo.photo_id)
        assert isinstance(gone, GalleryPhoto)
        assert (gone.status, gone.binned_at) == (PhotoStatus.EXPIRED, None)
        commit([photo], [accepted(1, photo)])
        assert shown(api, ada) == [photo.photo_id]

    def test_analysts_see_figures_of_it(
        self, ada: Customer, commit: Commit, selection: PostgresSelection, database: Database
    ) -> None:
        """As of an expired one; the sync takes both changes in commit order, by the version."""
        kept, gone = photos_of(ada, 2)
        commit([kept, gone], [accepted(0, kept), accepted(1, gone)])
        before = documents(database)
        selection.put_into_bin(ada.customer_id, [gone.photo_id])
        binned = documents(database)
        assert binned[0] == before[0]
        assert (binned[1].camera, binned[1].taken_at, binned[1].expired_at) == (None, None, None)
        assert (binned[1].bytes, binned[1].version) == (before[1].bytes, before[1].version + 1)
        assert binned[1].updated_xid > before[1].updated_xid
        selection.take_out_of_bin(ada.customer_id, [gone.photo_id])
        again = documents(database)[1]
        assert (again.camera, again.taken_at) == (before[1].camera, before[1].taken_at)

    def test_pages_are_told_nothing_of_it(
        self, api: Engine, ada: Customer, commit: Commit, selection: PostgresSelection
    ) -> None:
        """That a record is stamped anew is no news; out of the bin the photo is told of again."""
        feed = PostgresOutcomeFeed(api)
        [photo] = photos_of(ada, 1)
        commit([photo], [accepted(0, photo)])
        position = feed.since(None, {ada.customer_id}).position
        selection.put_into_bin(ada.customer_id, [photo.photo_id])
        told = feed.since(position, {ada.customer_id})
        assert told.outcomes == []
        assert feed.recent(ada.customer_id, datetime.now(UTC) - timedelta(minutes=5), 10) == []
        selection.take_out_of_bin(ada.customer_id, [photo.photo_id])
        assert [o.photo_id for o in feed.since(told.position, {ada.customer_id}).outcomes] == [photo.photo_id]

    def test_holds_go_on(
        self, api: Engine, ada: Customer, commit: Commit, selection: PostgresSelection, owner: Engine
    ) -> None:
        """An operator's stays, whoever bins the photo. The customer's own ends once it has lain there for 168 hours."""
        [photo] = photos_of(ada, 1)
        commit([photo], [accepted(0, photo)])
        own, operators = PostgresCustomerHolds(api, 5), PostgresHoldRegister(api)
        for register in (own, operators):
            register.place(ada.customer_id, photo.photo_id, "because", "somebody")
        selection.put_into_bin(ada.customer_id, [photo.photo_id])
        with owner.begin() as connection:
            review_holds(connection)
        assert len(operators.active(ada.customer_id)) == 2
        with owner.begin() as connection:
            connection.execute(text("UPDATE photo SET binned_at = now() - interval '169 hours'"))
            review_holds(connection)
        assert [hold.placed_by for hold in operators.active(ada.customer_id)] == ["somebody"]
        with pytest.raises(PhotoBinnedError):
            own.place(ada.customer_id, photo.photo_id, "because", "somebody")
        operators.place(ada.customer_id, photo.photo_id, "because", "somebody")

    def test_whoever_bins_and_whoever_commits_take_turns(
        self, ada: Customer, commit: Commit, selection: PostgresSelection
    ) -> None:
        """Batches at once, in any order of their photos, all come to an end."""
        photos = photos_of(ada, 40)
        commit(photos, [accepted(n, photo) for n, photo in enumerate(photos)])
        ids = [photo.photo_id for photo in photos]
        with ThreadPoolExecutor(4) as pool:
            moves = [
                pool.submit(move, ada.customer_id, batch)
                for move in (selection.put_into_bin, selection.take_out_of_bin)
                for batch in (ids, ids[::-1], ids[10:30], ids[::2])
            ]
            commit(photos, [accepted(40 + n, photo) for n, photo in enumerate(photos)])
            assert [len(move.result().done) for move in moves] == [40, 40, 20, 20] * 2


class TestChosen:
    """What is to be downloaded."""

    def test_a_selection_is_read_in_the_archives_order(
        self, ada: Customer, grace: Customer, commit: Commit, selection: PostgresSelection, owner: Engine
    ) -> None:
        """By shard and offset, whatever order was asked for; what is not there is told with its reason."""
        photos, [hers] = photos_of(ada, 5), photos_of(grace, 1)
        placed = [
            replace(photo, renditions=[replace(each, offset=each.offset + 5000 * n) for each in photo.renditions])
            for n, photo in enumerate([*photos, hers])
        ]
        commit(placed, [accepted(n, photo) for n, photo in enumerate(placed)])
        [first, binned, old, *others] = [photo.photo_id for photo in photos]
        selection.put_into_bin(ada.customer_id, [binned])
        expire(owner, old)
        nobodys = uuid4()
        asked = [*reversed(others), hers.photo_id, old, binned, nobodys, first]
        chosen = selection.chosen(ada.customer_id, asked, RenditionKind.ORIGINAL)
        assert [photo.photo_id for photo in chosen.photos] == [first, *others]
        assert chosen.absent == {
            hers.photo_id: Absence.UNKNOWN,
            old: Absence.EXPIRED,
            binned: Absence.BINNED,
            nobodys: Absence.UNKNOWN,
        }
        assert (chosen.photos[0].filename, chosen.photos[0].crc32, chosen.photos[0].location.length) == (
            "a.jpg",
            7,
            100,
        )


def link(customer: Customer, *photo_ids: UUID, expires_at: datetime = LATER) -> NewShare:
    """A link to be made."""
    return NewShare(uuid4(), customer.customer_id, uuid4().bytes * 2, expires_at, photo_ids)


class TestShares:
    """Links to photos."""

    def test_a_link_leads_to_what_can_be_seen(
        self, ada: Customer, grace: Customer, commit: Commit, shares: PostgresShares
    ) -> None:
        """In the order in which it was chosen; another's photos are left out; each look is counted once."""
        first, second = photos_of(ada, 2)
        [hers] = photos_of(grace, 1)
        commit([first, second, hers], [accepted(n, photo) for n, photo in enumerate([first, second, hers])])
        new = link(ada, second.photo_id, hers.photo_id, first.photo_id)
        made = shares.add(new, 5)
        assert made.photos == 2
        for counted in (True, False, True):
            album = shares.album(new.token_hash, counted=counted)
            assert album is not None
            assert (album.shared_by, album.expires_at) == ("Ada", LATER)
            assert [photo.photo_id for photo in album.photos] == [second.photo_id, first.photo_id]
        [listed] = shares.of_customer(ada.customer_id)
        assert (listed.share_id, listed.photos, listed.views) == (new.share_id, 2, 2)
        assert listed.last_viewed_at is not None
        assert shares.owner(new.token_hash, first.photo_id) == ada.customer_id
        assert shares.owner(new.token_hash, hers.photo_id) is None
        assert shares.owner(uuid4().bytes * 2, first.photo_id) is None
        assert shares.of_customer(grace.customer_id) == []

    @pytest.mark.parametrize("end", ["bin", "expiry", "time", "revocation"])
    def test_a_link_ends(
        self,
        api: Engine,
        ada: Customer,
        commit: Commit,
        shares: PostgresShares,
        selection: PostgresSelection,
        owner: Engine,
        end: str,
    ) -> None:
        """With its last photo, at its time, or when its customer says so; nobody else can end it."""
        [photo] = photos_of(ada, 1)
        commit([photo], [accepted(0, photo)])
        new = link(ada, photo.photo_id)
        shares.add(new, 5)
        assert not shares.revoke(uuid4(), new.share_id)
        assert shares.album(new.token_hash, counted=True) is not None
        if end == "bin":
            selection.put_into_bin(ada.customer_id, [photo.photo_id])
        elif end == "expiry":
            expire(owner, photo.photo_id)
        elif end == "time":
            with owner.begin() as connection:
                connection.execute(text("UPDATE share SET expires_at = now()"))
        else:
            assert shares.revoke(ada.customer_id, new.share_id)
            assert not shares.revoke(ada.customer_id, new.share_id)
        assert shares.album(new.token_hash, counted=True) is None
        assert shares.owner(new.token_hash, photo.photo_id) is None
        commit([photo], [accepted(1, photo)])
        if end == "expiry":  # another photo, which nobody has shared
            assert shown(api, ada) == [photo.photo_id]
            assert shares.album(new.token_hash, counted=True) is None

    def test_only_so_many_and_never_to_nothing(
        self, ada: Customer, commit: Commit, shares: PostgresShares, owner: Engine
    ) -> None:
        """The last place is given once; links that are over take none; what is long over is forgotten."""
        [photo] = photos_of(ada, 1)
        with pytest.raises(NothingToShareError):
            shares.add(link(ada, photo.photo_id), 3)
        commit([photo], [accepted(0, photo)])

        def attempt(_: int) -> bool:
            try:
                shares.add(link(ada, photo.photo_id), 3)
            except TooManySharesError:
                return False
            return True

        with ThreadPoolExecutor(5) as pool:
            assert sum(pool.map(attempt, range(8))) == 3
        with owner.begin() as connection:
            connection.execute(text("UPDATE share SET expires_at = now() - interval '31 days'"))
        shares.add(link(ada, photo.photo_id), 3)
        with owner.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM share")).scalar_one() == 1
            assert connection.execute(text("SELECT count(*) FROM share_photo")).scalar_one() == 1


PERSONAL = (
    "a.jpg",
    "b.jpg",
    "Acme One",
    "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
    "2026-05-01",
    "ada@example.org",
    "Ada",
    "door",
)


def everything(owner: Engine) -> str:
    """All that every table holds, as text."""
    with owner.connect() as connection:
        tables = connection.execute(
            text("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        )
        rows = (connection.execute(text(f'SELECT t::text FROM "{table}" t')).scalars() for table in tables.scalars())
        return "\n".join(row for found in list(rows) for row in found)


def waits_for_a_lock(owner: Engine) -> bool:
    """Whether somebody in this database waits for somebody else."""
    here = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pg_blocking_pids(pid) <> '{}'"
    with owner.connect() as connection:
        return connection.execute(text(here)).first() is not None


class TestClosing:
    """Accounts that end."""

    def test_nothing_personal_is_left_and_the_ledger_still_counts(
        self, api: Engine, commit: Commit, owner: Engine, database: Database, shares: PostgresShares
    ) -> None:
        """Name, address, password, devices, links, file names: gone from every table, and from what analysts get."""
        customers = PostgresCustomers(api)
        ada = customers.add(uuid4(), "ada@example.org", "Ada", "$argon2id$x")
        camera = uuid4()
        customers.add_device(ada.customer_id, camera, "door", 5)
        [photo] = [replace(each, device_id=camera) for each in photos_of(ada, 1)]
        refused = replace(rejected(1), customer_id=ada.customer_id, filename="b.jpg", detail="b.jpg")
        commit([photo], [replace(each, device_id=camera) for each in (accepted(0, photo), refused)])
        PostgresCustomerHolds(api, 5).place(ada.customer_id, photo.photo_id, "mine", "customer")
        new = link(ada, photo.photo_id)
        shares.add(new, 5)
        counted = documents(database)
        assert all(word in everything(owner) for word in PERSONAL)
        assert PostgresAccounts(api).close(ada.customer_id, LATER)
        left = everything(owner)
        assert [word for word in (*PERSONAL, str(camera)) if word in left] == []
        assert shown(api, ada) == []
        assert shares.album(new.token_hash, counted=True) is None
        assert PostgresHoldRegister(api).active(ada.customer_id) == []
        after = documents(database)
        assert {offset: (row.outcome, row.bytes, row.customer_id) for offset, row in after.items()} == {
            offset: (row.outcome, row.bytes, row.customer_id) for offset, row in counted.items()
        }
        assert {(row.customer_name, row.camera) for row in after.values()} == {(None, None)}
        assert all(after[offset].version > counted[offset].version for offset in counted)
        assert not PostgresAccounts(api).close(ada.customer_id, LATER)

    def test_an_account_with_very_much_in_it_is_blanked_in_steps(
        self, api: Engine, ada: Customer, commit: Commit, owner: Engine, pipeline_engine: Engine, database: Database
    ) -> None:
        """Closed at once, and blanked by whoever goes on: what was binned before, and what no record brings, too."""
        photos = photos_of(ada, 12)
        commit(photos, [accepted(n, photo) for n, photo in enumerate(photos)])
        binned, unrecorded = photos[0].photo_id, photos[-1].photo_id
        PostgresSelection(api).put_into_bin(ada.customer_id, [binned])
        counted = documents(database)
        with owner.begin() as connection:
            connection.execute(text("DELETE FROM ledger_record WHERE photo_id = :gone"), {"gone": unrecorded})
        ledger = PostgresRetentionLedger(pipeline_engine)
        assert not ledger.close_some(5), "nothing is left of anybody"
        figures = PostgresFigures(pipeline_engine)
        assert figures.ledger().closed_at is None
        with api.begin() as connection:
            assert connection.scalar(select(func.close_account(ada.customer_id, LATER)))
        assert PostgresCustomers(api).get(ada.customer_id) is None
        with pytest.raises(UnknownCustomerError):
            PostgresShares(api).add(link(ada, photos[1].photo_id), 5)
        assert figures.ledger().closed_at is not None
        assert [ledger.close_some(5) for _ in range(3)] == [True, True, False], "eleven records, and a photo of none"
        assert figures.ledger().closed_at is None
        assert shown(api, ada) == []
        with owner.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM photo WHERE binned_at IS NULL")).scalar_one() == 0
            assert connection.execute(text("SELECT count(*) FROM photo WHERE filename IS NOT NULL")).scalar_one() == 0
        after = documents(database)
        assert all((row.customer_name, row.camera) == (None, None) for row in after.values())
        assert all(after[offset].version > counted[offset].version for offset in after)

    def test_another_name_is_followed_in_steps(
        self, api: Engine, ada: Customer, commit: Commit, pipeline_engine: Engine, database: Database
    ) -> None:
        """One row is written at once; a name that changes once more is followed anew, and that of nobody no more."""
        photos = photos_of(ada, 12)
        commit(photos, [accepted(n, photo) for n, photo in enumerate(photos)])
        customers, renamings = PostgresCustomers(api), PostgresRenamings(pipeline_engine)
        assert not renamings.follow(5)
        assert customers.rename(ada.customer_id, "Ada Lovelace")
        told = {(row.customer_name, row.version) for row in documents(database).values()}
        assert told == {("Ada Lovelace", 1)}
        assert [renamings.follow(5) for _ in range(2)] == [True, True]
        assert customers.rename(ada.customer_id, "Ada King")
        assert [renamings.follow(5) for _ in range(4)] == [True, True, True, False], "all twelve, and nobody else"
        assert sorted(row.version for row in documents(database).values()) == [2] * 2 + [3] * 10
        assert customers.rename(ada.customer_id, "Ada again")
        assert PostgresAccounts(api).close(ada.customer_id, LATER)
        assert not renamings.follow(5)

    def test_whoever_comes_with_the_same_address_is_somebody_else(self, api: Engine) -> None:
        """The address is free at once; the old account can neither be found, nor logged in to, nor added to."""
        customers = PostgresCustomers(api)
        ada = signed_up(customers, "ada@example.org")
        assert PostgresAccounts(api).close(ada.customer_id, LATER)
        assert (customers.get(ada.customer_id), customers.credentials("ada@example.org")) == (None, None)
        again = signed_up(customers, "ada@example.org")
        assert again.customer_id != ada.customer_id
        customers.replace_password_hash(Credentials(ada.customer_id, "$argon2id$x", 0), "$argon2id$y")
        with pytest.raises(UnknownCustomerError):
            customers.add_device(ada.customer_id, uuid4(), "door", 5)
        assert [end.session_id for end in PostgresSessions(api).ended(None)] == [ada.customer_id]

    def test_what_an_operator_holds_stays(self, api: Engine, ada: Customer, commit: Commit, owner: Engine) -> None:
        """The photo is shown to nobody, and its bytes do not go."""
        [photo] = photos_of(ada, 1)
        commit([photo], [accepted(0, photo)])
        PostgresHoldRegister(api).place(ada.customer_id, photo.photo_id, "a lawsuit", "legal")
        PostgresAccounts(api).close(ada.customer_id, LATER)
        assert [hold.placed_by for hold in PostgresHoldRegister(api).active(ada.customer_id)] == ["legal"]
        with owner.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM rendition")).scalar_one() == 3

    def test_what_was_under_way_ends_as_an_outcome(
        self, api: Engine, ada: Customer, commit: Commit, pipeline_engine: Engine, owner: Engine
    ) -> None:
        """Read before the account was closed and committed after it: counted, archived, blank, and shown to nobody."""
        known, new = photos_of(ada, 2)
        commit([known], [accepted(0, known)])
        PostgresAccounts(api).close(ada.customer_id, LATER)
        assert PostgresIngestLedger(pipeline_engine).known_customers([ada.customer_id]) == set()
        camera, later = uuid4(), datetime.now(UTC) + timedelta(hours=1)
        late = [replace(photo, accepted_at=later, device_id=camera) for photo in (known, new)]
        commit(late, [replace(accepted(n + 1, photo), device_id=camera) for n, photo in enumerate(late)])
        PostgresSelection(api).take_out_of_bin(ada.customer_id, [photo.photo_id for photo in late])
        with pipeline_engine.begin() as connection:  # as whoever derives photos anew
            connection.execute(text("UPDATE photo SET camera = 'Acme One', filename = 'a.jpg', width = 7"))
        with owner.begin() as connection:
            connection.execute(text("UPDATE photo SET device_id = :camera"), {"camera": camera})
        assert shown(api, ada) == []
        left = everything(owner)
        assert [word for word in (*PERSONAL, str(camera)) if word in left] == []
        with owner.connect() as connection:
            outcomes = connection.execute(text("SELECT outcome FROM ledger_record ORDER BY 1")).scalars().all()
        assert outcomes == ["duplicate", "processed", "processed"]
        with pipeline_engine.begin() as connection:
            entries = waiting_entries(connection, 10)
        assert [entry.web for entry in entries if isinstance(entry, ProcessedEntry)] == [None, None]

    def test_closing_and_committing_take_turns(self, api: Engine, ada: Customer, commit: Commit, owner: Engine) -> None:
        """Whichever is first, nothing of the customer's is left when both are done."""
        photos = photos_of(ada, 200)
        commit(photos[:100], [accepted(n, photo) for n, photo in enumerate(photos[:100])])
        with ThreadPoolExecutor(1) as pool:
            closing = pool.submit(PostgresAccounts(api).close, ada.customer_id, LATER)
            commit(photos, [accepted(100 + n, photo) for n, photo in enumerate(photos)])
            assert closing.result()
        assert shown(api, ada) == []
        assert "a.jpg" not in everything(owner)

    @pytest.mark.parametrize("what", ["renewed", "refused"])
    def test_a_commit_without_a_new_photo_waits_for_a_closing(
        self, api: Engine, ada: Customer, commit: Commit, owner: Engine, what: str
    ) -> None:
        """An expired photo that was sent again, or refusals alone: nothing of them names the customer afterwards."""
        [photo] = photos_of(ada, 1)
        commit([photo], [accepted(0, photo)])
        expire(owner, photo.photo_id)
        refused = replace(rejected(1), customer_id=ada.customer_id, filename="a.jpg", detail="a.jpg")
        renewing, refusing = ([photo], [accepted(1, photo)]), ([], [refused])
        with ThreadPoolExecutor(1) as pool, api.connect() as closing:
            assert closing.scalar(select(func.close_account(ada.customer_id, LATER)))
            committing = pool.submit(commit, *(renewing if what == "renewed" else refusing))
            wait_for(lambda: committing.done() or waits_for_a_lock(owner), "the commit waits, or is done", 20)
            closing.commit()
            committing.result()
        assert "a.jpg" not in everything(owner)

    def test_whoever_holds_waits_for_a_closing(self, api: Engine, ada: Customer, commit: Commit, owner: Engine) -> None:
        """A customer's hold on a photo of an account that is being closed is none; an operator's is one."""
        [photo] = photos_of(ada, 1)
        commit([photo], [accepted(0, photo)])
        asked = (ada.customer_id, photo.photo_id, "mine", "customer")
        with ThreadPoolExecutor(1) as pool, api.connect() as closing:
            assert closing.scalar(select(func.close_account(ada.customer_id, LATER)))
            holding = pool.submit(PostgresCustomerHolds(api, 5).place, *asked)
            wait_for(lambda: holding.done() or waits_for_a_lock(owner), "the hold waits, or is there", 20)
            closing.commit()
            with pytest.raises(UnknownCustomerError):
                holding.result()
        assert PostgresHoldRegister(api).active(ada.customer_id) == []
        PostgresHoldRegister(api).place(*asked)

    def test_a_new_link_waits_for_no_other_account(
        self, api: Engine, ada: Customer, grace: Customer, commit: Commit, shares: PostgresShares, owner: Engine
    ) -> None:
        """What may be forgotten is, of anybody; a link that somebody else has just now is left to the next one."""
        [hers], [his] = photos_of(grace, 1), photos_of(ada, 1)
        commit([hers, his], [accepted(0, hers), accepted(1, his)])
        shares.add(link(grace, hers.photo_id), 5)
        with owner.begin() as connection:
            connection.execute(text("UPDATE share SET expires_at = now() - interval '31 days'"))
        with ThreadPoolExecutor(1) as pool, api.connect() as closing:
            assert closing.scalar(select(func.close_account(grace.customer_id, LATER)))
            adding = pool.submit(shares.add, link(ada, his.photo_id), 5)
            wait_for(lambda: adding.done() or waits_for_a_lock(owner), "the link is there, or waits", 20)
            assert adding.done()
            closing.commit()

    def test_records_come_page_by_page(self, api: Engine, ada: Customer, grace: Customer, commit: Commit) -> None:
        """All of a customer's, oldest first, each once, and nobody else's."""
        accounts = PostgresAccounts(api)
        for begin in (0, 5):
            photos = [archived_photo(ada.customer_id, f"{begin} {n}".encode()) for n in range(4)]
            other = archived_photo(grace.customer_id, f"{begin}".encode())
            commit([*photos, other], [accepted(begin + n, photo) for n, photo in enumerate([*photos, other])])
        seen: list[int] = []
        last = None
        while page := accounts.records(ada.customer_id, last, 3):
            seen += [record.coordinates.offset for record in page]
            last = page[-1]
        assert seen == [0, 1, 2, 3, 5, 6, 7, 8]
        assert last is not None
        assert (last.outcome, last.filename, last.source) == ("processed", "a.jpg", "upload")


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("api", "UPDATE photo SET filename = 'x'"),
        ("api", "UPDATE photo SET status = 'expired'"),
        ("api", "UPDATE customer SET closed_at = now()"),
        ("api", "DELETE FROM device"),
        ("api", "UPDATE share SET token_hash = token_hash"),
        ("pipeline", "SELECT * FROM share"),
        ("pipeline", "SELECT close_account(gen_random_uuid(), now())"),
        ("bi", "SELECT * FROM share"),
        ("bi", "SELECT close_account(gen_random_uuid(), now())"),
        ("api", "SELECT keep_open('{}')"),
        ("bi", "SELECT keep_open('{}')"),
        ("pipeline", "SELECT FROM customer FOR KEY SHARE"),
    ],
)
def test_roles_may_do_no_more_than_they_must(database: Database, role: str, statement: str) -> None:
    """The API bins, shares and closes by one function; nobody else has to do with any of that."""
    engine = make_engine(getattr(database, role), "tests")
    try:
        with pytest.raises(Exception, match="permission denied"), engine.begin() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
