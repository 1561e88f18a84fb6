"""The page's own forms of the DAGs that people start by hand: filled, checked at the field, counted beforehand.

Nothing is started here: the button asks Airflow, under the operator's account, and Airflow decides.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from photo_pipeline.domain.erasure import Subject, parse_erase_request
from photo_pipeline.domain.errors import InvalidEraseRequestError, InvalidHoldRequestError, InvalidRequestError
from photo_pipeline.domain.forms import erasing, feeding, holding
from photo_pipeline.domain.hold_request import HoldAction, parse_hold_request
from photo_pipeline.domain.imaging import SniffedFormat
from photo_pipeline.domain.outcomes import RejectReason
from photo_pipeline.domain.reprocess import ANY, Mode, may_end_otherwise, parse_request
from photo_pipeline.ports.photos_page import FormPreviews

Page = Callable[[Request, str, Mapping[str, object]], Response]

MODE_TITLES = {Mode.RENDITIONS.value: "Derive renditions again", Mode.DEAD_LETTERS.value: "Feed dead letters again"}
ACTION_TITLES = {HoldAction.SET.value: "Set a hold", HoldAction.LIFT.value: "Lift a hold"}
UNCOUNTED = "How many photos that is, the run finds out."
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_FROZEN = ConfigDict(frozen=True)


class ReprocessForm(BaseModel):
    """What the form of ``photo_reprocess`` is filled with: names and values of the DAG's params."""

    model_config = _FROZEN

    mode: str = Mode.DEAD_LETTERS.value
    start: str = Field("", alias="from")
    end: str = Field("", alias="to")
    customer_id: str = ""
    format: str = ANY
    reason: str = ANY
    record: str = ""


class HoldForm(BaseModel):
    """The same of ``photo_hold``."""

    model_config = _FROZEN

    action: str = HoldAction.SET.value
    photo_id: str = ""
    customer_id: str = ""
    reason: str = ""
    by: str = ""


class EraseForm(BaseModel):
    """The same of ``photo_erase``."""

    model_config = _FROZEN

    photo_id: str = ""
    customer_id: str = ""
    reason: str = ""
    by: str = ""


class Forms:
    """Their addresses.

    Args:
        previews: counts; asked when somebody looks.
        page: makes a page of a template.
    """

    def __init__(self, previews: Callable[[], FormPreviews], page: Page) -> None:
        self._previews = previews
        self._page = page

    def routes(self) -> dict[str, Callable[..., Response]]:
        """Each address and what answers it."""
        return {
            "/reprocess": self.reprocess,
            "/reprocess/preview": self.reprocess_preview,
            "/hold": self.hold,
            "/hold/preview": self.hold_preview,
            "/erase": self.erase,
            "/erase/preview": self.erase_preview,
        }

    def reprocess(self, request: Request, form: Annotated[ReprocessForm, Query()]) -> Response:
        """The form of ``photo_reprocess``, filled."""
        _only_if(request.state.may_reprocess, "photo_reprocess")
        choices = {
            "modes": MODE_TITLES,
            "formats": {kind: kind for kind in (ANY, *(each.value for each in SniffedFormat))},
            "reasons": {ANY: "Any reason"} | {reason.value: _reason(reason) for reason in RejectReason},
            "start": picked(form.start),
            "end": picked(form.end),
        }
        return self._page(request, "reprocess.html", {"form": form, **choices})

    def reprocess_preview(self, request: Request, form: Annotated[ReprocessForm, Query()]) -> Response:
        """What it would do, or at which field it cannot be meant."""
        _only_if(request.state.may_reprocess, "photo_reprocess")
        try:
            asked = parse_request("preview", form.model_dump(by_alias=True))
        except InvalidRequestError as error:
            return _problem(str(error), ReprocessForm)
        if asked.mode is Mode.RENDITIONS:
            return _answer({"said": UNCOUNTED, "customers": []})
        found = self._previews().feedable(asked)
        customers = [str(customer_id) for customer_id in found.customers if customer_id is not None]
        return _answer({"said": feeding(found), "customers": customers, "nothing": found.records == 0})

    def hold(self, request: Request, form: Annotated[HoldForm, Query()]) -> Response:
        """The form of ``photo_hold``, filled."""
        _only_if(request.state.may_hold, "photo_hold")
        return self._page(request, "hold.html", {"form": form, "actions": ACTION_TITLES})

    def hold_preview(self, request: Request, form: Annotated[HoldForm, Query()]) -> Response:
        """What it would keep or lift, or at which field it cannot be meant."""
        _only_if(request.state.may_hold, "photo_hold")
        try:
            asked = parse_hold_request(form.model_dump())
            return _answer({"said": holding(asked, self._previews().named(asked.photo_id, asked.customer_id))})
        except InvalidHoldRequestError as error:
            return _problem(str(error), HoldForm)

    def erase(self, request: Request, form: Annotated[EraseForm, Query()]) -> Response:
        """The form of ``photo_erase``, filled."""
        _only_if(request.state.may_erase, "photo_erase")
        return self._page(request, "erase.html", {"form": form})

    def erase_preview(self, request: Request, form: Annotated[EraseForm, Query()]) -> Response:
        """What it would erase, or at which field it cannot be meant."""
        _only_if(request.state.may_erase, "photo_erase")
        try:
            asked = parse_erase_request("preview", form.model_dump())
        except InvalidEraseRequestError as error:
            return _problem(str(error), EraseForm)
        is_photo = asked.subject is Subject.PHOTO
        named = (asked.subject_id, None) if is_photo else (None, asked.subject_id)
        return _answer({"said": erasing(asked, self._previews().named(*named))})


def picked(text: str) -> str:
    """A time as a picker of dates and times has it, in UTC and without saying so; empty where it is none."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        return ""


def _reason(reason: RejectReason) -> str:
    return reason.sentence if may_end_otherwise(reason) else f"{reason.sentence} (will be rejected again)"


def _only_if(allowed: object, dag_id: str) -> None:
    if not allowed:
        raise HTTPException(HTTPStatus.FORBIDDEN, f"Your account may look, but not start {dag_id}.")


def _problem(text: str, form: type[BaseModel]) -> Response:
    """At the field that the sentence names first."""
    fields = {field.alias or name for name, field in form.model_fields.items()}
    sentence = text.partition(": ")[2] or text
    return _answer({"field": next((word for word in sentence.split() if word in fields), ""), "problem": sentence})


def _answer(content: Mapping[str, object]) -> Response:
    return JSONResponse(content, headers=HEADERS)
