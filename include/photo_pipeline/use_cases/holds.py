"""Holds: keep a photo, or all of a customer's, from expiring, for as long as somebody says why."""

import logging
from uuid import UUID

from photo_pipeline.domain.errors import InvalidHoldError, NoSuchPhotoError
from photo_pipeline.domain.hold_request import HoldAction, HoldRequest
from photo_pipeline.domain.retention import Hold
from photo_pipeline.ports.holds import HoldRegister, PhotoOwners

logger = logging.getLogger(__name__)


def place_hold(register: HoldRegister, customer_id: UUID, photo_id: UUID | None, reason: str, placed_by: str) -> Hold:
    """Keep one photo, or all of a customer's, now and to come. Placed again, the hold that is there stays as it is.

    Raises:
        InvalidHoldError: when it does not say why, or by whom.
        UnknownCustomerError, UnknownPhotoError, PhotoExpiredError: as the register says.
    """
    if not reason.strip():
        raise InvalidHoldError("a reason")
    if not placed_by.strip():
        raise InvalidHoldError("the name of who places it")
    hold = register.place(customer_id, photo_id, reason.strip(), placed_by.strip())
    logger.info("hold=%d customer=%s photo=%s by=%s", hold.hold_id, customer_id, photo_id or "all", hold.placed_by)
    return hold


def lift_hold(register: HoldRegister, customer_id: UUID, photo_id: UUID | None, lifted_by: str) -> bool:
    """End a hold: what it alone kept goes with the next run of the retention. ``False`` where there is none.

    Raises:
        InvalidHoldError: when it does not say by whom.
    """
    if not lifted_by.strip():
        raise InvalidHoldError("the name of who lifts it")
    lifted = register.lift(customer_id, photo_id)
    logger.info("hold lifted=%s customer=%s photo=%s by=%s", lifted, customer_id, photo_id or "all", lifted_by.strip())
    return lifted


def change_hold(register: HoldRegister, owners: PhotoOwners, request: HoldRequest) -> bool:
    """Do what an operator asked: afterwards the hold is there, or is not. Asked again, nothing changes.

    Returns:
        Whether there is a hold now (``set``), or was one (``lift``).

    Raises:
        NoSuchPhotoError: when only a photo is named, and nobody has it.
        UnknownCustomerError, UnknownPhotoError, PhotoExpiredError: as the register says.
    """
    customer_id = request.customer_id or _customer_of(owners, request.photo_id)
    if request.action is HoldAction.LIFT:
        return lift_hold(register, customer_id, request.photo_id, request.by)
    place_hold(register, customer_id, request.photo_id, request.reason, request.by)
    return True


def _customer_of(owners: PhotoOwners, photo_id: UUID | None) -> UUID:
    if photo_id is None:
        raise InvalidHoldError("a photo or a customer")
    customer_id = owners.customer_of(photo_id)
    if customer_id is None:
        raise NoSuchPhotoError(photo_id)
    return customer_id
