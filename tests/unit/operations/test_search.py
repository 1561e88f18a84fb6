"""What somebody may have meant by what they typed into the search field."""

import json
from base64 import b64encode, urlsafe_b64encode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.trails import PHOTO, SHA256, WHERE

from photo_pipeline.operations.search import (
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

HEX = PHOTO.hex
UPLOADED = Position("photos.uploaded", 0, 7)
READ = ReceiptText(PHOTO, SHA256, WHERE)


def _part(claims: dict[str, object]) -> str:
    return urlsafe_b64encode(json.dumps(claims, separators=(",", ":")).encode()).decode().rstrip("=")


RECEIPT = ".".join(
    (
        _part({"alg": "EdDSA", "typ": "receipt+jwt", "kid": "a-key"}),
        _part(
            {
                "iss": "photo-pipeline",
                "photo_id": str(PHOTO),
                "sha256": SHA256,
                "topic": WHERE.topic,
                "partition": WHERE.partition,
                "offset": WHERE.offset,
                "accepted_at": "2026-03-09T10:00:00Z",
            }
        ),
        "c2lnbmF0dXJl",
    )
)


@pytest.mark.parametrize(
    "typed",
    [
        RECEIPT,
        f"  {RECEIPT}\n",
        f'"{RECEIPT}"',
        f"https://photos.example/api/v1/receipts/{RECEIPT}?again=1",
        RECEIPT[:-9],
        RECEIPT.replace(".", ""),
        "\n".join(RECEIPT[at : at + 60] for at in range(0, len(RECEIPT), 60)),
    ],
)
def test_a_receipt_is_read_however_it_was_pasted(typed: str) -> None:
    """In an address, in quotes, in the lines of a mail, without its signature, without its dots."""
    assert guesses(typed) == [READ]


@given(st.integers(0, len(RECEIPT) - 1), st.sampled_from(["", "x", "Zz"]))
def test_one_slip_leaves_something_of_a_receipt(at: int, instead: str) -> None:
    """A letter lost, wrong or too many: what stands before it and behind it still says which photo it was."""
    (guess,) = guesses(f"{RECEIPT[:at]}{instead}{RECEIPT[at + 1 :]}")
    if isinstance(guess, ReceiptText):
        assert guess.photo_id == PHOTO or guess.where == WHERE or guess.sha256 == SHA256
    else:
        assert at < 8, "only without its beginning it is none"


def test_a_receipt_in_small_letters_is_known_for_one() -> None:
    """Nothing of it can be read, which is said."""
    assert guesses(RECEIPT.lower()) == [ReceiptText()]


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        (str(PHOTO), Id(HEX)),
        (f" {str(PHOTO).upper()} ", Id(HEX)),
        (HEX, Id(HEX)),
        (f"{{{PHOTO}}}", Id(HEX)),
        (f"urn:uuid:{PHOTO}", Id(HEX)),
        (f"http://127.0.0.1:8000/api/v1/photos/{PHOTO}/web", Id(HEX)),
        (f"{HEX[:8]} {HEX[8:]}", Id(HEX)),
        (str(PHOTO)[:-3], Id(HEX[:-3])),
        (str(PHOTO)[:-1] + "g", Id(HEX[:-1] + "?")),
        (str(PHOTO).replace("0", "O"), Id(HEX)),
        (HEX[:8], Id(HEX[:8])),
        (SHA256, Checksum(SHA256)),
        (f"sha256:{SHA256.upper()}", Checksum(SHA256)),
        (f"{SHA256}  IMG_0001.jpg", Checksum(SHA256)),
        (f"Ada@example.org {SHA256}", Checksum(SHA256, "ada@example.org")),
        (b64encode(bytes.fromhex(SHA256)).decode(), Checksum(SHA256)),
        (f"sha-256={b64encode(bytes.fromhex(SHA256)).decode()}", Checksum(SHA256)),
        (urlsafe_b64encode(bytes.fromhex(SHA256)).decode().rstrip("="), Checksum(SHA256)),
        (SHA256[:40], Checksum(SHA256[:40])),
        ("photos.uploaded-0-7", UPLOADED),
        ("photos.uploaded/0@7", UPLOADED),
        ("photos.uploaded-0@7", UPLOADED),
        ("photos.uploaded[0]@7", UPLOADED),
        ("photos.uploaded:0:7", UPLOADED),
        ("photos.uploaded 0 7", UPLOADED),
        ("photos.uploaded partition=0 offset=7", UPLOADED),
        ("http://127.0.0.1:8080/photos-page/rejected/photos.uploaded/0/7", UPLOADED),
        ("/photos/archive/dt=2026-03-09/photos.uploaded-0-7-20-1.tar", UPLOADED),
        ("photos.uploaded~2-0-7", Position("photos.uploaded", 0, 7, 2)),
        ("photos.uploaded-0", Position("photos.uploaded", 0, None)),
        ("12", SliceNumber(12)),
        ("#12", SliceNumber(12)),
        ("Slice 12", SliceNumber(12)),
        ("http://127.0.0.1:8080/plugin/photos/photos-page/slices/12", SliceNumber(12)),
        ("ada@example.org", Email("ada@example.org")),
        (f"{PHOTO}@example.org", Email(f"{PHOTO}@example.org")),
        ("Ada <Ada@Example.org>", Email("ada@example.org")),
        ("IMG_0001.jpg", FileName("IMG_0001.jpg")),
        ("C:\\Users\\ada\\IMG 0001.jpg", FileName("IMG 0001.jpg")),
        ("2026-03-09 at the sea.jpg", FileName("2026-03-09 at the sea.jpg")),
    ],
)
def test_what_is_typed_is_recognised(typed: str, first: Guess) -> None:
    """Whatever one has of a photo, in whatever way it was copied, is taken for what it most likely is."""
    assert guesses(typed)[0] == first


def test_what_may_be_several_things_is_looked_for_as_each() -> None:
    """A number is a slice before it is a file; a file may be called like a position; digits may be of two things."""
    assert guesses("IMG-0-17") == [Position("IMG", 0, 17), FileName("IMG-0-17")]
    assert guesses("deadbeef") == [Id("deadbeef"), Checksum("deadbeef"), FileName("deadbeef")]
    assert guesses("12") == [SliceNumber(12), FileName("12")]


@given(st.text(max_size=200))
def test_nothing_that_is_typed_is_an_error(typed: str) -> None:
    """Whatever it is, it is looked for or it is nothing; what no database can hold is never passed on."""
    for guess in guesses(typed):
        assert "\x00" not in str(guess)
    assert guesses(f" {'%00'} ") == []


@given(st.uuids(), st.data())
def test_every_slip_of_one_digit_is_undone(photo_id: UUID, data: st.DataObject) -> None:
    """Wrong, missing, twice, swapped with the next: the right id is among what is looked for."""
    digits, at = photo_id.hex, data.draw(st.integers(0, 30))
    wrong = data.draw(st.sampled_from("0123456789abcdef?"))
    slips = [
        digits[:at] + wrong + digits[at + 1 :],
        digits[:at] + digits[at + 1 :],
        digits[:at] + digits[at] + digits[at:],
        digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :],
    ]
    assert all(digits in edits(slip, 32) for slip in slips)
    assert max(len(edits(slip, 32)) for slip in slips) <= 520
