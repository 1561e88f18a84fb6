"""What every request of the web applications passes: an id, a time taken, a net for the unforeseen, safe headers.

Plain ASGI rather than Starlette's ``BaseHTTPMiddleware``, which would buffer between the server and a streamed body.
"""

import logging
import time
from collections.abc import Mapping
from http import HTTPStatus
from uuid import uuid4

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from photo_pipeline.web.metrics import RequestMetrics
from photo_pipeline.web.paths import below
from photo_pipeline.web.problems import ProblemError, respond

REQUEST_ID = b"x-request-id"
CLIENT_CLOSED_REQUEST = 499
"""nginx's number for a client that went away; it appears in metrics only."""
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
POLICY = "Content-Security-Policy"
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

logger = logging.getLogger(__name__)


class RequestContext:
    """Gives a request its id, observes it, and turns what nobody caught into a problem and a log entry."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0
        began = time.monotonic()

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID, request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_observed)
        except ClientDisconnect:
            status = status or CLIENT_CLOSED_REQUEST
        except Exception:
            logger.exception("request %s failed: %s %s", request_id, scope["method"], _route(scope))
            if status:  # too late for an answer; the server cuts the connection, so the client sees it is incomplete
                raise
            detail = "Something went wrong here. The operator finds this request by its id."
            problem = ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", detail)
            await respond(scope, problem)(scope, receive, send_observed)
        finally:
            self._observe(scope, status, time.monotonic() - began)

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.observe(method, _route(scope), status, seconds)


def _route(scope: Scope) -> str:
    """What the request was led to, without what is in its path: whoever has a link's token sees what is shared."""
    return getattr(scope.get("route"), "path", "unmatched")


class SecurityHeaders:
    """Headers that keep a browser from doing more with a response than intended. A route's own headers stay.

    Args:
        app: what answers.
        policies: Content-Security-Policy by path prefix, for pages; everything else may do nothing at all.
        https: whether browsers reach this over HTTPS only.
    """

    def __init__(self, app: ASGIApp, policies: Mapping[str, str], *, https: bool) -> None:
        self._app = app
        headers = {
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
            "Cache-Control": "no-store",
        }
        if https:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        self._headers = _raw(headers)
        self._policies = {prefix: _raw({POLICY: policy}) for prefix, policy in policies.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        policy = next((raw for prefix, raw in self._policies.items() if below(path, prefix)), _DATA_POLICY)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name for name, _ in message["headers"]}
                missing = [header for header in (*self._headers, *policy) if header[0] not in there]
                message["headers"] = [*message["headers"], *missing]
            await send(message)

        await self._app(scope, receive, send_guarded)


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """As ASGI has them: names in lower case."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


_DATA_POLICY = _raw({POLICY: DATA_POLICY})
