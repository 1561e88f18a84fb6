"""Looks up what was typed: the one thing that it is, or what comes nearest to it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher, get_close_matches
from urllib.parse import quote
from uuid import UUID

from photo_pipeline.domain.photo import Log, RecordCoordinates, photo_id_for
from photo_pipeline.domain.ways import NamedFile, Passage, Person, PhotoFacts
from photo_pipeline.operations.search import (
    FEWEST,
    ID_DIGITS,
    KEY_DIGITS,
    SHA_DIGITS,
    Checksum,
    Email,
    FileName,
    Guess,
    Id,
    Position,
    ReceiptText,
    SliceNumber,
    edits,
    guesses,
)
from photo_pipeline.operations.text import moment, size
from photo_pipeline.ports.ways import NameBook, Ways

FEWEST_LETTERS = 3
"""Of a mail address, with which customers are looked for."""
ALIKE = 0.6
"""How much of a mail address or a topic's name must be the same for it to be offered."""
NAMES_ARE_FOR_OPERATORS = (
    "Customers' names, mail addresses and file names are for accounts that may start photo_reprocess. "
    "Yours can look for ids, receipts, checksums, positions in Kafka and slices."
)
UNREADABLE = (
    "This looks like a receipt, and nothing of it can be read: its capital and small letters matter. "
    "The photo's id, its sha256 or its position in Kafka would do as well."
)


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found: where its page is, below the application's own address, and what it is."""

    path: str
    title: str
    about: str


@dataclass(slots=True)
class Findings:
    """What came of a search. ``exact`` is what was meant, ``near`` what resembles it, ``notes`` what else to say."""

    exact: list[Hit] = field(default_factory=list)
    near: list[Hit] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def only(self) -> Hit | None:
        """The one thing that it must be."""
        return self.exact[0] if len(self.exact) == 1 else None


def record_path(where: RecordCoordinates) -> str:
    """The address of a record's way."""
    return f"/records/{quote(where.topic_name)}/{where.partition}/{where.offset}"


def people_of(names: NameBook, address: str) -> list[Person]:
    """Whose mail address this is, and no other that resembles it."""
    return [one for one in names.people_near(address) if one.email == address]


def photo_path(photo_id: UUID) -> str:
    """The address of a photo's way."""
    return f"/photos/{photo_id}"


def customer_path(customer_id: UUID) -> str:
    """The address of a customer's records."""
    return f"/customers/{customer_id}"


class Finder:
    """Asks for whatever the typed text may be.

    Args:
        ways: the ledger.
        names: who and what things are called; ``None`` for those who are not to know.
    """

    def __init__(self, ways: Ways, names: NameBook | None) -> None:
        self._ways = ways
        self._names = names

    def find(self, typed: str) -> Findings:
        """All guesses, until one is right."""
        found = Findings()
        for guess in guesses(typed):
            self._look(guess, found)
            if found.exact:
                break
        found.near = list({hit.path: hit for hit in found.near}.values())
        found.notes = list(dict.fromkeys(found.notes))
        return found

    def _look(self, guess: Guess, found: Findings) -> None:
        match guess:
            case Id():
                self._id(guess, found)
            case Checksum():
                self._checksum(guess, found)
            case ReceiptText():
                self._receipt(guess, found)
            case Position():
                self._position(guess, found)
            case SliceNumber():
                self._slice(guess, found)
            case Email() | FileName():
                self._name(guess, found)

    def _name(self, guess: Email | FileName, found: Findings) -> None:
        if self._names is None:
            found.notes.append(NAMES_ARE_FOR_OPERATORS)
        elif isinstance(guess, Email):
            people = self._names.people_near(guess.address)
            exact = [_of_person(one) for one in people if one.email == guess.address]
            found.exact += exact
            found.near += [] if exact else [_of_person(one) for one in people if _is_like(one, guess.address)]
        else:
            files = self._names.files_called(guess.name)
            same = [one for one in files if one.filename.lower() == guess.name.lower()]
            found.exact += [_of_file(one) for one in same]
            found.near += [] if same else [*(_of_file(one) for one in files), *self._addressed(guess.name.lower())]

    def _addressed(self, start: str) -> list[Hit]:
        """Customers whose mail addresses begin so."""
        if self._names is None or len(start) < FEWEST_LETTERS:
            return []
        return [_of_person(one) for one in self._names.people_near(start) if (one.email or "").startswith(start)]

    def _slice(self, guess: SliceNumber, found: Findings) -> None:
        numbers = self._ways.slices_near(guess.number)
        hits = [Hit(f"/slices/{number}", f"Slice {number}", "a slice") for number in numbers]
        (found.exact if numbers == [guess.number] else found.near).extend(hits)

    def _id(self, guess: Id, found: Findings) -> None:
        if guess.whole is not None:
            found.exact += self._of_id(guess.whole)
            if found.exact:
                return
            found.notes.append(
                "There is no photo and no customer of that id. A photo that still waits in Kafka is known by its "
                "receipt or its position there."
            )
        found.near += [_of_photo(each) for each in self._one_slip_away(guess.digits)]
        found.near += [_of_id(photo_id) for photo_id in self._beginning(guess.digits)]

    def _of_id(self, identifier: UUID) -> list[Hit]:
        way = self._ways.of_photo(identifier)
        if way is not None:
            return [_of_id(identifier) if way.photo is None else _of_photo(way.photo)]
        if self._ways.of_customer(identifier, None):
            return [Hit(customer_path(identifier), f"Customer {identifier}", "their records")]
        return []

    def _one_slip_away(self, digits: str) -> Sequence[PhotoFacts]:
        ids = {UUID(each) for each in edits(digits, ID_DIGITS)}
        return self._ways.photos(ids) if ids else []

    def _beginning(self, digits: str) -> Iterator[UUID]:
        """Those that begin as it does, or that begin as its first half."""
        start = digits.partition("?")[0][:ID_DIGITS]
        if len(start) < FEWEST:
            return
        shared = start[: max(FEWEST, len(start) // 2)]
        beside = self._ways.photos_near(UUID(start.ljust(ID_DIGITS, "0")))
        whole = [one for one in beside if one.hex.startswith(start)]
        yield from whole or (one for one in beside if one.hex.startswith(shared))

    def _checksum(self, guess: Checksum, found: Findings) -> None:
        if len(guess.digits) == SHA_DIGITS and "?" not in guess.digits:
            found.exact += self._of_bytes(guess)
            if found.exact:
                return
            found.notes.append(
                "No photo that is kept has these bytes. One that was refused or has gone is found by its id, its "
                "receipt, or this checksum together with its customer's mail address."
            )
        found.near += [_of_photo(each) for each in self._bytes_like(guess.digits)]

    def _of_bytes(self, guess: Checksum) -> list[Hit]:
        if guess.email is not None and self._names is not None:
            people = people_of(self._names, guess.email)
            return [hit for one in people for hit in self._of_id(photo_id_for(one.customer_id, guess.digits))]
        photos = self._ways.photos_of_bytes([guess.digits[:KEY_DIGITS]])
        return [_of_photo(each) for each in photos if each.sha256 == guess.digits]

    def _bytes_like(self, digits: str) -> Iterable[PhotoFacts]:
        start = digits.partition("?")[0][:KEY_DIGITS]
        if len(digits) < SHA_DIGITS - 1:
            shown = self._ways.photos_of_bytes_from(start) if len(start) >= FEWEST else []
            return [each for each in shown if each.sha256.startswith(digits)]
        starts = {*edits(digits[:KEY_DIGITS], KEY_DIGITS), *edits(digits[: KEY_DIGITS - 1], KEY_DIGITS)}
        starts |= edits(digits[: KEY_DIGITS + 1], KEY_DIGITS)
        return [each for each in self._ways.photos_of_bytes(starts) if _ratio(each.sha256, digits) > 1 - 4 / SHA_DIGITS]

    def _receipt(self, guess: ReceiptText, found: Findings) -> None:
        """Its photo, else its record; where they contradict each other, both as what may have been meant."""
        if guess == ReceiptText():
            found.notes.append(UNREADABLE)
        if guess.photo_id is not None:
            found.exact += self._of_id(guess.photo_id)
        if not found.exact and guess.where is not None:
            self._received(guess.where, guess.photo_id, found)
        if not found.exact and guess.sha256 is not None:
            self._checksum(Checksum(guess.sha256), found)
        if not found.exact and guess.photo_id is not None:
            self._id(Id(guess.photo_id.hex), found)

    def _received(self, where: RecordCoordinates, photo_id: UUID | None, found: Findings) -> None:
        way = self._ways.of_record(where)
        hit = _of_place(where)
        if way is None:
            self._position(Position(where.topic, where.partition, where.offset), found)
        elif photo_id is None or way.photo_id in {None, photo_id}:
            found.exact.append(hit)
        else:
            found.near.append(hit)

    def _position(self, guess: Position, found: Findings) -> None:
        logs = self._ways.logs()
        name = str(Log(guess.topic, guess.partition, guess.incarnation))
        known = {log.name: log for log in logs}
        if name in known and guess.offset is not None:
            found.exact.append(_of_place(Log(guess.topic, guess.partition, guess.incarnation).at(guess.offset)))
            return
        for other in [name] if name in known else get_close_matches(name.lower(), known, n=4, cutoff=ALIKE):
            log = known[other]
            offset = max(log.first_offset, log.next_offset - 1) if guess.offset is None else guess.offset
            range_ = f"{log.name} is read from offset {log.first_offset} up to {log.next_offset}"
            found.near.append(
                Hit(record_path(RecordCoordinates.parse(f"{other}-{offset}")), f"{other}-{offset}", range_)
            )


def _of_id(photo_id: UUID) -> Hit:
    return Hit(photo_path(photo_id), f"Photo {photo_id}", "its way")


def _of_photo(photo: PhotoFacts) -> Hit:
    state = "removed" if photo.status == "expired" else photo.status
    facts = f"{photo.format}, {photo.width} x {photo.height}, {size(photo.bytes)}"
    about = f"{facts}, received {moment(photo.accepted_at)} UTC by {photo.source}, {state}"
    return Hit(photo_path(photo.photo_id), f"Photo {photo.photo_id}", about)


def _of_place(where: RecordCoordinates) -> Hit:
    return Hit(record_path(where), f"Record {where}", "its way")


def _of_person(one: Person) -> Hit:
    return Hit(
        customer_path(one.customer_id), one.email or str(one.customer_id), f"{one.name or 'a customer'}'s records"
    )


def _of_file(one: NamedFile) -> Hit:
    if isinstance(one.of, UUID):
        return Hit(photo_path(one.of), one.filename, f"photo {one.of}, received {moment(one.at)} UTC")
    return Hit(record_path(one.of), one.filename, f"record {one.of}, refused {moment(one.at)} UTC")


def _is_like(one: Person, address: str) -> bool:
    email = one.email or ""
    return email.startswith(address) or _ratio(email, address) >= ALIKE


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def of_passage(passage: Passage) -> str:
    """The address of what came of a record: its photo's way, or its own where it has brought none."""
    if passage.photo_id is None or passage.outcome == "rejected":
        return record_path(passage.where)
    return photo_path(passage.photo_id)
