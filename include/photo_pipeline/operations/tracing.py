"""The addresses by which things are found and followed: the search, ways, slices, customers, refused records.

Whoever may act sees names. For everybody else nobody asks for them: the connection that knows them is not used.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Protocol, TypeVar
from uuid import UUID

from fastapi import Depends, HTTPException, Query, Request, Response
from fastapi import Path as PathParameter
from fastapi.responses import RedirectResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, field_validator

from photo_pipeline.domain.errors import ServerUnavailableError
from photo_pipeline.domain.photo import RecordCoordinates
from photo_pipeline.domain.ways import Mark, Names, Passage, RefusedQuestion, TaskPlace, Way
from photo_pipeline.operations.finding import Finder, customer_path, people_of
from photo_pipeline.operations.panels import Away
from photo_pipeline.operations.records import (
    DAYS,
    GROUPS,
    Chosen,
    largest_groups,
    page_of,
    record_row,
    refused_view,
    shown,
    who,
)
from photo_pipeline.operations.view import slice_row
from photo_pipeline.operations.way import Asked, waiting_view, way_view
from photo_pipeline.ports.photos_page import LedgerView, SearchIndex
from photo_pipeline.ports.ways import NameBook, SliceTasks, Ways

MAX_INTEGER, MAX_BIGINT = 2**31 - 1, 2**63 - 1
LAST_PAGE = 99
_FIRST, _LAST = datetime(1970, 2, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
"""Of the times that are taken: so many days earlier there is a time, too, and in every zone."""
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Links:
    """Where else to look; empty where that is not configured."""

    gallery: str = ""
    dashboard: str = ""
    archive: str = ""


@dataclass(frozen=True, slots=True)
class Trails:
    """Where ways are looked up: the ledger, names for those who may act, and Airflow's tasks."""

    ways: Ways
    names: NameBook
    tasks: SliceTasks


class Servers(Protocol):
    """What of the page's servers is asked here."""

    @property
    def ledger(self) -> LedgerView:
        """The ledger's view of slices."""
        ...

    @property
    def search(self) -> SearchIndex:
        """The search index."""
        ...

    @property
    def trails(self) -> Trails:
        """Where ways are looked up."""
        ...

    @property
    def links(self) -> Links:
        """Where else to look."""
        ...


class RefusedForm(BaseModel):
    """What the list of refused records is narrowed to, as it was typed. An empty field of the form is none."""

    model_config = ConfigDict(frozen=True)

    reason: str = ""
    customer: str = ""
    device: str = ""
    days: Annotated[int, Query(ge=1, le=max(DAYS))] = 7
    until: Annotated[AwareDatetime, Query(ge=_FIRST, le=_LAST)] | None = None
    page: Annotated[int, Query(ge=0, le=LAST_PAGE)] = 0

    @field_validator("until", mode="before")
    @classmethod
    def _may_be_empty(cls, given: object) -> object:
        return given or None


def coordinates(
    topic: str,
    partition: Annotated[int, PathParameter(ge=0, le=MAX_INTEGER)],
    offset: Annotated[int, PathParameter(ge=0, le=MAX_BIGINT)],
) -> RecordCoordinates:
    """The record that an address names."""
    try:
        return RecordCoordinates.parse(f"{topic}-{partition}-{offset}")
    except ValueError:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no topic {topic}.") from None


Where = Annotated[RecordCoordinates, Depends(coordinates)]


class Tracing:
    """These addresses, and what their templates are given.

    Args:
        servers: reached when somebody looks for the first time.
        page: makes a page of a template and its values.
    """

    def __init__(self, servers: Callable[[], Servers], page: Callable[..., Response]) -> None:
        self._reach = servers
        self._page = page

    def routes(self) -> dict[str, Callable[..., Response]]:
        """Each address and what answers it."""
        return {
            "/find": self.find,
            "/photos/{photo_id}": self.photo,
            "/records/{topic}/{partition}/{offset}": self.record,
            "/customers/{customer_id}": self.customer,
            "/slices/{slice_id}": self.one_slice,
            "/rejected": self.refused,
        }

    def find(self, request: Request, q: str = "") -> Response:
        """What was typed. The one thing that it must be is shown at once."""
        names = self._trails.names if _may_act(request) else None
        found = Finder(self._trails.ways, names).find(q)
        if found.only is not None:
            base = str(request.scope.get("root_path", "")).rstrip("/")
            return RedirectResponse(f"{base}{found.only.path}", HTTPStatus.SEE_OTHER)
        return self._page(request, "find.html", {"found": found})

    def photo(self, request: Request, photo_id: UUID) -> Response:
        """A photo's way."""
        way = self._trails.ways.of_photo(photo_id)
        if way is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"The ledger has never heard of a photo {photo_id}.")
        return self._way(request, way)

    def record(self, request: Request, where: Where) -> Response:
        """The way that begins with this record, or how long it will wait."""
        way = self._trails.ways.of_record(where)
        if way is not None:
            return self._way(request, way)
        standing = self._trails.ways.standing(where)
        if standing is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"The ledger knows no log {where.log}.")
        return self._page(request, "way.html", {"view": waiting_view(where, standing)})

    def customer(
        self,
        request: Request,
        customer_id: UUID,
        before: AwareDatetime | None = None,
        record: str = "",
    ) -> Response:
        """A customer's records, the newest first; from behind one of them on."""
        found, more = shown(self._trails.ways.of_customer(customer_id, _mark(before, record)))
        names = self._names(request, found, [customer_id])
        older = None if more is None else {"before": more.processed_at.isoformat(), "record": str(more.where)}
        values = {
            "customer_id": customer_id,
            "who": who(customer_id, names),
            "rows": [record_row(one, names) for one in found],
            "older": older,
            "path": customer_path(customer_id),
        }
        return self._page(request, "customer.html", values)

    def one_slice(
        self,
        request: Request,
        slice_id: Annotated[int, PathParameter(ge=0, le=MAX_BIGINT)],
        offset: Annotated[int, Query(alias="from", ge=0, le=MAX_BIGINT)] = 0,
    ) -> Response:
        """A slice, its shard and its records."""
        found = self._servers.ledger.slice(slice_id)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no slice {slice_id}.")
        records, more = shown(self._trails.ways.of_slice(slice_id, offset))
        names = self._names(request, records)
        values = {
            "slice": found,
            "row": slice_row(found),
            "task": self._task(found.run_id, found.slice_id),
            "rows": [record_row(one, names) for one in records],
            "is_first": offset <= found.start,
            "next_offset": None if more is None else more.where.offset + 1,
            "links": self._servers.links,
        }
        return self._page(request, "slice.html", values)

    def refused(self, request: Request, form: Annotated[RefusedForm, Query()]) -> Response:
        """Refused records by reason, customer and device, and one page of them."""
        customer, wrong_customer = self._customer(form.customer.strip(), _may_act(request))
        device, wrong_device = _identifier(form.device.strip(), "device")
        wrong = {"customer": wrong_customer, "device": wrong_device}
        until = form.until or datetime.now(UTC)
        chosen = Chosen(form.reason, customer, device, form.days, until)
        question = RefusedQuestion(until - timedelta(days=form.days), until, customer)
        found = [] if any(wrong.values()) else self._trails.ways.refused(question)
        groups = [customer for (_, customer, _), _ in largest_groups(found, chosen)[:GROUPS]]
        names = self._names(request, page_of(found, chosen, form.page), groups)
        view = refused_view(found, chosen, form.page, names)
        return self._page(request, "refused.html", {"view": view, "days": DAYS, "form": form, "wrong": wrong})

    def _customer(self, typed: str, may_act: bool) -> tuple[UUID | None, str]:  # noqa: FBT001 - whose right it is
        """A customer by id, or by mail address for those who may act; and what is wrong with what was typed."""
        if "@" not in typed or not may_act:
            return _identifier(typed, "customer")
        people = people_of(self._trails.names, typed.lower())
        return (people[0].customer_id, "") if people else (None, "No customer has this mail address.")

    def _way(self, request: Request, way: Way) -> Response:
        names = self._names(request, way.passages)
        work = None if way.course is None else way.course.work
        task = None if work is None else self._task(work.run_id, work.slice_id)
        first = way.passages[0].where if way.passages else None
        index = None if first is None else _unless_away(lambda: self._servers.search.index_of(str(first)))
        links = self._servers.links
        view = way_view(way, Asked(names, task, index, links.archive, links.dashboard))
        return self._page(request, "way.html", {"view": view})

    def _task(self, run_id: str | None, slice_id: int) -> TaskPlace | Away | None:
        return None if run_id is None else _unless_away(lambda: self._trails.tasks.of_slice(run_id, slice_id))

    def names_of(
        self, request: Request, settled: Mapping[RecordCoordinates, datetime], customers: Iterable[UUID | None]
    ) -> Names:
        """Names of customers, and of records' files, for those who may act; none for others."""
        if not _may_act(request):
            return Names()
        book, known = self._trails.names, {one for one in customers if one is not None}
        people = book.people(known) if known else []
        return Names({one.customer_id: one for one in people}, book.files(settled) if settled else {})

    def _names(self, request: Request, records: Sequence[Passage], others: Iterable[UUID | None] = ()) -> Names:
        settled = {one.where: one.processed_at for one in records}
        return self.names_of(request, settled, {*others, *(one.customer_id for one in records)})

    @property
    def _servers(self) -> Servers:
        return self._reach()

    @property
    def _trails(self) -> Trails:
        return self._servers.trails


def _may_act(request: Request) -> bool:
    return bool(request.state.may_reprocess)


def _identifier(typed: str, whose: str) -> tuple[UUID | None, str]:
    try:
        return (UUID(typed) if typed else None), ""
    except ValueError:
        return None, f"This is no id of a {whose}."


def _mark(before: datetime | None, record: str) -> Mark | None:
    if before is None:
        return None
    try:
        return Mark(before, RecordCoordinates.parse(record))
    except ValueError:
        raise HTTPException(HTTPStatus.NOT_FOUND, "There is no such record to go on from.") from None


def _unless_away(ask: Callable[[], Found]) -> Found | Away:
    """What a server says that is not the ledger: without it, the rest of the page is there all the same."""
    try:
        return ask()
    except ServerUnavailableError as error:
        return Away(error.server, str(error))
