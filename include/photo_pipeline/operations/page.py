"""The page as an application: the addresses, each behind the log-in and the permissions that it is handed."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from photo_pipeline.domain.errors import ServerUnavailableError, UnstorableError
from photo_pipeline.domain.photo import RecordCoordinates
from photo_pipeline.domain.photos_page import NoPreviewError, Rejected
from photo_pipeline.operations.charts import HEIGHT, OUTCOMES, WIDTH
from photo_pipeline.operations.finding import record_path
from photo_pipeline.operations.forms import Forms
from photo_pipeline.operations.panels import Panel
from photo_pipeline.operations.previews import SHOWN
from photo_pipeline.operations.records import who
from photo_pipeline.operations.text import moment, number, plural
from photo_pipeline.operations.tracing import Links, Tracing, Trails, Where
from photo_pipeline.operations.view import (
    DAY,
    HOUR,
    QUARTER_DAY,
    WEEK,
    Answers,
    PageView,
    page_view,
    rejected_row,
)
from photo_pipeline.ports.health import HealthFigures
from photo_pipeline.ports.photos_page import Backlog, Dags, FormPreviews, LedgerView, Previews, SearchIndex
from photo_pipeline.web.text import TextOnly

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
THREADS = 12
LONG_PATIENCE, LONG_KEEP = 6.0, 30.0
"""Of the week's figures: they cost more and change less."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who may do what, as dependencies of FastAPI.

    Attributes:
        reader: raises ``HTTPException`` 401 or 403 for whoever may not look.
        may_reprocess: whether the caller may start ``photo_reprocess``.
        may_hold: the same of ``photo_hold``.
        may_erase: the same of ``photo_erase``.
        login_url: where to log in and come back to this address.
    """

    reader: Callable[..., Any]
    may_reprocess: Callable[..., Any]
    may_hold: Callable[..., Any]
    may_erase: Callable[..., Any]
    login_url: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Sources:
    """The servers."""

    ledger: LedgerView
    backlog: Backlog
    search: SearchIndex
    previews: Previews
    dags: Dags
    trails: Trails
    links: Links
    health: HealthFigures
    forms: FormPreviews


class Desk:
    """Puts the page's questions to the servers. They are reached when somebody looks for the first time."""

    def __init__(self, make_sources: Callable[[], Sources]) -> None:
        self._make_sources = make_sources

    @cached_property
    def sources(self) -> Sources:
        """The servers."""
        return self._make_sources()

    def view(self) -> PageView:
        """All of the page."""
        panels = self._panels
        for panel in panels.values():
            panel.start()
        return page_view(Answers(**{name: panel.answer() for name, panel in panels.items()}), datetime.now(UTC))

    @cached_property
    def _panels(self) -> dict[str, Panel[Any]]:
        sources = self.sources
        threads = ThreadPoolExecutor(THREADS, thread_name_prefix="photos-page")

        def waiting() -> object:
            return sources.backlog.waiting(sources.ledger.logs(), datetime.now(UTC))

        def logs() -> object:
            return sources.backlog.troubles(sources.ledger.logs())

        return {
            "overview": Panel("PostgreSQL", sources.ledger.overview, threads),
            "waiting": Panel("Kafka", waiting, threads),
            "logs": Panel("Kafka", logs, threads),
            "day": Panel("PostgreSQL", lambda: sources.ledger.outcomes(DAY, HOUR), threads),
            "week": Panel(
                "PostgreSQL",
                lambda: sources.ledger.outcomes(WEEK, QUARTER_DAY),
                threads,
                patience=LONG_PATIENCE,
                keep=LONG_KEEP,
            ),
            "health": Panel("PostgreSQL", sources.health.health, threads, patience=LONG_PATIENCE, keep=LONG_KEEP),
            "documents": Panel("Elasticsearch", sources.search.documents, threads),
            "dags": Panel("Airflow's database", sources.dags.states, threads),
        }


def photos_app(make_sources: Callable[[], Sources], access: Access, prefix: str) -> FastAPI:
    """The application, to be mounted under ``prefix``."""
    app = FastAPI(title="Photos", openapi_url=None, docs_url=None, redoc_url=None)
    pages = _Pages(Desk(make_sources), prefix)

    def note(
        request: Request,
        may_reprocess: Annotated[bool, Depends(access.may_reprocess)],
        may_hold: Annotated[bool, Depends(access.may_hold)],
        may_erase: Annotated[bool, Depends(access.may_erase)],
    ) -> None:
        request.state.may_reprocess, request.state.may_hold, request.state.may_erase = (
            may_reprocess,
            may_hold,
            may_erase,
        )

    router = APIRouter(dependencies=[Depends(access.reader), Depends(note)])
    for path, route in pages.routes().items():
        router.add_api_route(path, route, methods=["GET"], response_model=None)
    app.include_router(router)
    app.add_middleware(TextOnly)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    _add_refusals(app, pages, access)
    return app


def _add_refusals(app: FastAPI, pages: "_Pages", access: Access) -> None:
    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        if error.status_code == HTTPStatus.UNAUTHORIZED:
            return RedirectResponse(access.login_url(str(request.url)), HTTPStatus.SEE_OTHER)
        return pages.message(request, HTTPStatus(error.status_code), str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def wrong(request: Request, error: RequestValidationError) -> Response:
        said = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors())
        return pages.message(request, HTTPStatus.UNPROCESSABLE_ENTITY, f"This address cannot be read. {said}.")

    @app.exception_handler(UnstorableError)
    async def nowhere(request: Request, _error: UnstorableError) -> Response:
        return pages.message(request, HTTPStatus.NOT_FOUND, "There is nothing of that name.")

    @app.exception_handler(ServerUnavailableError)
    async def away(request: Request, error: ServerUnavailableError) -> Response:
        return pages.message(request, HTTPStatus.SERVICE_UNAVAILABLE, f"{error}. Try again in a moment.")


class _Pages:
    """The addresses, and what their templates are given."""

    def __init__(self, desk: Desk, prefix: str) -> None:
        self._desk = desk
        self._prefix = prefix
        self._forms = Forms(lambda: desk.sources.forms, self._page)
        self._templates = Environment(
            loader=PackageLoader("photo_pipeline.operations", "templates"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(number=number, moment=moment)
        self._templates.globals["plural"] = plural
        self._tracing = Tracing(lambda: desk.sources, self._page)

    def routes(self) -> dict[str, Callable[..., Response]]:
        """Each address and what answers it."""
        return {
            "/": self.photos,
            **self._tracing.routes(),
            "/rejected/{topic}/{partition}/{offset}": self.one_rejected,
            "/rejected/{topic}/{partition}/{offset}/preview.jpg": self.preview,
            **self._forms.routes(),
        }

    def photos(self, request: Request) -> Response:
        """All at a glance."""
        shapes = {"outcomes": OUTCOMES, "width": WIDTH, "height": HEIGHT}
        return self._page(request, "photos.html", {"view": self._desk.view(), "links": self._links, **shapes})

    def one_rejected(self, request: Request, where: Where) -> Response:
        """A rejected record."""
        found = self._rejected(where)
        row = rejected_row(found, datetime.now(UTC))
        names = self._tracing.names_of(request, {found.where: found.processed_at}, [found.customer_id])
        known = {"file": names.files.get(found.where, ""), "who": who(found.customer_id, names)}
        way = record_path(found.where)
        return self._page(request, "rejected.html", {"row": row, "shown": found.reason in SHOWN, "way": way, **known})

    def preview(self, request: Request, where: Where) -> Response:
        """A picture of a rejected record, for those who may act on it."""
        if not request.state.may_reprocess:
            raise HTTPException(HTTPStatus.FORBIDDEN, "Pictures are for those who may act on them.")
        found = self._rejected(where)
        if found.reason not in SHOWN:
            raise HTTPException(HTTPStatus.NOT_FOUND, "The photo itself was refused: it is not opened again.")
        try:
            return Response(self._desk.sources.previews.jpeg(found.where), media_type="image/jpeg", headers=HEADERS)
        except NoPreviewError as error:
            raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from error

    def message(self, request: Request, status: HTTPStatus, text: str) -> Response:
        """A page that says why there is none."""
        return self._page(request, "message.html", {"title": status.phrase, "text": text}, status)

    @property
    def _links(self) -> Links:
        return self._desk.sources.links

    def _rejected(self, where: RecordCoordinates) -> Rejected:
        found = self._desk.sources.ledger.rejected(where)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"{where} was not rejected.")
        return found

    def _page(
        self, request: Request, template: str, values: Mapping[str, object], status: HTTPStatus = HTTPStatus.OK
    ) -> Response:
        """A page. ``base`` is where this application is mounted, ``airflow`` where Airflow is."""
        base = str(request.scope.get("root_path", "")).rstrip("/")
        html = self._templates.get_template(template).render(
            values,
            base=base,
            airflow=base.removesuffix(self._prefix),
            may_reprocess=getattr(request.state, "may_reprocess", False),
            may_hold=getattr(request.state, "may_hold", False),
            may_erase=getattr(request.state, "may_erase", False),
            typed=request.query_params.get("q", ""),
        )
        return HTMLResponse(html, status, HEADERS)
