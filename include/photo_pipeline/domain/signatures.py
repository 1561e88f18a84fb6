"""What is signed here is a JWS (RFC 7515) by Ed25519 (RFC 8037), each kind with its own ``typ`` (RFC 8725, 3.11)."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwa import EdDSAAlgorithm, JWSAlgModel
from joserfc.jwk import KeySet, OKPKey
from joserfc.jws import JWSRegistry

from photo_pipeline.domain.errors import PhotoPipelineError

ALGORITHM = "EdDSA"
CURVE = "Ed25519"
MAX_TOKEN_LENGTH = 4096
_MALFORMED = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What the library raises for what anybody may send. Its own errors are not all: a ``crit`` of 5 is a ``TypeError``."""


class SignatureError(PhotoPipelineError):
    """A token that proves nothing: malformed, forged, or by another key. The message is for a log."""


class KeysError(PhotoPipelineError):
    """A text that holds no usable keys."""


class _EdDsaOnly(JWSRegistry):
    """One algorithm, whatever a token's header asks for.

    RFC 9864 prefers the name ``Ed25519`` to ``EdDSA``, and joserfc warns; verifiers in the field know ``EdDSA``.
    """

    def get_alg(self, name: str) -> JWSAlgModel:
        """The algorithm, where the header names it.

        Raises:
            UnsupportedAlgorithmError: for any other name, ``none`` among them.
        """
        if name != ALGORITHM:
            raise UnsupportedAlgorithmError(f"algorithm {name!r} is not used here")
        return EdDSAAlgorithm()


_REGISTRY = _EdDsaOnly()


def sign(kind: str, claims: dict[str, Any], key: OKPKey, key_id: str | None = None) -> str:
    """The claims as a compact JWS of this kind, by a private key."""
    return jwt.encode({"alg": ALGORITHM, "typ": kind, "kid": key_id or key.kid}, claims, key, registry=_REGISTRY)


def key_id_of(token: str) -> str | None:
    """By which key a token says that it is signed; nothing is checked yet.

    Raises:
        SignatureError: when it is no token.
    """
    _refuse_long(token)
    try:
        found = jws.extract_compact(token.encode()).headers().get("kid")
    except _MALFORMED as error:
        raise SignatureError(str(error)) from error
    return found if isinstance(found, str) else None


def opened(token: str, keys: OKPKey | KeySet) -> jwt.Token:
    """A token that one of the keys has signed.

    Raises:
        SignatureError: when none has.
    """
    _refuse_long(token)
    try:
        return jwt.decode(token, keys, registry=_REGISTRY)
    except _MALFORMED as error:
        raise SignatureError(str(error)) from error


def require_kind(token: jwt.Token, kind: str) -> None:
    """Hold what was signed for one purpose apart from all others.

    Raises:
        SignatureError: when it is of another kind.
    """
    if token.header.get("typ") != kind:
        raise SignatureError(f"of another kind than {kind}")


def public_key(coordinate: str) -> OKPKey:
    """The public key with this ``x``: 32 bytes in unpadded base64url.

    Raises:
        KeysError: when there is none.
    """
    return _key({"kty": "OKP", "crv": CURVE, "x": coordinate})


def keys_in(text: str) -> list[OKPKey]:
    """The keys of a JWK, or of a JWK Set in its order, each with an id.

    Raises:
        KeysError: when there are none, or others than Ed25519.
    """
    try:
        content = json.loads(text)
    except ValueError as error:
        raise KeysError("not JSON") from error
    entries = content.get("keys", [content]) if isinstance(content, dict) else []
    keys = [_key(entry) for entry in entries] if isinstance(entries, list) else []
    if not keys:
        raise KeysError(f"no {CURVE} key in it")
    for key in keys:
        key.ensure_kid()
    return keys


def published(keys: Iterable[OKPKey]) -> dict[str, Any]:
    """What is public of keys, as a JWK Set (RFC 7517) by which anyone checks what they have signed."""
    use = {"use": "sig", "alg": ALGORITHM}
    return {"keys": [key.as_dict(private=False) | use | {"kid": key.kid} for key in keys]}


def keys_read(read: Callable[[], str], refused: Callable[[str], Exception]) -> list[OKPKey]:
    """The keys of a file, as ``keys_in`` has them.

    Args:
        read: gives its text.
        refused: makes the error that is raised where it cannot be read or holds no such keys, of what is wrong.
    """
    try:
        return keys_in(read())
    except OSError as error:
        raise refused(error.strerror or "unreadable") from error
    except (KeysError, ValueError) as error:
        raise refused(str(error)) from error


def _key(entry: Any) -> OKPKey:
    try:
        key = OKPKey.import_key(entry)
        if key.curve_name == CURVE:
            return key
    except _MALFORMED as error:
        raise KeysError("no OKP key in it") from error
    raise KeysError(f"no {CURVE} key in it")


def _refuse_long(token: str) -> None:
    if len(token) > MAX_TOKEN_LENGTH:
        raise SignatureError("longer than any token of this platform")
