"""Passwords: argon2id (RFC 9106, the library's parameters), away from the event loop and a few at a time."""

from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = 256
AT_ONCE = 2
"""Each computation takes 64 MiB and a processor; more would only wait for each other."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password fits a hash. ``outdated`` hashes should be made anew."""

    fits: bool
    outdated: bool = False


class Passwords:
    """Hashes and checks passwords."""

    def __init__(self, hasher: PasswordHasher) -> None:
        self._hasher = hasher
        self._nobodys_hash = self._hasher.hash("the password of nobody at all")
        self._threads = CapacityLimiter(AT_ONCE)

    async def hash(self, password: str) -> str:
        """The password's hash, in argon2's encoded form."""
        return await to_thread.run_sync(self._hasher.hash, password, limiter=self._threads)

    async def verify(self, password_hash: str | None, password: str) -> Verdict:
        """Check a password. Without a hash (no such customer) it takes as long, and never fits."""
        return await to_thread.run_sync(self._verify, password_hash, password, limiter=self._threads)

    def _verify(self, password_hash: str | None, password: str) -> Verdict:
        try:
            self._hasher.verify(password_hash or self._nobodys_hash, password)
        except (VerificationError, InvalidHashError):
            return Verdict(fits=False)
        if password_hash is None:
            return Verdict(fits=False)
        return Verdict(fits=True, outdated=self._hasher.check_needs_rehash(password_hash))
