"""What a form's request would do, counted before it is asked for, in a sentence. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from photo_pipeline.domain.erasure import EraseRequest, Subject
from photo_pipeline.domain.errors import InvalidHoldRequestError
from photo_pipeline.domain.hold_request import HoldAction, HoldRequest
from photo_pipeline.domain.reprocess import may_end_otherwise

COUNTED = 10_000
"""More than so many are only said to be more."""
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Refused:
    """Rejected records of one customer and reason that no request has fed yet."""

    customer_id: UUID | None
    reason: str
    records: int


@dataclass(frozen=True, slots=True)
class Feedable:
    """What a request finds: what it would feed, and how many records it leaves out, for they were fed before."""

    refused: tuple[Refused, ...]
    fed_before: int = 0

    @property
    def records(self) -> int:
        """How many it would feed."""
        return sum(each.records for each in self.refused)

    @property
    def customers(self) -> Mapping[UUID | None, int]:
        """How many of each customer, most first."""
        found: dict[UUID | None, int] = {}
        for each in self.refused:
            found[each.customer_id] = found.get(each.customer_id, 0) + each.records
        return dict(sorted(found.items(), key=lambda item: -item[1]))


@dataclass(frozen=True, slots=True)
class Named:
    """What a request about a photo or a customer finds.

    Attributes:
        photos: that are there.
        customer_id: whose.
        is_held: whether an operator's hold names just this photo, or all of this customer's.
        is_barred: whether any hold of an operator's keeps it, or one of theirs, from being erased.
    """

    photos: int
    customer_id: UUID | None
    is_held: bool
    is_barred: bool


def feeding(found: Feedable) -> str:
    """As in ``Feeds 12 records: 9 of customer …, 3 of customer …``."""
    if not found.records:
        before = "" if not found.fed_before else f" {found.fed_before:,} were fed before."
        return f"There is nothing to feed.{before}"
    most = _up_to_counted(found.records, found.fed_before)
    said = f"Feeds {most} {'record' if found.records == 1 else 'records'}: {_of_customers(found.customers)}."
    hopeless = sum(each.records for each in found.refused if not may_end_otherwise(each.reason))
    if hopeless:
        said += f" {hopeless:,} of them will be rejected again: they were for what they are."
    if found.fed_before:
        said += f" {found.fed_before:,} more were fed before and are left out."
    return said


def holding(request: HoldRequest, found: Named) -> str:
    """What the hold keeps, or lifts.

    Raises:
        InvalidHoldRequestError: when the run would be red for it.
    """
    if request.action is HoldAction.LIFT:
        return "Lifts one hold." if found.is_held else "There is no such hold: nothing changes."
    if request.photo_id is not None and not found.photos:
        raise InvalidHoldRequestError("photo_id is of no photo that is there: it may have expired")
    if request.photo_id is not None and request.customer_id not in {None, found.customer_id}:
        raise InvalidHoldRequestError("customer_id is not the one whose photo this is")
    again = " There is such a hold already: it stays as it is." if found.is_held else ""
    if request.photo_id is not None:
        return f"Keeps one photo, of customer {found.customer_id}.{again}"
    return f"Keeps all photos of this customer, {_up_to_counted(found.photos)} now, and those to come.{again}"


def erasing(request: EraseRequest, found: Named) -> str:
    """What is gone after it, and what stands in its way."""
    held = " It is held: a hold of an operator's must be lifted first." if found.is_barred else ""
    if request.subject is Subject.PHOTO:
        if not found.photos:
            return "No photo of this id is in the archive. Of one that has expired, rows forget what they still have."
        return f"Erases one photo, of customer {found.customer_id}, for good.{held}"
    many = _up_to_counted(found.photos)
    theirs = held.replace("It is held", "Something of theirs is held")
    return f"Closes this customer's account and erases all of their photos, {many} now, for good.{theirs}"


def _up_to_counted(number: int, left_out: int = 0) -> str:
    """The number, as far as counting went, those included that are left out of it."""
    return f"more than {COUNTED:,}" if number + left_out > COUNTED else f"{number:,}"


def _of_customers(customers: Mapping[UUID | None, int]) -> str:
    named = list(customers.items())[:_NAMED]
    said = [f"{records:,} of {_customer(customer_id)}" for customer_id, records in named]
    rest = sum(customers.values()) - sum(records for _, records in named)
    return ", ".join([*said, f"{rest:,} of {len(customers) - _NAMED} more"] if rest else said)


def _customer(customer_id: UUID | None) -> str:
    return "no customer" if customer_id is None else f"customer {customer_id}"
