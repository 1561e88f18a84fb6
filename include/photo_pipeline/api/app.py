"""The application: ``uvicorn --factory photo_pipeline.api.app:create_app``, configured by ``PHOTO_*`` variables.

The server has to be bounded: ``--http photo_pipeline.web.http_protocol:BoundedHttp``.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import cache

from argon2 import PasswordHasher
from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute

from photo_pipeline.api.disk_notes import noting, volume_name
from photo_pipeline.api.erasure_keys import erasure_keys
from photo_pipeline.api.openapi import BODIES, DESCRIPTION
from photo_pipeline.api.pages import POLICIES, mount_pages
from photo_pipeline.api.routes import (
    account,
    archives,
    binning,
    customers,
    devices,
    events,
    finding,
    holds,
    keys,
    photos,
    profile,
    receipts,
    renditions,
    resets,
    session,
    shared,
    shares,
    uploads,
)
from photo_pipeline.api.schemas import PREFIX
from photo_pipeline.api.services import Connections, Services, assemble
from photo_pipeline.api.tus.middleware import TusVersion
from photo_pipeline.api.tus.sweeping import sweeping
from photo_pipeline.ports.clock import Clock
from photo_pipeline.settings import WebSettings
from photo_pipeline.web import health
from photo_pipeline.web.assets import compress_texts
from photo_pipeline.web.bodies import BodyLimits, BoundedBodies
from photo_pipeline.web.clock import SystemClock
from photo_pipeline.web.credentials import is_https
from photo_pipeline.web.description import describe
from photo_pipeline.web.metrics import RequestMetrics
from photo_pipeline.web.middleware import RequestContext, SecurityHeaders
from photo_pipeline.web.processes import prepare_processes
from photo_pipeline.web.server_limits import ServerLimits, State, as_state
from photo_pipeline.web.startup import failing_in_one_line, read_settings
from photo_pipeline.web.stopping import told_to_stop
from photo_pipeline.web.text import TextOnly
from photo_pipeline.web.tokens import Tokens, load_keys


def create_app(
    settings: WebSettings | None = None,
    *,
    connections: AbstractAsyncContextManager[Connections] | None = None,
    clock: Clock | None = None,
    hasher: PasswordHasher | None = None,
) -> FastAPI:
    """The upload API and gallery.

    Args:
        settings: from the environment when left out.
        connections: the servers behind it; the real ones, from the environment, when left out.
        clock: where the time comes from.
        hasher: how passwords are hashed; with the library's parameters when left out.

    Raises:
        SigningKeyError: when there is no usable signing key.
        ErasureKeysError: when a file is named for them, and holds no keys that may be shown.
        SettingsError: when a server is not named.
        ProcessesError: when several processes are asked for, but no place for their metrics.
        SystemExit: instead of any, where the settings come from the environment: with one line for the operator.
    """
    if settings is None:
        with failing_in_one_line():
            prepare_processes(os.environ)
            settings = read_settings(WebSettings)
            return create_app(settings, connections=connections or _connect(settings), clock=clock, hasher=hasher)
    clock = clock or SystemClock()
    tokens = Tokens(load_keys(settings.signing_key_file), clock)
    published = erasure_keys(settings.erasure_keys_file)
    connections = connections or _connect(settings)
    registry = CollectorRegistry()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[State]:
        async with connections as connected:
            services = assemble(connected, settings, tokens, clock, registry, published, hasher)
            app.state.services = services
            with told_to_stop(services.hub.close):
                async with sweeping(services.uploads, settings.upload_sweep_seconds), _noting(connected, services):
                    yield as_state(ServerLimits.of(settings))
            services.hub.close()
            await services.ended_sessions.close()
            await services.quotas.close()
            await services.posting.close()

    app = FastAPI(
        title="Photo upload and gallery",
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.registry = registry
    # The last one added is the outermost: headers go on every answer, also on those of the net for the unforeseen.
    compress_texts(app)
    app.add_middleware(TusVersion, prefix=f"{PREFIX}/uploads")
    app.add_middleware(TextOnly)
    app.add_middleware(BoundedBodies, limits=_limits(settings), exceptions=_uploads(settings))
    app.add_middleware(RequestContext, metrics=RequestMetrics(registry))
    app.add_middleware(SecurityHeaders, policies=POLICIES, https=is_https(settings))
    app.router.routes.extend(_routes())
    mount_pages(app)
    describe(app, DESCRIPTION, *BODIES)
    return app


def _limits(settings: WebSettings) -> BodyLimits:
    return BodyLimits(settings.upload_idle_seconds, settings.body_bytes_per_second)


def _uploads(settings: WebSettings) -> dict[str, BodyLimits]:
    """Where photos come in, which count their bytes themselves."""
    photos = replace(_limits(settings), most_bytes=None)
    return dict.fromkeys((f"{PREFIX}/photos", f"{PREFIX}/uploads", f"{PREFIX}/uploads/"), photos)


def _noting(connected: Connections, services: Services) -> AbstractAsyncContextManager[None]:
    settings = services.settings
    name = volume_name(settings.upload_dir)
    return noting(name, connected.disk, connected.volumes, services.database, settings.upload_sweep_seconds)


@cache
def _routes() -> Sequence[BaseRoute]:
    """All but the pages'. They know no application, and making them is most of what making one costs."""
    router = APIRouter()
    modules = (
        customers,
        profile,
        account,
        session,
        resets,
        finding,
        photos,
        binning,
        archives,
        renditions,
        holds,
        shares,
        receipts,
        events,
    )
    for module in (*modules, devices, uploads):
        router.include_router(module.router, prefix=PREFIX)
    router.include_router(health.router)
    router.include_router(keys.router)
    router.include_router(shared.router)
    router.include_router(session.pages)
    return tuple(router.routes)


def _connect(settings: WebSettings) -> AbstractAsyncContextManager[Connections]:
    # Imported here so that tests with other connections load no client library.
    from photo_pipeline.composition.api import connect, servers_from_environment  # noqa: PLC0415 - see above

    return connect(servers_from_environment(), settings)
