"""What an operator may ask about a hold, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from photo_pipeline.domain.errors import InvalidHoldRequestError
from photo_pipeline.domain.form_fields import id_of, text_of


class HoldAction(StrEnum):
    """What is to be done."""

    SET = "set"
    LIFT = "lift"


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """A checked request.

    Attributes:
        action: what is to be done.
        customer_id: whose; ``None`` where the photo tells.
        photo_id: the photo; ``None`` for all of the customer's.
        reason: why; empty only for a lift.
        by: who asks.
    """

    action: HoldAction
    customer_id: UUID | None
    photo_id: UUID | None
    reason: str
    by: str


def parse_hold_request(parameters: Mapping[str, object]) -> HoldRequest:
    """Check what an operator filled in.

    Raises:
        InvalidHoldRequestError: with one line that names the field and what it should be.
    """
    action = _action(parameters)
    customer_id, photo_id = (id_of(parameters, field, InvalidHoldRequestError) for field in ("customer_id", "photo_id"))
    if customer_id is None and photo_id is None:
        raise InvalidHoldRequestError("fill in photo_id for one photo, or customer_id for all of a customer's")
    reason, by = text_of(parameters, "reason"), text_of(parameters, "by")
    if not by:
        raise InvalidHoldRequestError("by must say who asks")
    if action is HoldAction.SET and not reason:
        raise InvalidHoldRequestError("reason must say what the hold is for")
    return HoldRequest(action, customer_id, photo_id, reason, by)


def _action(parameters: Mapping[str, object]) -> HoldAction:
    chosen = str(parameters.get("action"))
    try:
        return HoldAction(chosen)
    except ValueError:
        raise InvalidHoldRequestError(f"action must be one of {', '.join(HoldAction)}, not {chosen!r}") from None
