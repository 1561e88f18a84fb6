"""Sessions: who the caller is, proven by a bearer token or by the cookie that holds the same token."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import Request, Response

from photo_pipeline.ports.clock import Clock
from photo_pipeline.settings import WebSettings
from photo_pipeline.web.credentials import COOKIE, SECURE_COOKIE, bearer_token, is_https
from photo_pipeline.web.problems import ProblemError
from photo_pipeline.web.tokens import Session, TokenError, Tokens

LONGEST_SESSION = timedelta(hours=12)
"""A page that stays open prolongs its session; after this its customer logs in again."""
MEANT_FOR = "Photo-Customer"
"""A header that names whose photos a request is about, as a page has it that was opened by somebody."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking, and whether a browser said so by itself (with a cookie)."""

    session: Session
    by_cookie: bool


class Sessions:
    """Begins, recognises, prolongs and ends sessions. No database is asked."""

    def __init__(self, tokens: Tokens, clock: Clock, settings: WebSettings) -> None:
        self._tokens = tokens
        self._clock = clock
        self._length = timedelta(seconds=settings.session_seconds)
        self._origin = _origin(settings.public_url)
        self._stream_origin = _origin(settings.stream_url)
        self._secure = is_https(settings)
        # Browsers take a __Host- cookie from this host only, over HTTPS only: no sibling domain can plant one.
        self._cookie = SECURE_COOKIE if self._secure else COOKIE

    def begin(self, session: Session, response: Response) -> str:
        """Sign the session, and set it as cookie too."""
        token = self._tokens.sign_session(session)
        response.set_cookie(
            self._cookie,
            token,
            max_age=self._seconds_left(session),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )
        return token

    def last_moment(self, session: Session) -> datetime:
        """When the last token that this session can have is at its end."""
        return session.began_at + max(LONGEST_SESSION, self._length)

    def latest_end(self) -> datetime:
        """When the last token is at its end of any session that has begun by now."""
        return self._clock.now() + max(LONGEST_SESSION, self._length)

    def end(self, response: Response) -> None:
        """Take the cookie back, and have the browser forget the photos it cached."""
        response.delete_cookie(self._cookie, path="/", secure=self._secure, httponly=True, samesite="strict")
        response.headers["Clear-Site-Data"] = '"cache"'

    def prolonged(self, caller: Caller) -> Session:
        """A browser's session that is past its half, with a new end. Others log in again: they are as they were."""
        session, now = caller.session, self._clock.now()
        if not caller.by_cookie or session.expires_at - now > self._length / 2:
            return session
        expires_at = min(now + self._length, session.began_at + LONGEST_SESSION)
        if expires_at <= session.expires_at:
            return session
        return replace(session, expires_at=expires_at)

    def caller(self, request: Request) -> Caller:
        """Who is asking, and may.

        Raises:
            ProblemError: 401 where that is not proven, or somebody else is meant: another tab may have logged them in
                since; 403 where another site may have made the browser ask.
        """
        caller = self.recognised(request)
        if request.headers.get(MEANT_FOR, str(caller.session.customer_id)) != str(caller.session.customer_id):
            raise session_ended()
        if caller.by_cookie:
            self.refuse_other_sites(request)
        return caller

    def recognised(self, request: Request) -> Caller:
        """Whose session the request comes with.

        Raises:
            ProblemError: 401 where that is not proven.
        """
        credentials = bearer_token(request)
        by_cookie = credentials is None
        token = request.cookies.get(self._cookie, "") if credentials is None else credentials
        if not token:
            raise _unauthorized("Please log in.", "Bearer")
        try:
            session = self._tokens.verify_session(token)
        except TokenError:
            raise session_ended() from None
        return Caller(session, by_cookie)

    def refuse_other_sites(self, request: Request) -> None:
        """Refuse what another site may have made a browser send (CSRF).

        SameSite keeps other sites' requests without the cookie; this also covers other origins of the same site.
        Browsers say where a request comes from in Sec-Fetch-Site (Fetch Metadata) or, older ones, in Origin.

        Raises:
            ProblemError: 403.
        """
        if request.method in _SAFE_METHODS:
            return
        fetch_site = request.headers.get("Sec-Fetch-Site")
        if fetch_site is not None:
            allowed = fetch_site == "same-origin"
        else:
            own = {self._origin, f"{request.url.scheme}://{request.url.netloc}".lower()}
            allowed = request.headers.get("Origin", "").lower() in own
        if not allowed:
            detail = "With a session cookie, this is taken from this application's own pages only."
            raise ProblemError(HTTPStatus.FORBIDDEN, "cross_site_request", detail)

    def refuse_other_products(self, request: Request) -> None:
        """The same, of what the stream application's pages may have a browser send, too.

        Raises:
            ProblemError: 403.
        """
        if request.headers.get("Origin", "").lower() != self._stream_origin:
            self.refuse_other_sites(request)

    def _seconds_left(self, session: Session) -> int:
        return max(0, int((session.expires_at - self._clock.now()).total_seconds()))


def session_ended() -> ProblemError:
    """401: the token was good once, or pretends to have been."""
    return _unauthorized("The session has ended. Please log in again.", 'Bearer error="invalid_token"')


def _unauthorized(detail: str, challenge: str) -> ProblemError:
    headers = {"WWW-Authenticate": challenge}
    return ProblemError(HTTPStatus.UNAUTHORIZED, "not_logged_in", detail, headers=headers)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
