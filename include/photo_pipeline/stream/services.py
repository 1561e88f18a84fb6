"""What the routes work with, put together once per application."""

import time
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import uuid4

from prometheus_client import CollectorRegistry, Counter, Gauge

from photo_pipeline.domain.photo import Source
from photo_pipeline.ports.clock import Clock
from photo_pipeline.ports.customers import DeviceDirectory, SessionDirectory, UsageDirectory
from photo_pipeline.ports.photo_log import AsyncPhotoLogWriter
from photo_pipeline.settings import WebSettings
from photo_pipeline.stream.devices import DeviceRegister
from photo_pipeline.stream.frames import Frames
from photo_pipeline.stream.limits import SenderLimits
from photo_pipeline.stream.senders import Senders
from photo_pipeline.stream.settings import StreamSettings
from photo_pipeline.stream.window import Places
from photo_pipeline.web.acceptance import PhotoAcceptance
from photo_pipeline.web.buckets import Rate
from photo_pipeline.web.ended_sessions import EndedSessions
from photo_pipeline.web.fair_lanes import FairLanes
from photo_pipeline.web.flow import InFlightBytes
from photo_pipeline.web.metrics import AcceptanceMetrics, bytes_in_flight
from photo_pipeline.web.quotas import Quota, Quotas
from photo_pipeline.web.readiness import Readiness
from photo_pipeline.web.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Connections:
    """The servers behind the application: Kafka and, for what is known later than it is needed, PostgreSQL."""

    writer: AsyncPhotoLogWriter
    devices: DeviceDirectory
    sessions: SessionDirectory
    usage: UsageDirectory


@dataclass(frozen=True, slots=True)
class Settings:
    """Both kinds of settings."""

    web: WebSettings
    stream: StreamSettings


@dataclass(frozen=True, slots=True)
class Services:
    """All that a route may need."""

    settings: Settings
    senders: Senders
    devices: DeviceRegister
    ended_sessions: EndedSessions
    quotas: Quotas
    frames: Frames
    places: Places
    readiness: Readiness


def assemble(
    connections: Connections, settings: Settings, tokens: Tokens, clock: Clock, topic: str, registry: CollectorRegistry
) -> Services:
    """Put the services of one application together."""
    web, stream = settings.web, settings.stream
    budget = InFlightBytes(web.in_flight_bytes, web.acknowledge_seconds, bytes_in_flight(registry))
    places = Places(stream.connections, stream.connections_per_customer, stream.connections_per_device)
    Gauge("stream_connections", "Long connections open", registry=registry).set_function(lambda: places.taken)
    limits = SenderLimits(
        Rate(stream.frames_per_second, stream.frames_burst),
        Rate(stream.bytes_per_second, stream.bytes_burst),
        time.monotonic,
    )
    slow_downs = Counter("stream_slow_downs", "Frames refused because they came too early", registry=registry)
    quota = Quota(web.customer_photos_per_day, web.customer_kept_bytes)
    quotas = Quotas(connections.usage, quota, clock, time.monotonic)
    acceptance = PhotoAcceptance(
        writer=connections.writer,
        topic=topic,
        source=Source.STREAM,
        tokens=tokens,
        clock=clock,
        new_id=uuid4,
        metrics=AcceptanceMetrics(registry),
        quotas=quotas,
        lanes=FairLanes(Rate(web.customer_seconds_per_second, web.customer_burst_seconds), time.monotonic),
    )
    return Services(
        settings=settings,
        senders=Senders(tokens, clock, urlsplit(web.public_url).netloc),
        devices=DeviceRegister(
            connections.devices, time.monotonic, stream.device_fresh_seconds, stream.device_ask_seconds
        ),
        ended_sessions=EndedSessions(connections.sessions, clock, time.monotonic),
        quotas=quotas,
        frames=Frames(acceptance, budget, limits, slow_downs),
        places=places,
        readiness=Readiness(connections.writer),
    )
