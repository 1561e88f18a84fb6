"""In-memory twins of the servers behind the upload API, for tests that need none of them to be real."""

import json
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI
from joserfc.jwk import OKPKey
from tests.support.serving import served

from photo_pipeline.adapters.upload_directory import UploadDirectory
from photo_pipeline.api.app import create_app
from photo_pipeline.api.services import Connections
from photo_pipeline.domain.customers import (
    Credentials,
    Customer,
    Device,
    EmailTakenError,
    EndedSession,
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
from photo_pipeline.domain.gallery import (
    Absence,
    CustomerOutcome,
    GalleryPhoto,
    OutcomeBatch,
    Page,
    Place,
    ReceiptState,
    ReceiptStatus,
    RejectedPhoto,
    RenditionName,
    StoredRendition,
)
from photo_pipeline.domain.photo import Receipt, RecordCoordinates
from photo_pipeline.domain.retention import Hold, TooManyHoldsError
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
        self.registered: dict[UUID, tuple[UUID, Device]] = {}
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
        return None if found is None else Credentials(found[0].customer_id, found[1])

    def replace_password_hash(self, customer_id: UUID, password_hash: str) -> None:
        """See the port."""
        customer = self.get(customer_id)
        assert customer is not None
        self.customers[customer.email] = (customer, password_hash)

    def add_device(self, customer_id: UUID, device_id: UUID, name: str, limit: int) -> Device:
        """See the port."""
        if len(self.devices(customer_id)) >= limit:
            raise TooManyDevicesError(limit)
        device = Device(device_id, name, NOON)
        self.registered[device_id] = (customer_id, device)
        return device

    def devices(self, customer_id: UUID) -> Sequence[Device]:
        """See the port."""
        self._check()
        return [device for owner, device in self.registered.values() if owner == customer_id]

    def revoke_device(self, customer_id: UUID, device_id: UUID) -> bool:
        """See the port."""
        active = self.is_active_device(customer_id, device_id)
        if active:
            del self.registered[device_id]
        return active

    def is_active_device(self, customer_id: UUID, device_id: UUID) -> bool:
        """See the port."""
        self._check()
        return device_id in self.registered and self.registered[device_id][0] == customer_id

    def _check(self) -> None:
        if self.away:
            raise ServerUnavailableError("PostgreSQL", "gone fishing")


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
        self.stored: dict[RenditionName, list[StoredRendition]] = {}
        self.expired: set[tuple[UUID, UUID]] = set()

    def photos(self, customer_id: UUID, page: Page) -> Sequence[GalleryPhoto]:
        """See the port."""
        own = [photo for owner, photo in self.processed if owner == customer_id]
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
        return found.pop(0) if len(found) > 1 else found[0]


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


class FakeArchive:
    """Files in a dictionary."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.longest_read = 0
        self.reads = 0

    def read(self, path: str, offset: int, length: int) -> bytes:
        """See the port."""
        self.longest_read = max(self.longest_read, length)
        self.reads += 1
        content = self.files.get(path, b"")[offset : offset + length]
        if len(content) < length:
            raise ArchiveMemberError(path, "missing or short")
        return content


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
    sessions: FakeSessions = field(init=False)
    holds: FakeHolds = field(init=False)

    def __post_init__(self) -> None:
        """Those that know others."""
        self.sessions = FakeSessions(self.clock)
        self.holds = FakeHolds(self.gallery, self.settings.customer_holds)

    def browser(self, **headers: str) -> httpx.AsyncClient:
        """A client with a cookie jar that says, as browsers do, where its requests come from."""
        return self.client(**{"Sec-Fetch-Site": "same-origin", **headers})

    def client(self, **headers: str) -> httpx.AsyncClient:
        """A client without any such header."""
        transport = httpx.ASGITransport(self.app)
        return httpx.AsyncClient(transport=transport, base_url=API, headers=headers)


def signing_key() -> OKPKey:
    """A fresh Ed25519 key."""
    return OKPKey.generate_key("Ed25519", private=True, auto_kid=True)


def web_settings(folder: Path, **changes: object) -> WebSettings:
    """Settings with a fresh key in that folder."""
    path = folder / "signing_key.jwk"
    path.write_text(json.dumps(signing_key().as_dict(private=True)))
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
        sessions=platform.sessions,
        usage=platform.usage,
        outcomes=platform.outcomes,
        holds=platform.holds,
        archive=platform.archive,
        uploads=UploadDirectory(platform.settings.upload_dir),
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
