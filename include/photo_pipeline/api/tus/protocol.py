"""What tus 1.0 writes into headers (https://tus.io/protocols/resumable-upload), read and written."""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Protocol

from photo_pipeline.domain.errors import PhotoPipelineError

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,expiration,termination"
CHECKSUM_ALGORITHMS = ("sha256", "sha1")
MEDIA_TYPE = "application/offset+octet-stream"
CHECKSUM_MISMATCH = 460
"""tus' own status: the bytes are not those of ``Upload-Checksum``."""
MAX_METADATA = 4096
_KEY = re.compile(r"[!-+\--~]+")
_NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)
_MISSING = "{} is missing or not a whole number."


class Header:
    """Names of the protocol's headers, and of one of ours."""

    RESUMABLE = "Tus-Resumable"
    VERSION = "Tus-Version"
    EXTENSION = "Tus-Extension"
    MAX_SIZE = "Tus-Max-Size"
    CHECKSUM_ALGORITHM = "Tus-Checksum-Algorithm"
    OFFSET = "Upload-Offset"
    LENGTH = "Upload-Length"
    METADATA = "Upload-Metadata"
    CHECKSUM = "Upload-Checksum"
    EXPIRES = "Upload-Expires"
    OVERRIDE = "X-HTTP-Method-Override"
    RECEIPT = "Photo-Receipt"
    """The receipt's token: this upload is safe."""


class MalformedHeaderError(PhotoPipelineError):
    """A header that the protocol does not allow."""


class Digest(Protocol):
    """What of ``hashlib`` is used."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""
        ...

    def digest(self) -> bytes:
        """The hash of all bytes so far."""
        ...


@dataclass(frozen=True, slots=True)
class Checksum:
    """The hash that the bytes of one request must have."""

    algorithm: str
    value: bytes

    def begin(self) -> Digest:
        """A hash of no bytes yet."""
        return hashlib.new(self.algorithm, usedforsecurity=False)

    def fits(self, digest: Digest) -> bool:
        """Whether the bytes were the right ones."""
        return hmac.compare_digest(digest.digest(), self.value)


def parse_number(name: str, text: str | None) -> int:
    """A length or an offset.

    Raises:
        MalformedHeaderError: when it is no whole number, or missing.
    """
    if text is None or not _NUMBER.fullmatch(text):
        raise MalformedHeaderError(_MISSING.format(name))
    return int(text)


def parse_metadata(text: str) -> dict[str, bytes]:
    """Keys and values of ``Upload-Metadata``: pairs with commas between, each a key and, after a space, Base64.

    Raises:
        MalformedHeaderError: when it is not of that form, repeats a key, or is longer than ``MAX_METADATA``.
    """
    if len(text) > MAX_METADATA:
        raise MalformedHeaderError(f"{Header.METADATA} is longer than {MAX_METADATA} characters.")
    found: dict[str, bytes] = {}
    for pair in filter(None, (pair.strip(" ") for pair in text.split(","))):
        key, _, value = pair.partition(" ")
        if not _KEY.fullmatch(key) or key in found:
            raise MalformedHeaderError(f"{Header.METADATA} has a key that is not ASCII, or twice.")
        found[key] = _base64(Header.METADATA, value)
    return found


def format_metadata(metadata: dict[str, bytes]) -> str:
    """The same the other way round."""
    return ",".join(f"{key} {base64.b64encode(value).decode()}".rstrip(" ") for key, value in metadata.items())


def parse_checksum(text: str) -> Checksum:
    """``Upload-Checksum``: the algorithm's name, a space, and the hash in Base64.

    Raises:
        MalformedHeaderError: when it is not of that form, or of an algorithm that is not taken.
    """
    algorithm, _, value = text.partition(" ")
    if algorithm not in CHECKSUM_ALGORITHMS:
        raise MalformedHeaderError(f"{Header.CHECKSUM} is taken with {' and '.join(CHECKSUM_ALGORITHMS)}.")
    return Checksum(algorithm, _base64(Header.CHECKSUM, value))


def format_moment(moment: datetime) -> str:
    """A time in UTC as HTTP writes it (RFC 9110, 5.6.7)."""
    return format_datetime(moment, usegmt=True)


def _base64(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedHeaderError(f"{name} has a value that is not Base64.") from None
