"""In-memory twins of the servers behind the upload API, for tests that need none of them to be real."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI
from tests.support.serving import served
from tests.support.signing import new_key

from photo_pipeline.adapters.upload_directory import UploadDirectory
from photo_pipeline.adapters.volumes import DiskOf
from photo_pipeline.api.app import create_app
from photo_pipeline.api.services import Connections
from photo_pipeline.domain.accounts import AccountRecord
from photo_pipeline.domain.customers import (
    COUNTED_PHOTOS,
    Credentials,
    Customer,
    Device,
    DeviceActivity,
    EmailTakenError,
    EndedSession,
    NewReset,
    OpenSession,
    SentLately,
    TooManyDevicesError,
    Usage,
)
from photo_pipeline.domain.errors import (
    ArchiveMemberError,
    PhotoExpiredError,
    ServerUnavailableError,
    UnknownPhotoError,
)
from photo_pipeline.domain.events import Delivery, OutboundRecord
from photo_pipeline.domain.finding import COUNTED, Choice, Choices, Found, Month, PhotoFilter, Search, Timeline
from photo_pipeline.domain.gallery import (
    Absence,
    CustomerOutcome,
    GalleryPhoto,
    OutcomeBatch,
    Page,
    PhotoOrder,
    Place,
    ReceiptState,
    ReceiptStatus,
    RejectedPhoto,
    RenditionName,
    StoredRendition,
)
from photo_pipeline.domain.health import DiskSpace
from photo_pipeline.domain.mail import Mail
from photo_pipeline.domain.photo import Receipt, RecordCoordinates, RenditionKind
from photo_pipeline.domain.retention import Hold, TooManyHoldsError
from photo_pipeline.domain.selection import Chosen, ChosenPhoto, Moved
from photo_pipeline.domain.shares import NewShare, Share, SharedAlbum, SharedPhoto, TooManySharesError
from photo_pipeline.settings import WebSettings

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
"""Real argon2id, with as little work as it can do."""
API = "http://testserver/api/v1"


class FakeClock:
    """Stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.moment = NOON

    def now(self) -> datetime:
        """The time it was set to."""
        return self.moment

    def advance(self, **duration: float) -> None:
        """Move on."""
        self.moment += timedelta(**duration)


class FakeLog:
    """Keeps what is written; ``away`` answers nobody, ``refuse_after`` stops answering after some records."""

    def __init__(self) -> None:
        self.records: list[OutboundRecord] = []
        self.away = False
        self.refuse_after: int | None = None

    async def append(self, record: OutboundRecord) -> Delivery:
        """Keep a record."""
        if self.away or (self.refuse_after is not None and len(self.records) >= self.refuse_after):
            raise ServerUnavailableError("Kafka", "gone fishing")
        self.records.append(record)
        return Delivery(RecordCoordinates(record.topic, 0, len(self.records) - 1), NOON)

    async def ready(self, topic: str | None = None) -> bool:
        """Whether it is there."""
        del topic
        return not self.away

    async def close(self) -> None:
        """Nothing to do."""


class FakeCustomers:
    """Customers and devices in dictionaries."""

    def __init__(self) -> None:
        self.customers: dict[str, tuple[Customer, str]] = {}
        self.versions: Counter[UUID] = Counter()
        self.registered: dict[UUID, tuple[UUID, Device]] = {}
        self.active: dict[UUID, DeviceActivity] = {}
        self.away = False

    def add(self, customer_id: UUID, email: str, display_name: str, password_hash: str) -> Customer:
        """See the port."""
        self._check()
        if email.lower() in self.customers:
            raise EmailTakenError
        customer = Customer(customer_id, email.lower(), display_name, NOON)
        self.customers[email.lower()] = (customer, password_hash)
        return customer

    def get(self, customer_id: UUID) -> Customer | None:
        """See the port."""
        self._check()
        return next((found for found, _ in self.customers.values() if found.customer_id == customer_id), None)

    def credentials(self, email: str) -> Credentials | None:
        """See the port."""
        self._check()
        found = self.customers.get(email.lower())
        return None if found is None else Credentials(*self.secret(found[0].customer_id))

    def secret(self, customer_id: UUID) -> tuple[UUID, str, int]:
        """Whose password it is, its hash, and which of theirs it is."""
        customer = self.get(customer_id)
        assert customer is not None
        return customer_id, self.customers[customer.email][1], self.versions[customer_id]

    def rename(self, customer_id: UUID, display_name: str) -> bool:
        """See the port."""
        customer = self.get(customer_id)
        if customer is None:
            return False
        renamed = replace(customer, display_name=display_name)
        self.customers[customer.email] = (renamed, self.customers[customer.email][1])
        return True

    def replace_password_hash(self, known: Credentials, password_hash: str) -> None:
        """See the port."""
        customer = self.get(known.customer_id)
        assert customer is not None
        if self.versions[known.customer_id] == known.password_version:
            self.customers[customer.email] = (customer, password_hash)

    def add_device(
        self, customer_id: UUID, device_id: UUID, name: str, limit: int, public_key: str | None = None
    ) -> Device:
        """See the port."""
        if len(self.devices(customer_id)) >= limit:
            raise TooManyDevicesError(limit)
        device = Device(device_id, name, NOON, public_key)
        self.registered[device_id] = (customer_id, device)
        return device

    def devices(self, customer_id: UUID, counted: int = COUNTED_PHOTOS) -> Sequence[DeviceActivity]:
        """See the port; a device does what tests have put into ``active``, or nothing."""
        del counted
        self._check()
        own = [device for owner, device in self.registered.values() if owner == customer_id]
        return [self.active.get(device.device_id, _idle(device)) for device in own]

    def rename_device(self, customer_id: UUID, device_id: UUID, name: str) -> Device | None:
        """See the port."""
        if not self.see_device(customer_id, device_id):
            return None
        device = replace(self.registered[device_id][1], name=name)
        self.registered[device_id] = (customer_id, device)
        return device

    def revoke_device(self, customer_id: UUID, device_id: UUID) -> bool:
        """See the port."""
        active = self.see_device(customer_id, device_id)
        if active:
            del self.registered[device_id]
        return active

    def see_device(self, customer_id: UUID, device_id: UUID) -> bool:
        """See the port."""
        self._check()
        return device_id in self.registered and self.registered[device_id][0] == customer_id

    def _check(self) -> None:
        if self.away:
            raise ServerUnavailableError("PostgreSQL", "gone fishing")


def _idle(device: Device) -> DeviceActivity:
    nothing = SentLately(0, timedelta(hours=1))
    return DeviceActivity(device, None, nothing, replace(nothing, within=timedelta(days=1)), None)


def _in_order(place: Place) -> tuple[datetime, str, datetime, str]:
    return place.moment, place.name or "", place.uploaded_at or place.moment, place.key


def _comes_after(place: Place, after: Place | None) -> bool:
    if after is None:
        return True
    if after.name is None and place.name is not None:
        return place.moment <= after.moment
    return _in_order(place) < _in_order(after)


class FakeGallery:
    """What tests put into it."""

    def __init__(self) -> None:
        self.processed: list[tuple[UUID, GalleryPhoto]] = []
        self.refused: list[tuple[UUID, RejectedPhoto]] = []
        self.statuses: dict[RecordCoordinates, ReceiptStatus] = {}
        self.stored: dict[RenditionName, Sequence[StoredRendition | Absence]] = {}
        self.expired: set[tuple[UUID, UUID]] = set()

    def photos(self, customer_id: UUID, page: Page) -> Sequence[GalleryPhoto]:
        """See the port."""
        own = [photo for owner, photo in self.processed if owner == customer_id and photo.binned_at is None]
        own.sort(key=lambda photo: _in_order(photo.place(page.order)), reverse=True)
        return [photo for photo in own if _comes_after(photo.place(page.order), page.after)][: page.limit]

    def rejected(self, customer_id: UUID, page: Page) -> Sequence[RejectedPhoto]:
        """See the port."""
        own = [photo for owner, photo in self.refused if owner == customer_id]
        own.sort(key=lambda photo: _in_order(photo.place), reverse=True)
        return [photo for photo in own if _comes_after(photo.place, page.after)][: page.limit]

    def photo(self, customer_id: UUID, photo_id: UUID) -> GalleryPhoto | RejectedPhoto | None:
        """See the port."""
        both: list[tuple[UUID, GalleryPhoto | RejectedPhoto]] = [*self.processed, *self.refused]
        return next((p for owner, p in both if owner == customer_id and p.photo_id == photo_id), None)

    def receipts(self, receipts: Sequence[Receipt]) -> Sequence[ReceiptStatus]:
        """See the port."""
        pending = ReceiptStatus(ReceiptState.PENDING)
        return [self.statuses.get(receipt.coordinates, pending) for receipt in receipts]

    def renditions(self, names: Sequence[RenditionName]) -> Sequence[StoredRendition | Absence]:
        """See the port. Where several are there, each call takes one: the photo moved meanwhile."""
        return [self._rendition(name) for name in names]

    def _rendition(self, name: RenditionName) -> StoredRendition | Absence:
        if (name.customer_id, name.photo_id) in self.expired:
            return Absence.EXPIRED
        found = self.stored.get(name, [])
        if not found:
            return Absence.UNKNOWN
        self.stored[name] = found[1:] or found
        return found[0]


class FakeFinder:
    """Finds among the photos that the gallery knows; ``searches`` and ``timelines`` are what it was asked."""

    def __init__(self, gallery: FakeGallery, customers: FakeCustomers) -> None:
        self.looked_at: int | None = None
        self.searches: list[Search] = []
        self.timelines: list[tuple[PhotoOrder, PhotoFilter]] = []
        self._gallery = gallery
        self._customers = customers

    def find(self, customer_id: UUID, search: Search) -> Found:
        """See the port."""
        self.searches.append(search)
        most = self.looked_at or search.looked_at
        looked_at = self._gallery.photos(customer_id, Page(most, search.after, search.order))
        fitting = [photo for photo in looked_at if _fits(photo, search.wanted, search.order)]
        if len(fitting) > search.limit:
            shown = fitting[: search.limit]
            return Found(shown, shown[-1].place(search.order))
        return Found(fitting, looked_at[-1].place(search.order) if len(looked_at) == most else None)

    def timeline(self, customer_id: UUID, order: PhotoOrder, wanted: PhotoFilter, counted: int = COUNTED) -> Timeline:
        """See the port."""
        self.timelines.append((order, wanted))
        photos = self._gallery.photos(customer_id, Page(counted, None, order))
        days = [photo.place(order).moment.date() for photo in photos if _fits(photo, wanted, order)]
        months = Counter(day.replace(day=1) for day in days)
        return Timeline([Month(*month) for month in sorted(months.items(), reverse=True)], len(photos) < counted)

    def choices(self, customer_id: UUID, counted: int = COUNTED) -> Choices:
        """See the port."""
        photos = self._gallery.photos(customer_id, Page(counted))
        names = {str(device_id): device.name for device_id, (_, device) in self._customers.registered.items()}
        devices = _counted([photo.device_id for photo in photos])
        return Choices(
            sources=_counted([photo.source.value for photo in photos]),
            devices=[replace(choice, label=names.get(choice.value)) for choice in devices],
            cameras=_counted([photo.camera for photo in photos]),
            formats=_counted([photo.format for photo in photos]),
        )


def _counted(values: Sequence[object]) -> list[Choice]:
    return [Choice(str(value), photos) for value, photos in Counter(values).most_common() if value is not None]


def _fits(photo: GalleryPhoto, wanted: PhotoFilter, order: PhotoOrder) -> bool:
    day = photo.place(order).moment.date()
    return all(
        (
            (wanted.name or "").lower() in (photo.filename or "").lower(),
            wanted.source in {None, photo.source},
            wanted.device_id in {None, photo.device_id},
            wanted.camera in {None, photo.camera},
            wanted.format in {None, photo.format},
            wanted.first_day is None or day >= wanted.first_day,
            wanted.last_day is None or day <= wanted.last_day,
        )
    )


class FakeSelection:
    """The bin and selections of the photos that the gallery knows."""

    def __init__(self, gallery: FakeGallery, clock: FakeClock) -> None:
        self.absent: dict[UUID, Absence] = {}
        self.choices: dict[UUID, list[ChosenPhoto]] = {}
        self._gallery = gallery
        self._clock = clock

    def put_into_bin(self, customer_id: UUID, photo_ids: Collection[UUID]) -> Moved:
        """See the port."""
        return self._move(customer_id, photo_ids, self._clock.now())

    def take_out_of_bin(self, customer_id: UUID, photo_ids: Collection[UUID]) -> Moved:
        """See the port."""
        return self._move(customer_id, photo_ids, None)

    def binned(self, customer_id: UUID, page: Page) -> Sequence[GalleryPhoto]:
        """See the port."""
        own = [
            photo for owner, photo in self._gallery.processed if owner == customer_id and photo.binned_at is not None
        ]
        return own[: page.limit] if page.after is None else []

    def chosen(self, customer_id: UUID, photo_ids: Sequence[UUID], kind: RenditionKind) -> Chosen:
        """See the port. Where several places are known of a photo, each call takes one: it moved meanwhile."""
        photos, absent = [], {}
        for photo_id in photo_ids:
            found = self.choices.get(photo_id, [])
            if found:
                photos.append(found.pop(0) if len(found) > 1 else found[0])
            else:
                absent[photo_id] = self.absent.get(photo_id, Absence.UNKNOWN)
        return Chosen(sorted(photos, key=lambda photo: (photo.location.path, photo.location.offset)), absent)

    def _move(self, customer_id: UUID, photo_ids: Collection[UUID], binned_at: datetime | None) -> Moved:
        done = set()
        for place, (owner, photo) in enumerate(self._gallery.processed):
            if owner == customer_id and photo.photo_id in photo_ids:
                done.add(photo.photo_id)
                if binned_at is None or photo.binned_at is None:
                    self._gallery.processed[place] = (owner, replace(photo, binned_at=binned_at))
        expired = {photo_id for owner, photo_id in self._gallery.expired if owner == customer_id} & set(photo_ids)
        return Moved(frozenset(done - expired), frozenset(expired))


class FakeShares:
    """Links in a dictionary, each to all of its photos."""

    def __init__(self, clock: FakeClock) -> None:
        self.made: dict[UUID, NewShare] = {}
        self.views: Counter[UUID] = Counter()
        self.name = "Ada"
        self._clock = clock

    def add(self, share: NewShare, limit: int) -> Share:
        """See the port."""
        if len(self.of_customer(share.customer_id)) >= limit:
            raise TooManySharesError(limit)
        self.made[share.share_id] = share
        return self._share(share)

    def of_customer(self, customer_id: UUID) -> Sequence[Share]:
        """See the port."""
        good = [share for share in self.made.values() if share.expires_at > self._clock.now()]
        return [self._share(share) for share in reversed(good) if share.customer_id == customer_id]

    def revoke(self, customer_id: UUID, share_id: UUID) -> bool:
        """See the port."""
        found = self.made.get(share_id)
        if found is None or found.customer_id != customer_id:
            return False
        del self.made[share_id]
        return True

    def album(self, token_hash: bytes, *, counted: bool) -> SharedAlbum | None:
        """See the port."""
        share = self._find(token_hash)
        if share is None:
            return None
        self.views[share.share_id] += counted
        photos = [SharedPhoto(photo_id, 1600, 1200, 320) for photo_id in share.photo_ids]
        return SharedAlbum(self.name, share.expires_at, photos)

    def owner(self, token_hash: bytes, photo_id: UUID) -> UUID | None:
        """See the port."""
        share = self._find(token_hash)
        return share.customer_id if share is not None and photo_id in share.photo_ids else None

    def _find(self, token_hash: bytes) -> NewShare | None:
        now = self._clock.now()
        good = (share for share in self.made.values() if share.expires_at > now)
        return next((share for share in good if share.token_hash == token_hash), None)

    def _share(self, share: NewShare) -> Share:
        return Share(share.share_id, NOON, share.expires_at, len(share.photo_ids), self.views[share.share_id])


class FakeAccounts:
    """Closes accounts of the customers that there are; records are what tests put here."""

    def __init__(self, customers: FakeCustomers) -> None:
        self.kept: list[AccountRecord] = []
        self.closed: list[tuple[UUID, datetime]] = []
        self._customers = customers

    def close(self, customer_id: UUID, sessions_until: datetime) -> bool:
        """See the port."""
        customer = self._customers.get(customer_id)
        if customer is None:
            return False
        del self._customers.customers[customer.email]
        self.closed.append((customer_id, sessions_until))
        return True

    def records(self, customer_id: UUID, after: AccountRecord | None, limit: int) -> Sequence[AccountRecord]:
        """See the port."""
        begin = 0 if after is None else self.kept.index(after) + 1
        return self.kept[begin : begin + limit]


class FakeSessions:
    """Sessions that were ended; ``away`` answers nobody."""

    def __init__(self, clock: FakeClock) -> None:
        self.noted: dict[UUID, EndedSession] = {}
        self.asked = 0
        self.away = False
        self._clock = clock

    def end(self, session_id: UUID, forget_at: datetime) -> None:
        """See the port."""
        self._check()
        self.noted[session_id] = EndedSession(session_id, self._clock.now(), forget_at)

    def ended(self, since: datetime | None) -> Sequence[EndedSession]:
        """See the port."""
        self._check()
        self.asked += 1
        return [found for found in self.noted.values() if since is None or found.ended_at >= since]

    def _check(self) -> None:
        if self.away:
            raise ServerUnavailableError("PostgreSQL", "gone fishing")


class FakeOpenSessions:
    """Sessions that go on."""

    def __init__(self, customers: FakeCustomers, clock: FakeClock) -> None:
        self.open: dict[UUID, OpenSession] = {}
        self._customers = customers
        self._clock = clock

    def begin(self, session: OpenSession, password_version: int) -> bool:
        """See the port."""
        if self._customers.versions[session.customer_id] != password_version:
            return False
        self.open[session.session_id] = session
        return True

    def seen(self, session_id: UUID, expires_at: datetime) -> bool:
        """See the port."""
        found = self.open.get(session_id)
        if found is None:
            return False
        newest = max(found.expires_at, expires_at)
        self.open[session_id] = replace(found, seen_at=self._clock.now(), expires_at=newest)
        return True

    def of_customer(self, customer_id: UUID, limit: int) -> Sequence[OpenSession]:
        """See the port."""
        good = [found for found in self.open.values() if found.expires_at > self._clock.now()]
        mine = [found for found in good if found.customer_id == customer_id]
        return sorted(mine, key=lambda found: found.seen_at, reverse=True)[:limit]

    def end(self, customer_id: UUID, session_id: UUID, forget_at: datetime) -> Sequence[EndedSession]:
        """See the port."""
        return self._end(customer_id, lambda each: each == session_id, forget_at)

    def end_others(self, customer_id: UUID, kept: UUID | None, forget_at: datetime) -> Sequence[EndedSession]:
        """See the port."""
        return self._end(customer_id, lambda each: each != kept, forget_at)

    def _end(self, customer_id: UUID, which: Callable[[UUID], bool], forget_at: datetime) -> Sequence[EndedSession]:
        gone = [each for each, found in self.open.items() if found.customer_id == customer_id and which(each)]
        for session_id in gone:
            del self.open[session_id]
        return [EndedSession(session_id, self._clock.now(), forget_at) for session_id in gone]


class FakePasswords:
    """Replaces passwords of the customers that there are."""

    def __init__(self, customers: FakeCustomers, sessions: FakeOpenSessions, clock: FakeClock) -> None:
        self.resets: dict[bytes, NewReset] = {}
        self._customers = customers
        self._sessions = sessions
        self._clock = clock

    def change(
        self, customer_id: UUID, version: int, password_hash: str, kept: UUID, forget_at: datetime
    ) -> Sequence[EndedSession] | None:
        """See the port."""
        if self._customers.versions[customer_id] != version:
            return None
        return self._replace(customer_id, password_hash, kept, forget_at)

    def add_reset(self, reset: NewReset, limit: int) -> bool:
        """See the port."""
        mine = [each for each in self.resets.values() if each.customer_id == reset.customer_id and self._is_good(each)]
        if len(mine) >= limit:
            return False
        self.resets[reset.token_hash] = reset
        return True

    def drop_reset(self, token_hash: bytes) -> None:
        """See the port."""
        self.resets.pop(token_hash, None)

    def whose_reset(self, token_hash: bytes) -> Customer | None:
        """See the port."""
        found = self.resets.get(token_hash)
        return None if found is None or not self._is_good(found) else self._customers.get(found.customer_id)

    def use_reset(self, token_hash: bytes, password_hash: str, forget_at: datetime) -> Sequence[EndedSession] | None:
        """See the port."""
        customer = self.whose_reset(token_hash)
        return None if customer is None else self._replace(customer.customer_id, password_hash, None, forget_at)

    def _is_good(self, reset: NewReset) -> bool:
        return reset.expires_at > self._clock.now()

    def _replace(
        self, customer_id: UUID, password_hash: str, kept: UUID | None, forget_at: datetime
    ) -> Sequence[EndedSession]:
        customer = self._customers.get(customer_id)
        assert customer is not None
        self._customers.customers[customer.email] = (customer, password_hash)
        self._customers.versions[customer_id] += 1
        self.resets = {key: each for key, each in self.resets.items() if each.customer_id != customer_id}
        return self._sessions.end_others(customer_id, kept, forget_at)


class FakeMailer:
    """Keeps what is sent; ``refusing`` is raised as often as there is something in it."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []
        self.refusing: list[Exception] = []

    def send(self, mail: Mail) -> None:
        """See the port."""
        if self.refusing:
            raise self.refusing.pop(0)
        self.sent.append(mail)


class FakeUsage:
    """What customers have sent, as tests say; ``away`` answers nobody."""

    def __init__(self) -> None:
        self.told = Usage(0, 0)
        self.asked = 0
        self.away = False

    def usage(self, customer_id: UUID, sent_since: datetime, kept_since: datetime) -> Usage:
        """See the port."""
        self.asked += 1
        if self.away:
            raise ServerUnavailableError("PostgreSQL", "gone fishing")
        return self.told


class FakeOutcomes:
    """Outcomes in the order in which tests commit them; a position is how many there were."""

    def __init__(self) -> None:
        self.committed: list[CustomerOutcome] = []
        self.asked_for: list[set[UUID]] = []

    def since(self, position: str | None, customers: Collection[UUID]) -> OutcomeBatch:
        """See the port."""
        self.asked_for.append(set(customers))
        seen = len(self.committed) if position is None else int(position)
        fresh = [outcome for outcome in self.committed[seen:] if outcome.customer_id in customers]
        return OutcomeBatch(str(len(self.committed)), fresh)

    def recent(self, customer_id: UUID, since: datetime, limit: int) -> Sequence[CustomerOutcome]:
        """See the port."""
        own = [outcome for outcome in self.committed if outcome.customer_id == customer_id]
        return [outcome for outcome in own if (outcome.status.processed_at or NOON) >= since][-limit:]


class FakeHolds:
    """Customers' holds on photos that the gallery knows."""

    def __init__(self, gallery: FakeGallery, limit: int) -> None:
        self.placed: dict[tuple[UUID, UUID | None], Hold] = {}
        self._gallery = gallery
        self._limit = limit

    def place(self, customer_id: UUID, photo_id: UUID | None, reason: str, placed_by: str) -> Hold:
        """See the port."""
        assert photo_id is not None
        if (customer_id, photo_id) in self._gallery.expired:
            raise PhotoExpiredError(photo_id)
        if self._gallery.photo(customer_id, photo_id) is None:
            raise UnknownPhotoError(customer_id, photo_id)
        if (customer_id, photo_id) not in self.placed and len(self.placed) >= self._limit:
            raise TooManyHoldsError(self._limit)
        hold = Hold(1, customer_id, photo_id, reason, placed_by, NOON)
        return self.placed.setdefault((customer_id, photo_id), hold)

    def lift(self, customer_id: UUID, photo_id: UUID | None) -> bool:
        """See the port."""
        return self.placed.pop((customer_id, photo_id), None) is not None

    def active(self, customer_id: UUID | None = None) -> Sequence[Hold]:
        """See the port."""
        return [hold for hold in self.placed.values() if customer_id in {None, hold.customer_id}]


@dataclass(frozen=True, slots=True)
class FakeFile:
    """A file of the archive that stays open."""

    archive: "FakeArchive"
    path: str

    def read(self, offset: int, length: int) -> bytes:
        """See the port."""
        return self.archive.read(self.path, offset, length)


class FakeArchive:
    """Files in a dictionary."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.longest_read = 0
        self.reads = 0
        self.opened: list[str] = []

    def open(self, path: str) -> FakeFile:
        """See the port."""
        self.opened.append(path)
        return FakeFile(self, path)

    def read(self, path: str, offset: int, length: int) -> bytes:
        """See the port."""
        self.longest_read = max(self.longest_read, length)
        self.reads += 1
        content = self.files.get(path, b"")[offset : offset + length]
        if len(content) < length:
            raise ArchiveMemberError(path, "missing or short")
        return content


@dataclass
class FakeVolumes:
    """What was noted of disks."""

    noted: dict[str, DiskSpace] = field(default_factory=dict)

    def note(self, name: str, space: DiskSpace) -> None:
        """See the port."""
        self.noted[name] = space


@dataclass(slots=True)
class Platform:
    """The application with its twins."""

    app: FastAPI
    settings: WebSettings
    clock: FakeClock = field(default_factory=FakeClock)
    log: FakeLog = field(default_factory=FakeLog)
    customers: FakeCustomers = field(default_factory=FakeCustomers)
    gallery: FakeGallery = field(default_factory=FakeGallery)
    archive: FakeArchive = field(default_factory=FakeArchive)
    outcomes: FakeOutcomes = field(default_factory=FakeOutcomes)
    usage: FakeUsage = field(default_factory=FakeUsage)
    volumes: FakeVolumes = field(default_factory=FakeVolumes)
    finder: FakeFinder = field(init=False)
    sessions: FakeSessions = field(init=False)
    holds: FakeHolds = field(init=False)
    selection: FakeSelection = field(init=False)
    shares: FakeShares = field(init=False)
    accounts: FakeAccounts = field(init=False)
    open_sessions: FakeOpenSessions = field(init=False)
    passwords: FakePasswords = field(init=False)
    mailer: FakeMailer | None = field(default_factory=FakeMailer)

    def __post_init__(self) -> None:
        """Those that know others."""
        self.finder = FakeFinder(self.gallery, self.customers)
        self.sessions = FakeSessions(self.clock)
        self.holds = FakeHolds(self.gallery, self.settings.customer_holds)
        self.selection = FakeSelection(self.gallery, self.clock)
        self.shares = FakeShares(self.clock)
        self.accounts = FakeAccounts(self.customers)
        self.open_sessions = FakeOpenSessions(self.customers, self.clock)
        self.passwords = FakePasswords(self.customers, self.open_sessions, self.clock)

    def browser(self, **headers: str) -> httpx.AsyncClient:
        """A client with a cookie jar that says, as browsers do, where its requests come from."""
        return self.client(**{"Sec-Fetch-Site": "same-origin", **headers})

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A client without any such header."""
        transport = httpx.ASGITransport(self.app)
        return httpx.AsyncClient(transport=transport, base_url=API, headers=headers)


def web_settings(folder: Path, **changes: object) -> WebSettings:
    """Settings with a fresh key in that folder."""
    path = folder / "signing_key.jwk"
    path.write_text(json.dumps(new_key().as_dict(private=True)))
    uploads = folder / "uploads"
    return WebSettings.model_validate(
        {"signing_key_file": path, "public_url": "http://testserver", "upload_dir": uploads, **changes}
    )


@asynccontextmanager
async def running(settings: WebSettings) -> AsyncIterator[Platform]:
    """The application between its start and its end."""
    platform = Platform(FastAPI(), settings)
    platform.app = create_app(settings, connections=_connected(platform), clock=platform.clock, hasher=QUICK)
    async with platform.app.router.lifespan_context(platform.app):
        yield platform


@asynccontextmanager
async def serving(folder: Path, **changes: object) -> AsyncIterator[tuple[Platform, str]]:
    """The application behind uvicorn, and its address."""
    settings = web_settings(folder, **changes)
    platform = Platform(FastAPI(), settings)
    platform.app = create_app(settings, connections=_connected(platform), clock=platform.clock, hasher=QUICK)
    async with served(platform.app) as url:
        yield platform, url


@asynccontextmanager
async def _connected(platform: Platform) -> AsyncIterator[Connections]:
    yield Connections(
        writer=platform.log,
        customers=platform.customers,
        gallery=platform.gallery,
        finder=platform.finder,
        sessions=platform.sessions,
        usage=platform.usage,
        outcomes=platform.outcomes,
        holds=platform.holds,
        selection=platform.selection,
        shares=platform.shares,
        accounts=platform.accounts,
        open_sessions=platform.open_sessions,
        passwords=platform.passwords,
        mailer=platform.mailer,
        archive=platform.archive,
        uploads=UploadDirectory(platform.settings.upload_dir),
        disk=DiskOf(platform.settings.upload_dir),
        volumes=platform.volumes,
    )


async def sign_up(client: httpx.AsyncClient, email: str = "ada@example.org") -> UUID:
    """Sign up and log in; the client sends its token from now on."""
    password = "correct horse battery"
    created = await client.post("/customers", json={"email": email, "password": password, "display_name": "Ada"})
    assert created.status_code == 201, created.text
    logged_in = await client.post("/session", json={"email": email, "password": password})
    assert logged_in.status_code == 200, logged_in.text
    client.cookies.clear()
    client.headers["Authorization"] = f"Bearer {logged_in.json()['access_token']}"
    return UUID(created.json()["customer_id"])
