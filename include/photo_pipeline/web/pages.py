"""What the pages of both web applications share: their heads, the API's description for people, static files."""

import hashlib
import re
from collections.abc import Collection, Mapping
from functools import cached_property
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import Any

import fastapi_offline
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles

from photo_pipeline.web import problems
from photo_pipeline.web.assets import Assets, mount_assets
from photo_pipeline.web.middleware import PAGE_POLICY, POLICY

SWAGGER_UI = Path(fastapi_offline.__file__).parent / "static"
"""Swagger UI's files. The pages that FastAPI and this package make of them carry scripts that the policy forbids."""
_SHARED = Path(__file__).parent
_TITLE = re.compile("<title>(.*)</title>")
_TOLD = ("missing", "trouble")
_REVALIDATE = {"Cache-Control": "no-cache"}


class RevalidatedFiles(StaticFiles):
    """Static files that a browser keeps but asks about, so that a new version is seen at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file, or 304."""
        response = super().file_response(*args, **kwargs)
        response.headers.update(_REVALIDATE)
        return response


class PageTemplate:
    """A page's file, with what pages have in common where it asks for that.

    ``$head`` is their beginning; ``$bar`` the header: the page's title, links between both applications' pages, and the
    way out; ``$pages`` the links alone. Where these lead, ``links`` says. What it names below ``/static/`` and
    ``/packages/`` is loaded as it was built (``assets``).

    Args:
        file: the page.
        links: names of addresses, which are escaped by the caller; those of ``links_of`` where there is a header.
        place: which of the links this page is.
        built: the folder with what it loads, where that is not its application's.
    """

    def __init__(
        self,
        file: Path,
        links: Mapping[str, str] = MappingProxyType({}),
        place: str | None = None,
        built: Path | None = None,
    ) -> None:
        self._links = links
        self._built = built or file.parents[1] / "built"
        content = file.read_text("utf-8")
        title = _TITLE.search(content)
        pages = _common("pages").replace(f'">{place}<', f'" aria-current="page">{place}<')
        bar = _common("bar").replace("$title", title[1] if title else "")
        for name, common in (("$bar", bar), ("$pages", pages), ("$head", _common("head"))):
            content = content.replace(name, common)
        self._content = content

    @cached_property
    def _template(self) -> Template:
        """Raises ``AssetsError`` where what the page loads is not built; an application does not start then."""
        return Template(Assets.of(self._built).named_in(self._content))

    def text(self, **names: str) -> str:
        """The page. Names are put in as they are: escaped by the caller."""
        return self._template.substitute(self._links, **names)

    def answer(self, request: Request, **names: str) -> Response:
        """The page, or 304 to a browser that has it."""
        return revalidated(request, self.text(**names), "text/html")

    def once(self, status: HTTPStatus, **names: str) -> Response:
        """The page as it is this time, with that status: nobody keeps it, so it never is a 304."""
        return HTMLResponse(self.text(**names), status, headers={"Cache-Control": "no-store"})


def revalidated(request: Request, content: str, media_type: str) -> Response:
    """Some text that browsers keep but ask about, or 304 to one that has it."""
    tag = f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'
    headers = {**_REVALIDATE, "ETag": tag}
    if tag in request.headers.get("If-None-Match", ""):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, headers=headers, media_type=media_type)


def links_of(gallery: str, streaming: str) -> Mapping[str, str]:
    """Where the header's links lead, as one of the applications sees it.

    Args:
        gallery: the upload API's pages; empty there.
        streaming: the page that streams a webcam.
    """
    return {"gallery": escape(gallery), "streaming": escape(streaming)}


def _common(name: str) -> str:
    return (_SHARED / "templates" / f"{name}.html").read_text("utf-8").rstrip("\n")


def add_page(app: FastAPI, path: str, template: PageTemplate) -> None:
    """Serve a page that is the same for everybody."""

    async def page(request: Request) -> Response:
        return template.answer(request)

    app.add_api_route(path, page, methods=["GET", "HEAD"], include_in_schema=False)


async def _to_the_start() -> Response:
    """A form was sent there, and somebody has reloaded what came, gone back to it, or kept its address."""
    return RedirectResponse("/", HTTPStatus.SEE_OTHER)


def _answers(built: Path, forms: Collection[str]) -> problems.Answer:
    """Whoever opens an address in a browser, or sends a form, reads what is wrong; programs get a problem."""
    missing, trouble = (PageTemplate(_SHARED / "templates" / f"{name}.html", built=built) for name in _TOLD)

    def answer(request: Request, problem: problems.ProblemError) -> Response:
        is_opened = request.method in {"GET", "HEAD"} or request.url.path in forms
        if not is_opened or "text/html" not in request.headers.get("Accept", ""):
            return problems.respond(request.scope, problem)
        if problem.slug == problems.NOT_FOUND:
            page = missing.once(problem.status)
        else:
            page = trouble.once(problem.status, title=problem.status.phrase, detail=escape(problem.detail))
        page.headers.update({**problem.headers, POLICY: PAGE_POLICY})
        return page

    return answer


def mount_shared(app: FastAPI, static: Path, forms: Collection[str] = ()) -> None:
    """Serve the API's description under ``/docs``, and under ``/static`` the folder and what both applications use.

    Every error is told, on a page to whoever reads one.

    Args:
        app: the application.
        static: the folder. What was built of it lies beside it; that is what pages load.
        forms: where pages send forms; whoever opens such an address is led to the start.
    """
    built = static.parent / "built"
    mount_assets(app, built)
    add_page(app, "/docs", PageTemplate(_SHARED / "templates" / "docs.html", built=built))
    problems.install(app, _answers(built, forms))
    for path in forms:
        app.add_api_route(path, _to_the_start, methods=["GET", "HEAD"], include_in_schema=False)
    files = RevalidatedFiles(directory=static, packages=[("photo_pipeline.web", "static")])
    app.mount("/static", files, name="static")
    app.mount("/docs/assets", RevalidatedFiles(directory=SWAGGER_UI), name="docs-assets")
