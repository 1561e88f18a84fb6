"""What became of photos, as it happens: server-sent events (WHATWG HTML, 9.2)."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event

from photo_pipeline.api.deps import TheCaller, TheServices
from photo_pipeline.api.downloads import Download
from photo_pipeline.api.outcome_hub import Listener, TooManyListenersError
from photo_pipeline.api.schemas import Outcomes, OutcomeView
from photo_pipeline.api.services import Services
from photo_pipeline.api.sessions import Caller
from photo_pipeline.domain.gallery import CustomerOutcome
from photo_pipeline.web.problems import RETRY_SECONDS, described, too_many, unavailable

CHECK_SECONDS = 10.0
"""How often a quiet connection says that it lives, and looks whether its session does."""
LONGEST = timedelta(seconds=50)
"""A connection ends after so long and the page opens another: a replica that is drained is rid of them in a minute."""
RECONNECT_MILLISECONDS = 2000
REPEATED = timedelta(minutes=10)
"""An outcome may be committed so much later than it is dated, and after younger ones."""
MOST_REPEATED = 500

router = APIRouter(tags=["photos"])

_EVENTS = {"schema": {"type": "string"}}


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={
        200: {"description": "Events, until the session ends", "content": {"text/event-stream": _EVENTS}},
        **described(
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.TOO_MANY_REQUESTS,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    },
)
async def events(
    caller: TheCaller,
    services: TheServices,
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
) -> Download:
    """Follow the caller's photos.

    The event `hello` says that from now on nothing is missed: look at what there is when it comes. Then `outcomes`
    holds what became of some photos, and `refresh` says that there was too much to tell. After `Last-Event-ID`, as
    browsers send it on their own, what was missed comes first, some of it perhaps for the second time. The connection
    ends after fifty seconds, and with the session.
    """
    missed = await _missed(services, caller, last_event_id)
    try:
        listener = services.hub.join(caller.session.customer_id)
    except TooManyListenersError as error:
        if not error.by_customer:
            raise unavailable("too_many_connections", str(error)) from None
        raise too_many("too_many_connections", str(error), RETRY_SECONDS) from None
    # Not to be held back by a proxy: nginx goes by the second header.
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    told = _told(services, caller, listener, missed)
    return Download(told, headers, "text/event-stream", partial(services.hub.leave, listener))


async def _told(
    services: Services, caller: Caller, listener: Listener, missed: Sequence[CustomerOutcome]
) -> AsyncIterator[bytes]:
    yield format_sse_event(comment="photos", retry=RECONNECT_MILLISECONDS)
    if missed:
        yield _outcomes(missed)
    greeted = False
    end = min(caller.session.expires_at, services.clock.now() + LONGEST)
    while not listener.closed and services.clock.now() < end:
        if await services.ended_sessions.has_ended(caller.session.session_id, caller.session.customer_id):
            return
        if listener.started and not greeted:
            greeted = True
            yield format_sse_event(event="hello", data_str="{}")
        if listener.lagged:
            listener.lagged = False
            yield format_sse_event(event="refresh", data_str="{}")
        waiting = listener.take()
        yield _outcomes(waiting) if waiting else format_sse_event(comment="alive")
        left = (end - services.clock.now()).total_seconds()
        await listener.wait(max(0.0, min(CHECK_SECONDS, left)))


async def _missed(services: Services, caller: Caller, last_event_id: str | None) -> Sequence[CustomerOutcome]:
    """What came after the event that the page saw last. An id that is none of ours is as good as none."""
    try:
        seen = datetime.fromisoformat(last_event_id or "").astimezone(UTC)
    except (ValueError, OverflowError):
        return []
    since = max(seen, services.clock.now() - timedelta(hours=1)) - REPEATED
    return await services.database.run(services.outcomes.recent, caller.session.customer_id, since, MOST_REPEATED)


def _outcomes(outcomes: Sequence[CustomerOutcome]) -> bytes:
    content = Outcomes(outcomes=[OutcomeView.of(outcome) for outcome in outcomes])
    newest = max((outcome.status.processed_at for outcome in outcomes if outcome.status.processed_at), default=None)
    event_id = None if newest is None else newest.isoformat()
    return format_sse_event(event="outcomes", data_str=content.model_dump_json(), id=event_id)
