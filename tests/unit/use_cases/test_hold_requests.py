"""What an operator asks about a hold: read with care, done once, refused with a line that names the fix."""

from dataclasses import dataclass
from uuid import UUID

import pytest
from tests.support.retention import Platform

from photo_pipeline.domain.errors import InvalidHoldRequestError, NoSuchPhotoError, UnknownPhotoError
from photo_pipeline.domain.hold_request import HoldAction, HoldRequest, parse_hold_request
from photo_pipeline.use_cases.holds import change_hold

CUSTOMER = UUID(int=1)
WHO = {"reason": "case 7", "by": "counsel"}


@dataclass(frozen=True, slots=True)
class Owners:
    """The ``PhotoOwners`` port: whatever is there belongs to ``CUSTOMER``."""

    platform: Platform

    def customer_of(self, photo_id: UUID) -> UUID | None:
        """See the port."""
        return CUSTOMER if photo_id in self.platform.ledger.photos else None


@pytest.fixture
def platform() -> Platform:
    """A platform with one photo."""
    platform = Platform()
    platform.ingest(CUSTOMER, b"content")
    return platform


@pytest.fixture
def photo_id(platform: Platform) -> UUID:
    """That photo."""
    return next(iter(platform.ledger.photos))


def asked(platform: Platform, **fields: object) -> bool:
    """Do what a form says."""
    return change_hold(platform.ledger, Owners(platform), parse_hold_request({"action": "set", **WHO, **fields}))


def test_a_form_is_read(photo_id: UUID) -> None:
    """Blanks around words are nobody's meaning; what is empty is not there."""
    form = {"action": "set", "photo_id": f" {photo_id} ", "customer_id": "", "reason": " case 7 ", "by": " counsel "}
    assert parse_hold_request(form) == HoldRequest(HoldAction.SET, None, photo_id, "case 7", "counsel")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"action": "forget"}, "action must be one of set, lift"),
        ({"photo_id": None}, "fill in photo_id"),
        ({"photo_id": "holiday.jpg"}, "photo_id must be an id"),
        ({"customer_id": 7}, "customer_id must be an id"),
        ({"by": " "}, "by must say who"),
        ({"reason": None}, "reason must say what"),
    ],
)
def test_what_cannot_be_meant_is_named(photo_id: UUID, fields: dict[str, object], words: str) -> None:
    """One line that names the field."""
    form = {"action": "set", "photo_id": str(photo_id), **WHO, **fields}
    with pytest.raises(InvalidHoldRequestError, match=words):
        parse_hold_request(form)


def test_a_photo_alone_is_enough(platform: Platform, photo_id: UUID) -> None:
    """Its customer is looked up, to set a hold and to lift it; asked again, nothing changes."""
    assert asked(platform, photo_id=str(photo_id))
    assert asked(platform, photo_id=str(photo_id), by="somebody else")
    assert [(hold.customer_id, hold.placed_by) for hold in platform.ledger.active()] == [(CUSTOMER, "counsel")]
    assert asked(platform, photo_id=str(photo_id), action="lift", reason=None)
    assert not asked(platform, photo_id=str(photo_id), action="lift", reason=None)
    assert platform.ledger.active() == []


def test_a_customer_alone_means_all_of_theirs(platform: Platform) -> None:
    """The hold names no photo."""
    assert asked(platform, customer_id=str(CUSTOMER))
    assert [hold.photo_id for hold in platform.ledger.active(CUSTOMER)] == [None]


def test_a_photo_that_is_not_theirs_is_refused(platform: Platform, photo_id: UUID) -> None:
    """Both named: they have to fit. Neither customer nor photo known: it says so."""
    platform.ingest(UUID(int=2), b"theirs")
    with pytest.raises(UnknownPhotoError):
        asked(platform, photo_id=str(photo_id), customer_id=str(UUID(int=2)))
    with pytest.raises(NoSuchPhotoError):
        asked(platform, photo_id=str(UUID(int=9)))
