"""Keys, and records signed with them: the JWS put together from its parts (RFC 7515, 7.1), as a camera might do it."""

import base64
import json
import re
import time
from typing import Any

from joserfc.jwk import OKPKey

from photo_pipeline.domain.events import Headers
from photo_pipeline.domain.proof import ProofRules
from photo_pipeline.domain.signatures import keys_in
from photo_pipeline.web.tokens import Tokens

COVERED = re.compile(r"ce_(specversion|id|type|source|subject|time|sha256|filename)|content-type")


def new_key() -> OKPKey:
    """A private Ed25519 key."""
    return OKPKey.generate_key("Ed25519", private=True, auto_kid=True)


def x_of(key: OKPKey) -> str:
    """What is public of it."""
    return str(key.as_dict(private=False)["x"])


def believing(tokens: Tokens) -> ProofRules:
    """Rules of a pipeline that believes this platform, and nobody who does not sign."""
    keys = keys_in(json.dumps(tokens.jwks()))
    return ProofRules({str(key.kid): key for key in keys}, take_unsigned=False)


def proof(key: OKPKey, kid: str, headers: Headers, topic: str, /, **claims: Any) -> bytes:
    """The signature of a record, with other claims where they are given."""
    own = {name: value.decode() for name, value in headers if COVERED.fullmatch(name)}
    said = {"iat": int(time.time()), "topic": topic, "headers": own} | claims
    header = {"alg": "EdDSA", "typ": "photo-record+jwt", "kid": kid}
    said_by = b".".join(_base64url(json.dumps(part).encode()) for part in (header, said))
    return said_by + b"." + _base64url(key.private_key.sign(said_by))


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
