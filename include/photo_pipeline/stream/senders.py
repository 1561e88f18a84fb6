"""Who is sending: a customer's device, or a customer. Proven by a signed token; no database is asked here."""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from starlette.requests import HTTPConnection

from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.domain.events import origin_of
from photo_pipeline.ports.clock import Clock
from photo_pipeline.web.credentials import COOKIES, bearer_token
from photo_pipeline.web.tokens import DeviceIdentity, TokenError, Tokens

SUBPROTOCOL = "photo-stream.v1"
"""What a WebSocket client offers, and gets."""
_BEARER_SUBPROTOCOL = "bearer."
"""Before a token among the offered subprotocols: the one place where a browser's WebSocket can put it."""
_ORIGIN = re.compile(r"https?://([^/?#]+)", re.ASCII | re.IGNORECASE)


class NotAuthenticatedError(PhotoPipelineError):
    """Nobody that this application knows. The message is for the sender."""

    def __init__(self, detail: str, *, with_token: bool) -> None:
        self.with_token = with_token
        super().__init__(detail)


class CrossSiteError(PhotoPipelineError):
    """A browser sent its cookie, but for another site's page."""

    def __init__(self) -> None:
        super().__init__("With a session cookie, this is taken from this application's own pages only.")


@dataclass(frozen=True, slots=True)
class Sender:
    """Somebody whose token was good when it was looked at.

    Attributes:
        customer_id: whose photos these are.
        device: which device sends; ``None`` where the customer does so in person.
        expires_at: the end of the customer's session. A device's token is asked about as long as it is used.
        session_id: of the customer's session, which may end before.
        token: what proved it, to look at again on a long connection.
    """

    customer_id: UUID
    device: DeviceIdentity | None
    expires_at: datetime | None
    token: str
    session_id: UUID | None = None

    @property
    def device_id(self) -> UUID | None:
        """Which device sends; ``None`` where the customer does so in person."""
        return None if self.device is None else self.device.device_id

    @property
    def counted_as(self) -> UUID:
        """Whose rate this counts to: the device's, or that of the customer in person."""
        return self.device_id or self.customer_id

    @property
    def origin(self) -> str:
        """``ce_source`` of what is sent: a URI reference."""
        return "/stream" if self.device is None else origin_of(self.device.device_id)


class Senders:
    """Recognises senders.

    Args:
        tokens: checks the tokens that the upload API gave out.
        clock: where the time comes from.
        public_host: host and port of the upload API's pages, whose scripts may open connections, too.
    """

    def __init__(self, tokens: Tokens, clock: Clock, public_host: str) -> None:
        self._tokens = tokens
        self._clock = clock
        self._public_host = public_host.lower()

    def sender(self, connection: HTTPConnection) -> Sender:
        """Who opened this request or WebSocket.

        The token is taken from ``Authorization: Bearer``, from the subprotocol ``bearer.<token>``, or from the session
        cookie of the upload API where both share a host.

        Raises:
            NotAuthenticatedError: when there is no token, or none that is good.
            CrossSiteError: when a browser sent the cookie for another site's page.
        """
        token = bearer_token(connection) or _subprotocol(connection)
        if token is not None:
            return self.recognise(token)
        token = next((connection.cookies[name] for name in COOKIES if name in connection.cookies), None)
        if token is None:
            raise NotAuthenticatedError("Send a device's token: Authorization: Bearer <token>.", with_token=False)
        self._refuse_other_sites(connection)
        return self.recognise(token)

    def recognise(self, token: str) -> Sender:
        """Whose token this is.

        Raises:
            NotAuthenticatedError: nobody's, or not any more.
        """
        try:
            device = self._tokens.verify_device(token)
        except TokenError:
            return self._customer(token)
        return Sender(device.customer_id, device, None, token)

    def is_current(self, sender: Sender) -> bool:
        """Whether the sender's session goes on."""
        return sender.expires_at is None or self._clock.now() < sender.expires_at

    def _customer(self, token: str) -> Sender:
        try:
            session = self._tokens.verify_session(token)
        except TokenError:
            raise NotAuthenticatedError("The token is not valid, or not any more.", with_token=True) from None
        return Sender(session.customer_id, None, session.expires_at, token, session.session_id)

    def _refuse_other_sites(self, connection: HTTPConnection) -> None:
        """Browsers do not hold a WebSocket to the same origin, so the server looks at it (RFC 6455, 10.2)."""
        if connection.headers.get("Sec-Fetch-Site") == "same-origin":
            return
        found = _ORIGIN.fullmatch(connection.headers.get("Origin", ""))
        if found is None or found[1].lower() not in {self._public_host, connection.url.netloc.lower()}:
            raise CrossSiteError


def _subprotocol(connection: HTTPConnection) -> str | None:
    offered = connection.scope.get("subprotocols", [])
    tokens = [name.removeprefix(_BEARER_SUBPROTOCOL) for name in offered if name.startswith(_BEARER_SUBPROTOCOL)]
    return tokens[0] if tokens else None
