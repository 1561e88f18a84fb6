"""What an operator may permit the retention to remove in one run, checked."""

from collections.abc import Mapping
from dataclasses import dataclass

from photo_pipeline.domain.errors import InvalidPermitRequestError
from photo_pipeline.domain.form_fields import text_of
from photo_pipeline.domain.removal import Removal

PERMITTED = (Removal.SHARDS, Removal.RECORDS, Removal.FILES, Removal.AGES)


@dataclass(frozen=True, slots=True)
class PermitRequest:
    """A checked request.

    Attributes:
        what: of what more may go than a run removes by itself.
        most: at most so many in that one run.
        reason: why that is right.
        by: who answers for it.
    """

    what: Removal
    most: int
    reason: str
    by: str


def parse_permit_request(parameters: Mapping[str, object]) -> PermitRequest:
    """Check what an operator filled in.

    Raises:
        InvalidPermitRequestError: with one line that names the field and what it should be.
    """
    what, most = _what(parameters), _most(parameters)
    reason, by = text_of(parameters, "reason"), text_of(parameters, "by")
    if not reason:
        raise InvalidPermitRequestError("reason must say why so much may go")
    if not by:
        raise InvalidPermitRequestError("by must say who answers for it")
    return PermitRequest(what, most, reason, by)


def _what(parameters: Mapping[str, object]) -> Removal:
    chosen = text_of(parameters, "what")
    if chosen not in PERMITTED:
        raise InvalidPermitRequestError(f"what must be one of {', '.join(PERMITTED)}, not {chosen!r}")
    return Removal(chosen)


def _most(parameters: Mapping[str, object]) -> int:
    text = text_of(parameters, "most")
    try:
        most = int(text)
    except ValueError:
        raise InvalidPermitRequestError(f"most must be a number, not {text!r}") from None
    if most < 1:
        raise InvalidPermitRequestError("most must be 1 or more")
    return most
