"""What the routes work with, put together once per application."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from argon2 import PasswordHasher
from prometheus_client import CollectorRegistry

from photo_pipeline.api.archive_reading import ArchiveReading
from photo_pipeline.api.database import Database
from photo_pipeline.api.downloads import Downloads
from photo_pipeline.api.gathering import Gathering
from photo_pipeline.api.letters import Letters
from photo_pipeline.api.once import OnceOnly
from photo_pipeline.api.outcome_hub import OutcomeHub
from photo_pipeline.api.passwords import Passwords
from photo_pipeline.api.posting import Posting
from photo_pipeline.api.sessions import Sessions
from photo_pipeline.api.throttle import Pace, Throttle
from photo_pipeline.api.tus.receiving import ResumableUploads
from photo_pipeline.api.tus.requests import UploadLimits
from photo_pipeline.api.visits import Visits
from photo_pipeline.domain.gallery import Absence, RenditionName, StoredRendition
from photo_pipeline.domain.photo import Source
from photo_pipeline.ports.accounts import AccountRegister
from photo_pipeline.ports.archive import RangeReader
from photo_pipeline.ports.clock import Clock
from photo_pipeline.ports.customers import CustomerDirectory, SessionDirectory, UsageDirectory
from photo_pipeline.ports.finding import PhotoFinder
from photo_pipeline.ports.gallery import Gallery, OutcomeFeed
from photo_pipeline.ports.health import Disk, VolumeBook
from photo_pipeline.ports.holds import HoldRegister
from photo_pipeline.ports.mail import Mailer
from photo_pipeline.ports.passwords import PasswordRegister
from photo_pipeline.ports.photo_log import AsyncPhotoLogWriter
from photo_pipeline.ports.selection import Selection
from photo_pipeline.ports.sessions import SessionRegister
from photo_pipeline.ports.shares import ShareRegister
from photo_pipeline.ports.uploads import UploadStore
from photo_pipeline.settings import TopicNames, WebSettings
from photo_pipeline.web.acceptance import PhotoAcceptance
from photo_pipeline.web.buckets import Buckets, Rate
from photo_pipeline.web.ended_sessions import EndedSessions
from photo_pipeline.web.fair_lanes import FairLanes
from photo_pipeline.web.flow import InFlightBytes
from photo_pipeline.web.metrics import AcceptanceMetrics, bytes_in_flight
from photo_pipeline.web.quotas import Quota, Quotas
from photo_pipeline.web.readiness import Readiness
from photo_pipeline.web.tokens import Tokens

FAILED_LOGINS_PER_PERSON = 10
FAILED_LOGINS_PER_ADDRESS = 100
"""One address may be a whole company's; one person's attempts from one address are few."""

BINNED = Rate(per_second=100.0, burst=20_000.0)
"""Photos that a customer puts into the bin or takes out of it: each is told to whoever follows outcomes."""
MAX_BINNING = 20_000
"""So many customers' are counted at a time."""

COUNTINGS = Rate(per_second=0.5, burst=120.0)
"""Of all that a customer has: up to a fifth of a second of a database connection each. A page has it counted with each
search, and nobody types so many."""
MAX_COUNTING = 20_000
"""So many customers' are counted at a time, of each path."""

MOST_SESSIONS = 100
"""So many of a customer's sessions are told at a time."""
RESETS_OF_PERSON = 5
RESETS_FROM_ADDRESS = 20
"""So often within five minutes a link may be asked for that sets another password."""
RENAMINGS = 5
"""So often within five minutes a customer may have another name."""
PASSWORD_CHANGES = 5
"""So often within five minutes a customer may have another password: each time a mail goes to the account's address."""

PATIENCE = 4
"""How many times as long as for Kafka a photo waits for its turn: it has arrived, and sending it again costs more."""


@dataclass(frozen=True, slots=True)
class Connections:
    """The servers behind the API, as it needs them.

    Attributes:
        writer: Kafka.
        customers: PostgreSQL.
        gallery: PostgreSQL.
        finder: PostgreSQL.
        sessions: PostgreSQL.
        usage: PostgreSQL.
        outcomes: PostgreSQL.
        holds: PostgreSQL; places and lifts the customers' own holds alone.
        selection: PostgreSQL.
        shares: PostgreSQL.
        accounts: PostgreSQL.
        open_sessions: PostgreSQL.
        passwords: PostgreSQL.
        mailer: a mail server, where the operator has named one.
        archive: HDFS.
        uploads: the directory that all instances share.
        disk: which holds it.
        volumes: PostgreSQL; remembers how full that is.
        database_connections: how many calls the database takes at once.
    """

    writer: AsyncPhotoLogWriter
    customers: CustomerDirectory
    gallery: Gallery
    finder: PhotoFinder
    sessions: SessionDirectory
    usage: UsageDirectory
    outcomes: OutcomeFeed
    holds: HoldRegister
    selection: Selection
    shares: ShareRegister
    accounts: AccountRegister
    open_sessions: SessionRegister
    passwords: PasswordRegister
    mailer: Mailer | None
    archive: RangeReader
    uploads: UploadStore
    disk: Disk
    volumes: VolumeBook
    database_connections: int = 5


@dataclass(frozen=True, slots=True)
class Services:
    """All that a route may need."""

    settings: WebSettings
    clock: Clock
    new_id: Callable[[], UUID]
    tokens: Tokens
    erasure_keys: Mapping[str, Any]
    sessions: Sessions
    acceptance: PhotoAcceptance
    quotas: Quotas
    budget: InFlightBytes
    uploads: ResumableUploads
    once: OnceOnly
    readiness: Readiness
    customers: CustomerDirectory
    gallery: Gallery
    finder: PhotoFinder
    ended_sessions: EndedSessions
    open_sessions: SessionRegister
    outcomes: OutcomeFeed
    hub: OutcomeHub
    holds: HoldRegister
    selection: Selection
    shares: ShareRegister
    accounts: AccountRegister
    downloads: Downloads
    visits: Visits
    binned: Buckets[UUID]
    counted: Buckets[tuple[UUID, str]]
    database: Database
    renditions: Gathering[RenditionName, StoredRendition | Absence]
    archive: ArchiveReading
    passwords: Passwords
    password_register: PasswordRegister
    failed_logins: Throttle
    failed_addresses: Throttle
    pace: Pace
    sign_ups: Throttle
    renamings: Throttle
    password_changes: Throttle
    resets_of_person: Throttle
    resets_from_address: Throttle
    letters: Letters
    posting: Posting


def assemble(
    connections: Connections,
    settings: WebSettings,
    tokens: Tokens,
    clock: Clock,
    registry: CollectorRegistry,
    erasure_keys: Mapping[str, Any],
    hasher: PasswordHasher | None = None,
) -> Services:
    """Put the services of one application together."""
    budget = InFlightBytes(settings.in_flight_bytes, PATIENCE * settings.acknowledge_seconds, bytes_in_flight(registry))
    database = Database(connections.database_connections)
    quota = Quota(settings.customer_photos_per_day, settings.customer_kept_bytes)
    quotas = Quotas(connections.usage, quota, clock, time.monotonic)
    acceptance = PhotoAcceptance(
        writer=connections.writer,
        topic=TopicNames().uploaded,
        source=Source.UPLOAD,
        tokens=tokens,
        clock=clock,
        new_id=uuid4,
        metrics=AcceptanceMetrics(registry),
        quotas=quotas,
        lanes=FairLanes(Rate(settings.customer_seconds_per_second, settings.customer_burst_seconds), time.monotonic),
    )
    return Services(
        settings=settings,
        clock=clock,
        new_id=uuid4,
        tokens=tokens,
        erasure_keys=erasure_keys,
        sessions=Sessions(tokens, clock, settings),
        acceptance=acceptance,
        quotas=quotas,
        budget=budget,
        uploads=ResumableUploads(
            store=connections.uploads,
            acceptance=acceptance,
            budget=budget,
            clock=clock,
            new_id=uuid4,
            limits=UploadLimits(
                open_uploads=settings.upload_open_limit,
                expire_after=timedelta(seconds=settings.upload_keep_seconds),
                idle_seconds=settings.upload_idle_seconds,
            ),
        ),
        once=OnceOnly(connections.uploads, acceptance, clock, settings.upload_open_limit),
        readiness=Readiness(connections.writer),
        customers=connections.customers,
        gallery=connections.gallery,
        finder=connections.finder,
        ended_sessions=EndedSessions(connections.sessions, clock, time.monotonic),
        open_sessions=connections.open_sessions,
        outcomes=connections.outcomes,
        hub=OutcomeHub(connections.outcomes, database),
        holds=connections.holds,
        selection=connections.selection,
        shares=connections.shares,
        accounts=connections.accounts,
        downloads=Downloads(time.monotonic),
        visits=Visits(clock, time.monotonic),
        binned=Buckets(BINNED, time.monotonic, MAX_BINNING),
        counted=Buckets(COUNTINGS, time.monotonic, MAX_COUNTING),
        database=database,
        renditions=Gathering(lambda names: database.run(connections.gallery.renditions, names)),
        archive=ArchiveReading(connections.archive, settings.small_photo_memory_bytes),
        passwords=Passwords(hasher or PasswordHasher()),
        password_register=connections.passwords,
        failed_logins=Throttle(FAILED_LOGINS_PER_PERSON, clock),
        failed_addresses=Throttle(FAILED_LOGINS_PER_ADDRESS, clock),
        pace=Pace(clock, asyncio.sleep),
        sign_ups=Throttle(settings.sign_ups_per_address, clock),
        renamings=Throttle(RENAMINGS, clock),
        password_changes=Throttle(PASSWORD_CHANGES, clock),
        resets_of_person=Throttle(RESETS_OF_PERSON, clock),
        resets_from_address=Throttle(RESETS_FROM_ADDRESS, clock),
        letters=Letters(settings.public_url),
        posting=Posting(connections.mailer, asyncio.sleep, registry),
    )
