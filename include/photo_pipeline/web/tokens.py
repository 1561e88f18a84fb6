"""Signed tokens: receipts, sessions and devices. All are JWS (RFC 7515) by Ed25519 (RFC 8037).

None needs a database to be checked. Each kind has its own ``typ`` (RFC 8725, 3.11), so none passes for another; the two
that let somebody in have an audience and an end as well. Receipts have neither: they say what happened, for ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from photo_pipeline.domain.errors import PhotoPipelineError
from photo_pipeline.domain.events import Headers, format_time
from photo_pipeline.domain.photo import Receipt, RecordCoordinates
from photo_pipeline.domain.proof import PROOF_TYPE, statement
from photo_pipeline.domain.signatures import SignatureError, keys_read, opened, published, require_kind, sign
from photo_pipeline.ports.clock import Clock
from photo_pipeline.web.bounded_memory import BoundedMemory

ISSUER = "photo-pipeline"
"""``iss`` of every token. A name, not an address: both web applications must agree on it wherever they are reached."""
RECEIPT_TYPE = "receipt+jwt"
SESSION_TYPE = "at+jwt"  # RFC 9068, 2.1
DEVICE_TYPE = "device+jwt"
API_AUDIENCE = "photo-api"
STREAM_AUDIENCE = "photo-stream"
CLOCK_LEEWAY_SECONDS = 5
REMEMBERED = 2048
"""Tokens whose signature need not be checked again."""


class TokenError(PhotoPipelineError):
    """A token that proves nothing: malformed, forged, of another kind, or at its end. The message is for a log."""


class SigningKeyError(PhotoPipelineError):
    """The file named by ``PHOTO_SIGNING_KEY_FILE`` holds no usable key."""

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__(
            f"PHOTO_SIGNING_KEY_FILE={path}: {detail}; it must hold a private Ed25519 key as JWK or JWK Set"
        )


@dataclass(frozen=True, slots=True)
class Session:
    """A customer who logged in. When a session is prolonged, ``expires_at`` moves and everything else stays."""

    session_id: UUID
    customer_id: UUID
    began_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """A device that may stream photos for a customer, unless it was revoked meanwhile."""

    device_id: UUID
    customer_id: UUID


class Tokens:
    """Issues and checks the platform's tokens.

    Args:
        keys: private keys; the first signs, all verify. A retired key stays until its tokens are of no use.
        clock: where the time comes from.
    """

    def __init__(self, keys: list[OKPKey], clock: Clock) -> None:
        self._signing_key = keys[0]
        self._keys = KeySet(list(keys))
        self._clock = clock
        self._verified = BoundedMemory[str, jwt.Token](REMEMBERED)

    def jwks(self) -> dict[str, Any]:
        """The public keys, as a JWK Set (RFC 7517)."""
        return published(key for key in self._keys.keys if isinstance(key, OKPKey))

    def sign_receipt(self, receipt: Receipt) -> str:
        """The receipt as a compact JWS. ``accepted_at`` is RFC 3339 in UTC; ``topic_id`` tells logs of a name apart."""
        at = receipt.coordinates
        return self._sign(
            RECEIPT_TYPE,
            {
                "iss": ISSUER,
                "photo_id": str(receipt.photo_id),
                "sha256": receipt.sha256,
                "topic": at.topic,
                "partition": at.partition,
                "offset": at.offset,
                "accepted_at": format_time(receipt.accepted_at),
            }
            | ({} if at.topic_id is None else {"topic_id": at.topic_id}),
        )

    def verify_receipt(self, token: str) -> Receipt:
        """The receipt that this platform signed.

        Raises:
            TokenError: when it did not.
        """
        claims = self._verify(token, RECEIPT_TYPE, audience=None)
        try:
            return Receipt(
                photo_id=UUID(claims["photo_id"]),
                sha256=claims["sha256"],
                coordinates=RecordCoordinates(
                    claims["topic"], claims["partition"], claims["offset"], topic_id=claims.get("topic_id")
                ),
                accepted_at=datetime.fromisoformat(claims["accepted_at"]),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise TokenError(f"not the claims of a receipt: {error!r}") from error

    def sign_session(self, session: Session) -> str:
        """A session as an access token (RFC 9068)."""
        began_at = int(session.began_at.timestamp())
        claims = {"sub": str(session.customer_id), "sid": str(session.session_id), "auth_time": began_at}
        claims["jti"] = str(uuid4())
        return self._sign(SESSION_TYPE, claims | self._frame(API_AUDIENCE, session.expires_at))

    def verify_session(self, token: str) -> Session:
        """The session that this token is.

        Raises:
            TokenError: when it is none, or has ended.
        """
        claims = self._verify(token, SESSION_TYPE, API_AUDIENCE)
        try:
            return Session(
                session_id=UUID(claims["sid"]),
                customer_id=UUID(claims["sub"]),
                began_at=self._moment(claims["auth_time"]),
                expires_at=self._moment(claims["exp"]),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise TokenError(f"not the claims of a session: {error!r}") from error

    def sign_device(self, device: DeviceIdentity, expires_at: datetime) -> str:
        """A device's token. It outlives sessions, so whoever accepts it also asks whether the device was revoked."""
        claims = {"sub": str(device.customer_id), "device_id": str(device.device_id)}
        return self._sign(DEVICE_TYPE, claims | self._frame(STREAM_AUDIENCE, expires_at))

    def verify_device(self, token: str) -> DeviceIdentity:
        """The device that this token names.

        Raises:
            TokenError: when it names none, or is too old.
        """
        claims = self._verify(token, DEVICE_TYPE, STREAM_AUDIENCE)
        try:
            return DeviceIdentity(UUID(claims["device_id"]), UUID(claims["sub"]))
        except (KeyError, ValueError, TypeError) as error:
            raise TokenError(f"not the claims of a device: {error!r}") from error

    def sign_record(self, headers: Headers, topic: str) -> str:
        """The proof that a record on this topic, with these headers, is this platform's own."""
        return self._sign(PROOF_TYPE, statement(headers, topic, self._clock.now()))

    def _frame(self, audience: str, expires_at: datetime) -> dict[str, Any]:
        issued_at = int(self._clock.now().timestamp())
        return {"iss": ISSUER, "aud": audience, "iat": issued_at, "exp": int(expires_at.timestamp())}

    def _sign(self, kind: str, claims: dict[str, Any]) -> str:
        return sign(kind, claims, self._signing_key)

    def _verify(self, token: str, kind: str, audience: str | None) -> Mapping[str, Any]:
        try:
            found = self._decode(token)
            require_kind(found, kind)
            self._check(found.claims, audience)
        except (SignatureError, JoseError, ValueError) as error:
            raise TokenError(str(error)) from error
        return found.claims

    def _decode(self, token: str) -> jwt.Token:
        """What is signed stays signed; whether it is in date, and meant for this, is for each time it comes."""
        found = self._verified.get(token)
        if found is None:
            found = opened(token, self._keys)
            self._verified.put(token, found)
        return found

    def _check(self, claims: dict[str, Any], audience: str | None) -> None:
        rules: dict[str, Any] = {"iss": {"essential": True, "value": ISSUER}}
        if audience is not None:
            rules |= {"aud": {"essential": True, "value": audience}, "exp": {"essential": True}}
        now = int(self._clock.now().timestamp())
        jwt.JWTClaimsRegistry(now=now, leeway=CLOCK_LEEWAY_SECONDS, **rules).validate(claims)

    def _moment(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, tz=self._clock.now().tzinfo)


def load_keys(path: Path) -> list[OKPKey]:
    """The private keys of a file: one JWK, or a JWK Set whose first key signs.

    Raises:
        SigningKeyError: where there is none.
    """
    keys = keys_read(path.read_text, partial(SigningKeyError, path))
    if not all(key.is_private for key in keys):
        raise SigningKeyError(path, "no private Ed25519 key in it")
    return keys
