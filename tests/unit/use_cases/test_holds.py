"""Placing and lifting holds: idempotent, with a reason and a name, and clear about what cannot be held."""

from datetime import timedelta
from uuid import UUID

import pytest
from tests.support.retention import Platform

from photo_pipeline.domain.errors import InvalidHoldError, PhotoExpiredError, UnknownCustomerError, UnknownPhotoError
from photo_pipeline.domain.retention import KEEP
from photo_pipeline.use_cases.holds import lift_hold, place_hold
from photo_pipeline.use_cases.retention import run_retention

CUSTOMER = UUID(int=1)


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


def test_placing_twice_is_placing_once(platform: Platform, photo_id: UUID) -> None:
    """The first hold stays, with its reason; one lift ends it, a second lift finds nothing."""
    first = place_hold(platform.ledger, CUSTOMER, photo_id, " lawsuit ", "counsel")
    assert place_hold(platform.ledger, CUSTOMER, photo_id, "other", "somebody else") == first
    assert (first.reason, first.placed_by) == ("lawsuit", "counsel")
    assert lift_hold(platform.ledger, CUSTOMER, photo_id, "counsel") is True
    assert lift_hold(platform.ledger, CUSTOMER, photo_id, "counsel") is False


def test_photo_and_customer_are_held_apart(platform: Platform, photo_id: UUID) -> None:
    """Lifting the hold on the customer leaves the one on the photo."""
    place_hold(platform.ledger, CUSTOMER, photo_id, "lawsuit", "counsel")
    place_hold(platform.ledger, CUSTOMER, None, "audit", "auditor")
    lift_hold(platform.ledger, CUSTOMER, None, "auditor")
    assert [hold.reason for hold in platform.ledger.active(CUSTOMER)] == ["lawsuit"]


@pytest.mark.parametrize(
    ("reason", "placed_by"), [("", "counsel"), (" ", "counsel"), ("lawsuit", ""), ("lawsuit", "\t")]
)
def test_a_hold_says_why_and_by_whom(platform: Platform, photo_id: UUID, reason: str, placed_by: str) -> None:
    """Without either there is no hold."""
    with pytest.raises(InvalidHoldError):
        place_hold(platform.ledger, CUSTOMER, photo_id, reason, placed_by)
    assert platform.ledger.active() == []


def test_a_lift_says_by_whom(platform: Platform, photo_id: UUID) -> None:
    """A hold is not lifted by nobody."""
    place_hold(platform.ledger, CUSTOMER, photo_id, "lawsuit", "counsel")
    with pytest.raises(InvalidHoldError):
        lift_hold(platform.ledger, CUSTOMER, photo_id, " ")
    assert len(platform.ledger.active()) == 1


def test_what_is_not_there_cannot_be_held(platform: Platform, photo_id: UUID) -> None:
    """An unknown customer or photo, another customer's photo, an expired one: each says so."""
    platform.ingest(UUID(int=2), b"theirs")
    with pytest.raises(UnknownCustomerError):
        place_hold(platform.ledger, UUID(int=3), None, "lawsuit", "counsel")
    with pytest.raises(UnknownPhotoError):
        place_hold(platform.ledger, CUSTOMER, UUID(int=9), "lawsuit", "counsel")
    with pytest.raises(UnknownPhotoError):
        place_hold(platform.ledger, UUID(int=2), photo_id, "lawsuit", "counsel")
    platform.clock.time += KEEP
    for _ in range(3):
        run_retention(platform.ports)
        platform.clock.time += timedelta(hours=1)
    with pytest.raises(PhotoExpiredError, match="nothing left to hold"):
        place_hold(platform.ledger, CUSTOMER, photo_id, "lawsuit", "counsel")
