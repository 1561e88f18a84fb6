"""What links end with that let somebody in: random, and kept as a hash alone."""

import secrets
from hashlib import sha256

TOKEN_BYTES = 32
"""256 random bits: nobody guesses one."""


def new_token() -> str:
    """A token, in characters that need no escaping in an address."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_of(token: str) -> bytes:
    """What is kept of a link. It is random, so nothing slower is needed."""
    return sha256(token.encode()).digest()
