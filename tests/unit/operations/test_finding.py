"""What a search comes to: the one thing that was meant, or what is nearest to it."""

from uuid import UUID

import pytest
from tests.support.trails import ADA, PHOTO, REFUSED, SHA256, MemoryTrails, passage, photo
from tests.unit.operations.test_search import RECEIPT

from photo_pipeline.domain.photo import RecordCoordinates, photo_id_for
from photo_pipeline.operations.finding import NAMES_ARE_FOR_OPERATORS, UNREADABLE, Finder, Findings

WAY = f"/photos/{PHOTO}"


def found(typed: str, trails: MemoryTrails | None = None, *, operator: bool = True) -> Findings:
    """What a search finds among a few things."""
    trails = trails or MemoryTrails()
    return Finder(trails, trails if operator else None).find(typed)


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        (str(PHOTO), WAY),
        (RECEIPT, WAY),
        (RECEIPT[:-20], WAY),
        (SHA256, WAY),
        ("photos.streamed-0-4", "/records/photos.streamed/0/4"),
        ("photos.uploaded-0-11", "/records/photos.uploaded/0/11"),
        ("photos.uploaded-0-4711", "/records/photos.uploaded/0/4711"),
        ("5", "/slices/5"),
        ("ada@example.org", f"/customers/{ADA}"),
        (str(ADA), f"/customers/{ADA}"),
        ("img_0001.JPG", WAY),
        ("IMG_0002.jpg", "/records/photos.streamed/0/4"),
    ],
)
def test_what_is_meant_is_opened(typed: str, path: str) -> None:
    """One thing fits: its page is the answer."""
    hit = found(typed).only
    assert hit is not None
    assert hit.path == path


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        (str(PHOTO)[:-1] + "0", WAY),
        (str(PHOTO)[:-1] + "x", WAY),
        ("0" + str(PHOTO)[1:], WAY),
        (PHOTO.hex[:5] + PHOTO.hex[6:], WAY),
        (PHOTO.hex[:9], WAY),
        (PHOTO.hex[:20] + "0" * 12, WAY),
        (SHA256[:-1] + "0", WAY),
        ("0" + SHA256[1:], WAY),
        (SHA256[:9], WAY),
        (SHA256[:30], WAY),
        ("photo.uploaded-0-7", "/records/photos.uploaded/0/7"),
        ("Photos.Uploaded-0-7", "/records/photos.uploaded/0/7"),
        ("photos.uploaded-3-7", "/records/photos.uploaded/0/7"),
        ("photos.uploaded-0", "/records/photos.uploaded/0/11"),
        ("99", "/slices/5"),
        ("ada@exampel.org", f"/customers/{ADA}"),
        ("ada@", f"/customers/{ADA}"),
        ("Ada", f"/customers/{ADA}"),
        ("IMG_", WAY),
    ],
)
def test_what_is_mistyped_finds_what_is_nearest(typed: str, path: str) -> None:
    """Nothing fits, and that is said by offering what resembles it."""
    findings = found(typed)
    assert findings.exact == []
    assert path in [hit.path for hit in findings.near]


def test_a_receipt_whose_photo_waits_leads_to_its_record() -> None:
    """The photo is not known yet; the position in Kafka is, and its page says how long it will wait."""
    hit = found(RECEIPT, MemoryTrails(known=[], passages=[])).only
    assert hit is not None
    assert hit.path == "/records/photos.uploaded/0/7"


def test_a_receipt_that_contradicts_itself_proves_nothing() -> None:
    """Its record brought another photo than it says: the record is offered, not opened."""
    other = UUID(int=7)
    findings = found(RECEIPT, MemoryTrails(known=[photo(photo_id=other)], passages=[passage(photo_id=other)]))
    assert findings.only is not None, "its bytes are those of another photo that is kept"
    assert findings.only.path == f"/photos/{other}"
    assert "/records/photos.uploaded/0/7" in [hit.path for hit in findings.near]


def test_a_checksum_with_its_customer_finds_what_was_refused() -> None:
    """Id and checksum belong together: what was refused or has gone is found without an index of its bytes."""
    refused = passage(outcome="rejected", reason="corrupt", photo_id=photo_id_for(ADA, SHA256))
    trails = MemoryTrails(known=[], passages=[refused])
    assert found(SHA256, trails).notes != []
    hit = found(f"ada@example.org {SHA256}", trails).only
    assert hit is not None
    assert hit.path == f"/photos/{refused.photo_id}"


def test_several_things_that_fit_are_all_offered() -> None:
    """Two customers have sent the same bytes."""
    twice = MemoryTrails(known=[photo(), photo(photo_id=UUID(int=9))])
    findings = found(SHA256, twice)
    assert len(findings.exact) == 2
    assert findings.only is None


@pytest.mark.parametrize("typed", ["ada@example.org", "IMG_0001.jpg"])
def test_a_reader_learns_no_names(typed: str) -> None:
    """Nothing is found by a name, nobody is asked for one, and it is said what can be looked for."""
    trails = MemoryTrails()
    findings = found(typed, trails, operator=False)
    assert (findings.exact, findings.near, trails.asked_names) == ([], [], 0)
    assert NAMES_ARE_FOR_OPERATORS in findings.notes


def test_a_reader_finds_all_else() -> None:
    """Ids, receipts, checksums, positions and slices say nobody's name."""
    for typed in (str(PHOTO), RECEIPT, SHA256, str(REFUSED.where), "5"):
        assert found(typed, operator=False).only is not None


def test_what_cannot_be_read_is_said() -> None:
    """A receipt in small letters, and nothing at all."""
    assert found(RECEIPT.lower()).notes == [UNREADABLE]
    assert found("") == Findings()
    assert found(str(RecordCoordinates("elsewhere", 0, 1))).exact == []
