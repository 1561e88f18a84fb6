"""The application: ``uvicorn --factory photo_pipeline.stream.app:create_app``, configured by ``PHOTO_*`` variables.

The server has to let whole photos through: ``--ws-max-size 33554432`` (its default is half of that), and
``--ws-per-message-deflate false``, as photos do not compress. It has to be bounded:
``--http photo_pipeline.web.http_protocol:BoundedHttp --ws photo_pipeline.web.websocket_protocol:BoundedWebSocket``.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import cache

from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute

from photo_pipeline.ports.clock import Clock
from photo_pipeline.settings import TopicNames, WebSettings
from photo_pipeline.stream.openapi import DESCRIPTION, MESSAGES
from photo_pipeline.stream.pages import mount_pages, policies
from photo_pipeline.stream.routes import feed, frames, sender, stream
from photo_pipeline.stream.schemas import PREFIX
from photo_pipeline.stream.services import Connections, Settings, assemble
from photo_pipeline.stream.settings import StreamSettings
from photo_pipeline.web import health
from photo_pipeline.web.assets import compress_texts
from photo_pipeline.web.bodies import BodyLimits, BoundedBodies
from photo_pipeline.web.buckets import Rate
from photo_pipeline.web.clock import SystemClock
from photo_pipeline.web.credentials import is_https
from photo_pipeline.web.description import describe
from photo_pipeline.web.metrics import RequestMetrics
from photo_pipeline.web.middleware import RequestContext, SecurityHeaders
from photo_pipeline.web.processes import refuse_processes
from photo_pipeline.web.server_limits import ServerLimits, State, as_state
from photo_pipeline.web.text import TextOnly
from photo_pipeline.web.tokens import Tokens, load_keys

SMALL_FRAMES = 4
"""To each frame of the rate: a photo may come with a description, in pieces, and with a ping between them."""
_FEED = f"{PREFIX}/feed"


def create_app(
    settings: Settings | None = None,
    *,
    connections: AbstractAsyncContextManager[Connections] | None = None,
    clock: Clock | None = None,
) -> FastAPI:
    """The stream application.

    Args:
        settings: from the environment when left out.
        connections: the servers behind it; the real ones, from the environment, when left out.
        clock: where the time comes from.

    Raises:
        SigningKeyError: when there is no usable signing key.
        ProcessesError: when several processes are asked for.
    """
    refuse_processes(os.environ)
    settings = settings or Settings(WebSettings.model_validate({}), StreamSettings())
    clock = clock or SystemClock()
    tokens = Tokens(load_keys(settings.web.signing_key_file), clock)
    registry = CollectorRegistry()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[State]:
        async with connections or _connect(settings.web) as connected:
            services = assemble(connected, settings, tokens, clock, TopicNames().streamed, registry)
            app.state.services = services
            yield as_state(server_limits(settings))
            await services.devices.close()
            await services.ended_sessions.close()
            await services.quotas.close()

    app = FastAPI(title="Photo stream", version="1", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.registry = registry
    # The last one added is the outermost: headers go on every answer, also on those of the net for the unforeseen.
    compress_texts(app)
    app.add_middleware(TextOnly)
    app.add_middleware(BoundedBodies, limits=_limits(settings), exceptions=_frames(settings))
    app.add_middleware(RequestContext, metrics=RequestMetrics(registry))
    app.add_middleware(SecurityHeaders, policies=policies(settings.web), https=is_https(settings.web))
    app.router.routes.extend(_routes())
    mount_pages(app, settings.web)
    describe(app, DESCRIPTION, *MESSAGES)
    return app


def server_limits(settings: Settings) -> ServerLimits:
    """What one connection may cost. A camera need not read what is answered to its feed."""
    stream = settings.stream
    small = Rate(SMALL_FRAMES * stream.frames_per_second, SMALL_FRAMES * stream.frames_burst)
    return replace(ServerLimits.of(settings.web), small_frames=small, unread=frozenset({_FEED}))


def _limits(settings: Settings) -> BodyLimits:
    return BodyLimits(settings.stream.stall_seconds, settings.web.body_bytes_per_second)


def _frames(settings: Settings) -> dict[str, BodyLimits]:
    """Where photos come in, which count their bytes themselves. A feed may wait for something to move."""
    feed = BodyLimits(settings.stream.feed_idle_seconds, 0, most_bytes=None, answered_meanwhile=True)
    return {f"{PREFIX}/frames": replace(_limits(settings), most_bytes=None), _FEED: feed}


@cache
def _routes() -> Sequence[BaseRoute]:
    """All but the pages'. They know no application, and making them is most of what making one costs."""
    router = APIRouter()
    for module in (frames, feed, stream, sender):
        router.include_router(module.router, prefix=PREFIX)
    router.include_router(health.router)
    return tuple(router.routes)


def _connect(settings: WebSettings) -> AbstractAsyncContextManager[Connections]:
    # Imported here so that tests with other connections load no client library.
    from photo_pipeline.composition.stream import connect  # noqa: PLC0415 - see above

    return connect(settings)
