"""What an operator may ask about a hold, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from photo_pipeline.domain.errors import InvalidHoldRequestError


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
    customer_id, photo_id = _id(parameters, "customer_id"), _id(parameters, "photo_id")
    if customer_id is None and photo_id is None:
        raise InvalidHoldRequestError("fill in photo_id for one photo, or customer_id for all of a customer's")
    reason, by = _text(parameters, "reason"), _text(parameters, "by")
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


def _id(parameters: Mapping[str, object], name: str) -> UUID | None:
    text = _text(parameters, name)
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise InvalidHoldRequestError(f"{name} must be an id such as {UUID(int=1)}, not {text!r}") from None


def _text(parameters: Mapping[str, object], name: str) -> str:
    return str(parameters.get(name) or "").strip()
