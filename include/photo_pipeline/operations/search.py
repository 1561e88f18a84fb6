"""What somebody may have meant by what they typed or pasted into the search field. Pure."""

import re
from base64 import b64decode, urlsafe_b64decode
from binascii import Error as BinasciiError
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote
from uuid import UUID

from photo_pipeline.domain.events import clean_filename
from photo_pipeline.domain.photo import RecordCoordinates

MOST = 4096
"""Characters that are looked at: a receipt has some 600."""
MOST_OF_A_NAME = 500
"""Characters; in what is longer only a receipt, an id or a checksum is looked for."""
ID_DIGITS, SHA_DIGITS = 32, 64
FEWEST = 6
"""Digits of an id or a checksum with which it is worth looking."""
KEY_DIGITS = 12
"""A checksum is found by so many of its first digits."""
HEX = "0123456789abcdef"
_LOOK_ALIKE = str.maketrans("oOlIi", "00111")
_WRAPPING = " \t\r\n\"'`<>()[]{},;"
_UUID = re.compile(
    r"(?<![0-9a-f])[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}(?![0-9a-f])", re.IGNORECASE
)
_SHA = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", re.IGNORECASE)
_BASE64_SHA = re.compile(r"(?:sha-?256[=:-])?([A-Za-z0-9+/_-]{43})=?", re.IGNORECASE)
_EMAIL = re.compile(r"[^\s<>@,;:\"']+@[^\s<>@,;\"'?&]*")
_SLICE = re.compile(r"(?:.*/slices/|slice[\s_#=:-]*|#)?(\d{1,18})", re.IGNORECASE)
_SPLIT = r"[\s/\[\]:,@#-]+"
_POSITION = re.compile(
    rf"(?:.*/)?([\w.-]*[a-z_][\w.-]*?)(?:~([1-9]\d{{0,3}}))?{_SPLIT}(?:p(?:artition)?\W*)?(\d{{1,9}})"
    rf"(?:{_SPLIT}(?:o(?:ffset)?\W*)?(\d{{1,18}})(?:-\d+-\d+\.tar|\]?)|\]?)",
    re.IGNORECASE | re.ASCII,
)
_RECEIPT = re.compile(r"eyj[\w-]{8,}", re.IGNORECASE | re.ASCII)
_CLAIMS = {
    "photo_id": re.compile(r'photo_id"\s*:\s*"([0-9a-f-]{36})"'),
    "sha256": re.compile(r'sha256"\s*:\s*"([0-9a-f]{64})"'),
    "topic": re.compile(r'topic"\s*:\s*"([\w.-]{1,249})"', re.ASCII),
    "partition": re.compile(r'partition"\s*:\s*(\d{1,9})[,}]'),
    "offset": re.compile(r'offset"\s*:\s*(\d{1,18})[,}]'),
}


@dataclass(frozen=True, slots=True)
class Id:
    """A photo's id or a customer's, or digits of one, without dashes; ``?`` stands for what is no digit."""

    digits: str

    @property
    def whole(self) -> UUID | None:
        """The id, where all of it is there."""
        return UUID(self.digits) if len(self.digits) == ID_DIGITS and "?" not in self.digits else None


@dataclass(frozen=True, slots=True)
class Checksum:
    """A sha256, or its first digits; with whose photo it is to be, where that was said too."""

    digits: str
    email: str | None = None


@dataclass(frozen=True, slots=True)
class ReceiptText:
    """What can still be read of a receipt. All ``None`` where nothing can."""

    photo_id: UUID | None = None
    sha256: str | None = None
    where: RecordCoordinates | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """A place in Kafka; without an offset a whole log. The topic may not be one."""

    topic: str
    partition: int
    offset: int | None
    incarnation: int = 1


@dataclass(frozen=True, slots=True)
class SliceNumber:
    """A slice."""

    number: int


@dataclass(frozen=True, slots=True)
class Email:
    """A customer's mail address, or how one begins."""

    address: str


@dataclass(frozen=True, slots=True)
class FileName:
    """What a sender called a file, or how that begins."""

    name: str


Guess = Id | Checksum | ReceiptText | Position | SliceNumber | Email | FileName


def guesses(typed: str) -> list[Guess]:
    """What it may be, the likeliest first; nothing where nothing was typed.

    Spaces and quotes around it, other letters' case, missing dashes and addresses that it is part of do not matter.
    """
    seen = (character for character in unquote(typed[:MOST]) if character.isprintable() or character.isspace())
    text = "".join(seen).strip(_WRAPPING)
    if not text:
        return []
    certain = _receipt(text) or _whole(text)
    if certain is not None:
        return [certain]
    return list(_uncertain(text)) if len(text) <= MOST_OF_A_NAME else []


def edits(digits: str, length: int) -> set[str]:
    """All texts of hexadecimal digits of that length that are one slip away: a digit wrong, missing, or too many."""
    slots = range(len(digits))
    if len(digits) == length:
        swapped = {_swapped(digits, at) for at in slots if at + 1 < length}
        found = swapped | {f"{digits[:at]}{digit}{digits[at + 1 :]}" for at in slots for digit in HEX}
    elif len(digits) == length - 1:
        found = {f"{digits[:at]}{digit}{digits[at:]}" for at in range(length) for digit in HEX}
    elif len(digits) == length + 1:
        found = {digits[:at] + digits[at + 1 :] for at in slots}
    else:
        found = set()
    return {each for each in found if "?" not in each}


def _swapped(digits: str, at: int) -> str:
    return f"{digits[:at]}{digits[at + 1]}{digits[at]}{digits[at + 2 :]}"


def _whole(text: str) -> Guess | None:
    """What can be nothing else."""
    checksum = _SHA.search(text)
    if checksum is not None:
        email = _EMAIL.search(text)
        return Checksum(checksum[0].lower(), None if email is None else email[0].lower())
    found, email = _UUID.search(text), _EMAIL.search(text)
    if found is None or (email is not None and found[0] in email[0]):
        return None
    return Id(found[0].replace("-", "").lower())


def _uncertain(text: str) -> Iterator[Guess]:
    if number := _SLICE.fullmatch(text):
        yield SliceNumber(int(number[1]))
    elif position := _position(text):
        yield position
    if email := _EMAIL.search(text):
        yield Email(email[0].removeprefix("mailto:").lower())
    yield from _digits(text)
    if name := clean_filename(text):
        yield FileName(name)


def _position(text: str) -> Position | None:
    found = _POSITION.fullmatch(text)
    if found is None:
        return None
    topic, incarnation, partition, offset = found.groups()
    return Position(topic, int(partition), None if offset is None else int(offset), int(incarnation or 1))


def _digits(text: str) -> Iterator[Guess]:
    """Digits of an id or a checksum, as far as they are some."""
    encoded = _BASE64_SHA.fullmatch(text)
    if encoded is not None:
        yield Checksum(b64decode(f"{encoded[1]}=", altchars="-_" if _is_url_safe(encoded[1]) else None).hex())
        return
    bare = re.sub(r"[\s-]", "", re.sub(r"(?i)^(sha-?256[=: -]|urn:uuid:)", "", text.rpartition("/")[2] or text))
    digits = bare.translate(_LOOK_ALIKE).lower()
    strange = [character for character in digits if character not in HEX]
    if len(digits) < FEWEST or len(strange) > (2 if len(digits) >= ID_DIGITS - 1 else 0):
        return
    known = "".join(character if character in HEX else "?" for character in digits)
    if len(known) <= ID_DIGITS + 1:
        yield Id(known)
    if len(known) <= SHA_DIGITS + 1:
        yield Checksum(known)


def _is_url_safe(encoded: str) -> bool:
    return "-" in encoded or "_" in encoded


def _receipt(text: str) -> ReceiptText | None:
    """The claims of a receipt as far as they can be read: its end may be missing, a letter wrong or lost.

    Nobody's word is taken for it: what it says is looked up.
    """
    compact = re.sub(r"\s", "", text)
    if _RECEIPT.search(compact) is None:
        return None
    said: dict[str, str] = {}
    for clear in _decoded(compact):
        for name, claim in _CLAIMS.items():
            if found := claim.search(clear):
                said.setdefault(name, found[1])
    return ReceiptText(_uuid(said.get("photo_id")), said.get("sha256"), _place(said))


def _decoded(compact: str) -> Iterator[str]:
    """Every part from each of four letters on: behind a letter too many, or too few, it is clear from another one."""
    for part in re.split(r"[^\w-]", compact):
        for begin in range(4):
            whole = part[begin : begin + (len(part) - begin) // 4 * 4]
            rest = part[begin + len(whole) :]
            for piece in (whole, whole + rest + "=" * (-len(rest) % 4)):
                try:
                    yield urlsafe_b64decode(piece).decode("latin-1")
                except (BinasciiError, ValueError):
                    continue


def _uuid(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        return None


def _place(said: dict[str, str]) -> RecordCoordinates | None:
    if not {"topic", "partition", "offset"} <= said.keys():
        return None
    return RecordCoordinates(said["topic"], int(said["partition"]), int(said["offset"]))
